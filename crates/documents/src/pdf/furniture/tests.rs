//! What is taken for running lines, and what is not.

use super::*;
use crate::document::Place;

/// The height of the pages, in points.
const HEIGHT: f32 = 800.0;

fn line(y: f32, size: f32, text: &str) -> Line {
    let edge = |y: f32| 1.0 - y / HEIGHT;
    let place = Place { x0: 0.1, y0: edge(y + 0.85 * size), x1: 0.6, y1: edge(y - 0.25 * size) };
    Line {
        text: text.to_owned(),
        x0: 60.0,
        x1: 360.0,
        y,
        size,
        bold: false,
        mono: false,
        cells: text.split("  ").count(),
        column: 0,
        left: 60.0,
        right: 540.0,
        heading: None,
        turned: false,
        parted: false,
        rows: Vec::new(),
        place: Some(place),
    }
}

/// Lines of text below `top`, which differ from page to page.
fn body(page: usize, top: f32, count: u16) -> Vec<Line> {
    let text = |row| format!("Words of row {row} that only page {page} has and no other page");
    (0..count).map(|row| line(top - f32::from(row) * 14.0, 11.0, &text(row))).collect()
}

/// Pages of text under and above the given lines.
fn pages(count: usize, margins: impl Fn(usize) -> Vec<Line>) -> Vec<Vec<Line>> {
    (0..count).map(|page| [margins(page), body(page, 690.0, 30)].concat()).collect()
}

fn texts(pages: &[Vec<Line>]) -> Vec<Vec<String>> {
    let texts = |page: &Vec<Line>| page.iter().map(|line| line.text.clone()).collect();
    pages.iter().map(texts).collect()
}

fn kept(furniture: &Furniture) -> Vec<(usize, &str)> {
    furniture.kept.iter().map(|kept| (kept.page, kept.text.as_str())).collect()
}

fn all_stay(mut pages: Vec<Vec<Line>>) {
    let before = texts(&pages);
    let mut furniture = Furniture::default();
    remove(&mut pages, &mut furniture);
    assert_eq!(texts(&pages), before);
    assert_eq!((furniture.removed, kept(&furniture)), (0, vec![]));
}

/// All lines in the margins go; of them, these are kept.
fn all_go(count: usize, margins: impl Fn(usize) -> Vec<Line>, expected: &[(usize, &str)]) {
    let mut pages = pages(count, margins);
    let mut furniture = Furniture::default();
    remove(&mut pages, &mut furniture);
    assert_eq!(kept(&furniture), expected);
    for (number, page) in pages.iter().enumerate() {
        assert_eq!(page.len(), body(number, 690.0, 30).len(), "{number}: {:?}", page.first());
    }
}

#[test]
fn an_invoice_a_page_stays_whole() {
    let invoice = |page: usize| {
        [
            format!("Invoice {}", 1_001 + page),
            format!("Customer number: {}", 7_013 + page * 13),
            format!("Total amount due: {} euros", 250 + page * 37),
        ]
    };
    // Each line close to the next, each far from it, and in two cells.
    for (top, gap) in [(732.0, 14.0), (770.0, 35.0)] {
        all_stay(pages(6, |page| {
            let lines = invoice(page).into_iter().zip(0_u8..);
            lines.map(|(text, row)| line(top - f32::from(row) * gap, 11.0, &text)).collect()
        }));
    }
    let cells = |page: usize| vec![line(770.0, 11.0, &format!("Invoice  {}", 1_001 + page))];
    all_stay(pages(6, cells));
    let counted = |page: usize| vec![line(770.0, 11.0, &format!("Invoice {}", 1 + page))];
    all_stay(pages(6, counted));
    let labelled = |page: usize| vec![line(770.0, 11.0, &format!("Invoice:  {}", 1 + page))];
    all_stay(pages(6, labelled));
    // The same sum every month, at the foot of the page.
    all_stay(pages(6, |_| vec![line(60.0, 11.0, "Total amount due: 500 euros")]));
    all_stay(pages(6, |_| vec![line(60.0, 11.0, "Rent \u{20ac} 500")]));
}

