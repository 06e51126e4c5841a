//! How a file in one vocabulary of XML is read: without the elements that are left out, tables and
//! formulas by [`Prose`], all others by the reader of the vocabulary.

use crate::document::Document;
use crate::write::Flow;
use crate::xml::prose::Prose;
use crate::xml::{self, Attributes, Token};

/// The reader of a vocabulary. Elements are called by their names without prefixes.
pub(super) trait Vocabulary {
    /// Elements that say nothing to a reader of the text, by their names with a prefix or without.
    const SKIPPED: &'static [&'static str];

    /// The elements around the present text.
    fn open(&mut self) -> &mut Open;

    /// What takes the tables and formulas; none where they are elements as others are.
    fn prose(&mut self) -> Option<&mut Prose>;

    /// An element starts; it is not yet among those around the text.
    fn start(&mut self, name: &str, attributes: &Attributes);

    /// An element ends; it is no longer among those around the text.
    fn end(&mut self, name: &str);

    /// Text between tags.
    fn text(&mut self, text: &str);

    /// A formula ends that was written in MathML; its text in a line.
    fn formula(&mut self, text: &str);

    /// All has been read, or what comes before a fault.
    fn finish(self) -> Flow;
}

/// The elements around the present text, or around the one that starts or ends.
#[derive(Debug, Default)]
pub(super) struct Open(Vec<String>);

impl Open {
    /// The innermost; an empty name outside of all.
    pub(super) fn around(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// Whether one of them is called so.
    pub(super) fn is_within(&self, name: &str) -> bool {
        self.0.iter().any(|open| open == name)
    }

    /// How many they are.
    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }
}

/// Reads a file in the vocabulary of `reader`.
pub(super) fn read<V: Vocabulary>(source: &str, mut reader: V) -> Document {
    let mut skipped = 0_usize;
    let whole = xml::walk(source, |token| match token {
        Token::Open(name, _) if skipped > 0 || is_skipped::<V>(name) => skipped += 1,
        Token::Close(_) if skipped > 0 => skipped -= 1,
        Token::Open(name, attributes) => open(&mut reader, name, attributes),
        Token::Close(name) => close(&mut reader, name),
        Token::Text(text) if skipped == 0 => reader.text(text),
        Token::Text(_) => {}
    });
    let mut flow = reader.finish();
    if !whole {
        flow.builder.note("the file is damaged or cut short; what comes before the fault was read");
    }
    flow.finish().finish()
}

fn is_skipped<V: Vocabulary>(name: &str) -> bool {
    V::SKIPPED.contains(&name) || V::SKIPPED.contains(&xml::local(name))
}

fn open(reader: &mut impl Vocabulary, name: &str, attributes: &Attributes) {
    if reader.prose().is_some_and(|prose| prose.open(name, attributes)) {
        return;
    }
    let name = xml::local(name);
    reader.start(name, attributes);
    reader.open().0.push(name.to_owned());
}

fn close(reader: &mut impl Vocabulary, name: &str) {
    match reader.prose().and_then(|prose| prose.close(name)) {
        Some(Some(formula)) => reader.formula(&formula),
        Some(None) => {}
        None => {
            reader.open().0.pop();
            reader.end(xml::local(name));
        }
    }
}
