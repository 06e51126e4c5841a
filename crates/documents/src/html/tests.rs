//! What is kept of pages, and where it stands.

use super::*;
use crate::document::BlockKind;

fn document(source: &str) -> Document {
    read(source, Builder::new("text/html"))
}

#[test]
fn structure_stays_and_chrome_goes() {
    let page = "<!doctype html><html><head><title>The  page</title><style>x{}</style></head><body>\
        <nav>menu</nav><div class=\"navheader\">prev next</div><h1>Head<a class='headerlink'>¶</a></h1>\
        <div class=Note><h3>Note</h3><p>Mind it.</div><p>One <em>two</em>&nbsp;three<br>four.</p><ul><li>a<li>b<ol start=3><li>c</ol></ul>\
        <table><tr><th>K</th><th>V</th></tr><tr><td>1</td><td><p>x</p><p>y</p></td></tr></table>\
        <pre class=programlisting>SELECT *\n  FROM <em>t</em>;</pre><script>bad()</script></body></html>";
    let document = document(page);
    assert_eq!(
        document.text,
        "Head\n\nNote\n\nMind it.\n\nOne two three\nfour.\n\n- a\n- b\n  3. c\n\n| K | V |\n| 1 | x y |\n\nSELECT *\n  FROM t;"
    );
    assert_eq!(document.title.as_deref(), Some("The page"));
    assert_eq!(document.headings.len(), 1);
    assert_eq!(document.blocks.last().map(|b| b.kind), Some(BlockKind::Code));
}

#[test]
fn deep_nesting_does_not_end_the_program() {
    let page = format!("{}deep{}", "<div>".repeat(50_000), "</div>".repeat(50_000));
    let document = std::thread::Builder::new()
        .stack_size(crate::parse::STACK_BYTES)
        .spawn(move || document(&page))
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(document.text, "deep");
    assert_eq!(document.notes.len(), 1);
}

#[test]
fn tags_and_generics_are_told_apart() {
    assert!(
        is_tag("<br/>") && is_tag("</span>") && is_tag("<!-- x -->") && is_line_break("<br />")
    );
    assert!(!is_tag("<T>") && !is_tag("<String, u8>"));
}

#[test]
fn cells_stand_under_their_columns() {
    let table = "<table><thead><tr><th rowspan=2>Year<th colspan=2>Sales</tr><tr><th>North<th>South</thead>\
        <tbody><tr><td rowspan=2>2024<td>1<td rowspan='2'>2<tr><td>3<tr><td>2025<td colspan=2>4</table>";
    assert_eq!(
        document(table).text,
        "| Year | Sales |  |\n|  | North | South |\n| 2024 | 1 | 2 |\n|  | 3 |  |\n| 2025 | 4 |  |"
    );
}

#[test]
fn a_title_across_a_table_is_no_row() {
    let table = "<table><tr><td colspan=3>Report<tr><th>a<th>b<th>c<tr><td colspan=3>Europe<tr><td>1<td>2<td>3</table>";
    assert_eq!(document(table).text, "Report\n\n| a | b | c |\n| Europe |  |  |\n| 1 | 2 | 3 |");
}

#[test]
fn spans_that_ask_for_too_much_are_noted() {
    let row = "<tr><td colspan=1000>x<td>y";
    let document = document(&format!("<table>{}</table>", row.repeat(300)));
    assert!(document.text.chars().count() < 700_000);
    assert!(
        document.notes.iter().any(|note| note.contains("span so much")),
        "{:?}",
        document.notes
    );
    assert_eq!(
        super::read("<table><tr><td colspan=x>1<td colspan=-1>2</table>", Builder::default()).text,
        "| 1 | 2 |"
    );
}

#[test]
fn the_questions_of_an_accordion_are_headings() {
    let page = "<h3><button aria-expanded=false aria-controls=p1>How long?</button></h3><div id=p1 hidden>Two days.</div>\
        <h3><button>How much?</button></h3><div role=region hidden>Ten.</div>\
        <button class='accordion-button'>Where?</button><div>Here.</div>\
        <details><summary><button>More</button></summary>Yes.</details>\
        <form><button>Send</button></form><h3>Code<button>Copy</button></h3><p hidden>gone</p>\
        <button aria-haspopup=true aria-expanded=false>Menu</button>";
    let document = document(page);
    assert_eq!(
        document.text,
        "How long?\n\nTwo days.\n\nHow much?\n\nTen.\n\nWhere?\n\nHere.\n\nMore\n\nYes.\n\nCode"
    );
    let titles: Vec<&str> =
        document.headings.iter().map(|heading| heading.title.as_str()).collect();
    assert_eq!(titles, ["How long?", "How much?", "Code"]);
}

#[test]
fn navigation_is_told_from_text_by_its_links() {
    let links = "<ul><li><a href=a>First chapter</a><li><a href=b>Second chapter</a></ul>";
    let page = format!(
        "<div class=sidebar><h4>Contents</h4>{links}</div><aside class=sidebar>The tower is 324 m high.</aside>\
         <section id=related><h2 id=related><a href='#related'>Related work</a></h2><p>Others <a href=x>did</a> it before us.</section>\
         <ol class=breadcrumb><li><a href=c>Home</a><li>Here</ol><p>See <a class=related href=d>that</a> too.</p>"
    );
    let document = document(&page);
    assert_eq!(
        document.text,
        "The tower is 324 m high.\n\nRelated work\n\nOthers did it before us.\n\nSee that too."
    );
    assert_eq!(document.notes, ["lists of links were left out as navigation: 'sidebar'"]);
}

#[test]
fn empty_elements_of_xhtml_swallow_nothing() {
    let page = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/>\
        <script src='a.js'/></head><body><p>One.</p><div/><p>Two.</p></body></html>";
    assert_eq!(document(page).text, "One.\n\nTwo.");
}

#[test]
fn pictures_are_read_where_they_stand() {
    let mut seen = Vec::new();
    let mut words = |name: &str| {
        seen.push(name.to_owned());
        vec![format!("words in {name}"), "more".to_owned()]
    };
    let page = "<p>Before <img src='a.png' alt='a map'/> after.</p>\
        <svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'><image xlink:href='b.jpg'/></svg>";
    let chapter = chapter(page, &mut words);
    assert_eq!(
        chapter.text,
        "Before a map\n\nwords in a.png\n\nmore\n\nafter.\n\nwords in b.jpg\n\nmore"
    );
    assert_eq!(seen, ["a.png", "b.jpg"]);
}
