//! Does a passage say it? Overlap of content words: which passage says most of what is
//! asked, and which words of it support a sentence that was written.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::ops::Range;

use cairn_search::Analyzer;

use crate::answer::claims::codes::{Code, codes};
use crate::answer::claims::facts::{Around, Doubt, Facts};
use crate::answer::claims::numbers::Numbers;
use crate::answer::claims::reply::Reply;
use crate::answer::claims::statements::{are_joined, is_row};
use crate::answer::question::asked_for::{Place, Wanted};
use crate::answer::question::subject::{Subject, is_asking, terms};
use crate::retrieve::Passage;

/// Share of `wanted` that `present` has; 0 when nothing is wanted. Numbers count twice.
fn coverage(wanted: &HashSet<String>, present: &HashSet<String>) -> f32 {
    if wanted.is_empty() {
        return 0.0;
    }
    let weigh = |term: &&String| if term.chars().any(|c| c.is_ascii_digit()) { 2.0 } else { 1.0 };
    let total: f32 = wanted.iter().map(|term| weigh(&term)).sum();
    let hit: f32 =
        wanted.iter().filter(|term| present.contains(*term)).map(|term| weigh(&term)).sum();
    hit / total
}

/// Puts the passages first that say most of what is asked in two neighbouring
/// sentences: a long passage may be near the question as a whole and not answer it.
/// A passage's score becomes the mean of its fused score and that share. Of several things that are
/// asked for the one counts of which it says most, and each has its best passage in turn.
pub(crate) fn rerank(analyzer: &Analyzer, asked: &[&Subject], passages: &mut Vec<Passage>) {
    let share = |source: &Source<'_>, subject: &Subject| {
        source.windows.iter().map(|window| subject.coverage(&window.terms)).fold(0.0, f32::max)
    };
    let neighbours = |_: &str, _: &Range<usize>, _: &Range<usize>| true;
    let sources = Sources::paired(analyzer, passages, None, neighbours);
    let shares = |source| asked.iter().map(|&subject| share(source, subject)).collect();
    let shares: Vec<Vec<f32>> = sources.0.iter().map(shares).collect();
    let mut ranks: Vec<Vec<f32>> = Vec::with_capacity(passages.len());
    for (passage, shares) in passages.iter_mut().zip(shares) {
        let before = passage.score;
        ranks.push(shares.iter().map(|share| f32::midpoint(before, *share)).collect());
        let most = shares.into_iter().fold(0.0, f32::max);
        passage.score = f32::midpoint(before, most);
        passage.explain.coverage = Some(most);
    }
    let mut held: Vec<Option<Passage>> = passages.drain(..).map(Some).collect();
    passages.extend(in_turn(&ranks, asked.len()).into_iter().filter_map(|at| held[at].take()));
}

/// The indices of what has these ranks for each of `asked` things, so that each has its best of what
/// is left in turn.
fn in_turn(ranks: &[Vec<f32>], asked: usize) -> Vec<usize> {
    let by_rank = |thing: usize| {
        let mut order: Vec<usize> = (0..ranks.len()).collect();
        order.sort_by(|a, b| ranks[*b][thing].total_cmp(&ranks[*a][thing]));
        order
    };
    let orders: Vec<Vec<usize>> = (0..asked).map(by_rank).collect();
    let mut taken: Vec<usize> = Vec::with_capacity(ranks.len());
    for order in orders.iter().cycle().take(ranks.len()) {
        taken.extend(order.iter().find(|at| !taken.contains(at)).copied());
    }
    taken
}

/// Where in a passage a sentence is supported.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Support {
    /// Index of the passage.
    pub passage: usize,
    /// Byte range of the quote in the passage's text.
    pub quote: Range<usize>,
    /// Share of the sentence's content words found in the quote.
    pub share: f32,
    /// Why the quote does not support the sentence although they share so many words.
    pub doubt: Option<Doubt>,
}

impl Support {
    /// Whether the quote supports the sentence.
    pub(crate) fn holds(&self) -> bool {
        self.is_near() && self.doubt.is_none()
    }

    /// Whether they share words enough.
    pub(crate) fn is_near(&self) -> bool {
        self.share >= SUPPORTED
    }
}