#[test]
fn titles_stay() {
    let large = |page: usize| vec![line(760.0, 18.0, &format!("Chapter {}", page + 1))];
    all_stay(pages(6, large));
    let bold = |page: usize| {
        let title = line(760.0, 11.0, &format!("Chapter {}", page + 1));
        vec![Line { bold: true, ..title }]
    };
    all_stay(pages(6, bold));
    all_stay(pages(6, |_| vec![line(760.0, 16.0, "Invoice")]));
    let year = |page: usize| vec![line(760.0, 11.0, &(2_019 + page).to_string())];
    all_stay(pages(6, year));
    let item = |page: usize| vec![line(760.0, 11.0, &format!("{}.", page + 1))];
    all_stay(pages(6, item));
}

#[test]
fn slides_stay() {
    let slide = |page: usize| {
        vec![
            line(760.0, 24.0, &format!("Quarter {}", page + 1)),
            line(720.0, 14.0, &format!("Revenue was {} million euros.", page * 3 + 11)),
            line(699.0, 14.0, &format!("We hired {} people.", page * 7 + 2)),
        ]
    };
    all_stay((0..6).map(slide).collect());
}

#[test]
fn a_line_of_the_text_that_repeats_stays() {
    // Short pages, and pages of two lines that stand far from each other.
    let short = |page: usize| {
        let other = line(732.0, 11.0, &format!("Other words of page {page}"));
        vec![line(760.0, 11.0, "Same words"), line(746.0, 11.0, "Same again"), other]
    };
    all_stay((0..6).map(short).collect());
    let two = |page: usize| {
        vec![line(760.0, 11.0, "Same words"), line(700.0, 11.0, &format!("Words of page {page}"))]
    };
    all_stay((0..6).map(two).collect());
    // Right above the text, and far below the margin.
    all_stay(pages(6, |_| vec![line(704.0, 11.0, "Same words")]));
    let inside = |page: usize| {
        let same = vec![line(600.0, 11.0, "Same words")];
        [body(page, 690.0, 4), same, body(page, 550.0, 9)].concat()
    };
    all_stay((0..6).map(inside).collect());
    all_stay(pages(2, |_| vec![line(770.0, 11.0, "Same words")]));
}

#[test]
fn running_heads_and_page_numbers_go() {
    let head = |text: &str| line(770.0, 9.0, text);
    let foot = |text: &str| line(40.0, 9.0, text);
    all_go(5, |_| vec![head("The Book of Foxes")], &[(0, "The Book of Foxes")]);
    all_go(
        5,
        |page| vec![head("Annual Report 2024"), foot(&format!("Page {} of 5", page + 1))],
        &[(0, "Annual Report 2024")],
    );
    let bold = |page: usize| vec![Line { bold: true, ..foot(&(page + 211).to_string()) }];
    all_go(5, bold, &[]);
    let numbered = |page: usize| vec![head(&format!("The Book of Foxes  {}", page + 1))];
    all_go(5, numbered, &[(0, "The Book of Foxes")]);
    let romans = ["iii", "iv", "v", "vi"];
    all_go(4, |page| vec![foot(romans[page])], &[]);
    // The book's title on the left, the chapter's on the right.
    let alternating = |page: usize| {
        let chapter = if page < 4 { "The Den" } else { "The Hunt" };
        let number = page + 1;
        vec![head(&match page % 2 {
            0 => format!("{number}  The Book of Foxes"),
            _ => format!("{chapter}  {number}"),
        })]
    };
    let expected = [(0, "The Book of Foxes"), (1, "The Den"), (5, "The Hunt")];
    all_go(8, alternating, &expected);
    // A name above an address.
    let letterhead =
        |_: usize| vec![line(780.0, 9.0, "Fox Limited"), line(769.0, 9.0, "Den Lane 3")];
    all_go(4, letterhead, &[(0, "Fox Limited"), (0, "Den Lane 3")]);
}

/// The page's number, and the section of which it is: two of them take one page.
fn numbered(page: usize) -> String {
    let section = match page {
        0 => "Contents",
        1..5 => "1.1. PATHS",
        5..8 => "1.2. KNOTS",
        8 => "1.3. SPACES",
        _ => "1.4. MAPS",
    };
    format!("{}  {section}", page + 1)
}

