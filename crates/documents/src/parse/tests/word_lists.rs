//! Word files whose numbers are counted, not written, and what is put into words before.

use super::office_files::{package, relations};
use super::*;

const SPACE: &str = r#"xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main""#;

fn word(body: &str) -> Vec<u8> {
    let level = |at: usize, format: &str, text: &str| {
        format!(
            r#"<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{format}"/><w:lvlText w:val="{text}"/></w:lvl>"#
        )
    };
    let numbering = format!(
        r#"<?xml version="1.0"?><w:numbering {SPACE}><w:abstractNum w:abstractNumId="0">{}{}{}</w:abstractNum><w:abstractNum w:abstractNumId="1">{}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num></w:numbering>"#,
        level(0, "decimal", "%1."),
        level(1, "decimal", "%1.%2"),
        level(2, "lowerLetter", "(%3)"),
        level(0, "bullet", "o"),
    );
    let style = |level: usize| {
        format!(
            r#"<w:style w:type="paragraph" w:styleId="Heading{}"><w:name w:val="heading {}"/><w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr><w:outlineLvl w:val="{level}"/></w:pPr></w:style>"#,
            level + 1,
            level + 1
        )
    };
    let styles =
        format!(r#"<?xml version="1.0"?><w:styles {SPACE}>{}{}</w:styles>"#, style(0), style(1));
    let document =
        format!(r#"<?xml version="1.0"?><w:document {SPACE}><w:body>{body}</w:body></w:document>"#);
    let parts =
        relations(&[("rId1", "styles", "styles.xml"), ("rId2", "numbering", "numbering.xml")]);
    package(
        "word/document.xml",
        &[
            ("word/document.xml", "wordprocessingml.document.main", document),
            ("word/_rels/document.xml.rels", "", parts),
            ("word/styles.xml", "wordprocessingml.styles", styles),
            ("word/numbering.xml", "wordprocessingml.numbering", numbering),
        ],
    )
}

fn item(list: usize, level: usize, text: &str) -> String {
    format!(
        r#"<w:p><w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list}"/></w:numPr></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"#
    )
}

#[test]
fn headings_and_clauses_have_the_numbers_that_word_shows() {
    let off = r#"<w:p><w:pPr><w:pStyle w:val="Heading1"/><w:numPr><w:numId w:val="0"/></w:numPr></w:pPr><w:r><w:t>Annex</w:t></w:r></w:p>"#;
    let body = paragraph(Some("Heading1"), "Terms")
        + &paragraph(Some("Heading2"), "Price")
        + &item(1, 2, "net")
        + &item(1, 2, "gross")
        + &paragraph(None, "Text between.")
        + &item(1, 2, "other")
        + &item(2, 0, "a point")
        + &paragraph(Some("Heading2"), "Term")
        + &paragraph(Some("Heading1"), "Law")
        + off;
    let document = parse("contract.docx", &word(&body)).unwrap();
    let lines: Vec<&str> = document.text.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        lines,
        [
            "1. Terms",
            "1.1 Price",
            "(a) net",
            "(b) gross",
            "Text between.",
            "(c) other",
            "- a point",
            "1.2 Term",
            "2. Law",
            "Annex"
        ]
    );
    let at = document.text.find("gross").unwrap();
    assert_eq!(document.heading_path(at), ["1. Terms", "1.1 Price"]);
    assert_eq!(document.blocks[3].kind, BlockKind::ListItem);
}

#[test]
fn cells_that_span_columns_keep_the_others_in_place() {
    let cell = |text: &str, more: &str| format!("<w:tc>{more}{}</w:tc>", paragraph(None, text));
    let wide = r#"<w:tcPr><w:gridSpan w:val="2"/></w:tcPr>"#;
    let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
    let body = format!(
        "<w:tbl>{}{}</w:tbl>",
        row(&[cell("Part", ""), cell("Price", wide), cell("Maker", "")]),
        row(&[cell("Bolt", ""), cell("3", ""), cell("4", ""), cell("Acme", "")])
    );
    let document = parse("table.docx", &word(&body)).unwrap();
    assert_eq!(document.text, "| Part | Price |  | Maker |\n| Bolt | 3 | 4 | Acme |");
}

#[test]
fn equations_and_rows_that_start_late_are_read() {
    let text = |text: &str| format!(r#"<w:r><w:t xml:space="preserve">{text}</w:t></w:r>"#);
    let run = |text: &str| format!("<m:r><m:t>{text}</m:t></m:r>");
    let fraction = format!(
        "<m:oMath><m:f><m:num>{}</m:num><m:den>{}</m:den></m:f></m:oMath>",
        run("x+1"),
        run("2")
    );
    let cell = |inner: &str| format!("<w:tc><w:p>{}</w:p></w:tc>", text(inner));
    let late = format!(r#"<w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>{}</w:tr>"#, cell("b"));
    let body = format!(
        r#"<w:p>{}{fraction}{}</w:p><w:tbl><w:tblGrid><w:gridCol w:w="1"/><w:gridCol w:w="1"/></w:tblGrid><w:tr>{}{}</w:tr>{late}</w:tbl>"#,
        text("So "),
        text("."),
        cell("A"),
        cell("B")
    );
    let document = parse("sums.docx", &word(&body)).unwrap();
    assert_eq!(document.text, "So (x+1)/2.\n\n| A | B |\n|  | b |");
}
