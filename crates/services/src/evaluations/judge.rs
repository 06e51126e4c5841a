//! Where the answers to a question stand, and whether a passage or a citation is there.

use std::collections::HashMap;

use cairn_kernel::{Id, Result, ResultExt, Scope};
use cairn_store::Records;
use serde::{Deserialize, Serialize};

use super::words::{self, Squeezed, Words};
use crate::question_sets::Question;

/// Characters of a text: its first one and one past the last.
pub type Range = (i64, i64);

/// A place in a document: a file, and characters of its texts or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The characters in each of its texts that the store is cut from, by the text's version;
    /// `None` for the whole file.
    pub ranges: Option<Vec<(i64, Range)>>,
}

impl Place {
    /// Whether the characters `start..end` of a file's text are about this place: they hold half
    /// of it, or it holds half of them.
    pub fn is_held_by(&self, (file, version): (&str, i64), (start, end): Range) -> bool {
        if self.file != file {
            return false;
        }
        let Some(ranges) = &self.ranges else { return true };
        let own = ranges.iter().find(|(held, _)| *held == version);
        let Some((from, to)) = own.map(|(_, range)| *range) else { return false };
        let shared = end.min(to) - start.max(from);
        shared > 0 && shared * 2 >= (end - start).min(to - from)
    }

    /// Whether it is known where it stands in this text, if that is of its file.
    fn is_known_in(&self, file: &str, version: i64) -> bool {
        let known = |ranges: &Vec<(i64, Range)>| ranges.iter().any(|(held, _)| *held == version);
        self.file != file || self.ranges.as_ref().is_none_or(known)
    }
}

/// Something that answers a question; it may stand in several places (files of one name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The places; one is enough.
    pub places: Vec<Place>,
}

impl Need {
    /// Whether the characters `range` of a file's text meet it.
    pub fn is_met_by(&self, text: (&str, i64), range: Range) -> bool {
        self.places.iter().any(|place| place.is_held_by(text, range))
    }
}

/// A question whose answers were looked up in the store.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The question.
    pub question: Question,
    /// What answers it; none for an unanswerable one.
    pub needs: Vec<Need>,
}

impl Judged {
    /// Whether it is known where its answers stand in this text of a file.
    pub fn is_known_in(&self, file: &str, version: i64) -> bool {
        self.needs
            .iter()
            .flat_map(|need| &need.places)
            .all(|place| place.is_known_in(file, version))
    }
}

/// A judgement that points at words which the store's documents do not have (any more).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostJudgement {
    /// The question.
    pub question_id: String,
    /// The file's id or name, as the question has it.
    pub file: String,
}

/// Questions that can be judged, and what was noticed on the way.
#[derive(Clone, Debug, Default)]
pub struct Judgements {
    /// The questions.
    pub judged: Vec<Judged>,
    /// Questions left out, since none of the files they name is in the store.
    pub unjudged: usize,
    /// Quotes that do not stand in their file; the whole file counts for them.
    pub lost_quotes: usize,
    /// Judgements whose words are not there any more; their questions are left out.
    pub lost: Vec<LostJudgement>,
}

impl Judgements {
    /// Questions left out, since a judgement of theirs is lost.
    pub fn questions_lost(&self) -> usize {
        let mut ids: Vec<&str> = self.lost.iter().map(|one| one.question_id.as_str()).collect();
        ids.dedup();
        ids.len()
    }
}

/// Looks up where the answers to the `questions` of a set stand in the store now. With `trials`
/// the store is cut otherwise for the time of the run, from the texts that are shown.
///
/// # Errors
/// `Internal` when the records refuse.
pub(crate) async fn judge(
    records: &Records,
    scope: &Scope,
    (store, set): (&Id, &Id),
    questions: Vec<Question>,
    trials: bool,
) -> Result<Judgements> {
    let names = records.names_in_store(scope, store).await?;
    let mut looked = Looked { records, scope, store, trials, by_name: HashMap::new() };
    for (id, name) in names {
        looked.by_name.entry(name).or_default().push(id.clone());
        looked.by_name.entry(id.clone()).or_default().push(id);
    }
    let sought = looked.sought(set, &questions).await?;
    let places = looked.places(sought).await?;
    let mut found = Judgements::default();
    for question in questions {
        looked.judged(question, &places, &mut found);
    }
    Ok(found)
}

/// A judgement about one file: the question, which of its places, the file.
type Key = (String, usize, String);

/// What is looked for in the texts of a file.
enum Sought {
    /// Words that stand at these characters of one text.
    Kept { version: i64, range: Range, words: Words },
    /// A quote.
    Quote(String),
    /// Characters of nobody knows which text.
    Unknown,
}

