//! Files of each kind, whole and broken.

use std::io::{Cursor, Write};

use cairn_kernel::Kind;
use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::document::BlockKind;
use crate::pdf::tests as pdf_files;

mod contained;
mod letters;
mod office_files;
mod word_lists;

const TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/></Types>"#;
const ROOT: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;
const RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
const STYLES: &str = r#"<?xml version="1.0"?><w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style></w:styles>"#;
const CORE: &str = r#"<?xml version="1.0"?><cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Salt &amp; Pepper</dc:title></cp:coreProperties>"#;

fn docx(body: &str) -> Vec<u8> {
    let document = format!(
        r#"<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>"#
    );
    zipped(&[
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", ROOT.as_bytes()),
        ("word/_rels/document.xml.rels", RELATIONS.as_bytes()),
        ("word/styles.xml", STYLES.as_bytes()),
        ("docProps/core.xml", CORE.as_bytes()),
        ("word/document.xml", document.as_bytes()),
    ])
}

/// A ZIP archive of these members.
fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn paragraph(style: Option<&str>, text: &str) -> String {
    let style = style
        .map(|style| format!(r#"<w:pPr><w:pStyle w:val="{style}"/></w:pPr>"#))
        .unwrap_or_default();
    format!("<w:p>{style}<w:r><w:t>{text}</w:t></w:r></w:p>")
}

fn sample() -> Vec<u8> {
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph(None, text));
    let table = format!(
        "<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
        cell("K"),
        cell("V"),
        cell("a"),
        cell("1")
    );
    docx(
        &(paragraph(Some("Heading1"), "Kitchen")
            + &paragraph(None, "Use salt_and_pepper &lt;T&gt; freely.")
            + &table),
    )
}

#[test]
fn a_word_file_keeps_headings_tables_and_title() {
    let document = parse("kitchen.docx", &sample()).unwrap();
    assert_eq!(document.text, "Kitchen\n\nUse salt_and_pepper <T> freely.\n\n| K | V |\n| a | 1 |");
    assert_eq!(document.headings.len(), 1);
    assert_eq!(document.title.as_deref(), Some("Salt & Pepper"));
    assert!(document.media_type.ends_with("wordprocessingml.document"));
}

#[test]
fn broken_word_files_are_refused_by_name() {
    let whole = sample();
    for bytes in [&whole[..whole.len() / 2], &whole[..60]] {
        let error = parse("cut.docx", bytes).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Unprocessable, Some("invalid_file")));
        assert!(error.message().contains("'cut.docx' is damaged or cut short"), "{error}");
    }
    let error = parse("blank.docx", &docx("")).unwrap_err();
    assert_eq!(error.message(), "'blank.docx' holds no text");
}

#[test]
fn a_zip_bomb_is_refused() {
    let error = parse("bomb.docx", &docx(&paragraph(None, &"a".repeat(80 << 20)))).unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
    assert!(error.message().contains("unpacks to more than is allowed"), "{error}");
}

#[test]
fn the_document_survives_the_way_through_json() {
    let document = parse("a.md", "# Ä\n\ntext\n".as_bytes()).unwrap();
    let json = serde_json::to_string(&document).unwrap();
    assert_eq!(serde_json::from_str::<Document>(&json).unwrap(), document);
}

#[test]
fn other_text_keeps_its_lines() {
    let csv = parse("t.csv", b"name,price\r\nbolt,3.50\r\n").unwrap();
    assert_eq!(
        (csv.text.as_str(), csv.media_type.as_str()),
        ("| name | price |\n| bolt | 3.50 |", "text/csv")
    );
    let code = parse("a.py", b"def f():\n    return 1\n").unwrap();
    assert_eq!(code.text, "def f():\n    return 1");
    let json = parse("a.json", b"{\n  \"a\": 1\n}").unwrap();
    assert_eq!(json.media_type, "application/json");
    let empty = parse("a.txt", b" \n\t ").unwrap_err();
    assert_eq!(empty.message(), "'a.txt' holds no text");
}

