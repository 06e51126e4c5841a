//! Texts, sheets and slides as OpenDocument writes them.

use super::*;

fn body_with(source: &str, format: Format, words: &mut dyn FnMut(&str) -> Vec<String>) -> Document {
    let mut body = Body::new(Builder::new("x"), format, words);
    assert!(xml::walk(source, |token| body.token(token)));
    body.flow.close();
    body.write_beside();
    body.flow.finish().finish()
}

fn body(source: &str, format: Format) -> Document {
    body_with(source, format, &mut |_| Vec::new())
}

#[test]
fn a_text_keeps_headings_lists_tables_and_notes() {
    let document = body(
        "<office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>\
         <text:h text:outline-level='2'>Head</text:h><text:p>One<text:s text:c='2'/>two<text:note><text:note-citation>1</text:note-citation>\
         <text:note-body><text:p>A note.</text:p></text:note-body></text:note>.</text:p>\
         <text:list><text:list-item><text:p>a</text:p><text:list><text:list-item><text:p>b</text:p></text:list-item></text:list></text:list-item></text:list>\
         <table:table><table:table-row><table:table-cell><text:p>K</text:p></table:table-cell><table:table-cell table:number-columns-repeated='2'><text:p>x</text:p><text:p>y</text:p></table:table-cell></table:table-row></table:table></office:text>",
        Format::Odt,
    );
    assert_eq!(
        document.text,
        "Head\n\nOne two[1].\n\n[1] A note.\n\n- a\n  - b\n\n| K | x y | x y |"
    );
    assert_eq!(document.headings[0].level, 2);
}

#[test]
fn sheets_and_slides_are_told_apart_and_filler_goes() {
    let row = "<table:table-row table:number-rows-repeated='1000000'><table:table-cell table:number-columns-repeated='16384'/></table:table-row>";
    let sheet = format!(
        "<a><table:table table:name='S1'><table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:table-cell><text:p>2</text:p></table:table-cell><table:table-cell table:number-columns-repeated='9999'/></table:table-row>{row}</table:table></a>"
    );
    let sheets = body(&sheet, Format::Ods);
    assert_eq!(sheets.text, "S1\n\n| 1 | 2 |");
    assert_eq!((sheets.pages.len(), sheets.page_at(5)), (1, Some(1)));
    let slides = "<a><draw:page><text:p>one</text:p></draw:page><draw:page><text:p>two</text:p></draw:page></a>";
    let document = body(slides, Format::Odp);
    assert_eq!((document.pages.len(), document.page_at(5)), (2, Some(2)));
}

/// A sheet of these rows, each a row's attributes and cells, whose text may have `left` bytes.
fn sheet(rows: &[(&str, &str)], left: usize) -> Document {
    let row =
        |(more, cells): &(&str, &str)| format!("<table:table-row{more}>{cells}</table:table-row>");
    let rows: String = rows.iter().map(row).collect();
    let mut words = |_: &str| Vec::<String>::new();
    let mut body = Body::new(Builder::new("x"), Format::Ods, &mut words);
    body.left = left;
    let source = format!("<a><table:table table:name='S'>{rows}</table:table></a>");
    assert!(xml::walk(&source, |token| body.token(token)));
    body.flow.finish().finish()
}

fn cell(text: &str, repeated: usize) -> String {
    format!(
        "<table:table-cell table:number-columns-repeated='{repeated}'><text:p>{text}</text:p></table:table-cell>"
    )
}

#[test]
fn equal_rows_and_cells_with_text_are_all_written() {
    let wide = cell("x", 200);
    let pair = cell("a", 1) + &cell("b", 1);
    let many = " table:number-rows-repeated='500'";
    let last = cell("c", 1);
    let rows: [(&str, &str); 3] = [("", &wide), (many, &pair), ("", &last)];
    let document = sheet(&rows, TEXT_BYTES_MAX);
    let rows: Vec<&str> = document.text.lines().skip(2).collect();
    assert_eq!(rows.len(), 502);
    assert_eq!(rows[0].matches("| x ").count(), 200);
    assert_eq!(rows.iter().filter(|row| row.starts_with("| a | b |  |")).count(), 500);
    assert!(rows[501].starts_with("| c |  |") && document.notes.is_empty());
}

