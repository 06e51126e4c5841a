//! EPUB books: the chapters in reading order, each a page.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;

use cairn_kernel::Result;
use zip::ZipArchive;

use crate::document::{BlockKind, Document};
use crate::parse::{Context, Format, Unread};
use crate::write::Builder;
use crate::xml::{self, Token};
use crate::{archive, encoding, html, invalid_file, picture};

/// What the package document says about the book.
#[derive(Debug, Default)]
struct Package {
    title: Option<String>,
    /// The files of the book by id.
    items: HashMap<String, Item>,
    /// Ids in reading order.
    spine: Vec<String>,
}

/// One file of a book.
#[derive(Debug)]
struct Item {
    path: String,
    media: String,
    /// Whether it is the table of contents, which repeats the chapters' headings.
    contents: bool,
}

impl Item {
    /// Whether it is a page of text (the second kind is that of books before EPUB).
    fn is_chapter(&self) -> bool {
        self.media.contains("html") || self.media == "text/x-oeb1-document"
    }
}

/// Reads an EPUB book.
pub(crate) fn read(name: &str, bytes: &[u8], context: Context<'_>) -> Result<Document> {
    let damaged = |what: &str| {
        invalid_file(format!("'{name}' is a damaged EPUB book: {what}; export it again"))
    };
    let archive = archive::open(name, bytes)?;
    let mut book = Book { archive, context, seen: HashSet::new() };
    if book.text("META-INF/rights.xml").is_some() {
        return Err(invalid_file(format!(
            "'{name}' is locked by digital rights management; upload a copy without it"
        )));
    }
    let container =
        book.text("META-INF/container.xml").ok_or_else(|| damaged("no container.xml"))?;
    let path = package_path(&container).ok_or_else(|| damaged("no package is named"))?;
    let package = book.text(&path).ok_or_else(|| damaged("its package document is missing"))?;
    let package = package_of(&package, &path);
    let labels = book.labels(&package);
    let mut builder = Builder::new(Format::Epub.media_type());
    if let Some(title) = &package.title {
        builder.title(title.as_str());
    }
    let mut unread = Unread::default();
    let mut number = 0;
    for id in &package.spine {
        match package.items.get(id) {
            Some(item) if item.is_chapter() => {
                number += 1;
                builder.page(number);
                book.chapter(item, labels.get(&item.path), &mut builder, &mut unread);
            }
            Some(item) => {
                unread.add(format!("the chapter '{}', a file of type '{}'", item.path, item.media));
            }
            None => unread.add(format!("the chapter with the id '{id}', which names no file")),
        }
    }
    unread.write(&mut builder);
    Ok(builder.finish())
}

/// A book being read.
struct Book<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    context: Context<'a>,
    /// Paths of the pictures met, each of which is read once.
    seen: HashSet<String>,
}

impl Book<'_> {
    fn text(&mut self, path: &str) -> Option<String> {
        archive::member(&mut self.archive, path, self.context).map(|bytes| text(&bytes))
    }

    /// The labels of chapters by path: from the table of contents of EPUB 2, and where it has
    /// none, from that of EPUB 3.
    fn labels(&mut self, package: &Package) -> HashMap<String, String> {
        let ncx = package.items.values().find(|item| item.media == "application/x-dtbncx+xml");
        let ncx = ncx.and_then(|item| Some((item, self.text(&item.path)?)));
        let mut found = ncx.map_or_else(HashMap::new, |(item, text)| labels(&text, &item.path));
        let nav = package.items.values().find(|item| item.contents);
        let Some((nav, page)) = nav.and_then(|item| Some((item, self.text(&item.path)?))) else {
            return found;
        };
        for (target, label) in html::contents(&page) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !label.is_empty() {
                found.entry(resolve(&nav.path, file)).or_insert(label);
            }
        }
        found
    }

    /// Writes a chapter, under its label in the table of contents where it has no heading.
    fn chapter(
        &mut self,
        item: &Item,
        label: Option<&String>,
        builder: &mut Builder,
        unread: &mut Unread,
    ) {
        let path = item.path.as_str();
        let Some(page) = self.text(path) else {
            unread.add(format!("the chapter '{path}' is missing or damaged"));
            return;
        };
        let mut pictures = 0;
        let own = html::chapter(&page, &mut |source| {
            pictures += 1;
            self.words(&resolve(path, source.split(['#', '?']).next().unwrap_or_default()))
        });
        if own.text.trim().is_empty() && !item.contents {
            let holds = if pictures > 0 { "holds only pictures" } else { "holds no text" };
            unread.add(format!("the chapter '{path}' {holds}"));
        }
        let blank = item.contents && own.text.trim().is_empty();
        if let Some(label) = label.filter(|_| own.headings.is_empty() && !blank) {
            builder.block(BlockKind::Heading(1), label);
        }
        builder.append(&own, 0);
        for note in &own.notes {
            builder.note(format!("{path}: {note}"));
        }
    }

    /// The lines of text in the picture at `path`, where it stands first.
    fn words(&mut self, path: &str) -> Vec<String> {
        if !self.seen.insert(path.to_owned()) {
            return Vec::new();
        }
        let bytes = archive::member(&mut self.archive, path, self.context);
        bytes.map(|bytes| picture::words(&bytes, self.context)).unwrap_or_default()
    }
}

