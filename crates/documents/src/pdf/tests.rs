//! PDFs written by hand, byte by byte, and what is read from them.

use std::fmt::Write as _;

use cairn_kernel::Kind;
use pdf_oxide::editor::{DocumentEditor, EncryptionConfig, SaveOptions};

use crate::document::{BlockKind, Document};
use crate::parse;

/// A PDF whose pages hold the given content streams, with a sound cross-reference table.
pub(crate) fn pdf(pages: &[String]) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len()).map(|page| format!("{} 0 R", 4 + page * 2)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
    ];
    for (page, content) in pages.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents {} 0 R >>",
            5 + page * 2
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len() + 1));
    }
    let mut file = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        let _ = write!(file, "{} 0 obj\n{object}\nendobj\n", number + 1);
    }
    let start = file.len();
    let _ = write!(file, "xref\n0 {}\n0000000000 65535 f \n", places.len() + 1);
    for place in &places {
        let _ = writeln!(file, "{place:010} 00000 n ");
    }
    let _ = write!(
        file,
        "trailer << /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
        places.len() + 1
    );
    file.into_bytes()
}

/// Drawing operators for one line of text.
pub(crate) fn line(x: u32, y: u32, size: u32, text: &str) -> String {
    format!("BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n")
}

/// Drawing operators for a picture that fills a page: 32 by 64 pixels, one byte of text for eight.
pub(crate) const SCAN: &str = "q 612 0 0 792 0 0 cm BI /W 32 /H 64 /BPC 1 /CS /G ID \
    UUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUU\
    UUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUU\
    UUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUU\
    UUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUU EI Q\n";

fn read(pages: &[String]) -> Document {
    parse("test.pdf", &pdf(pages)).unwrap()
}

const FILLER: [&str; 6] = [
    "The quick brown fox jumps over the lazy dog and",
    "runs along the river until it finds a quiet place",
    "where it may rest for the night without any fear",
    "of the hunters who have followed its trail since",
    "the early morning when the sun was barely visible",
    "above the hills that surround the little village.",
];

fn column(x: u32, top: u32) -> String {
    FILLER.iter().zip(0..).map(|(text, row): (_, u32)| line(x, top - row * 13, 11, text)).collect()
}

#[test]
fn lines_become_paragraphs_and_large_type_headings() {
    let page = line(72, 720, 18, "A Study of Foxes")
        + &line(72, 690, 11, "This text explains how the transfor-")
        + &line(72, 677, 11, "mation of wild animals into pets went.")
        + &line(72, 640, 11, "A second paragraph follows here as well.");
    let document = read(&[page]);
    assert_eq!(
        document.text,
        "A Study of Foxes\n\nThis text explains how the transformation of wild animals into pets went.\n\n\
         A second paragraph follows here as well."
    );
    assert_eq!(document.headings.len(), 1);
    assert_eq!(document.blocks[0].kind, BlockKind::Heading(1));
    assert_eq!(
        (document.pages[0].start, document.pages[0].end),
        (0, document.text.chars().count())
    );
}

#[test]
fn columns_of_prose_are_read_one_after_the_other() {
    let page = line(150, 740, 18, "A title across both of the columns")
        + &column(50, 700)
        + &column(330, 700);
    let document = read(&[page]);
    let first = document.text.find("little village.").unwrap();
    let second = document.text.rfind("The quick brown").unwrap();
    assert!(first < second, "{}", document.text);
    assert!(document.text.contains("dog and runs along the river"), "{}", document.text);
}

#[test]
fn lines_across_both_columns_are_one_paragraph() {
    let page =
        line(100, 740, 11, "This abstract runs across both of the columns and was written by Mr")
            + &line(100, 727, 11, "Fox in a second line of about the same length as that above")
            + &column(50, 700)
            + &column(330, 700);
    let text = read(&[page]).text;
    assert!(text.contains("written by Mr Fox in a second line"), "{text}");
    assert!(text.contains("dog and runs along the river"), "{text}");
}