#[test]
fn heads_that_change_with_the_section_go() {
    let expected = [
        (0, "Contents"),
        (1, "1.1. PATHS"),
        (5, "1.2. KNOTS"),
        (8, "1.3. SPACES"),
        (9, "1.4. MAPS"),
    ];
    all_go(14, |page| vec![line(770.0, 9.0, &numbered(page))], &expected);
    // What titles of the text say is not said again.
    let mut pages = pages(14, |page| vec![line(770.0, 9.0, &numbered(page))]);
    pages[1].push(line(270.0, 11.0, "1.1 Paths"));
    pages[8].push(line(270.0, 11.0, "1.3"));
    pages[8].push(line(256.0, 11.0, "Spaces"));
    let mut furniture = Furniture::default();
    remove(&mut pages, &mut furniture);
    assert_eq!(kept(&furniture), [expected[0], expected[2], expected[4]]);
    assert_eq!(furniture.removed, 14);
    // A list of them far before is none of their titles.
    let mut pages = pages_with_list();
    let mut furniture = Furniture::default();
    remove(&mut pages, &mut furniture);
    assert_eq!(kept(&furniture), expected);
}

fn pages_with_list() -> Vec<Vec<Line>> {
    let mut pages = pages(14, |page| vec![line(770.0, 9.0, &numbered(page))]);
    pages[0].push(line(270.0, 11.0, "1.3. Spaces"));
    pages[0].push(line(256.0, 11.0, "1.4. Maps"));
    pages
}

#[test]
fn titles_of_pages_beside_their_numbers_stay() {
    let titles = ["Foxes", "Dens", "Hunts", "Rivers", "Hills", "Woods"];
    all_stay(pages(6, |page| vec![line(770.0, 11.0, &format!("{}  {}", titles[page], page + 1))]));
}

/// The book's title on the left pages, the chapter's on the right ones.
fn chapters(last: &[Line]) -> Vec<Vec<Line>> {
    let head = |page: usize| match page {
        1 | 3 | 5 => "The Den",
        7 | 9 => "The Hunt",
        11 => "The End",
        _ => "The Book of Foxes",
    };
    let mut pages = pages(12, |page| vec![line(770.0, 9.0, head(page))]);
    pages[11].extend_from_slice(last);
    pages
}

#[test]
fn heads_without_numbers_go_where_others_stand_at_their_height() {
    let first = |pages: &[Vec<Line>]| pages[11][0].text.clone();
    let expected = [(0, "The Book of Foxes"), (1, "The Den"), (7, "The Hunt")];
    // One that stands there once goes where it is a title of the text.
    let mut titled = chapters(&[line(716.0, 16.0, "The End")]);
    let mut furniture = Furniture::default();
    remove(&mut titled, &mut furniture);
    assert_eq!((furniture.removed, kept(&furniture)), (12, expected.to_vec()));
    assert!(first(&titled).starts_with("Words"), "{}", first(&titled));
    let mut untitled = chapters(&[]);
    let mut furniture = Furniture::default();
    remove(&mut untitled, &mut furniture);
    assert_eq!((furniture.removed, kept(&furniture)), (11, expected.to_vec()));
    assert_eq!(first(&untitled), "The End");
}

#[test]
fn numbers_that_count_something_else_stay_where_heads_are_known() {
    // Two pages an order, below a head; three pages an order; three pages a name.
    let order = |page: usize| line(750.0, 9.0, &format!("Order {}", 1_001 + page / 2));
    let mut pages_of = pages(12, |page| vec![line(770.0, 9.0, "Fox Limited"), order(page)]);
    let mut furniture = Furniture::default();
    remove(&mut pages_of, &mut furniture);
    assert!(pages_of.iter().all(|page| page.iter().any(|line| line.text.starts_with("Order"))));
    let order = |page: usize| line(770.0, 9.0, &format!("Order {}", 1_001 + page / 3));
    all_stay(pages(12, |page| vec![order(page)]));
    let names = ["Ann:  Fox", "Bob:  Hare", "Cid:  Owl", "Dan:  Elk"];
    all_stay(pages(12, |page| vec![line(770.0, 9.0, names[page / 3])]));
}