/// Where a judgement stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// Everywhere it is looked for.
    At(Vec<(i64, Range)>),
    /// In no text of the file; it is a quote.
    NoQuote,
    /// Not in every text that the store is cut from.
    Lost,
}

/// A store whose documents are looked through.
struct Looked<'a> {
    records: &'a Records,
    scope: &'a Scope,
    store: &'a Id,
    trials: bool,
    by_name: HashMap<String, Vec<String>>,
}

impl Looked<'_> {
    fn called(&self, id_or_name: &str) -> &[String] {
        self.by_name.get(id_or_name).map_or(&[], Vec::as_slice)
    }

    /// What is to be looked for in each file.
    async fn sought(
        &self,
        set: &Id,
        questions: &[Question],
    ) -> Result<HashMap<String, Vec<(Key, Sought)>>> {
        let mut held = HashMap::new();
        for row in self.records.judged_words(self.scope, set).await? {
            let place = usize::try_from(row.place).unwrap_or(usize::MAX);
            let words = Words::of_row(&row);
            held.insert((row.question_id, place, row.file_id), (row.text_version, words));
        }
        let mut sought: HashMap<String, Vec<(Key, Sought)>> = HashMap::new();
        for question in questions.iter().filter(|question| question.answerable) {
            for (number, relevant) in question.relevant.iter().enumerate() {
                for file in self.called(&relevant.file) {
                    let key = (question.id.clone(), number, file.clone());
                    let what = match (relevant.range(), &relevant.quote) {
                        (Some(range), _) => match held.remove(&key) {
                            Some((version, words)) => Sought::Kept { version, range, words },
                            None => Sought::Unknown,
                        },
                        (None, Some(quote)) => Sought::Quote(quote.clone()),
                        (None, None) => continue,
                    };
                    sought.entry(file.clone()).or_default().push((key, what));
                }
            }
        }
        Ok(sought)
    }

    /// Looks for everything, file by file.
    async fn places(
        &self,
        sought: HashMap<String, Vec<(Key, Sought)>>,
    ) -> Result<HashMap<Key, Found>> {
        let mut found = HashMap::new();
        for (file, all) in sought {
            let id = Id::from_raw(file.as_str());
            let (records, scope) = (self.records, self.scope);
            let versions = records.texts_in_store(scope, (self.store, &id), self.trials).await?;
            let mut at: Vec<Vec<(i64, Option<Range>)>> = all.iter().map(|_| Vec::new()).collect();
            for version in versions {
                let same = |(_, what): &(Key, Sought)| match what {
                    Sought::Kept { version: kept, range, .. } if *kept == version => Some(*range),
                    _ => None,
                };
                let known: Vec<Option<Range>> = all.iter().map(same).collect();
                let again = if known.iter().all(Option::is_some) {
                    Vec::new()
                } else {
                    let text = records.text_of(scope, (&file, version)).await?;
                    look(text.unwrap_or_default(), &all).await?
                };
                for (number, at) in at.iter_mut().enumerate() {
                    let known = known.get(number).copied().flatten();
                    at.push((version, known.or_else(|| again.get(number).copied().flatten())));
                }
            }
            for ((key, what), at) in all.into_iter().zip(at) {
                found.insert(key, settled(&what, &at));
            }
        }
        Ok(found)
    }

    /// Adds a question to those that are judged, or to those that are left out.
    fn judged(&self, question: Question, places: &HashMap<Key, Found>, found: &mut Judgements) {
        if !question.answerable {
            found.judged.push(Judged { question, needs: Vec::new() });
            return;
        }
        let (mut needs, mut lost) = (Vec::new(), Vec::new());
        for (number, relevant) in question.relevant.iter().enumerate() {
            let mut there = Vec::new();
            let files = self.called(&relevant.file);
            for file in files {
                let ranges = match places.get(&(question.id.clone(), number, file.clone())) {
                    Some(Found::Lost) => continue,
                    Some(Found::NoQuote) => {
                        found.lost_quotes += 1;
                        None
                    }
                    Some(Found::At(ranges)) => Some(ranges.clone()),
                    None => None,
                };
                there.push(Place { file: file.clone(), ranges });
            }
            if !there.is_empty() {
                needs.push(Need { places: there });
            } else if !files.is_empty() {
                let (question_id, file) = (question.id.clone(), relevant.file.clone());
                lost.push(LostJudgement { question_id, file });
            }
        }
        // Without one of its judgements it could not be compared with what it came to before.
        if !lost.is_empty() {
            found.lost.append(&mut lost);
        } else if needs.is_empty() {
            found.unjudged += 1;
        } else {
            found.judged.push(Judged { question, needs });
        }
    }
}

