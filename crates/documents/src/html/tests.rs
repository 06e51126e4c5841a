//! What is kept of pages, and where it stands.

use super::*;
use crate::document::BlockKind;

mod mails;

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

#[test]
fn list_items_have_the_numbers_that_a_page_shows() {
    let page = "<ol type=a><li>one<li>two<ol type=I start=3><li>x</ol></ol>\
        <ol reversed><li>c<li>b<li>a</ol><ol><li value=5>five<li>six</ol>\
        <ol style='list-style-type: lower-roman'><li>r</ol>\
        <table><tr><th>k<td><ol><li>p<li>q</ol></table>";
    assert_eq!(
        document(page).text,
        "a. one\nb. two\n  III. x\n3. c\n2. b\n1. a\n5. five\n6. six\ni. r\n\n| k | 1. p 2. q |"
    );
}

#[test]
fn what_a_reader_can_open_is_text_and_what_stays_hidden_is_not() {
    let page = "<h3><button aria-expanded=false>Why?</button></h3><div hidden>Because.</div>\
        <a data-bs-toggle=tab href='#t2'>Second</a><div id=t2 style='display: none'>Two.</div>\
        <button data-bs-toggle=collapse data-bs-target='#c3'>Third</button><p>between</p><div id=c3 hidden>Three.</div>\
        <dl><dt onclick='toggle(this)'>Q</dt><dd style='display:none'>A</dd></dl>\
        <button onclick=\"show('x5')\">Show</button><p hidden id=x5>Five.</p>\
        <div style='Display:None !important'>preheader</div><p hidden>gone</p>\
        <div style='max-height:0;opacity:0'>preheader</div>\
        <button type=submit>Send</button><div style='display:none'>thanks</div>\
        <button data-bs-toggle=modal data-bs-target='#m'>Open</button><div id=m style='display:none'>window</div>";
    let document = document(page);
    assert_eq!(
        document.text,
        "Why?\n\nBecause.\n\nSecond\n\nTwo.\n\nThird\n\nbetween\n\nThree.\n\nQ\n\nA\n\nShow\n\nFive."
    );
    assert!(document.notes.is_empty(), "{:?}", document.notes);
}

#[test]
fn what_a_script_may_show_is_read_and_a_long_preview_is_noted() {
    let words = "word ".repeat(300);
    let loading = format!("<p>Loading</p><main style='display:none'><p>{words}</p></main>");
    assert_eq!(document(&loading).text, format!("Loading\n\n{}", words.trim()));
    let more = "more ".repeat(200);
    let part = document(&format!("<p>{words}</p><div style='display:none'>{more}</div>"));
    assert_eq!(part.text, format!("{}\n\n{}", words.trim(), more.trim()));
    assert!(part.notes.is_empty(), "{:?}", part.notes);
    let news = "news ".repeat(30);
    let mail =
        document(&format!("<title>Mail</title><div style='display:none'>{news}</div><p>Hi.</p>"));
    assert_eq!(mail.text, "Hi.");
    assert_eq!(mail.notes, ["text that the page does not show was left out"]);
}

#[test]
fn what_a_style_hides_beside_its_opener_is_text() {
    for (page, expected) in [
        (
            r#"<h3 class="q">Can I cancel?</h3><div style="display:none">Within 14 days.</div>"#,
            "Can I cancel?\n\nWithin 14 days.",
        ),
        (
            r#"<p>The fee is 5 euros. <span id="more" style="display:none">Children pay nothing.</span></p><button onclick="myFunction()">Read more</button>"#,
            "The fee is 5 euros. Children pay nothing.",
        ),
        (
            "<p>Ask.</p><button class=q>How?</button><div style='display:none'>So.</div>",
            "Ask.\n\nHow?\n\nSo.",
        ),
        (
            "<p>Rates.</p><table><tr><th>a<th>b<tr style='display:none'><td>1<td>2</table>",
            "Rates.\n\n| a | b |\n| 1 | 2 |",
        ),
        ("<div style='display:none'>All there is.</div>", "All there is."),
        ("<p>Seen.</p><p>12 km<span style='display:none'>0012</span></p>", "Seen.\n\n12 km"),
    ] {
        assert_eq!(document(page).text, expected);
    }
}