fn whole_files() -> Vec<(&'static str, Vec<u8>)> {
    let page = pdf_files::line(72, 700, 11, "Some text to break.")
        + &pdf_files::line(72, 680, 14, "And more.");
    vec![
        ("m.pdf", pdf_files::pdf(&[page.clone(), page])),
        ("m.docx", sample()),
        (
            "m.html",
            b"<html><title>t</title><h1>a</h1><table><tr><td>1<td>2</table><pre>x</pre>".to_vec(),
        ),
        (
            "m.md",
            b"# a\n\n- b\n  - c\n\n| d | e |\n|---|---|\n| 1 | 2 |\n\n```\nx\n```\n{#a} <b>\n"
                .to_vec(),
        ),
        ("m.txt", "Ein Text mit Umlauten: äöü. 日本語。".as_bytes().to_vec()),
        ("m.zip", zipped(&[("a/b.md", b"# x\n\ny"), ("c.csv", b"1,2\n3,4")])),
        ("m.epub", contained::epub()),
        ("m.msg", office_files::outlook()),
        ("m.odt", contained::odt("<text:h>a</text:h><text:p>b</text:p>")),
        ("m.eml", contained::MAIL.as_bytes().to_vec()),
        ("m.ipynb", br#"{"cells":[{"cell_type":"code","source":["a"],"outputs":[]}]}"#.to_vec()),
        (
            "m.rss",
            b"<rss><channel><title>a</title><item><title>b</title></item></channel></rss>".to_vec(),
        ),
        ("m.csv", b"a;b\n\"c\nd\";e\n".to_vec()),
        ("m.json", br#"{"a": [1, {"b": "c"}]}"#.to_vec()),
        (
            "m.rtf",
            br"{\rtf1{\stylesheet{\s1 heading 1;}}\pard\s1{\listtext 1.}a\par\trowd\cellx9\cellx20\pard\intbl b{\footnote c}\cell\u8364 ?\cell\row}".to_vec(),
        ),
        (
            "a.xml",
            b"<article><front><article-meta><title-group><article-title>a</article-title></title-group></article-meta></front><body><sec><label>1</label><title>b</title><p>c<xref ref-type='bibr'><sup>1</sup></xref><fn><p>d</p></fn></p><table><tr><td colspan='2'>e</td></tr></table></sec></body></article>".to_vec(),
        ),
        (
            "p.xml",
            b"<us-patent-grant><us-bibliographic-data-grant><invention-title>a</invention-title></us-bibliographic-data-grant><description><p num='1'>b</p></description><claims><claim><claim-text>c<claim-text>d</claim-text></claim-text></claim></claims></us-patent-grant>".to_vec(),
        ),
        ("d.xml", b"<?xml version='1.0'?><a b='c'><!-- d --><e>f</e><g>h<i>j</i></g></a>".to_vec()),
        ("m.vtt", b"WEBVTT - a\n\n00:01.000 --> 00:02.000\n<v B>c <i>d</i>\n\n1\n00:02.000 --> 00:03.000\ne".to_vec()),
        ("m.rst", b"A\n=\n\n- b ``c`` :d:`e <f>`\n\n.. note:: g\n\n+--+--+\n|h |i |\n+--+--+\n\n=== ===\n1   2\n=== ===\n".to_vec()),
        ("m.org", b"#+TITLE: a\n* b *c* [[d][e]][fn:: f]\n- g\n| h | i |\n#+begin_src\nj\n#+end_src\n".to_vec()),
        ("m.adoc", b"= a\n\n* b `c` <<d,e>> footnote:[f]\n\n[cols=2]\n|===\n2+|g |h\n|i\n|===\n\n----\nj\n----\n".to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_files_are_read_or_refused_and_never_panic(
        which in 0_usize..22,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (name, mut bytes) = whole_files().swap_remove(which);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match parse(name, &bytes) {
            Ok(document) => {
                let chars = document.text.chars().count();
                prop_assert!(document.blocks.iter().all(|block| block.start < block.end && block.end <= chars));
                prop_assert!(document.pages.windows(2).all(|pair| pair[0].end <= pair[1].start));
                prop_assert!(document.boxes.windows(2).all(|pair| pair[0].end <= pair[1].start));
                prop_assert!(document.boxes.iter().all(|line| line.start < line.end && line.end <= chars));
            }
            Err(error) => {
                prop_assert!(matches!(error.kind(), Kind::Unprocessable | Kind::Unsupported), "{}", error.detail());
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), name in "[a-z]{1,3}\\.(pdf|docx|html|md|txt|bin|eml|msg|zip|epub|odt|csv|json|ipynb|xml|png|rtf|vtt|srt|rst|org|adoc)") {
        if let Err(error) = parse(&name, &bytes) {
            prop_assert!(matches!(error.kind(), Kind::Unprocessable | Kind::Unsupported));
        }
    }
}
