//! EPUB books: the chapters in reading order, each a page.

use std::collections::HashMap;

use cairn_kernel::Result;

use crate::builder::Builder;
use crate::document::{BlockKind, Document};
use crate::format::Format;
use crate::parts::{Context, Unread};
use crate::xml::{self, Token};
use crate::{archive, encoding, html, invalid_file};

/// What the package document says about the book.
#[derive(Debug, Default)]
struct Package {
    title: Option<String>,
    /// Path and media type by id.
    items: HashMap<String, (String, String)>,
    /// Ids in reading order.
    spine: Vec<String>,
}

/// Reads an EPUB book.
pub(crate) fn read(name: &str, bytes: &[u8], context: Context<'_>) -> Result<Document> {
    let damaged = |what: &str| {
        invalid_file(format!("'{name}' is a damaged EPUB book: {what}; export it again"))
    };
    let mut archive = archive::open(name, bytes)?;
    let mut file = |path: &str| archive::member(&mut archive, path, context).map(|b| text(&b));
    if file("META-INF/rights.xml").is_some() {
        return Err(invalid_file(format!(
            "'{name}' is locked by digital rights management; upload a copy without it"
        )));
    }
    let container = file("META-INF/container.xml").ok_or_else(|| damaged("no container.xml"))?;
    let path = package_path(&container).ok_or_else(|| damaged("no package is named"))?;
    let package = file(&path).ok_or_else(|| damaged("its package document is missing"))?;
    let package = package_of(&package, &path);
    let labels = package
        .items
        .values()
        .find(|(_, media)| media == "application/x-dtbncx+xml")
        .and_then(|(path, _)| file(path).map(|contents| labels(&contents, path)))
        .unwrap_or_default();
    let mut builder = Builder::new(Format::Epub.media_type());
    if let Some(title) = &package.title {
        builder.title(title.as_str());
    }
    let mut unread = Unread::default();
    let listed = package.spine.iter().filter_map(|id| package.items.get(id));
    let chapters = listed.filter(|(_, media)| media.contains("html"));
    for (number, (path, _)) in (1..).zip(chapters) {
        builder.page(number);
        let Some(page) = file(path) else {
            unread.add(format!("the chapter '{path}' is missing or damaged"));
            continue;
        };
        let own = html::read(&page, Builder::default());
        if let Some(label) = labels.get(path).filter(|_| own.headings.is_empty()) {
            builder.block(BlockKind::Heading(1), label);
        }
        builder.append(&own, 0);
    }
    unread.write(&mut builder);
    Ok(builder.finish())
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
                    package.items.insert(id.to_owned(), (resolve(path, href), media));
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
                if let Some(target) = attributes.find("src") {
                    let target = target.split('#').next().unwrap_or_default();
                    found.entry(resolve(path, target)).or_insert_with(|| label.clone());
                }
            }
            _ => {}
        },
        Token::Close(name) => inside &= xml::local(name) != "navLabel",
        Token::Text(text) if inside => label.push_str(text.trim()),
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
    use super::*;

    #[test]
    fn paths_are_resolved_within_the_archive() {
        assert_eq!(resolve("OEBPS/content.opf", "text/a%20b.xhtml"), "OEBPS/text/a b.xhtml");
        assert_eq!(resolve("OEBPS/toc/toc.ncx", "../../../c.xhtml"), "c.xhtml");
        assert_eq!(resolve("content.opf", "50%.html"), "50%.html");
    }
}