/// Where each of them stands in a text.
async fn look(text: String, all: &[(Key, Sought)]) -> Result<Vec<Option<Range>>> {
    let (mut kept, mut quotes) = (Vec::new(), Vec::new());
    for (number, (_, what)) in all.iter().enumerate() {
        match what {
            Sought::Kept { words, .. } => kept.push((number, words.clone())),
            Sought::Quote(quote) => quotes.push((number, quote.clone())),
            Sought::Unknown => {}
        }
    }
    let mut found = vec![None; all.len()];
    // That takes some milliseconds in a long text.
    let looked = tokio::task::spawn_blocking(move || {
        let (numbers, words): (Vec<usize>, Vec<Words>) = kept.into_iter().unzip();
        let mut at: Vec<(usize, Option<Range>)> =
            numbers.into_iter().zip(words::again(&text, &words)).collect();
        if !quotes.is_empty() {
            let squeezed = Squeezed::of(&text);
            at.extend(quotes.into_iter().map(|(number, quote)| (number, squeezed.find(&quote))));
        }
        at
    });
    for (number, range) in looked.await.or_internal("looking for words")? {
        if let Some(place) = found.get_mut(number) {
            *place = range;
        }
    }
    Ok(found)
}

/// What comes of a judgement that was looked for in each text that the store is cut from.
fn settled(what: &Sought, at: &[(i64, Option<Range>)]) -> Found {
    let ranges: Vec<(i64, Range)> =
        at.iter().filter_map(|(version, range)| Some((*version, (*range)?))).collect();
    match what {
        Sought::Unknown => Found::Lost,
        Sought::Quote(_) if ranges.is_empty() => Found::NoQuote,
        _ if ranges.len() < at.len() => Found::Lost,
        _ => Found::At(ranges),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_held_by_what_has_half_of_it() {
        let place = |range: Option<Range>| Place {
            file: "f".into(),
            ranges: range.map(|range| vec![(1, range)]),
        };
        assert!(place(None).is_held_by(("f", 7), (5, 9)));
        assert!(!place(None).is_held_by(("g", 1), (5, 9)));
        let sentence = place(Some((100, 200)));
        assert!(sentence.is_held_by(("f", 1), (0, 500)), "a long passage around it");
        assert!(sentence.is_held_by(("f", 1), (120, 140)), "a quote within it");
        assert!(sentence.is_held_by(("f", 1), (150, 400)), "half of it");
        assert!(!sentence.is_held_by(("f", 1), (190, 400)), "its last words only");
        assert!(!sentence.is_held_by(("f", 1), (200, 300)));
        let need = Need { places: vec![place(None), Place { file: "g".into(), ranges: None }] };
        assert!(need.is_met_by(("g", 0), (0, 1)) && !need.is_met_by(("h", 0), (0, 1)));
    }

    #[test]
    fn characters_are_those_of_one_text() {
        let ranges = Some(vec![(1, (100, 200)), (2, (150, 250))]);
        let place = Place { file: "f".into(), ranges };
        assert!(place.is_held_by(("f", 1), (100, 140)) && !place.is_held_by(("f", 2), (100, 140)));
        assert!(!place.is_held_by(("f", 3), (0, 500)), "nobody knows where it stands there");
        assert!(place.is_known_in("f", 2) && !place.is_known_in("f", 3));
        assert!(place.is_known_in("g", 3), "another file");
    }

    #[test]
    fn a_judgement_must_stand_in_every_text() {
        let words = Words { start: "w".into(), end: None, nth: 0, of: 1 };
        let kept = Sought::Kept { version: 1, range: (0, 1), words };
        let both = [(1, Some((0, 1))), (2, Some((5, 6)))];
        assert_eq!(settled(&kept, &both), Found::At(vec![(1, (0, 1)), (2, (5, 6))]));
        let one = [(1, Some((0, 1))), (2, None)];
        assert_eq!(settled(&kept, &one), Found::Lost);
        assert_eq!(settled(&Sought::Unknown, &[(1, None)]), Found::Lost);
        assert_eq!(settled(&Sought::Unknown, &[]), Found::Lost);
        let quote = Sought::Quote("q".into());
        assert_eq!(settled(&quote, &[(1, None)]), Found::NoQuote);
        assert_eq!(settled(&quote, &one), Found::Lost, "it is gone from one of them");
    }
}