#[test]
fn what_is_repeated_too_often_is_cut_with_a_note() {
    let row = cell("abc", 1) + &cell("x", 1);
    let many = " table:number-rows-repeated='1000000'";
    // A row costs 32 + 3 + 3 + 1 + 3 bytes.
    let row = row.as_str();
    let document = sheet(&[("", row), (many, row), ("", row)], 42 * 10 + 41);
    assert_eq!(document.text, format!("S\n\n{}", ["| abc | x |"; 10].join("\n")));
    assert_eq!(document.notes.len(), 1);
    assert!(
        document.notes[0].starts_with("'S': its rows from row 11 on were not read"),
        "{:?}",
        document.notes
    );
    let wide = cell("x", 16_000) + &cell("y", 1_000);
    let beyond = sheet(&[("", wide.as_str())], TEXT_BYTES_MAX);
    assert_eq!(beyond.text.matches("| y ").count(), 384);
    assert_eq!(beyond.notes, ["'S': cells beyond 16384 columns were not read"]);
}

const COMMENT: &str = "<office:annotation><dc:creator>Ann</dc:creator><dc:date>2024-01-02</dc:date>\
    <text:p>Is this</text:p><text:p>so?</text:p></office:annotation>";

#[test]
fn comments_stand_after_what_they_are_about() {
    let text = format!(
        "<a><text:h text:outline-level='1'>He{COMMENT}ad</text:h><text:p>One {COMMENT}two<office:annotation-end/> three.</text:p></a>"
    );
    let document = body(&text, Format::Odt);
    let comment = "[Comment by Ann] Is this so?";
    assert_eq!(document.text, format!("Head\n\n{comment}\n\nOne two three.\n\n{comment}"));
    assert_eq!(document.headings.len(), 1);
    let cell = |text: &str| format!("<table:table-cell>{text}</table:table-cell>");
    let row =
        |a: &str, b: &str| format!("<table:table-row>{}{}</table:table-row>", cell(a), cell(b));
    let commented = format!("{COMMENT}<text:p>1</text:p>");
    let rows = row("<text:p>a</text:p>", &commented) + &row("<text:p>c</text:p>", "");
    let sheet = body(&format!("<table:table>{rows}</table:table>"), Format::Ods);
    assert_eq!(sheet.text, format!("| a | 1 |\n| c |  |\n\n{comment}"));
}

#[test]
fn the_words_of_a_picture_stand_after_its_paragraph_or_in_its_cell() {
    let frame = |path: &str| {
        format!(
            "<draw:frame><draw:image xlink:href='{path}'/><draw:image xlink:href='Pictures/again.png'/></draw:frame>"
        )
    };
    let mut asked = Vec::new();
    let mut words = |path: &str| {
        asked.push(path.to_owned());
        if path.ends_with("svg") { Vec::new() } else { vec![format!("in {path}")] }
    };
    let text = format!(
        "<a><text:p>One{}two.</text:p><table:table><table:table-row><table:table-cell><text:p>{}</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table></a>",
        frame("./Pictures/a.png"),
        frame("b.svg")
    );
    let document = body_with(&text, Format::Odt, &mut words);
    assert_eq!(document.text, "One two.\n\nin Pictures/a.png\n\n| in Pictures/again.png | b |");
    let slide = format!("<a><draw:page>{}<text:p>words</text:p></draw:page></a>", frame("c.png"));
    assert_eq!(body_with(&slide, Format::Odp, &mut words).text, "in c.png\n\nwords");
    assert_eq!(asked, ["Pictures/a.png", "b.svg", "Pictures/again.png", "c.png"]);
}

const STYLES: &str = "<text:list-style style:name='L1'>\
    <text:list-level-style-number text:level='1' style:num-format='1' style:num-suffix='.'/>\
    <text:list-level-style-number text:level='2' style:num-format='a' style:num-prefix='(' style:num-suffix=')'/>\
    <text:list-level-style-bullet text:level='3' text:bullet-char='x'/></text:list-style>\
    <text:outline-style><text:outline-level-style text:level='1' style:num-format='1' style:num-suffix='.'/>\
    <text:outline-level-style text:level='2' style:num-format='1' text:display-levels='2'/></text:outline-style>\
    <style:style style:name='P9' style:list-style-name=''/>";