#[test]
fn tables_right_after_each_other_are_apart() {
    let row = |y, cells: &[(u32, &str)]| -> String {
        cells.iter().map(|(x, text)| line(*x, y, 11, text)).collect()
    };
    let page = row(700, &[(72, "Name"), (200, "Price"), (330, "Stock")])
        + &row(685, &[(72, "Bolt"), (200, "3.50"), (330, "12")])
        + &row(670, &[(72, "Nut"), (200, "1.20"), (330, "40")])
        + &row(645, &[(72, "Day"), (140, "Open"), (265, "Shut"), (400, "Staff"), (480, "Till")])
        + &row(630, &[(72, "Mon"), (140, "8:00"), (265, "17:00"), (400, "4"), (480, "2")])
        + &row(615, &[(72, "Tue"), (140, "8:00"), (265, "17:00"), (400, "3"), (480, "1")]);
    let text = read(&[page]).text;
    assert!(text.contains("| Nut | 1.20 | 40 |\n\n| Day | Open | Shut |"), "{text}");
}

#[test]
fn rules_make_cells_and_what_stands_in_one_belongs_together() {
    let rules = "72 660 360 60 re 72 700 m 432 700 l 200 660 m 200 720 l S\n".to_owned();
    let page = line(72, 740, 11, "Prices of the shop")
        + &rules
        + &line(76, 706, 11, "Name")
        + &line(204, 706, 11, "Price")
        + &line(76, 686, 11, "Bolts that do not")
        + &line(76, 673, 11, "rust")
        + &line(204, 680, 11, "3.50")
        + &line(72, 640, 11, "All prices with tax");
    let document = read(&[page]);
    assert_eq!(
        document.text,
        "Prices of the shop\n\n| Name | Price |\n| Bolts that do not rust | 3.50 |\n\n\
         All prices with tax"
    );
    let kinds: Vec<BlockKind> = document.blocks.iter().map(|block| block.kind).collect();
    assert_eq!(kinds[1..3], [BlockKind::TableRow; 2]);
}

#[test]
fn no_text_goes_on_in_a_row_of_a_table() {
    let row = |y, a, b, c| line(72, y, 11, a) + &line(250, y, 11, b) + &line(420, y, 11, c);
    let page = row(700, "Name", "Price", "Stock")
        + &row(686, "Bolt", "3.50", "12")
        + &row(672, "Nut", "1.20", "40 pieces that were counted")
        + &line(72, 658, 11, "All prices are with tax, and nothing that is sold comes back to us");
    let text = read(&[page]).text;
    assert!(text.contains(" counted |\n\nAll prices are"), "{text}");
}

#[test]
fn rows_of_a_table_are_read_across() {
    let row = |y, a, b, c| line(72, y, 11, a) + &line(250, y, 11, b) + &line(420, y, 11, c);
    let page = row(700, "Name", "Price", "Stock")
        + &row(685, "Bolt", "3.50", "12")
        + &row(670, "Nut", "1.20", "40");
    let document = read(&[page]);
    assert_eq!(
        document.text,
        "| Name | Price | Stock |\n| Bolt | 3.50 | 12 |\n| Nut | 1.20 | 40 |"
    );
    assert!(document.blocks.iter().all(|block| block.kind == BlockKind::TableRow));
}

#[test]
fn values_stay_under_their_columns_beside_empty_cells() {
    let cell = |y, x, text| line(x, y, 11, text);
    let page = cell(700, 72, "Name")
        + &cell(700, 250, "Price")
        + &cell(700, 420, "Stock")
        + &cell(685, 72, "Bolt")
        + &cell(685, 250, "3.50")
        + &cell(685, 420, "12")
        + &cell(670, 72, "Nut")
        + &cell(670, 420, "40")
        + &cell(655, 250, "0.10")
        + &cell(655, 420, "7");
    let document = read(&[page]);
    assert_eq!(
        document.text,
        "| Name | Price | Stock |\n| Bolt | 3.50 | 12 |\n| Nut |  | 40 |\n|  | 0.10 | 7 |"
    );
    assert!(document.blocks.iter().all(|block| block.kind == BlockKind::TableRow));
    let chars: Vec<char> = document.text.chars().collect();
    let rows = document.boxes.iter().map(|line| &chars[line.start..line.end]);
    let rows: Vec<String> = rows.map(|row| row.iter().collect()).collect();
    assert_eq!(rows, document.text.lines().collect::<Vec<_>>());
    let lefts: Vec<f64> = document.boxes.iter().map(|line| line.fractions()[0]).collect();
    assert!((lefts[2] - 72.0 / 612.0).abs() < 0.001 && (lefts[3] - 250.0 / 612.0).abs() < 0.001);
}

