//! What a question asks for by name: codes, years, and numbers that name one of several. Of texts
//! that differ in these alone, only the one that has them answers.

use cairn_search::Analyzer;

use super::named::Named;
use super::subject;
use crate::answer::claims::codes::{Code, codes, is_year};
use crate::answer::claims::facts::{Around, Doubt};
use crate::answer::claims::numbers::Numbers;
use crate::answer::claims::reply::Reply;

/// Words before a year that make it the end of a time that is asked for, not its name.
pub(super) const RELATING: [&str; 34] = [
    "after", "before", "since", "between", "until", "till", "from", "by", "than", "over", "under",
    "nach", "vor", "seit", "bis", "zwischen", "ab", "après", "avant", "depuis", "entre", "después",
    "antes", "desde", "hasta", "dopo", "prima", "dal", "fino", "tra", "depois", "até", "sinds",
    "tussen",
];
/// Words that a number behind them tells from others of its kind: "chapter 4". Behind other words it
/// is an amount: "within 14 days".
pub(super) const NAMED: [&str; 66] = [
    "chapter",
    "section",
    "step",
    "page",
    "phase",
    "level",
    "room",
    "table",
    "figure",
    "part",
    "article",
    "paragraph",
    "clause",
    "rule",
    "item",
    "number",
    "version",
    "class",
    "grade",
    "stage",
    "unit",
    "building",
    "floor",
    "gate",
    "platform",
    "track",
    "zone",
    "district",
    "machine",
    "line",
    "route",
    "appendix",
    "annex",
    "question",
    "exercise",
    "kapitel",
    "abschnitt",
    "seite",
    "schritt",
    "stufe",
    "raum",
    "zimmer",
    "tabelle",
    "abbildung",
    "artikel",
    "absatz",
    "teil",
    "nummer",
    "klasse",
    "linie",
    "anlage",
    "chapitre",
    "étape",
    "tableau",
    "annexe",
    "capítulo",
    "sección",
    "página",
    "paso",
    "artículo",
    "capitolo",
    "sezione",
    "pagina",
    "articolo",
    "hoofdstuk",
    "glava",
];

/// What a question asks for by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AskedFor {
    codes: Vec<Code>,
    /// Years, and numbers behind a word that they name one of.
    numbers: Vec<String>,
    /// What it says otherwise, as terms.
    words: Vec<String>,
    /// What an answer must be about, by the question as it was asked.
    named: Named,
}

impl AskedFor {
    /// What `question` asks for.
    pub(crate) fn of(analyzer: &Analyzer, question: &str) -> Self {
        Self {
            codes: codes(question),
            numbers: numbers(question),
            words: subject::content(analyzer, question),
            named: Named::of(analyzer, question),
        }
    }

    /// What `later` asks for, which is a part of the question; where that names nothing, what these
    /// do.
    pub(crate) fn narrowed(self, later: Self) -> Self {
        if later.codes.is_empty() && later.numbers.is_empty() {
            return Self { words: later.words, named: later.named, ..self };
        }
        later
    }

    /// The codes.
    pub(crate) fn codes(&self) -> &[Code] {
        &self.codes
    }

    /// What an answer must be about.
    pub(crate) fn named(&self) -> &Named {
        &self.named
    }

    /// Its content words, as terms.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether `text` says one of the years that are asked for, where it says any: else nothing.
    pub(crate) fn is_in_time(&self, text: &str) -> Option<bool> {
        let asked = |word: &&str| self.numbers.iter().any(|number| number == word);
        let words = || text.split(|c: char| !c.is_alphanumeric()).filter(|word| is_year(word));
        if !self.numbers.iter().any(|number| is_year(number)) || words().next().is_none() {
            return None;
        }
        Some(words().any(|word| asked(&word)))
    }

