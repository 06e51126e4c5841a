//! Where the answers to a question stand, and whether a passage or a citation is there.

use std::collections::HashMap;

use cairn_kernel::{Id, Kind, Result, Scope};
use cairn_store::Records;

use crate::question_sets::{Question, Relevant};

/// A place in a document: a file, and characters of its text or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// First character and one past the last; `None` for the whole file.
    pub range: Option<(i64, i64)>,
}

impl Place {
    /// Whether the characters `start..end` of `file` are about this place: they hold half of
    /// it, or it holds half of them.
    pub fn is_held_by(&self, file: &str, (start, end): (i64, i64)) -> bool {
        if self.file != file {
            return false;
        }
        let Some((from, to)) = self.range else { return true };
        let shared = end.min(to) - start.max(from);
        shared > 0 && shared * 2 >= (end - start).min(to - from)
    }
}

/// Something that answers a question; it may stand in several places (files of one name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The places; one is enough.
    pub places: Vec<Place>,
}

impl Need {
    /// Whether the characters `range` of `file` meet it.
    pub fn is_met_by(&self, file: &str, range: (i64, i64)) -> bool {
        self.places.iter().any(|place| place.is_held_by(file, range))
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

/// Questions that can be judged, and what was noticed on the way.
#[derive(Clone, Debug, Default)]
pub struct Judgements {
    /// The questions.
    pub judged: Vec<Judged>,
    /// Questions left out, since none of the files they name is in the store.
    pub unjudged: usize,
    /// Quotes that do not stand in their file; the whole file counts for them.
    pub lost_quotes: usize,
}

/// Looks up where the answers to `questions` stand in the store now.
///
/// # Errors
/// `Internal` when the records refuse.
pub(crate) async fn judge(
    records: &Records,
    scope: &Scope,
    store: &Id,
    questions: Vec<Question>,
) -> Result<Judgements> {
    let mut files = Files::new(records.names_in_store(scope, store).await?);
    let mut found = Judgements::default();
    for question in questions {
        let mut needs = Vec::new();
        if question.answerable {
            for relevant in &question.relevant {
                let ids = files.called(&relevant.file);
                let mut places = Vec::new();
                for file in ids {
                    let (range, lost) =
                        characters(records, scope, &mut files, &file, relevant).await?;
                    found.lost_quotes += usize::from(lost);
                    places.push(Place { file, range });
                }
                if !places.is_empty() {
                    needs.push(Need { places });
                }
            }
            if needs.is_empty() {
                found.unjudged += 1;
                continue;
            }
        }
        found.judged.push(Judged { question, needs });
    }
    Ok(found)
}

/// The characters that a judgement means in a file, and whether its quote is not there.
async fn characters(
    records: &Records,
    scope: &Scope,
    files: &mut Files,
    file: &str,
    relevant: &Relevant,
) -> Result<(Option<(i64, i64)>, bool)> {
    if let (Some(start), Some(end)) = (relevant.char_start, relevant.char_end) {
        return Ok((Some((start, end)), false));
    }
    let Some(quote) = relevant.quote.as_deref() else { return Ok((None, false)) };
    if files.held.as_ref().is_none_or(|(held, _)| held != file) {
        let text = match records.file_text(scope, &Id::from_raw(file)).await {
            Ok(row) => row.text,
            // It is attached and not read yet, or could not be read.
            Err(error) if error.kind() == Kind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        files.held = Some((file.to_owned(), Squeezed::of(&text)));
    }
    let found = files.held.as_ref().and_then(|(_, text)| text.find(quote));
    Ok((found, found.is_none()))
}

/// The files of a store by id and name, and the text of the one that was looked at last.
struct Files {
    by_name: HashMap<String, Vec<String>>,
    held: Option<(String, Squeezed)>,
}

impl Files {
    fn new(names: Vec<(String, String)>) -> Self {
        let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
        for (id, name) in names {
            by_name.entry(name).or_default().push(id.clone());
            by_name.entry(id.clone()).or_default().push(id);
        }
        Self { by_name, held: None }
    }

    fn called(&self, id_or_name: &str) -> Vec<String> {
        self.by_name.get(id_or_name).cloned().unwrap_or_default()
    }
}

/// A text with every run of white space as one space, to find quotes in that were broken into
/// lines otherwise; and where each of its bytes stands in the text, in characters.
struct Squeezed {
    text: String,
    places: Vec<u32>,
}

impl Squeezed {
    fn of(text: &str) -> Self {
        let mut squeezed = Self { text: String::with_capacity(text.len()), places: Vec::new() };
        let mut spaced = true;
        for (place, char) in (0_u32..).zip(text.chars()) {
            let shown = if char.is_whitespace() { ' ' } else { char };
            if shown == ' ' && spaced {
                continue;
            }
            spaced = shown == ' ';
            squeezed.text.push(shown);
            squeezed.places.extend(std::iter::repeat_n(place, shown.len_utf8()));
        }
        squeezed
    }

    /// The characters of the text where `quote` stands first.
    fn find(&self, quote: &str) -> Option<(i64, i64)> {
        let quote = quote.split_whitespace().collect::<Vec<_>>().join(" ");
        if quote.is_empty() {
            return None;
        }
        let start = self.text.find(&quote)?;
        let last = start + quote.len() - 1;
        Some((i64::from(*self.places.get(start)?), i64::from(*self.places.get(last)?) + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_held_by_what_has_half_of_it() {
        let place = |range| Place { file: "f".into(), range };
        assert!(place(None).is_held_by("f", (5, 9)));
        assert!(!place(None).is_held_by("g", (5, 9)));
        let sentence = place(Some((100, 200)));
        assert!(sentence.is_held_by("f", (0, 500)), "a long passage around it");
        assert!(sentence.is_held_by("f", (120, 140)), "a quote within it");
        assert!(sentence.is_held_by("f", (150, 400)), "half of it");
        assert!(!sentence.is_held_by("f", (190, 400)), "its last words only");
        assert!(!sentence.is_held_by("f", (200, 300)));
        let need = Need { places: vec![place(None), Place { file: "g".into(), range: None }] };
        assert!(need.is_met_by("g", (0, 1)) && !need.is_met_by("h", (0, 1)));
    }

    #[test]
    fn a_quote_is_found_however_its_lines_are_broken() {
        let text = Squeezed::of("  Höhe:\n\n 828\u{a0}m.  End");
        assert_eq!(text.text, "Höhe: 828 m. End");
        assert_eq!(text.find("Höhe: 828 m."), Some((2, 16)));
        assert_eq!(text.find(" 828\nm"), Some((10, 15)));
        assert_eq!((text.find("829"), text.find("  ")), (None, None));
    }
}