/// Drawing operators for a line of text that runs up the page.
fn upwards(x: u32, y: u32, text: &str) -> String {
    format!("BT /F1 11 Tf 0 1 -1 0 {x} {y} Tm ({text}) Tj ET\n")
}

#[test]
fn labels_in_a_margin_follow_the_text_and_watermarks_stay_out() {
    let watermark = "BT /F1 40 Tf 0.7071 0.7071 -0.7071 0.7071 200 300 Tm (DRAFT) Tj ET\n";
    let page = upwards(590, 300, "Margin label") + &column(72, 700) + watermark;
    let document = read(&[page]);
    assert!(document.text.ends_with("little village.\n\nMargin label"), "{}", document.text);
    assert!(!document.text.contains("DRAFT"), "{}", document.text);
    let [left, top, right, bottom] = document.boxes.last().unwrap().fractions();
    assert!(left > 0.9 && right < 0.98 && right - left < bottom - top, "{:?}", document.boxes);
}

#[test]
fn labels_in_a_margin_part_no_sentence_and_are_given_once() {
    let pages: Vec<String> = (1..=5)
        .map(|page| {
            line(72, 700, 11, &format!("Page text {page} has enough words to fill this one line"))
                + &line(72, 687, 11, "and goes on to the very end of the page without a stop so")
                + &upwards(590, 300, "Internal")
        })
        .collect();
    let text = read(&pages).text;
    assert_eq!(text.matches("Internal").count(), 1, "{text}");
    let first = line(72, 700, 11, "The fox runs along the river until it finds a quiet place and");
    let second = line(72, 700, 11, "rests there for the night without any fear of the hunters.");
    let text = read(&[first + &upwards(590, 300, "Part one"), second]).text;
    assert!(text.starts_with("Part one\n\nThe fox"), "{text}");
    assert!(text.contains("a quiet place and rests there"), "{text}");
}

#[test]
fn running_heads_go_and_sentences_cross_pages() {
    let pages: Vec<String> = (1..=5)
        .map(|page| {
            line(72, 770, 9, "The Book of Foxes")
                + &line(
                    72,
                    700,
                    11,
                    &format!("Page text {page} begins with enough words to fill this one line"),
                )
                + &line(72, 687, 11, "and goes on to the very end of the page without a stop so")
                + &line(300, 30, 9, &format!("{}", page + 6))
        })
        .collect();
    let document = read(&pages);
    assert_eq!(document.text.matches("The Book of Foxes").count(), 1, "{}", document.text);
    assert!(document.text.starts_with("The Book of Foxes\n\nPage text 1"), "{}", document.text);
    assert!(!document.text.contains("11"), "{}", document.text);
    assert_eq!(document.pages.len(), 5);
    assert_eq!(document.page_at(document.text.find("text 3").unwrap()), Some(3));
    assert!(document.notes.iter().any(|note| note.contains("running heads")));
}

#[test]
fn heads_that_change_with_the_section_are_given_once_and_are_no_table() {
    let sections = ["Contents", "Paths", "Paths", "Paths", "Knots", "Knots", "Knots", "Index"];
    let pages: Vec<String> = (1..)
        .zip(sections)
        .map(|(page, section): (u32, &str)| {
            let title = if page == 2 { line(72, 730, 16, "Paths") } else { String::new() };
            line(72, 770, 9, &page.to_string())
                + &line(400, 770, 9, section)
                + &title
                + &line(72, 700, 11, "The fox runs along the river until it finds a quiet place")
                + &line(72, 687, 11, "where it may rest for the night without any fear at all.")
        })
        .collect();
    let document = read(&pages);
    for section in ["Contents", "Paths", "Knots", "Index"] {
        assert_eq!(document.text.matches(section).count(), 1, "{}", document.text);
    }
    assert!(!document.text.contains('|'), "{}", document.text);
    assert!(document.headings.iter().any(|heading| heading.title == "Paths"));
}