/// From here on a sentence counts as supported, unless there is a [`Doubt`].
pub(crate) const SUPPORTED: f32 = 0.5;
/// Below this a passage is not worth quoting for a sentence.
pub(crate) const QUOTABLE: f32 = 0.3;
/// What a source named by the writer is worth when passages are compared.
const NAMED: f32 = 0.15;
/// What it is worth that a quote says what was asked about: the words of a short answer
/// stand in many places. With the bare answers of SQuAD the right paragraph is quoted in
/// 0.975 of the cases with it, and in 0.945 without.
const ASKED: f32 = 0.3;

/// What a doubt costs a quote when quotes are compared.
const DOUBTED: f32 = 0.2;

/// Sentences in front of a quote that may say what it is about, at most.
const BEFORE: usize = 3;

/// A sentence of an answer, without the yes or no that it begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'s> {
    /// The sentence.
    pub(crate) text: &'s str,
    /// What that was.
    pub(crate) reply: Reply,
}

/// One or two neighbouring sentences of a passage.
struct Window {
    range: Range<usize>,
    terms: HashSet<String>,
    /// Whether it is one sentence.
    single: bool,
    /// What they state, read when a sentence comes near them.
    facts: OnceCell<Facts>,
}

impl Window {
    fn new(range: Range<usize>, terms: HashSet<String>, single: bool) -> Self {
        Self { range, terms, single, facts: OnceCell::new() }
    }
}

/// Words of a passage that may say a value.
pub(crate) struct Quoted<'q> {
    /// As they stand there.
    pub(crate) text: &'q str,
    /// Their terms.
    pub(crate) terms: &'q HashSet<String>,
    /// What they state.
    pub(crate) facts: &'q Facts,
    /// What is known of the passage.
    pub(crate) around: &'q Around<'q>,
}

/// A passage in windows.
struct Source<'a> {
    text: &'a str,
    around: Around<'a>,
    /// All its sentences, in order.
    lines: Vec<Range<usize>>,
    windows: Vec<Window>,
}

impl Source<'_> {
    /// Whether one of its sentences has the term.
    fn says(&self, term: &str) -> bool {
        self.windows.iter().any(|window| window.terms.contains(term))
    }

    /// A quote with what stands around it.
    fn place(&self, quote: &Range<usize>) -> Place<'_> {
        let text = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        let at = self.lines.iter().position(|line| line.start == quote.start).unwrap_or(0);
        let (front, rest) = self.lines.split_at(at);
        // A row is about what it says itself.
        let near = if is_row(text(quote)) { 0 } else { BEFORE };
        let before = front.iter().rev().map(text).take_while(|line| !is_row(line)).take(near);
        let joined = |one: &Range<usize>, other: &Range<usize>| are_joined(self.text, one, other);
        let mut beside = quote.clone();
        if let (Some(one), Some(other)) = (front.last(), rest.first())
            && joined(one, other)
        {
            beside.start = one.start;
        }
        let mut behind = rest.iter().skip_while(|line| line.end < quote.end);
        if let (Some(one), Some(other)) = (behind.next(), behind.next())
            && joined(one, other)
        {
            beside.end = other.end;
        }
        let before = before.collect();
        Place { quote: text(quote), before, beside: text(&beside), around: &self.around }
    }
}

/// Passages prepared for looking sentences up in.
pub(crate) struct Sources<'a>(Vec<Source<'a>>);

impl<'a> Sources<'a> {
    /// Of passages of which only these sentences count, as no others were shown. Two sentences
    /// support a third together where they are neighbours in a paragraph, and each is not about
    /// something else of the same kind.
    pub(crate) fn of(
        analyzer: &Analyzer,
        passages: &'a [Passage],
        shown: Option<&[Vec<String>]>,
    ) -> Self {
        Self::paired(analyzer, passages, shown, |text, one, other| {
            let codes = |range: &Range<usize>| codes(text.get(range.clone()).unwrap_or_default());
            are_joined(text, one, other) && !are_apart(&codes(one), &codes(other))
        })
    }