#[test]
fn lists_and_headings_have_the_numbers_of_their_styles() {
    let item = |inner: &str| format!("<text:list-item>{inner}</text:list-item>");
    let list = |more: &str, inner: &str| {
        format!("<text:list text:style-name='L1'{more}>{inner}</text:list>")
    };
    let nested = |inner: &str| format!("<text:list>{inner}</text:list>");
    let p = |text: &str| format!("<text:p>{text}</text:p>");
    let deep = nested(&item(&(p("d") + &nested(&item(&p("e"))))));
    let first = list(
        "",
        &(item(&(p("a") + &p("more") + &nested(&(item(&p("b")) + &item(&p("c"))))))
            + &item(&(p("x") + &deep))),
    );
    // A program that goes on within a list wraps its items in others.
    let on = " text:continue-numbering='true'";
    let second = list(on, &item(&nested(&item(&p("f")))))
        + &list(on, &item(&p("g")))
        + &list("", &item(&p("h")));
    let document = body(&format!("<a>{STYLES}{first}{}{second}</a>", p("Between.")), Format::Odt);
    assert_eq!(
        document.text,
        "1. a\n\nmore\n\n  (a) b\n  (b) c\n2. x\n  (a) d\n    - e\n\nBetween.\n\n  (b) f\n3. g\n1. h"
    );
    let h = |level: usize, style: &str, text: &str| {
        format!("<text:h text:outline-level='{level}' text:style-name='{style}'>{text}</text:h>")
    };
    let headings = h(1, "H", "A")
        + &h(2, "H", "B")
        + &h(2, "P9", "C")
        + &h(1, "H", "D")
        + &h(2, "H", "E")
        + &h(3, "H", "<text:number>9</text:number>F");
    let document = body(&format!("<a>{STYLES}{headings}</a>"), Format::Odt);
    let titles: Vec<&str> = document.headings.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(titles, ["1. A", "1.1 B", "C", "2. D", "2.1 E", "9 F"]);
}

#[test]
fn slides_have_titles_notes_and_charts() {
    let frame = |class: &str, inner: &str| {
        format!("<draw:frame presentation:class='{class}'>{inner}</draw:frame>")
    };
    let text = |text: &str| format!("<draw:text-box><text:p>{text}</text:p></draw:text-box>");
    let slide = |inner: &str| format!("<draw:page>{inner}</draw:page>");
    let chart = "<draw:object xlink:href='./Object 1'/><draw:image xlink:href='./Replaced 1'/>";
    let source = format!(
        "<a>{}{}</a>",
        slide(
            &(frame("title", &text("One"))
                + &frame("outline", &text("words"))
                + &frame("notes", &text("Say it.")))
        ),
        slide(
            &(frame("title", &text("Two")) + &frame("chart", chart) + &frame("notes", &text("")))
        )
    );
    let mut words = |path: &str| vec![format!("in {path}")];
    let mut body = Body::new(Builder::new("x"), Format::Odp, &mut words);
    let rows = vec![vec![String::new(), "In".to_owned()], vec!["2023".to_owned(), "5".to_owned()]];
    let chart = Chart { titles: vec!["Birds".to_owned()], rows };
    body.objects.insert("Object 1".to_owned(), Object::Chart(chart));
    assert!(xml::walk(&source, |token| body.token(token)));
    body.write_beside();
    let document = body.flow.finish().finish();
    assert_eq!(
        document.text,
        "One\n\nwords\n\nNotes:\n\nSay it.\n\nTwo\n\nBirds\n\n|  | In |\n| 2023 | 5 |"
    );
    let titles: Vec<&str> = document.headings.iter().map(|one| one.title.as_str()).collect();
    assert_eq!(titles, ["One", "Two"]);
}

#[test]
fn rows_are_as_wide_as_their_table_says() {
    let cell = |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
    let row = |cells: &str| format!("<table:table-row>{cells}</table:table-row>");
    let rows = row(&(cell("a") + "<table:covered-table-cell/>")) + &row(&(cell("b") + &cell("c")));
    let columns = "<table:table-column table:number-columns-repeated='2'/>";
    let document = body(&format!("<table:table>{columns}{rows}</table:table>"), Format::Odt);
    assert_eq!(document.text, "| a |  |\n| b | c |");
}

#[test]
fn a_foot_with_nothing_but_the_number_of_the_page_is_left_out() {
    let foot = |text: &str| format!("<style:footer><text:p>{text}</text:p></style:footer>");
    let number = "<text:page-number>1</text:page-number>";
    let styles = foot(&format!("Page {number}")) + &foot(&format!("Acme Ltd. {number}"));
    let (_, feet) = furniture(&format!("<a>{styles}</a>"));
    assert_eq!(feet, ["Acme Ltd. 1"]);
}
