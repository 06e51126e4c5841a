//! Questions without a language model: probes made of a document's own salient sentences.
//!
//! A *cloze* is a sentence with its rarest name, number or word left out; a *known item* is the
//! rarest words of a sentence, as one types who remembers them; a *heading* asks for what
//! stands under it. They share their words with the one passage that is right, so they flatter
//! the search by words: good for noticing that a document is not found any more, no measure of
//! how real questions fare, and never learned from.

use std::collections::{HashMap, HashSet};

use cairn_search::Analyzer;

use super::Form;
use crate::evaluations::bootstrap::Random;

/// Words of a sentence that is asked about.
const WORDS: std::ops::RangeInclusive<usize> = 8..=40;
/// Different content words it must have at least.
const TERMS_MIN: usize = 5;
/// Words of a known item.
const ITEM_WORDS: usize = 6;
/// Content words of a heading that says enough.
const HEADING_TERMS: usize = 2;
/// What stands for what was left out.
const GAP: &str = "____";

/// A passage to make probes of.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) text: String,
    /// First character in the document's text.
    pub(super) char_start: i64,
    /// Which of its file's texts it is cut from.
    pub(super) text_version: i64,
    /// The headings above it, outermost first.
    pub(super) headings: Vec<String>,
    /// The characters of the document that stand under the same headings.
    pub(super) section: (i64, i64),
}

/// A probe with the place that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) form: Form,
    pub(super) text: String,
    pub(super) expected: Vec<String>,
    pub(super) file: String,
    pub(super) text_version: i64,
    pub(super) range: (i64, i64),
}

/// Up to `wanted` probes, no two of the same text, in an order that the seed decides.
pub(super) fn probes(
    analyzer: &Analyzer,
    sources: &[Source],
    wanted: usize,
    seed: u64,
) -> Vec<Probe> {
    let rarity = Rarity::of(analyzer, sources);
    let mut order: Vec<usize> = (0..sources.len()).collect();
    Random::new(seed).shuffle(&mut order);
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    // Every passage once before any is asked about again, in another form.
    for round in 0..3 {
        for (turn, at) in order.iter().enumerate() {
            let Some(source) = sources.get(*at) else { continue };
            let form = [Form::Cloze, Form::KnownItem, Form::Heading][(turn + round) % 3];
            let probe = match form {
                Form::Heading => rarity.heading(analyzer, source),
                form => rarity.sentence(analyzer, source, form),
            };
            if let Some(probe) = probe
                && seen.insert(probe.text.to_lowercase())
            {
                found.push(probe);
            }
            if found.len() == wanted {
                return found;
            }
        }
    }
    found
}

/// A cloze of each passage from the `first` on that has a sentence for one; words are rare or
/// not over all passages.
pub(super) fn clozes(analyzer: &Analyzer, sources: &[Source], first: usize) -> Vec<Probe> {
    let rarity = Rarity::of(analyzer, sources);
    let of = |source: &Source| rarity.sentence(analyzer, source, Form::Cloze);
    sources.iter().skip(first).filter_map(of).collect()
}

/// How rare each content word is over the passages.
struct Rarity {
    passages: f64,
    counts: HashMap<String, usize>,
    /// The files that have each last heading.
    headings: HashMap<String, HashSet<String>>,
}

/// A word of a sentence: where it stands, its stems, how rare it is.
struct Word<'t> {
    text: &'t str,
    start: usize,
    weight: f64,
    named: bool,
}