    /// The same, with the neighbours that `join` lets be one window.
    fn paired(
        analyzer: &Analyzer,
        passages: &'a [Passage],
        shown: Option<&[Vec<String>]>,
        join: impl Fn(&str, &Range<usize>, &Range<usize>) -> bool,
    ) -> Self {
        let counts = |index: usize, sentence: &str| {
            let shown = shown.and_then(|shown| shown.get(index));
            shown.is_none_or(|shown| shown.iter().any(|one| one == sentence.trim()))
        };
        let source = |(index, passage): (usize, &'a Passage)| {
            let text = passage.chunk.text.as_str();
            let lines = cairn_documents::sentences(text);
            let mut windows: Vec<Window> = lines
                .iter()
                .filter(|range| counts(index, &text[(*range).clone()]))
                .map(|range| {
                    Window::new(range.clone(), terms(analyzer, &text[range.clone()]), true)
                })
                .collect();
            let beside = |pair: &&[Window]| {
                let (one, other) = (&pair[0].range, &pair[1].range);
                text[one.end..other.start].trim().is_empty() && join(text, one, other)
            };
            let pairs = windows.windows(2).filter(beside).map(|pair| {
                let range = pair[0].range.start..pair[1].range.end;
                let terms = pair[0].terms.union(&pair[1].terms).cloned().collect();
                Window::new(range, terms, false)
            });
            let pairs: Vec<_> = pairs.collect();
            windows.extend(pairs);
            Source { text, around: Around::of(passage), lines, windows }
        };
        Self(passages.iter().enumerate().map(source).collect())
    }

    /// The best quote for a sentence of an answer about `subject`; passages in `named` (by
    /// index) are preferred.
    pub(crate) fn support(
        &self,
        analyzer: &Analyzer,
        subject: &Subject,
        said: Said<'_>,
        named: &[usize],
    ) -> Option<Support> {
        let Said { text: sentence, reply } = said;
        let (wanted, stated) = (terms(analyzer, sentence), Facts::of(analyzer, sentence));
        let names = subject.asked_for().wanted(sentence, reply);
        let together = together(analyzer, subject, said);
        let mut best: Option<(f32, Support)> = None;
        for (index, source) in self.0.iter().enumerate() {
            let bonus = if named.contains(&index) { NAMED } else { 0.0 };
            for Window { range, terms: present, single, facts } in &source.windows {
                let share = coverage(&wanted, present);
                // What is so or not is said by one sentence.
                if share < QUOTABLE || (reply != Reply::None && !single) {
                    continue;
                }
                let quote = || source.text.get(range.clone()).unwrap_or_default();
                let quoted = facts.get_or_init(|| Facts::of(analyzer, quote()));
                let doubt = stated
                    .doubt(analyzer, quoted, &source.around)
                    .or_else(|| other_thing(&names, source, range))
                    .or_else(|| self.apart(analyzer, &together, source, (present, quote())));
                let cost = if doubt.is_some() { DOUBTED } else { 0.0 };
                // Of equal support the shorter quote and the better passage win.
                let length = (range.end - range.start) as f32 / 100_000.0;
                let asked = ASKED * subject.coverage(present);
                let rank = share + asked + bonus - cost - length - index as f32 / 1000.0;
                if best.as_ref().is_none_or(|(held, _)| rank > *held) {
                    let support = Support { passage: index, quote: range.clone(), share, doubt };
                    best = Some((rank, support));
                }
            }
        }
        best.map(|(_, support)| support)
    }