#[test]
fn the_preview_of_a_mail_stays_out() {
    let page = r#"<html><head><title>Your invoice</title></head><body>
        <div style="display:none;font-size:1px;max-height:0;opacity:0">Your invoice for May is ready to be looked at &zwnj;&nbsp;&zwnj;</div>
        <a href="https://acme.example"><img src="logo.png" width="90" height="30"></a>
        <p>Dear Ann, please find it here.</p></body></html>"#;
    assert_eq!(document(page).text, "Dear Ann, please find it here.");
}

#[test]
fn exponents_and_marks_of_notes_are_told_from_digits() {
    let page = "<p>About 10<sup>6</sup> or 10<sup>&minus;3</sup> m<sup>2</sup>, the 5<sup>th</sup>. In 2024<sup>1</sup> \
        sales<sup><a href='#n1'>1</a></sup> and costs<a href='p#n2'><sup>b</sup></a> grew 3<span style='vertical-align:super'>2</span> \
        <sup>[4]</sup>.<sup><a href='x.html'>2</a></sup></p>";
    assert_eq!(
        document(page).text,
        "About 10⁶ or 10⁻³ m², the 5th. In 2024¹ sales[1] and costs[b] grew 3² [4].²"
    );
}

#[test]
fn lists_of_links_in_margins_go_and_other_text_there_stays() {
    let links = |names: [&str; 3]| {
        let items = names.map(|name| format!("<li><a href='{name}'>{name}</a></li>"));
        format!("<ul>{}</ul>", items.concat())
    };
    let words = "word ".repeat(60);
    let page = format!(
        "<header><h1>Acme</h1>{}</header><div class=page-with-sidebar><div class=article-footer>{}</div>\
         <main><header><a>Ann</a>, <a>Bo</a>, <a>Cy</a></header><p>{words}</p>{}</main></div>\
         <aside><p>Open from 9 to 5.</p><h4>Read on</h4>{}</aside>\
         <footer><p>Acme, 1 Road</p><div><h5>Firm</h5>{}</div>\
         <ul><li><a href='mailto:a@b.c'>a@b.c</a><li><a href='tel:1'>12 34</a><li><a href=x>Map</a></ul></footer>",
        links(["Shop", "News", "Help"]),
        links(["Ann", "Bo", "Cy"]),
        links(["One", "Two", "Three"]),
        links(["First", "Second", "Third"]),
        links(["About", "Jobs", "Press"]),
    );
    let document = document(&page);
    assert_eq!(
        document.text,
        format!(
            "Acme\n\n- Ann\n- Bo\n- Cy\n\nAnn, Bo, Cy\n\n{}\n\n- One\n- Two\n- Three\n\nOpen from 9 to 5.\n\nRead on\n\n\
             Acme, 1 Road\n\n- a@b.c\n- 12 34\n- Map",
            words.trim()
        )
    );
    assert_eq!(
        document.notes,
        ["lists of links were left out as navigation: 'header', 'aside', 'footer'"]
    );
}

#[test]
fn notices_on_cookies_and_windows_that_ask_go_and_a_page_on_cookies_stays() {
    let notice = "<div id=cookie-notice><p>We use cookies.</p><a href=p>More</a></div>";
    let page = format!(
        "<p>{}</p>{notice}<div role=dialog>Sign in <input></div><div role=dialog>The crew.</div><div class='post category-cookie-bars'>Bake the cookies.</div>",
        "word ".repeat(20)
    );
    let about = document(&page);
    assert_eq!(
        about.text,
        format!("{}\n\nThe crew.\n\nBake the cookies.", "word ".repeat(20).trim())
    );
    assert_eq!(about.notes, ["a notice on cookies was left out"]);
    assert_eq!(document(notice).text, "We use cookies.\n\nMore");
}

#[test]
fn what_a_page_shows_without_scripts_is_read_where_it_is_the_page() {
    let story = "<p>Once upon a time.</p>".repeat(30);
    let page = format!("<div id=app>Loading</div><noscript><div>{story}</div></noscript>");
    assert!(document(&page).text.starts_with("Loading\n\nOnce upon a time.\n\nOnce"));
    let hint = "<noscript>Please turn scripts on.</noscript><p>Hi.</p>";
    assert_eq!(document(hint).text, "Hi.");
    let open = "<body><noscript><div id=a></noscript><p>All of the page.</p>";
    assert_eq!(document(open).text, "All of the page.");
}