impl Rarity {
    #[expect(clippy::cast_precision_loss, reason = "a count of passages")]
    fn of(analyzer: &Analyzer, sources: &[Source]) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        let mut headings: HashMap<String, HashSet<String>> = HashMap::new();
        for source in sources {
            let terms: HashSet<String> = analyzer.terms(&source.text).into_iter().collect();
            for term in terms {
                *counts.entry(term).or_default() += 1;
            }
            if let Some(heading) = source.headings.last() {
                headings.entry(heading.to_lowercase()).or_default().insert(source.file.clone());
            }
        }
        Self { passages: sources.len() as f64, counts, headings }
    }

    /// Inverse document frequency of a word, 0 for one without content.
    #[expect(clippy::cast_precision_loss, reason = "a count of passages")]
    fn weight(&self, analyzer: &Analyzer, word: &str) -> f64 {
        let terms = analyzer.terms(word);
        let of = |term: &String| {
            let count = self.counts.get(term).copied().unwrap_or(0).max(1) as f64;
            (1.0 + self.passages / count).ln()
        };
        terms.iter().map(of).fold(0.0, f64::max)
    }

    fn words<'t>(&self, analyzer: &Analyzer, sentence: &'t str) -> Vec<Word<'t>> {
        let mut found = Vec::new();
        let mut from = 0;
        for (place, piece) in sentence.split_whitespace().enumerate() {
            let start = sentence[from..].find(piece).map_or(from, |at| from + at);
            from = start + piece.len();
            let text = piece.trim_matches(|c: char| !c.is_alphanumeric());
            if text.is_empty() {
                continue;
            }
            let start = start + piece.find(text).unwrap_or(0);
            let first = text.chars().next();
            let named = first.is_some_and(|c| c.is_numeric() || (c.is_uppercase() && place > 0));
            found.push(Word { text, start, weight: self.weight(analyzer, text), named });
        }
        found
    }

    /// The most salient sentence of a passage as a cloze or a known item.
    fn sentence(&self, analyzer: &Analyzer, source: &Source, form: Form) -> Option<Probe> {
        let mut best: Option<(f64, std::ops::Range<usize>)> = None;
        for range in cairn_documents::sentences(&source.text) {
            let sentence = source.text.get(range.clone())?;
            let Some(score) = self.salience(analyzer, sentence) else { continue };
            if best.as_ref().is_none_or(|(held, _)| score > *held) {
                best = Some((score, range));
            }
        }
        let (_, range) = best?;
        let sentence = source.text.get(range.clone())?;
        let words = self.words(analyzer, sentence);
        let (text, expected) = match form {
            Form::Cloze => cloze(sentence, &words)?,
            _ => (known_item(&words)?, Vec::new()),
        };
        let before = source.text.get(..range.start)?.chars().count();
        let start = source.char_start + i64::try_from(before).ok()?;
        let end = start + i64::try_from(sentence.chars().count()).ok()?;
        let (file, text_version) = (source.file.clone(), source.text_version);
        Some(Probe { form, text, expected, file, text_version, range: (start, end) })
    }

    /// How much a sentence says that others do not; `None` for what is no sentence to ask
    /// about.
    #[expect(clippy::cast_precision_loss, reason = "words of a sentence")]
    fn salience(&self, analyzer: &Analyzer, sentence: &str) -> Option<f64> {
        let words = self.words(analyzer, sentence);
        let terms: HashSet<String> = analyzer.terms(sentence).into_iter().collect();
        let prose = sentence.ends_with(['.', '!', '?', '\u{2026}', '"', '\u{201d}', '\u{3002}'])
            && !sentence.contains(['|', '\t', '_']);
        if !prose || !WORDS.contains(&words.len()) || terms.len() < TERMS_MIN {
            return None;
        }
        let named = words.iter().filter(|word| word.named).count().min(3) as f64;
        let mean = words.iter().map(|word| word.weight).sum::<f64>() / words.len() as f64;
        Some(mean + 0.1 * named)
    }

    /// A heading that only one file has, with the one above it where it says little.
    fn heading(&self, analyzer: &Analyzer, source: &Source) -> Option<Probe> {
        let last = source.headings.last()?;
        if self.headings.get(&last.to_lowercase()).is_none_or(|files| files.len() != 1) {
            return None;
        }
        let enough = |text: &str| {
            analyzer.terms(text).into_iter().collect::<HashSet<_>>().len() >= HEADING_TERMS
        };
        let above = source.headings.iter().rev().nth(1);
        let text = match above {
            _ if enough(last) => last.clone(),
            Some(above) => Some(format!("{above} {last}")).filter(|text| enough(text))?,
            None => return None,
        };
        let (file, text_version) = (source.file.clone(), source.text_version);
        let (form, range) = (Form::Heading, source.section);
        Some(Probe { form, text, expected: Vec::new(), file, text_version, range })
    }
}