    /// The sentence that is the best quote for a value of an answer about `subject`: `says` tells how
    /// much of the value a sentence says, and what speaks against it.
    pub(crate) fn value(
        &self,
        analyzer: &Analyzer,
        subject: &Subject,
        value: &str,
        says: impl Fn(&Quoted<'_>) -> (f32, Option<Doubt>),
    ) -> Option<Support> {
        let names = subject.asked_for().wanted(value, Reply::None);
        let mut best: Option<(f32, Support)> = None;
        for (index, source) in self.0.iter().enumerate() {
            for Window { range, terms, facts, .. } in source.windows.iter().filter(|one| one.single)
            {
                let text = source.text.get(range.clone()).unwrap_or_default();
                let facts = facts.get_or_init(|| Facts::of(analyzer, text));
                let (share, doubt) = says(&Quoted { text, terms, facts, around: &source.around });
                if share < QUOTABLE {
                    continue;
                }
                let doubt = doubt.or_else(|| other_thing(&names, source, range));
                let cost = if doubt.is_some() { DOUBTED } else { 0.0 };
                let length = (range.end - range.start) as f32 / 100_000.0;
                let asked = ASKED * subject.coverage(terms);
                let rank = share + asked - cost - length - index as f32 / 1000.0;
                if best.as_ref().is_none_or(|(held, _)| rank > *held) {
                    let support = Support { passage: index, quote: range.clone(), share, doubt };
                    best = Some((rank, support));
                }
            }
        }
        best.map(|(_, support)| support)
    }

    /// The first of these words that neither the quote nor the headings above it have, and another
    /// sentence has (of its own passage, if only the question says it), or the quote turned round
    /// ("unpaid"). One that stands nowhere may be another word for what is said.
    fn apart(
        &self,
        analyzer: &Analyzer,
        together: &[Word],
        source: &Source<'_>,
        (present, quote): (&HashSet<String>, &str),
    ) -> Option<Doubt> {
        let above = source.around.above(analyzer);
        let missing = |word: &&Word| !present.contains(&word.term) && !above.contains(&word.term);
        let elsewhere = |word: &&Word| {
            let others = self.0.iter().filter(|_| word.stated);
            others.chain([source]).any(|other| other.says(&word.term))
                || is_turned(&word.written, quote)
        };
        let apart = together.iter().filter(missing).find(elsewhere);
        apart.map(|word| Doubt::Apart(word.written.clone()))
    }
}

/// Whether two sentences have codes of one kind, and none in common.
fn are_apart(one: &[Code], other: &[Code]) -> bool {
    let pairs = || one.iter().flat_map(|code| other.iter().map(move |next| (code, next)));
    pairs().any(|(code, next)| code.is_like(next))
        && !pairs().any(|(code, next)| code.is_same(next))
}

fn other_thing(names: &Wanted<'_>, source: &Source<'_>, quote: &Range<usize>) -> Option<Doubt> {
    if names.is_nothing() { None } else { names.doubt(&source.place(quote)) }
}

/// A word that one sentence must say with others.
struct Word {
    term: String,
    written: String,
    /// Whether the answer says it, and not only the question.
    stated: bool,
}

/// What one sentence must say for a yes or no: what the answer says, and for a yes what was asked.
/// Numbers are compared by themselves.
fn together(analyzer: &Analyzer, subject: &Subject, said: Said<'_>) -> Vec<Word> {
    if said.reply == Reply::None {
        return Vec::new();
    }
    let words = said
        .text
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| !word.is_empty());
    let stated = words.flat_map(|word| {
        let terms = analyzer.terms(word).into_iter();
        terms.map(|term| Word { term, written: word.to_owned(), stated: true }).collect::<Vec<_>>()
    });
    let asked = subject.asked_for().words().iter();
    let asked = asked.map(|term| Word { term: term.clone(), written: term.clone(), stated: false });
    let asked = asked.filter(|_| said.reply == Reply::Yes);
    let number =
        |text: &str| text.contains(|c: char| c.is_ascii_digit()) || !Numbers::of(text).is_empty();
    stated.chain(asked).filter(|word| !is_asking(&word.term) && !number(&word.written)).collect()
}

