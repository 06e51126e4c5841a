//! Markdown to readable text: markup goes, words, list markers, table rows and code stay.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::document::Document;
use crate::html;
use crate::write::{Builder, Flow};

/// Reads Markdown text.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    write(source, builder).finish()
}

/// Reads Markdown text into a document in the making.
pub(crate) fn write(source: &str, builder: Builder) -> Builder {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_DEFINITION_LIST;
    let mut reader = Reader { flow: Flow::new(builder), held: None };
    for event in Parser::new_ext(source, options) {
        reader.event(event);
    }
    reader.flow.finish()
}

/// What a run of text is being gathered for instead of the flow.
#[derive(Debug)]
enum Held {
    Code(String),
    Html(String),
    Metadata(String),
}

struct Reader {
    flow: Flow,
    held: Option<Held>,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => self.flow.verbatim(&code),
            Event::Html(text) | Event::InlineHtml(text) => self.markup(&text),
            Event::FootnoteReference(label) => self.flow.text(&format!("[{label}]")),
            Event::SoftBreak => self.flow.text(" "),
            Event::HardBreak => self.flow.line_break(),
            Event::TaskListMarker(done) => self.flow.text(if done { "[x] " } else { "[ ] " }),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.flow.text(&text),
            Event::Rule => self.flow.close(),
        }
    }

    fn text(&mut self, text: &str) {
        match &mut self.held {
            Some(Held::Code(held) | Held::Html(held) | Held::Metadata(held)) => held.push_str(text),
            None => self.flow.text(&without_attributes(text)),
        }
    }

    fn markup(&mut self, text: &str) {
        match &mut self.held {
            Some(Held::Html(held)) => held.push_str(text),
            _ if html::is_line_break(text) => self.flow.line_break(),
            _ if html::is_tag(text) => {}
            _ => self.flow.text(text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::CodeBlock(_) => self.held = Some(Held::Code(String::new())),
            Tag::HtmlBlock => self.held = Some(Held::Html(String::new())),
            Tag::MetadataBlock(_) => self.held = Some(Held::Metadata(String::new())),
            Tag::List(first) => self.flow.open_list(first),
            Tag::Item => self.flow.open_item(),
            Tag::TableHead | Tag::TableRow => self.flow.open_row(),
            Tag::FootnoteDefinition(label) => {
                self.flow.close();
                self.flow.text(&format!("[{label}] "));
            }
            Tag::Heading { .. } | Tag::DefinitionListTitle | Tag::DefinitionListDefinition => {
                self.flow.close();
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph
            | TagEnd::Item
            | TagEnd::BlockQuote(_)
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::FootnoteDefinition => self.flow.close(),
            TagEnd::Heading(level) => self.flow.close_heading(number(level)),
            TagEnd::List(_) => self.flow.close_list(),
            TagEnd::TableCell => self.flow.close_cell(),
            TagEnd::TableHead | TagEnd::TableRow => self.flow.close_row(),
            TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) => self.release(),
            _ => {}
        }
    }

    fn release(&mut self) {
        match self.held.take() {
            Some(Held::Code(text)) => self.flow.code(&text),
            Some(Held::Html(text)) => {
                self.flow.close();
                html::fragment(&text, &mut self.flow);
                self.flow.close();
            }
            Some(Held::Metadata(text)) => self.metadata(&text),
            None => {}
        }
    }

    /// Front matter is about the text, not part of it; its title is kept.
    fn metadata(&mut self, text: &str) {
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.trim().eq_ignore_ascii_case("title") {
                self.flow.builder.title(value.trim().trim_matches(['"', '\'']));
            }
        }
        self.flow.builder.note("the front matter is not part of the text");
    }
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}

/// Drops attribute lists such as `{#anchor}`, `{.class}` and `{: .note}`.
fn without_attributes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        kept.push_str(before);
        let list =
            from.find('}').and_then(|close| from.get(..=close)).filter(|list| is_attributes(list));
        match list {
            Some(list) => rest = from.get(list.len()..).unwrap_or_default(),
            None => {
                kept.push('{');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    kept.push_str(rest);
    kept
}

fn is_attributes(list: &str) -> bool {
    let inner = list.trim_start_matches('{').trim_end_matches('}');
    let mark = inner.starts_with(['#', '.', ':']) && inner.len() > 1;
    mark && inner.chars().all(|c| c.is_alphanumeric() || "#.:-_= \"'".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::BlockKind;

    fn document(source: &str) -> Document {
        read(source, Builder::new("text/markdown"))
    }

    #[test]
    fn markup_goes_and_words_stay() {
        let source = "---\ntitle: \"My page\"\n---\n# One {#one}\n\nSome *fine* [text](http://x.y/z) with \
                      `code_here` and **bold**\nlines {#a-1}.<br>Next, Vec<T> stays.\n\n## Two\n\n- a\n- b\n  1. c\n\n\
                      | h | i |\n|---|---|\n| 1 | `2` |\n\n```rust\nfn x() {\n    1\n}\n```\n\n<p align=\"center\">In &amp; out</p>\n";
        let document = document(source);
        assert_eq!(
            document.text,
            "One\n\nSome fine text with code_here and bold lines .\nNext, Vec<T> stays.\n\nTwo\n\n- a\n- b\n  1. c\n\n\
             | h | i |\n| 1 | 2 |\n\nfn x() {\n    1\n}\n\nIn & out"
        );
        assert_eq!(document.title.as_deref(), Some("My page"));
        let headings: Vec<_> =
            document.headings.iter().map(|h| (h.level, h.title.as_str())).collect();
        assert_eq!(headings, [(1, "One"), (2, "Two")]);
        let rows = document.blocks.iter().filter(|b| b.kind == BlockKind::TableRow).count();
        assert_eq!(rows, 2);
    }

    #[test]
    fn braces_that_are_no_attributes_stay() {
        assert_eq!(without_attributes("set {a, b} and { x } {#id} {.c}"), "set {a, b} and { x }  ");
        assert_eq!(without_attributes("open { only"), "open { only");
    }
}
