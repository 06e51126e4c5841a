//! News feeds (RSS, RDF, Atom): one section an entry.

use crate::document::{BlockKind, Document};
use crate::html;
use crate::write::{Builder, Flow};
use crate::xml::{self, Token};

/// The elements that hold an entry.
const ENTRIES: [&str; 2] = ["item", "entry"];

/// The elements whose text is kept, whatever prefix a file gives their namespaces.
const KEPT: [&str; 12] = [
    "title",
    "subtitle",
    "description",
    "summary",
    "content",
    "encoded",
    "author",
    "creator",
    "pubDate",
    "published",
    "updated",
    "category",
];

/// Whether the start of an XML text is that of a feed.
pub(crate) fn is_feed(head: &str) -> bool {
    let begins = |tag: &str| {
        let ends = |c: char| c.is_whitespace() || c == '>';
        head.split(tag).skip(1).any(|after| after.starts_with(ends))
    };
    // Other RDF is no feed: ontologies and the like.
    let items = ["purl.org/rss/", "/rdf/simple/"].iter().any(|space| head.contains(space));
    begins("<rss") || begins("<feed") || items && begins("<rdf:RDF")
}

/// Reads a feed.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    let mut feed = Feed { builder, entry: Vec::new(), within: 0, field: None, open: Vec::new() };
    let whole = xml::walk(source, |token| feed.token(token));
    feed.write();
    if !whole {
        feed.builder.note("the feed is damaged or cut short; what comes before the fault was read");
    }
    feed.builder.finish()
}

struct Feed {
    builder: Builder,
    /// The fields of the present entry (or of the feed itself).
    entry: Vec<(String, String)>,
    within: usize,
    /// The field being read and the depth of its element.
    field: Option<(String, usize)>,
    open: Vec<String>,
}

impl Feed {
    fn token(&mut self, token: Token<'_>) {
        match token {
            Token::Open(name, attributes) => {
                let name = xml::local(name);
                self.open.push(name.to_owned());
                if ENTRIES.contains(&name) {
                    self.write();
                    self.within += 1;
                } else if self.field.is_none() && KEPT.contains(&name) {
                    self.field = Some((name.to_owned(), self.open.len()));
                    let term = attributes.find("term").unwrap_or_default();
                    self.entry.push((name.to_owned(), term.to_owned()));
                }
            }
            Token::Close(name) => {
                let name = xml::local(name);
                if self.field.as_ref().is_some_and(|(_, depth)| *depth == self.open.len()) {
                    self.field = None;
                }
                self.open.pop();
                if ENTRIES.contains(&name) {
                    self.write();
                    self.within = self.within.saturating_sub(1);
                }
            }
            Token::Text(text) if self.field.is_some() => {
                if let Some((_, held)) = self.entry.last_mut() {
                    held.push_str(text);
                }
            }
            Token::Text(_) => {}
        }
    }

    /// Writes the present entry: its title, who and when, then its longest text.
    fn write(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        let field = |names: &[&str]| {
            let mut of = entry.iter().filter(|(name, _)| names.contains(&name.as_str()));
            of.next().map(|(_, text)| text.trim()).filter(|text| !text.is_empty())
        };
        if let Some(title) = field(&["title"]) {
            let title = plain(title);
            if self.within == 0 {
                self.builder.title(title.as_str());
            }
            self.builder.block(BlockKind::Heading(1 + u8::from(self.within > 0)), &title);
        }
        let when = field(&["pubDate", "published", "updated"]);
        let who = field(&["author", "creator"]);
        let marks: Vec<&str> = [when, who].into_iter().flatten().collect();
        self.builder.block(BlockKind::Paragraph, &marks.join(", "));
        let texts = ["encoded", "content", "description", "summary", "subtitle"];
        let body = texts.iter().filter_map(|name| field(&[name])).max_by_key(|text| text.len());
        if let Some(body) = body {
            let mut flow = Flow::new(std::mem::take(&mut self.builder));
            html::fragment(body, &mut flow);
            self.builder = flow.finish();
        }
        let categories: Vec<&str> = entry
            .iter()
            .filter(|(name, _)| name == "category")
            .map(|(_, text)| text.trim())
            .filter(|text| !text.is_empty())
            .collect();
        self.builder.block(BlockKind::Paragraph, &categories.join(", "));
    }
}

/// Text that may hold HTML, on one line.
fn plain(text: &str) -> String {
    html::read(text, Builder::default()).text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_sections() {
        let rss = "<rss version='2.0'><channel><title>News</title><link>u</link><description>All of it</description>\
            <item><title>Salt &amp; Pepper</title><pubDate>Mon</pubDate><description>short</description>\
            <content:encoded><![CDATA[<p>One</p><p>Two &lt;3</p>]]></content:encoded><category>food</category></item></channel></rss>";
        let document = read(rss, Builder::default());
        assert_eq!(
            document.text,
            "News\n\nAll of it\n\nSalt & Pepper\n\nMon\n\nOne\n\nTwo <3\n\nfood"
        );
        assert_eq!(document.headings.len(), 2);
        let atom = "<feed xmlns='http://www.w3.org/2005/Atom'><title>A</title><entry><title>B</title>\
            <author><name>Ann</name></author><content type='html'>&lt;b&gt;C&lt;/b&gt;</content></entry>";
        let document = read(atom, Builder::default());
        assert_eq!(document.text, "A\n\nB\n\nAnn\n\nC");
        assert_eq!(document.notes.len(), 1);
    }
}