#[test]
fn a_number_goes_under_text_with_wide_spacing_too() {
    let wide = |page: usize, foot: &str| {
        let text = |row| format!("Words of row {row} that only page {page} has");
        let rows = (0..21_u16).map(|row| line(690.0 - f32::from(row) * 28.0, 11.0, &text(row)));
        rows.chain([line(96.0, 9.0, foot)]).collect::<Vec<Line>>()
    };
    let mut pages: Vec<Vec<Line>> =
        (0..4).map(|page| wide(page, &(page + 1).to_string())).collect();
    let mut furniture = Furniture::default();
    remove(&mut pages, &mut furniture);
    assert_eq!((furniture.removed, kept(&furniture)), (4, vec![]));
    all_stay((0..4).map(|page| wide(page, "Same words")).collect());
}

#[test]
fn a_head_that_columns_part_is_one() {
    let parted = |page: usize| {
        let head = Line { x0: 400.0, column: 1, ..line(770.0, 9.0, "The Den") };
        vec![head, line(770.0, 9.0, &(page + 1).to_string())]
    };
    all_go(5, parted, &[(0, "The Den")]);
}

#[test]
fn a_line_with_the_number_of_its_page_is_no_row_of_a_table() {
    let cells = |text: fn(usize) -> String| {
        let mut pages = pages(2, |page| vec![line(770.0, 9.0, &text(page))]);
        remove(&mut pages, &mut Furniture::default());
        pages.iter().map(|page| page[0].cells).collect::<Vec<_>>()
    };
    assert_eq!(cells(|page| format!("{}  Contents", page + 1)), [1, 1]);
    assert_eq!(cells(|_| "Rank  7".to_owned()), [2, 2]);
}

#[test]
fn two_rows_an_edge_go_at_most() {
    let three = |_: usize| {
        let rows = [(790.0, "First row"), (765.0, "Second row"), (740.0, "Third row")];
        rows.map(|(y, text)| line(y, 9.0, text)).to_vec()
    };
    let mut pages = pages(5, three);
    let mut furniture = Furniture::default();
    remove(&mut pages, &mut furniture);
    assert_eq!(kept(&furniture), [(0, "First row"), (0, "Second row")]);
    assert!(pages.iter().all(|page| page[0].text == "Third row"));
}

#[test]
fn a_short_document_loses_its_own_page_numbers_only() {
    all_go(2, |page| vec![line(40.0, 9.0, &(page + 1).to_string())], &[]);
    all_stay(pages(2, |page| vec![line(40.0, 9.0, &(page + 2).to_string())]));
    all_stay(pages(2, |page| vec![line(770.0, 9.0, &(page + 1).to_string())]));
}

#[test]
fn what_the_file_calls_running_is_kept_once_and_numbers_that_differ_stay() {
    let mut furniture = Furniture::default();
    for page in 0..3 {
        for text in [
            format!("Handbook {}", page + 1),
            format!("Invoice {}", 1_001 + page),
            format!("Page {} of 3", page + 1),
            "12.05.2024".to_owned(),
        ] {
            furniture.name(page, &text);
        }
    }
    remove(&mut [], &mut furniture);
    let expected = [
        (0, "Handbook 1"),
        (0, "Invoice 1001"),
        (0, "12.05.2024"),
        (1, "Invoice 1002"),
        (2, "Invoice 1003"),
    ];
    assert_eq!((furniture.removed, kept(&furniture)), (12, expected.to_vec()));
}

#[test]
fn labels_in_the_side_margins_go_and_turned_heads_of_tables_stay() {
    let turned = |x: f32, text: &str| {
        let place = Some(Place { x0: x, y0: 0.3, x1: x + 0.02, y1: 0.5 });
        Line { turned: true, place, ..line(-x * 600.0, 9.0, text) }
    };
    let mut label = pages(4, |_| vec![turned(0.95, "Internal 2024")]);
    let mut furniture = Furniture::default();
    remove(&mut label, &mut furniture);
    assert_eq!((furniture.removed, kept(&furniture)), (4, vec![(0, "Internal 2024")]));
    all_stay(pages(4, |page| vec![turned(0.95, &format!("Part {page}"))]));
    all_stay(pages(4, |_| vec![turned(0.3, "Population"), turned(0.5, "Area")]));
    all_stay(pages(4, |_| vec![turned(0.05, "Population"), turned(0.08, "Area")]));
}
