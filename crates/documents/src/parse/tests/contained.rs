//! Files that hold other files, and the kinds that are archives inside.

use super::*;

pub(super) const MAIL: &str = "From: Ann <ann@example.org>\r\nTo: Bob <bob@example.org>\r\n\
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Sun, 22 Dec 2024 11:23:00 +0300\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=\"edge\"\r\n\r\n--edge\r\nContent-Type: multipart/alternative; boundary=\"in\"\r\n\r\n\
--in\r\nContent-Type: text/plain\r\n\r\nplain words\r\n--in\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
<p>Rich words.</p><table><tr><td>a</td><td>1</td></tr></table>\r\n--in--\r\n\
--edge\r\nContent-Type: text/csv; name=\"prices.csv\"\r\nContent-Disposition: attachment; filename=\"prices.csv\"\r\n\
Content-Transfer-Encoding: base64\r\n\r\nYm9sdCwzLjUwCg==\r\n\
--edge\r\nContent-Type: application/octet-stream; name=\"x.bin\"\r\nContent-Disposition: attachment; filename=\"x.bin\"\r\n\
Content-Transfer-Encoding: base64\r\n\r\nAAECAwQFBgc=\r\n--edge--\r\n";

pub(super) fn epub() -> Vec<u8> {
    let container =
        br#"<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>"#;
    let package =
        br#"<package xmlns:dc="x"><metadata><dc:title>The Book</dc:title></metadata><manifest>
        <item id="two" href="b%20c.xhtml" media-type="application/xhtml+xml"/>
        <item id="one" href="a.xhtml" media-type="application/xhtml+xml"/>
        <item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>
        <spine><itemref idref="one"/><itemref idref="two"/></spine></package>"#;
    let contents = br#"<ncx><navMap><navPoint><navLabel><text>Second</text></navLabel><content src="b%20c.xhtml#x"/></navPoint></navMap></ncx>"#;
    zipped(&[
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container),
        ("OPS/book.opf", package),
        ("OPS/toc.ncx", contents),
        ("OPS/a.xhtml", b"<html><body><h1>First</h1><p>One.</p></body></html>"),
        ("OPS/b c.xhtml", b"<html><body><p>Two.</p></body></html>"),
    ])
}

pub(super) fn odt(body: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content xmlns:office='o' xmlns:text='t'><office:body><office:text>{body}</office:text></office:body></office:document-content>"
    );
    let styles = b"<s xmlns:style='s' xmlns:text='t'><style:header><text:p>The head</text:p></style:header><style:footer><text:p>The foot</text:p></style:footer></s>";
    zipped(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("META-INF/manifest.xml", b"<manifest/>"),
        ("styles.xml", styles),
        ("content.xml", content.as_bytes()),
    ])
}

fn message(name: &str, bytes: &[u8]) -> String {
    parse(name, bytes).unwrap_err().message().to_owned()
}

#[test]
fn an_archive_is_its_members_under_their_paths() {
    let page = pdf_files::line(72, 700, 11, "A page of its own.");
    let inner = zipped(&[("deep.txt", b"deep words")]);
    let pdf = pdf_files::pdf(&[page]);
    let archive = zipped(&[
        ("notes/a.md", b"# Title\n\ntext"),
        ("b.pdf", &pdf),
        ("inner.zip", &inner),
        ("raw.bin", &[0, 1, 2, 3]),
        ("__MACOSX/x", b"junk"),
    ]);
    let document = parse("all.zip", &archive).unwrap();
    assert_eq!(
        document.text,
        "notes/a.md\n\nTitle\n\ntext\n\nb.pdf\n\nA page of its own.\n\ninner.zip\n\ndeep.txt\n\ndeep words"
    );
    assert_eq!(document.media_type, "application/zip");
    let at = |words: &str| document.text.find(words).unwrap();
    assert_eq!(document.heading_path(at("text")), ["notes/a.md", "Title"]);
    assert_eq!(document.heading_path(at("deep words")), ["inner.zip", "deep.txt"]);
    assert_eq!((document.page_at(at("A page")), document.page_at(at("deep"))), (Some(1), None));
    assert!(document.notes.iter().any(|note| note.contains("'raw.bin' is binary data")));
    assert!(
        message("none.zip", &zipped(&[("raw.bin", &[0, 1])]))
            .contains("holds no file that is read")
    );
    assert!(message("empty.zip", &zipped(&[])).contains("is an empty archive"));
}