fn text(bytes: &[u8]) -> String {
    encoding::decode(bytes, encoding::xml_encoding(bytes).as_deref()).text
}

fn package_path(container: &str) -> Option<String> {
    let mut found = None;
    xml::walk(container, |token| {
        if let Token::Open(name, attributes) = token
            && xml::local(name) == "rootfile"
            && found.is_none()
        {
            found = attributes.find("full-path").map(str::to_owned);
        }
    });
    found
}

fn package_of(source: &str, path: &str) -> Package {
    let mut package = Package::default();
    let mut titled = false;
    xml::walk(source, |token| match token {
        Token::Open(name, attributes) => match xml::local(name) {
            "title" => titled = package.title.is_none(),
            "item" => {
                if let (Some(id), Some(href)) = (attributes.find("id"), attributes.find("href")) {
                    let media = attributes.find("media-type").unwrap_or_default().to_owned();
                    let properties = attributes.find("properties").unwrap_or_default();
                    let contents = properties.split_whitespace().any(|one| one == "nav");
                    let item = Item { path: resolve(path, href), media, contents };
                    package.items.insert(id.to_owned(), item);
                }
            }
            "itemref" => package.spine.extend(attributes.find("idref").map(str::to_owned)),
            _ => {}
        },
        Token::Close(name) => titled &= xml::local(name) != "title",
        Token::Text(text) if titled => package.title.get_or_insert_default().push_str(text),
        Token::Text(_) => {}
    });
    package
}

/// The table of contents: the first label of each chapter's path.
fn labels(contents: &str, path: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let (mut label, mut inside) = (String::new(), false);
    xml::walk(contents, |token| match token {
        Token::Open(name, attributes) => match xml::local(name) {
            "navLabel" => {
                label.clear();
                inside = true;
            }
            "content" => {
                let label = label.split_whitespace().collect::<Vec<_>>().join(" ");
                if let Some(target) = attributes.find("src").filter(|_| !label.is_empty()) {
                    let target = target.split('#').next().unwrap_or_default();
                    found.entry(resolve(path, target)).or_insert(label);
                }
            }
            "br" => label.push(' '),
            _ => {}
        },
        Token::Close(name) => match xml::local(name) {
            "navLabel" => inside = false,
            "text" => label.push(' '),
            _ => {}
        },
        Token::Text(text) if inside => label.push_str(text),
        Token::Text(_) => {}
    });
    found
}

/// `href`, which the file at `base` names, as a path in the archive.
fn resolve(base: &str, href: &str) -> String {
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut path: Vec<&str> = folder.split('/').filter(|piece| !piece.is_empty()).collect();
    let plain = unescaped(href);
    for piece in plain.split('/') {
        match piece {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            piece => path.push(piece),
        }
    }
    path.join("/")
}

