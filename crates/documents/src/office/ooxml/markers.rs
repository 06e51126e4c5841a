//! The markers of a Word file's paragraphs, in order, for those who write its tree: the tree
//! has neither the numbers of headings nor those of lists that go on after other text.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use office_oxide::docx::{
    BlockElement, DocxDocument, Paragraph, ParagraphContent, ParagraphProperties, Run, RunContent,
    StyleSheet,
};

use super::numbering::Counter;

/// Paragraphs nested deeper are not counted.
const DEPTH_MAX: usize = 100;
/// Paragraphs that the tree may have left out between two that it has.
const LEFT_OUT_MAX: usize = 400;

/// The paragraphs of a file: what each says, as a hash, and its marker.
#[derive(Debug, Default)]
pub(super) struct Markers {
    told: Vec<(u64, Told)>,
    at: usize,
    heading: Option<u8>,
}

/// What is known of a paragraph.
#[derive(Debug, Default)]
struct Told {
    marker: Option<String>,
    /// Of a heading with a number: its level, from 1.
    heading: Option<u8>,
}

impl Markers {
    /// Of a file with this `word/numbering.xml`.
    pub(super) fn of(document: &DocxDocument, numbering: &str) -> Self {
        let counter = Counter::new(numbering);
        let styles = document.styles.as_ref();
        let mut walk = Walk { styles, counter, by_style: HashMap::new(), told: Vec::new() };
        walk.blocks(&document.body.elements, 0);
        Self { told: walk.told, at: 0, heading: None }
    }

    /// The marker of the next paragraph that says `text`: empty where it shows none, nothing
    /// where it is not known.
    pub(super) fn next(&mut self, text: &str) -> Option<String> {
        self.heading = None;
        let wanted = hash(text.chars())?;
        let ahead = self.told.iter().enumerate().skip(self.at).take(LEFT_OUT_MAX);
        let found = ahead.map(|(at, (hash, _))| (at, *hash)).find(|&(_, hash)| hash == wanted)?.0;
        self.at = found + 1;
        let (_, told) = self.told.get_mut(found)?;
        self.heading = told.heading;
        told.marker.take()
    }

    /// The level of the paragraph that [`Markers::next`] told of last, if it is a heading with a
    /// number: the tree has those as items of the list that numbers them and the text below.
    pub(super) fn heading(&self) -> Option<u8> {
        self.heading
    }
}

/// What a text says, whatever marks and spaces are in it; nothing when it says nothing.
fn hash(text: impl Iterator<Item = char>) -> Option<u64> {
    let (mut hasher, mut any) = (DefaultHasher::new(), false);
    for c in text.filter(|c| c.is_alphanumeric()) {
        c.hash(&mut hasher);
        any = true;
    }
    any.then(|| hasher.finish())
}

struct Walk<'d> {
    styles: Option<&'d StyleSheet>,
    counter: Counter,
    /// The list and the level that number the paragraphs of a style.
    by_style: HashMap<&'d str, Option<(u32, usize)>>,
    told: Vec<(u64, Told)>,
}

impl<'d> Walk<'d> {
    fn blocks(&mut self, blocks: &'d [BlockElement], depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        for block in blocks {
            match block {
                BlockElement::Paragraph(paragraph) => self.paragraph(paragraph, depth),
                BlockElement::Table(table) => {
                    for cell in table.rows.iter().flat_map(|row| &row.cells) {
                        self.blocks(&cell.content, depth + 1);
                    }
                }
            }
        }
    }

    fn paragraph(&mut self, paragraph: &'d Paragraph, depth: usize) {
        // An empty paragraph has a number, too.
        let numbered = paragraph.properties.as_ref().and_then(|of| self.numbered(of));
        let marker = numbered.and_then(|(list, level)| self.counter.next(list, level));
        let said = runs(paragraph).flat_map(text).flat_map(str::chars);
        let of = paragraph.properties.as_ref();
        let heading = of.filter(|_| marker.is_some()).and_then(|of| self.heading(of));
        self.told.extend(hash(said).map(|said| (said, Told { marker, heading })));
        for content in runs(paragraph).flat_map(|run| &run.content) {
            if let RunContent::TextBox(blocks) = content {
                self.blocks(blocks, depth + 1);
            }
        }
    }

    /// The level of a heading, from 1: its own outline level, or that of its style.
    fn heading(&self, properties: &ParagraphProperties) -> Option<u8> {
        let own = properties.outline_level;
        let of_style =
            || self.styles?.effective_paragraph_properties(Some(properties)).outline_level;
        // 9 is text.
        own.or_else(of_style).filter(|level| *level < 9).map(|level| level + 1)
    }

    /// The list and the level that number a paragraph: its own, or those of its style.
    fn numbered(&mut self, properties: &'d ParagraphProperties) -> Option<(u32, usize)> {
        let known = match &properties.numbering_ref {
            Some(own) => Some((own.num_id, usize::from(own.ilvl))),
            None => self.of_style(properties.style_id.as_deref()?),
        };
        // 0 takes the number of the style away.
        known.filter(|&(list, _)| list != 0)
    }

    fn of_style(&mut self, style: &'d str) -> Option<(u32, usize)> {
        if let Some(known) = self.by_style.get(style) {
            return *known;
        }
        let properties =
            ParagraphProperties { style_id: Some(style.to_owned()), ..Default::default() };
        let effective = self.styles?.effective_paragraph_properties(Some(&properties));
        let numbered = effective.numbering_ref.map(|numbered| {
            let level = self.counter.level_of(numbered.num_id, style);
            (numbered.num_id, level.unwrap_or(usize::from(numbered.ilvl)))
        });
        self.by_style.insert(style, numbered);
        numbered
    }
}

/// The runs of a paragraph that are shown.
fn runs(paragraph: &Paragraph) -> impl Iterator<Item = &Run> {
    let runs = paragraph.content.iter().flat_map(|content| match content {
        ParagraphContent::Run(run) => std::slice::from_ref(run),
        ParagraphContent::Hyperlink(link) => link.runs.as_slice(),
    });
    runs.filter(|run| run.properties.as_ref().and_then(|of| of.hidden) != Some(true))
}

fn text(run: &Run) -> impl Iterator<Item = &str> {
    run.content.iter().filter_map(|content| match content {
        RunContent::Text(text) => Some(text.as_str()),
        RunContent::FormField(field) => field.display_text.as_deref(),
        _ => None,
    })
}