#[test]
fn archives_are_opened_to_a_depth_and_bombs_are_not() {
    let mut nest = zipped(&[("a.txt", b"the bottom")]);
    for _ in 0..12 {
        nest = zipped(&[("a.txt", b"here"), ("b.zip", &nest)]);
    }
    let document = parse("nest.zip", &nest).unwrap();
    assert!(!document.text.contains("the bottom"));
    assert!(
        document.notes.iter().any(|note| note.contains("archives deep")),
        "{:?}",
        document.notes
    );
    let zeros = vec![b'a'; 40 << 20];
    let bomb = zipped(&[("bomb.txt", &zeros), ("fine.txt", b"fine")]);
    let document = parse("bomb.zip", &bomb).unwrap();
    assert_eq!(document.text, "fine.txt\n\nfine");
    assert!(document.notes.iter().any(|note| note.contains("unpacks to more than is allowed")));
    let many: Vec<(String, &[u8])> =
        (0..2_100).map(|n| (format!("{n}.txt"), b"x".as_slice())).collect();
    let many: Vec<(&str, &[u8])> =
        many.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let document = parse("many.zip", &zipped(&many)).unwrap();
    assert_eq!(document.headings.len(), 2_000);
    assert!(document.notes.last().unwrap().contains("more parts were not read"));
}

#[test]
fn a_mail_gives_its_heads_its_text_and_its_attachments() {
    let document = parse("letter.eml", MAIL.as_bytes()).unwrap();
    assert_eq!(
        document.text,
        "Grüße\n\nFrom: Ann <ann@example.org>\nTo: Bob <bob@example.org>\nDate: Sun, 22 Dec 2024 11:23:00 +0300\n\n\
         Rich words.\n\n| a | 1 |\n\nprices.csv\n\n| bolt | 3.50 |"
    );
    assert_eq!(document.title.as_deref(), Some("Grüße"));
    assert!(document.notes.iter().any(|note| note.contains("'x.bin' is binary data")));
    let rows = document.blocks.iter().filter(|block| block.kind == BlockKind::TableRow).count();
    assert_eq!(rows, 2);
}

#[test]
fn a_mail_in_a_mail_is_read() {
    let inner = "From: c@d\r\nSubject: Inner\r\n\r\ninner words";
    let outer = format!(
        "From: a@b\r\nSubject: Outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
         --x\r\nContent-Type: text/plain\r\n\r\nouter words\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--x--\r\n"
    );
    let document = parse("a.eml", outer.as_bytes()).unwrap();
    assert!(
        document.text.contains("outer words") && document.text.contains("inner words"),
        "{}",
        document.text
    );
    assert!(document.heading_path(document.text.find("inner words").unwrap()).contains(&"Inner"));
}

#[test]
fn a_book_is_read_in_its_order() {
    let document = parse("book.epub", &epub()).unwrap();
    assert_eq!(document.text, "First\n\nOne.\n\nSecond\n\nTwo.");
    assert_eq!(document.title.as_deref(), Some("The Book"));
    assert_eq!(document.headings.len(), 2);
    let at = |words: &str| document.page_at(document.text.find(words).unwrap());
    assert_eq!((at("One."), at("Second"), document.pages.len()), (Some(1), Some(2), 2));
    let broken = zipped(&[
        ("META-INF/container.xml", b"<container/>"),
        ("mimetype", b"application/epub+zip"),
    ]);
    assert!(message("b.epub", &broken).contains("'b.epub' is a damaged EPUB book"));
}

#[test]
fn an_open_document_has_its_heads_and_feet_once() {
    let document =
        parse("a.odt", &odt("<text:h text:outline-level='1'>T</text:h><text:p>Body</text:p>"))
            .unwrap();
    assert_eq!(document.text, "The head\n\nT\n\nBody\n\nThe foot");
    assert_eq!(document.media_type, "application/vnd.oasis.opendocument.text");
    let locked = zipped(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("META-INF/manifest.xml", b"<m><manifest:encryption-data/></m>"),
        ("content.xml", b"\x01\x02"),
    ]);
    assert!(message("l.odt", &locked).contains("protected by a password"));
    let deep = "<text:list><text:list-item>".repeat(20_000);
    let document = parse("deep.odt", &odt(&format!("<text:p>top</text:p>{deep}"))).unwrap();
    assert!(document.text.starts_with("The head\n\ntop"));
}

#[test]
fn entities_that_grow_do_not_grow_here() {
    let rows: String = (1..12)
        .map(|n| {
            format!(
                "<!ENTITY e{n} '&e{0};&e{0};&e{0};&e{0};&e{0};&e{0};&e{0};&e{0};&e{0};&e{0};'>",
                n - 1
            )
        })
        .collect();
    let feed = format!(
        "<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY e0 'lol'>{rows}]><rss><channel><title>x&e11;</title></channel></rss>"
    );
    let document = parse("laughs.xml", feed.as_bytes()).unwrap();
    assert_eq!(document.text, "x");
}

#[test]
fn pictures_need_the_models_and_say_so() {
    let error = parse("scan.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(
        error.message().contains("PNG image")
            && error.message().contains("cairn models pull pp-ocrv6-detection"),
        "{error}"
    );
    let absent = ParseOptions {
        ocr: Some(OcrModels {
            detection: "/none/a".into(),
            recognition: "/none/b".into(),
            direction: None,
        }),
        ..ParseOptions::default()
    };
    let error = parse_with("scan.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &absent).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("/none/a"), "{error}");
}