    /// What a quote for `sentence` of an answer must be about.
    pub(crate) fn wanted(&self, sentence: &str, reply: Reply) -> Wanted<'_> {
        let stated = codes(sentence);
        let named = stated.iter().any(|code| self.codes.iter().any(|asked| asked.is_like(code)));
        let asked = if named { &[] } else { self.codes.as_slice() };
        // What a yes-or-no question says may not be so: "No, it is 4,200."
        let numbers = if reply == Reply::None { self.numbers.as_slice() } else { &[] };
        Wanted { stated, asked, numbers }
    }
}

/// What a quote must be about: the codes of a sentence itself, and where it has none of their kind,
/// one of those that are asked for, and the years and numbers that are.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    stated: Vec<Code>,
    asked: &'a [Code],
    numbers: &'a [String],
}

/// A quote and what stands around it.
#[derive(Debug)]
pub(crate) struct Place<'p> {
    /// The quote.
    pub(crate) quote: &'p str,
    /// The sentences in front of it, the nearest first.
    pub(crate) before: Vec<&'p str>,
    /// The quote with its neighbours in its paragraph.
    pub(crate) beside: &'p str,
    /// What is known of the passage.
    pub(crate) around: &'p Around<'p>,
}

impl Wanted<'_> {
    /// Whether any quote will do.
    pub(crate) fn is_nothing(&self) -> bool {
        self.stated.is_empty() && self.asked.is_empty() && self.numbers.is_empty()
    }

    /// What the quote is not about.
    pub(crate) fn doubt(&self, place: &Place<'_>) -> Option<Doubt> {
        if let Some(code) = self.stated.iter().find(|code| !place.is_about(code)) {
            return Some(Doubt::Asked(code.written().to_owned()));
        }
        if let Some(code) = self.asked.first()
            && !self.asked.iter().any(|code| place.is_about(code))
        {
            return Some(Doubt::Asked(code.written().to_owned()));
        }
        if self.numbers.is_empty() {
            return None;
        }
        let beside = Numbers::of(place.beside);
        let around = place.around.numbers();
        let missing = |number: &&String| lacks(number, &beside) && lacks(number, around);
        self.numbers.iter().find(missing).map(|number| Doubt::Asked(number.clone()))
    }
}

impl Place<'_> {
    /// Whether the quote has the code, or has none of its kind and stands below it.
    fn is_about(&self, code: &Code) -> bool {
        if code.stands_in(self.quote) {
            return true;
        }
        let alike = |text: &str| codes(text).iter().any(|found| found.is_like(code));
        if alike(self.quote) {
            return false;
        }
        let nearest = self.before.iter().find(|text| code.stands_in(text) || alike(text));
        match nearest {
            Some(text) => code.stands_in(text),
            None => code.stands_in(self.around.headings()),
        }
    }
}

/// Whether no number of these is this one.
pub(super) fn lacks(number: &str, found: &Numbers) -> bool {
    Numbers::of(number).missing_in(found, &Numbers::default()).is_some()
}