/// The sentence without its rarest name or number (or word, where it has neither), and that.
fn cloze(sentence: &str, words: &[Word<'_>]) -> Option<(String, Vec<String>)> {
    let rarest = |named: bool| {
        let among = words.iter().filter(|word| word.weight > 0.0 && (word.named || !named));
        among.max_by(|a, b| a.weight.total_cmp(&b.weight))
    };
    let left_out = rarest(true).or_else(|| rarest(false))?;
    let (before, rest) = sentence.split_at_checked(left_out.start)?;
    let after = rest.strip_prefix(left_out.text)?;
    // Standing there once more it would be no question.
    let again = words.iter().filter(|word| word.text.eq_ignore_ascii_case(left_out.text)).count();
    (again == 1).then(|| (format!("{before}{GAP}{after}"), vec![left_out.text.to_owned()]))
}

/// The rarest words of a sentence, in its order.
fn known_item(words: &[Word<'_>]) -> Option<String> {
    let mut places: Vec<usize> = (0..words.len()).filter(|at| words[*at].weight > 0.0).collect();
    places.sort_by(|a, b| words[*b].weight.total_cmp(&words[*a].weight));
    places.truncate(ITEM_WORDS);
    places.sort_unstable();
    let chosen: Vec<&str> = places.iter().map(|at| words[*at].text).collect();
    (chosen.len() >= TERMS_MIN).then(|| chosen.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOWER: &str = "It stands. The last keeper of the Orrin tower was Ida Thorvald, who \
         tended the lamp for eleven winters. She left.";

    fn source(file: &str, text: &str, headings: &[&str]) -> Source {
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Source {
            file: file.to_owned(),
            text: text.to_owned(),
            char_start: 100,
            text_version: 3,
            headings,
            section: (90, 400),
        }
    }

    fn sources() -> Vec<Source> {
        vec![
            source("a", TOWER, &["Places", "The Orrin tower"]),
            source(
                "b",
                "Ferries cross the Lune strait twice a day in summer and once a day in winter.",
                &["Places", "Overview"],
            ),
            source(
                "c",
                "The bakers of the town close their shops on Mondays and on the first of May.",
                &["Overview"],
            ),
        ]
    }

    #[test]
    fn every_probe_names_the_place_that_answers_it() {
        let analyzer = Analyzer::default();
        let found = probes(&analyzer, &sources(), 20, 1);
        assert!(found.len() >= 4, "{found:?}");
        let sentence = "The last keeper of the Orrin tower was Ida Thorvald, who tended the lamp for \
                        eleven winters.";
        let start = 100 + i64::try_from(TOWER.find("The last").unwrap()).unwrap();
        let end = start + i64::try_from(sentence.len()).unwrap();
        let of = |form: Form| found.iter().find(|probe| probe.file == "a" && probe.form == form);
        let cloze = of(Form::Cloze).unwrap();
        assert_eq!((cloze.range, cloze.text_version), ((start, end), 3));
        assert_eq!(cloze.text.replace(GAP, &cloze.expected[0]), sentence);
        assert!(!cloze.text.contains(cloze.expected[0].as_str()));
        let item = of(Form::KnownItem).unwrap();
        assert_eq!(item.range, (start, end));
        assert!(item.text.split(' ').all(|word| sentence.contains(word)), "{}", item.text);
        let heading = of(Form::Heading).unwrap();
        assert_eq!((heading.text.as_str(), heading.range), ("The Orrin tower", (90, 400)));
        // Two files have an overview: nobody can tell which is meant.
        assert!(found.iter().all(|probe| probe.text != "Overview"), "{found:?}");
    }

    #[test]
    fn the_seed_decides_and_nothing_is_asked_twice() {
        let analyzer = Analyzer::default();
        let texts = |seed| -> Vec<String> {
            probes(&analyzer, &sources(), 20, seed).into_iter().map(|probe| probe.text).collect()
        };
        assert_eq!(texts(1), texts(1));
        let all: HashSet<String> = texts(1).into_iter().collect();
        assert_eq!(all.len(), texts(1).len());
        assert_eq!(probes(&analyzer, &sources(), 2, 1).len(), 2);
    }

    #[test]
    fn clozes_are_of_the_last_passages_only() {
        let analyzer = Analyzer::default();
        let found = clozes(&analyzer, &sources(), 1);
        let files: Vec<&str> = found.iter().map(|probe| probe.file.as_str()).collect();
        assert_eq!(files, ["b", "c"]);
        assert!(found.iter().all(|probe| probe.form == Form::Cloze && probe.text.contains(GAP)));
        assert!(clozes(&analyzer, &sources(), 3).is_empty());
    }

    #[test]
    fn tables_and_scraps_are_not_asked_about() {
        let analyzer = Analyzer::default();
        let poor = [
            source("a", "| one | two | three | four | five | six | seven | eight |", &[]),
            source("b", "Too short.", &[]),
            source("c", "of the and to in a is it was for on as with by at from this that.", &[]),
        ];
        assert!(probes(&analyzer, &poor, 10, 1).is_empty());
    }
}