#[test]
fn what_differs_from_page_to_page_is_no_running_head() {
    let facts = |page: u32| {
        [
            format!("Invoice {}", 1_000 + page),
            format!("Customer number: {}", 7_000 + page * 13),
            format!("Date of delivery: {} May 2024", page + 3),
            format!("Total amount due: {} euros", 250 + page * 37),
        ]
    };
    let pages: Vec<String> = (1..=6)
        .map(|page| {
            let [title, customer, date, total] = facts(page);
            line(72, 760, 16, &title)
                + &line(72, 736, 11, &customer)
                + &line(72, 719, 11, &date)
                + &line(72, 702, 11, &total)
                + &column(72, 685)
        })
        .collect();
    let document = read(&pages);
    for fact in (1..=6).flat_map(facts) {
        assert!(document.text.contains(&fact), "{fact}: {}", document.text);
    }
    assert_eq!(document.headings.len(), 6, "{:?}", document.headings);
    assert!(!document.notes.iter().any(|note| note.contains("running heads")));
}

#[test]
fn pages_without_text_are_named_and_a_scan_is_refused() {
    let text = line(72, 700, 11, "Only this page has text.");
    let image = "q 100 0 0 100 72 600 cm 0.5 g 0 0 1 1 re f Q".to_owned();
    let document = read(&[text, image.clone()]);
    assert!(
        document.notes.iter().any(|note| note.contains("text layer: 2; ")),
        "{:?}",
        document.notes
    );
    let error = parse("scan.pdf", &pdf(&[image])).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Unprocessable, Some("invalid_file")));
    assert!(
        error.message().contains("pages have no text layer")
            && error.message().contains("models pull"),
        "{error}"
    );
}

#[test]
fn every_line_has_its_box_on_its_page() {
    let pages = [
        line(72, 720, 18, "A Study of Foxes")
            + &line(72, 690, 11, "This text explains how the transfor-")
            + &line(72, 677, 11, "mation of wild animals into pets went.")
            + &line(72, 640, 11, "A second paragraph follows here as well."),
        line(72, 700, 11, "Another page has one more line."),
    ];
    let document = read(&pages);
    let chars: Vec<char> = document.text.chars().collect();
    let texts: Vec<(u32, String)> = document
        .boxes
        .iter()
        .map(|line| (line.page, chars[line.start..line.end].iter().collect()))
        .collect();
    let expected = [
        (1, "A Study of Foxes"),
        (1, "This text explains how the transfor"),
        (1, "mation of wild animals into pets went."),
        (1, "A second paragraph follows here as well."),
        (2, "Another page has one more line."),
    ];
    assert_eq!(texts, expected.map(|(page, text)| (page, text.to_owned())));
    for (line, base) in document.boxes.iter().zip([720.0, 690.0, 677.0, 640.0, 700.0]) {
        let [left, top, right, bottom] = line.fractions();
        assert!((left - 72.0 / 612.0).abs() < 0.001 && left < right && right < 0.9, "{line:?}");
        let base = 1.0 - base / 792.0;
        assert!(top < base && base < bottom && bottom - top < 0.03, "{line:?}");
    }
}

#[test]
fn a_scan_under_a_stamp_is_named_where_it_is_not_read() {
    let stamp = line(420, 20, 10, "EXHIBIT 000123");
    let text = line(72, 700, 11, "A page that was written with a program.");
    let document = read(&[SCAN.to_owned() + &stamp, text]);
    assert!(document.text.starts_with("EXHIBIT 000123"), "{}", document.text);
    let named = |note: &String| note.contains("only the text over them was read: 1; to read");
    assert!(document.notes.iter().any(named), "{:?}", document.notes);
}

fn encrypted(user: &str) -> Vec<u8> {
    let source = pdf(&[line(72, 700, 11, "A secret text.")]);
    let mut editor = DocumentEditor::from_bytes(source).unwrap();
    let options = SaveOptions::with_encryption(EncryptionConfig::new(user, "owner"));
    editor.save_to_bytes_with_options(options).unwrap()
}

#[test]
fn a_password_is_named_and_an_empty_one_opens() {
    assert_eq!(parse("open.pdf", &encrypted("")).unwrap().text, "A secret text.");
    let error = parse("locked.pdf", &encrypted("pass")).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Unprocessable, Some("invalid_file")));
    assert!(error.message().contains("'locked.pdf' is protected by a password"), "{error}");
}