/// The years of a question, and its numbers behind a word that they name one of: "chapter 4", not
/// "the 4 largest".
fn numbers(question: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut before, mut related) = (String::new(), false);
    for written in question.split_whitespace() {
        let word = written.trim_matches(|c: char| !c.is_alphanumeric() && c != '%');
        let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        related |= digits && RELATING.contains(&before.as_str());
        let amount = written.starts_with(['$', '\u{20ac}', '\u{a3}']);
        if digits && !amount && (is_year(word) || NAMED.contains(&before.as_str())) {
            found.push(word.to_owned());
        }
        before = word.to_lowercase();
    }
    if related { Vec::new() } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(question: &str) -> AskedFor {
        AskedFor::of(&Analyzer::default(), question)
    }

    #[test]
    fn years_and_numbers_behind_a_word_are_asked_for_and_counts_are_not() {
        for (question, expected) in [
            ("What was the revenue in 2021?", vec!["2021"]),
            ("What does chapter 4 say?", vec!["4"]),
            ("Which are the 3 largest cities?", vec![]),
            ("Name 3 reasons.", vec![]),
            ("What happened after 1918?", vec![]),
            ("Who led it from 1869 to 1909?", vec![]),
            ("Who pays $2000?", vec![]),
            ("What must I do if the pressure exceeds 10 bar?", vec![]),
            ("Are goods returned within 14 days refunded?", vec![]),
        ] {
            assert_eq!(asked(question).numbers, expected, "{question}");
        }
    }

    #[test]
    fn a_sentence_says_the_year_another_or_none() {
        let asked = asked("What was the revenue in 2021?");
        assert_eq!(asked.is_in_time("It was 3 million in 2021."), Some(true));
        assert_eq!(asked.is_in_time("It was 4 million in 2022."), Some(false));
        assert_eq!(asked.is_in_time("It was 4 million."), None);
        assert_eq!(AskedFor::default().is_in_time("It was 4 in 2022."), None);
    }

    /// What speaks against a quote in the midst of a text that stands below "Report 2023".
    fn doubt(question: &str, sentence: &str, (before, quote): (&[&str], &str)) -> Option<String> {
        let asked = asked(question);
        let around = Around::new(quote, &["Report 2023".to_owned()], "m7.md");
        let place = Place { quote, before: before.to_vec(), beside: quote, around: &around };
        match asked.wanted(sentence, Reply::None).doubt(&place) {
            Some(Doubt::Asked(name)) => Some(name),
            other => {
                assert_eq!(other, None);
                None
            }
        }
    }

    #[test]
    fn a_quote_about_another_code_is_doubted() {
        let weighs = "How much does machine Q7 weigh?";
        let other = "Machine Q9 weighs 217 kilograms.";
        assert_eq!(doubt(weighs, "217 kilograms", (&[], other)).as_deref(), Some("Q7"));
        assert_eq!(doubt(weighs, "It weighs 191.", (&[], "Machine Q7 weighs 191.")), None);
        // The answer itself says another one, and so does the quote.
        assert_eq!(doubt(weighs, "Machine Q9 weighs 217 kilograms.", (&[], other)), None);
        let said = doubt(weighs, "Machine Q7 weighs 217 kilograms.", (&[], other));
        assert_eq!(said.as_deref(), Some("Q7"));
        let row = "| P-102 | Carl Dietz | Logistics | 4714 |";
        let who = doubt("Who has the id P-103?", "Carl Dietz", (&[], row));
        assert_eq!(who.as_deref(), Some("P-103"));
    }

    #[test]
    fn what_was_named_before_is_still_spoken_of() {
        let how = "How much does machine Q7 weigh?";
        let says = "It weighs 191 kilograms.";
        assert_eq!(doubt(how, says, (&["Machine Q7 is new."], says)), None);
        let between: &[&str] = &["Machine Q8 is old.", "Machine Q7 is new."];
        assert_eq!(doubt(how, says, (between, says)).as_deref(), Some("Q7"));
        assert_eq!(doubt("How much does machine M7 weigh?", says, (&[], says)), None, "its file");
        assert_eq!(doubt("How much is M8?", says, (&[], says)).as_deref(), Some("M8"));
        let both = "What do E14 and E21 mean?";
        assert_eq!(doubt(both, "E14 means heat.", (&[], "Error E14 means heat.")), None);
    }

    #[test]
    fn a_quote_about_another_year_is_doubted() {
        let (sold, quote) = ("Four million were sold.", "Four million were sold in 2024.");
        assert_eq!(
            doubt("How many were sold in 2021?", sold, (&[], quote)).as_deref(),
            Some("2021")
        );
        assert_eq!(doubt("How many were sold in 2024?", sold, (&[], quote)), None);
        assert_eq!(doubt("How many were sold in 2023?", sold, (&[], sold)), None, "the heading");
    }
}