/// Whether `quote` has a word that ends with this one, and says more.
fn is_turned(word: &str, quote: &str) -> bool {
    let (word, quote) = (word.to_lowercase(), quote.to_lowercase());
    let words = quote.split(|c: char| !c.is_alphanumeric());
    word.chars().count() > 3 && words.into_iter().any(|one| one != word && one.ends_with(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> HashSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_missing_number_weighs_more_than_a_missing_word() {
        let present = set(&["tower", "meter"]);
        let number = coverage(&set(&["tower", "meter", "828"]), &present);
        let word = coverage(&set(&["tower", "meter", "tall"]), &present);
        assert!(number < word);
        assert!((coverage(&present, &present) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn each_thing_that_is_asked_for_has_its_best_passage_in_turn() {
        let one = [vec![0.2], vec![0.9], vec![0.9], vec![0.5]];
        assert_eq!(in_turn(&one, 1), [1, 2, 3, 0]);
        let two = [vec![0.9, 0.1], vec![0.8, 0.2], vec![0.1, 0.6], vec![0.7, 0.6]];
        assert_eq!(in_turn(&two, 2), [0, 2, 1, 3]);
        assert!(in_turn(&[], 2).is_empty());
        let analyzer = Analyzer::default();
        let passage = crate::answer::claims::statements::tests::passage;
        let texts =
            ["The tower was built by Ada.", "Bob built a tower.", "The pool opens at nine."];
        let mut passages = texts.map(passage).to_vec();
        let subject = |text: &str| Subject::plain(&analyzer, text);
        let (built, open) = (subject("Who built the tower"), subject("when does the pool open?"));
        rerank(&analyzer, &[&built, &open], &mut passages);
        let order: Vec<&str> = passages.iter().map(|one| one.chunk.text.as_str()).collect();
        assert_eq!(order, [texts[0], texts[2], texts[1]]);
        assert!(passages.iter().all(|one| one.explain.coverage == Some(1.0)));
    }

    /// What supports a sentence of an answer to `question` in a text, and what speaks against it.
    fn support(question: &str, sentence: &str, text: &str) -> (String, Option<Doubt>) {
        let analyzer = Analyzer::default();
        let passages = [crate::answer::claims::statements::tests::passage(text)];
        let subject = Subject::plain(&analyzer, question);
        let (reply, sentence) = crate::answer::claims::reply::reply(analyzer.language(), sentence);
        let said = Said { text: sentence, reply };
        let sources = Sources::of(&analyzer, &passages, None);
        let found = sources.support(&analyzer, &subject, said, &[]).unwrap();
        (text[found.quote].to_owned(), found.doubt)
    }

    const MACHINES: &str = "# Machines\n\nMachine Q3 weighs 139 kilograms and needs 8 bars of air.\n\n\
         Machine Q4 weighs 152 kilograms and needs 9 bars of air.\n\n\
         Machine Q9 weighs 217 kilograms and needs 14 bars of air.";

    #[test]
    fn another_things_number_is_doubted() {
        let asked = "How much does machine Q3 weigh?";
        let (quote, doubt) = support(asked, "Machine Q3 weighs 152 kilograms.", MACHINES);
        assert!(!(quote.contains("Q3") && quote.contains("Q4")), "{quote}");
        assert!(doubt.is_some(), "{quote}");
        let (quote, doubt) = support(asked, "Machine Q3 weighs 139 kilograms.", MACHINES);
        assert!(quote.starts_with("Machine Q3") && doubt.is_none(), "{quote} {doubt:?}");
        let short = "217 kilograms";
        let (quote, doubt) = support("How much does machine Q7 weigh?", short, MACHINES);
        assert_eq!(doubt, Some(Doubt::Asked("Q7".to_owned())), "{quote}");
        assert_eq!(support("How much does machine Q9 weigh?", short, MACHINES).1, None);
        // In one paragraph too, each sentence is about its own.
        let prose = MACHINES.replace("\n\nMachine", " Machine");
        assert!(support(asked, "Machine Q3 weighs 152 kilograms.", &prose).1.is_some());
    }

    #[test]
    fn rows_do_not_support_together() {
        let rows =
            "| id | name | phone |\n| P-102 | Carl Dietz | 4714 |\n| P-103 | Dora Eken | 4721 |";
        let (quote, doubt) = support("Who has the id P-103?", "Carl Dietz has it.", rows);
        assert_eq!(quote, "| P-102 | Carl Dietz | 4714 |");
        assert_eq!(doubt, Some(Doubt::Asked("P-103".to_owned())));
        let (quote, doubt) = support("Who has the id P-103?", "Dora Eken has it.", rows);
        assert_eq!((quote.as_str(), doubt), ("| P-103 | Dora Eken | 4721 |", None));
    }

    #[test]
    fn a_yes_rests_on_one_sentence() {
        let lease = "The landlord pays for repairs of the roof and the facade. \
             The tenant pays for minor repairs up to 300 euros each.";
        let roof = "Does the tenant pay for the roof?";
        assert!(support(roof, "Yes, the tenant pays for the roof.", lease).1.is_some());
        assert_eq!(support(roof, "No, the landlord pays for the roof.", lease).1, None);
        let leave = "The director approves leave of managers. \
             The team lead approves leave of all other staff. Interns get ten days of unpaid leave.";
        let lead = "Does the team lead approve the leave of managers?";
        let yes = "Yes, the team lead approves the leave of managers.";
        assert!(matches!(support(lead, yes, leave).1, Some(Doubt::Apart(_))));
        let paid = support(
            "Do interns get paid leave?",
            "Yes, interns get ten days of unpaid leave.",
            leave,
        );
        assert_eq!(paid.1, Some(Doubt::Apart("paid".to_owned())));
        let unpaid = support(
            "Do interns get unpaid leave?",
            "Yes, interns get 10 days of unpaid leave.",
            leave,
        );
        assert_eq!(unpaid.1, None, "{}", unpaid.0);
        // What stands nowhere may be another word for what is said.
        let pets = support(
            "Are pets allowed?",
            "Yes, tenants may keep cats and dogs.",
            "Tenants may keep cats and dogs. The rent is due on Monday.",
        );
        assert_eq!(pets.1, None, "{}", pets.0);
    }
}