/// `%20` and the like as the bytes they stand for.
fn unescaped(href: &str) -> String {
    let mut bytes = Vec::with_capacity(href.len());
    let mut rest = href.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::parse::parse;

    /// A book of these chapters, each of which is a file and an item of the spine.
    fn book(chapters: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let mut add = |name: &str, content: &str| {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        };
        add("META-INF/container.xml", "<c><rootfile full-path='book.opf'/></c>");
        let mut items = String::new();
        let mut spine = String::new();
        for (path, content) in chapters {
            add(path, content);
            let media =
                if path.ends_with(".svg") { "image/svg+xml" } else { "application/xhtml+xml" };
            let nav = if *path == "nav.xhtml" { "nav" } else { "" };
            items += &format!(
                "<item id='{path}' href='{path}' media-type='{media}' properties='{nav}'/>"
            );
            spine += &format!("<itemref idref='{path}'/>");
        }
        let package = format!(
            "<p><manifest>{items}</manifest><spine>{spine}<itemref idref='x'/></spine></p>"
        );
        add("book.opf", &package);
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn no_chapter_vanishes_unsaid() {
        let made = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/>\
            <script type='text/javascript' src='a.js'/></head><body><p>All is here.</p></body></html>";
        let file = book(&[
            ("one.xhtml", made),
            ("nav.xhtml", "<html><body><nav><a href='one.xhtml'>One</a></nav></body></html>"),
            ("two.xhtml", "<html><body><p/></body></html>"),
            ("three.xhtml", "<html><body><svg><image xlink:href='none.png'/></svg></body></html>"),
            ("four.svg", "<svg/>"),
        ]);
        let document = parse("book.epub", &file).unwrap();
        assert_eq!(document.text, "All is here.");
        assert_eq!(
            document.notes,
            [
                "not read: the chapter 'two.xhtml' holds no text",
                "not read: the chapter 'three.xhtml' holds only pictures",
                "not read: the chapter 'four.svg', a file of type 'image/svg+xml'",
                "not read: the chapter with the id 'x', which names no file",
            ]
        );
    }

    #[test]
    fn labels_keep_their_spaces() {
        let point = |text: &str, path: &str| {
            format!(
                "<navPoint><navLabel><text>{text}</text></navLabel><content src='{path}'/></navPoint>"
            )
        };
        let ncx = point("Salt &amp;\n  Pepper", "a.xhtml")
            + &point("Part <b>One</b> of two", "b.xhtml#x")
            + &point(" ", "c.xhtml")
            + &point("Again", "a.xhtml#y");
        let found = labels(&format!("<ncx><navMap>{ncx}</navMap></ncx>"), "OPS/toc.ncx");
        assert_eq!(found.get("OPS/a.xhtml").map(String::as_str), Some("Salt & Pepper"));
        assert_eq!(found.get("OPS/b.xhtml").map(String::as_str), Some("Part One of two"));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn chapters_without_headings_have_the_labels_of_the_contents() {
        let contents = "<html xmlns:epub='http://www.idpf.org/2007/ops'><head><title/></head><body>\
            <nav epub:type='toc'><ol><li><a href='nav.xhtml'>Contents</a></li>\
            <li><a href='one.xhtml#top'>Salt &amp; <i>Pepper</i></a></li>\
            <li><a href='two.xhtml'>Second</a></li></ol></nav></body></html>";
        let file = book(&[
            ("nav.xhtml", contents),
            ("one.xhtml", "<html><body><p>One.</p></body></html>"),
            ("two.xhtml", "<html><body><h2>Its own</h2><p>Two.</p></body></html>"),
        ]);
        let document = parse("book.epub", &file).unwrap();
        assert_eq!(document.text, "Salt & Pepper\n\nOne.\n\nIts own\n\nTwo.");
        let titles: Vec<&str> = document.headings.iter().map(|one| one.title.as_str()).collect();
        assert_eq!(titles, ["Salt & Pepper", "Its own"]);
    }

    #[test]
    fn paths_are_resolved_within_the_archive() {
        assert_eq!(resolve("OEBPS/content.opf", "text/a%20b.xhtml"), "OEBPS/text/a b.xhtml");
        assert_eq!(resolve("OEBPS/toc/toc.ncx", "../../../c.xhtml"), "c.xhtml");
        assert_eq!(resolve("content.opf", "50%.html"), "50%.html");
    }
}
