//! Made-up rows, and what becomes of them.

use super::super::flow::row_text;
use super::*;
use crate::document::Place;

/// Type of ten points, five to a char.
pub(super) fn piece(text: &str, x0: f32, y: f32) -> Line {
    let x1 = x0 + text.chars().count() as f32 * 5.0;
    let place =
        Place { x0: x0 / 600.0, y0: 1.0 - (y + 8.0) / 800.0, x1: x1 / 600.0, y1: 1.0 - y / 800.0 };
    Line {
        text: text.to_owned(),
        x0,
        x1,
        y,
        size: 10.0,
        bold: false,
        mono: false,
        cells: 1,
        column: 0,
        left: 0.0,
        right: 0.0,
        heading: None,
        turned: false,
        parted: false,
        rows: Vec::new(),
        place: Some(place),
    }
}

/// Rows, each its height and its pieces with where they start.
type Rows<'r> = &'r [(f32, &'r [(f32, &'r str)])];

fn read(rows: Rows<'_>) -> Vec<Line> {
    let row = |(y, cells): &(f32, &[(f32, &str)])| {
        cells.iter().map(|(x, text)| piece(text, *x, *y)).collect()
    };
    lines(&rows.iter().map(row).collect::<Vec<Vec<Line>>>())
}

fn texts(rows: Rows<'_>) -> Vec<String> {
    read(rows).iter().map(row_text).collect()
}

const HEAD: &[(f32, &str)] = &[(50.0, "Name"), (150.0, "Price"), (250.0, "Stock")];

#[test]
fn an_empty_cell_stays_one() {
    let rows: Rows<'_> = &[
        (700.0, HEAD),
        (685.0, &[(50.0, "Bolt"), (150.0, "3.50"), (250.0, "12")]),
        (670.0, &[(50.0, "Nut"), (250.0, "40")]),
        (655.0, &[(150.0, "0.10"), (250.0, "7")]),
        (640.0, &[(50.0, "Screw"), (150.0, "0.10")]),
    ];
    assert_eq!(
        texts(rows),
        [
            "| Name | Price | Stock |",
            "| Bolt | 3.50 | 12 |",
            "| Nut |  | 40 |",
            "|  | 0.10 | 7 |",
            "| Screw | 0.10 |  |"
        ]
    );
    assert!(read(rows).iter().all(|line| line.cells == 3));
}

#[test]
fn a_heading_row_alone_says_the_columns_of_a_sparse_table() {
    let rows: Rows<'_> = &[
        (700.0, HEAD),
        (685.0, &[(50.0, "Bolt"), (150.0, "3.50")]),
        (670.0, &[(50.0, "Nut"), (250.0, "40")]),
        (655.0, &[(150.0, "0.10"), (250.0, "7")]),
    ];
    assert_eq!(texts(rows)[1..], ["| Bolt | 3.50 |  |", "| Nut |  | 40 |", "|  | 0.10 | 7 |"]);
    // Three rows say too little.
    assert_eq!(texts(&rows[..3])[1..], ["| Bolt | 3.50 |", "| Nut | 40 |"]);
}

#[test]
fn a_cell_over_two_columns_shifts_none() {
    let rows: Rows<'_> = &[
        (700.0, &[(50.0, "Ln"), (90.0, "Shows"), (150.0, "Rate"), (250.0, "Total")]),
        (685.0, &[(50.0, "1"), (90.0, "12 shows at 250"), (250.0, "3,000")]),
        (670.0, &[(50.0, "2"), (90.0, "24"), (150.0, "150"), (250.0, "3,600")]),
        (655.0, &[(50.0, "Total revenue"), (250.0, "6,600")]),
    ];
    assert_eq!(
        texts(rows)[1..],
        [
            "| 1 | 12 shows at 250 |  | 3,000 |",
            "| 2 | 24 | 150 | 3,600 |",
            "| Total revenue |  |  | 6,600 |"
        ]
    );
}

#[test]
fn lines_closer_than_rows_belong_to_the_cell_above() {
    let rows: Rows<'_> = &[
        (700.0, &[(50.0, "Name"), (120.0, "Remark"), (350.0, "Stock")]),
        (676.0, &[(50.0, "Bolt"), (120.0, "made of steel that does not"), (350.0, "12")]),
        (664.0, &[(120.0, "rust in water")]),
        (640.0, &[(50.0, "Nut"), (120.0, "brass"), (350.0, "40")]),
        (616.0, &[(50.0, "Long steel"), (120.0, "it fits everything that was"), (350.0, "41")]),
        (604.0, &[(50.0, "screw"), (120.0, "made before the year")]),
        (592.0, &[(120.0, "2012")]),
        (568.0, &[(50.0, "Pin"), (350.0, "4")]),
    ];
    assert_eq!(
        texts(rows),
        [
            "| Name | Remark | Stock |",
            "| Bolt | made of steel that does not rust in water | 12 |",
            "| Nut | brass | 40 |",
            "| Long steel screw | it fits everything that was made before the year 2012 | 41 |",
            "| Pin |  | 4 |"
        ]
    );
    // The box of a row is around all its lines.
    let row = read(rows).remove(1);
    let place = row.place.unwrap();
    assert!((place.x0 - 50.0 / 600.0).abs() < 1e-5 && (place.x1 - 360.0 / 600.0).abs() < 1e-5);
    assert!((place.y0 - 116.0 / 800.0).abs() < 1e-5 && (place.y1 - 136.0 / 800.0).abs() < 1e-5);
    assert!((row.y - 664.0).abs() < 1e-5);
}

#[test]
fn among_evenly_spaced_rows_only_a_broken_sentence_goes_on() {
    let rows: Rows<'_> = &[
        (700.0, &[(50.0, "Name"), (120.0, "Remark"), (350.0, "Stock")]),
        (688.0, &[(50.0, "Bolt"), (120.0, "made of steel that does not"), (350.0, "12")]),
        (676.0, &[(120.0, "rust in water")]),
        (664.0, &[(50.0, "Nut"), (120.0, "of brass"), (350.0, "40")]),
        (652.0, &[(120.0, "of iron")]),
        (640.0, &[(50.0, "Screw"), (120.0, "of iron"), (350.0, "4")]),
    ];
    assert_eq!(
        texts(rows)[1..],
        [
            "| Bolt | made of steel that does not rust in water | 12 |",
            "| Nut | of brass | 40 |",
            "|  | of iron |  |",
            "| Screw | of iron | 4 |"
        ]
    );
}

#[test]
fn rows_of_a_group_stay_rows() {
    let rows: Rows<'_> = &[
        (700.0, &[(50.0, "Land"), (120.0, "City"), (250.0, "Side"), (350.0, "N")]),
        (676.0, &[(50.0, "France"), (120.0, "Paris"), (250.0, "north"), (350.0, "1")]),
        (664.0, &[(120.0, "Lyon"), (250.0, "south"), (350.0, "2")]),
        (640.0, &[(50.0, "Spain"), (120.0, "Madrid"), (250.0, "middle"), (350.0, "3")]),
        (628.0, &[(120.0, "Cadiz"), (250.0, "south")]),
    ];
    assert_eq!(texts(rows)[2], "|  | Lyon | south | 2 |");
    assert_eq!(texts(rows)[4], "|  | Cadiz | south |  |");
}

#[test]
fn a_row_with_one_cell_among_even_rows_stays_in_the_table() {
    let rows: Rows<'_> = &[
        (700.0, HEAD),
        (685.0, &[(50.0, "Bolt"), (150.0, "3.50"), (250.0, "12")]),
        (670.0, &[(50.0, "Nut")]),
        (655.0, &[(50.0, "Screw"), (150.0, "0.10"), (250.0, "12")]),
    ];
    assert_eq!(texts(rows)[2], "| Nut |  |  |");
    // One that stands wider than its column does not.
    let note: &[(f32, &str)] = &[(50.0, "Nuts are sold by the box only")];
    let rows: Rows<'_> = &[rows[0], rows[1], (670.0, note), rows[3]];
    assert_eq!(texts(rows)[2..], ["Nuts are sold by the box only", "| Screw | 0.10 | 12 |"]);
}

#[test]
fn two_tables_with_a_heading_between_have_their_own_columns() {
    let rows: Rows<'_> = &[
        (700.0, HEAD),
        (685.0, &[(50.0, "Bolt"), (150.0, "3.50"), (250.0, "12")]),
        (670.0, &[(50.0, "Nut"), (150.0, "1.20"), (250.0, "40")]),
        (645.0, &[(50.0, "Totals")]),
        (625.0, &[(50.0, "Sum"), (250.0, "52")]),
        (610.0, &[(50.0, "Value"), (250.0, "90")]),
    ];
    assert_eq!(texts(rows)[3..], ["Totals", "| Sum | 52 |", "| Value | 90 |"]);
}

/// Which rows start a table right after another one.
fn starts(rows: Rows<'_>) -> Vec<usize> {
    read(rows).iter().zip(0..).filter(|(line, _)| line.parted).map(|(_, at)| at).collect()
}

#[test]
fn two_tables_right_after_each_other_have_their_own_columns() {
    let rows: Rows<'_> = &[
        (700.0, HEAD),
        (685.0, &[(50.0, "Bolt"), (150.0, "3.50"), (250.0, "12")]),
        (670.0, &[(50.0, "Nut"), (250.0, "40")]),
        (655.0, &[(50.0, "Screw"), (150.0, "0.10"), (250.0, "7")]),
        (635.0, &[(50.0, "Day"), (110.0, "Open"), (190.0, "Shut"), (300.0, "Staff"), (380.0, "N")]),
        (620.0, &[(50.0, "Mon"), (110.0, "8:00"), (190.0, "17:00"), (300.0, "4"), (380.0, "2")]),
        (605.0, &[(50.0, "Tue"), (110.0, "8:00"), (300.0, "4"), (380.0, "2")]),
        (590.0, &[(50.0, "Wed"), (110.0, "9:00"), (190.0, "16:00"), (300.0, "3"), (380.0, "1")]),
    ];
    assert_eq!(
        texts(rows),
        [
            "| Name | Price | Stock |",
            "| Bolt | 3.50 | 12 |",
            "| Nut |  | 40 |",
            "| Screw | 0.10 | 7 |",
            "| Day | Open | Shut | Staff | N |",
            "| Mon | 8:00 | 17:00 | 4 | 2 |",
            "| Tue | 8:00 |  | 4 | 2 |",
            "| Wed | 9:00 | 16:00 | 3 | 1 |"
        ]
    );
    assert_eq!(starts(rows), [4]);
}

#[test]
fn a_table_is_not_put_into_the_columns_of_the_next_one() {
    let day: &[(f32, &str)] = &[(50.0, "Day"), (118.0, "Hours"), (190.0, "Staff"), (285.0, "Till")];
    let row: &[(f32, &str)] = &[(50.0, "Mon"), (118.0, "eight"), (190.0, "three"), (285.0, "four")];
    let price: &[(f32, &str)] = &[(50.0, "Bolt"), (150.0, "3.50"), (250.0, "12 pc")];
    let rows: Rows<'_> = &[
        (700.0, HEAD),
        (685.0, price),
        (670.0, price),
        (655.0, price),
        (630.0, day),
        (615.0, row),
        (600.0, row),
        (585.0, row),
    ];
    assert_eq!(texts(rows)[3..5], ["| Bolt | 3.50 | 12 pc |", "| Day | Hours | Staff | Till |"]);
    assert_eq!(starts(rows), [4]);
    // Rows with fewer cells under the same columns belong to the table.
    let rows: Rows<'_> = &[
        (700.0, HEAD),
        (685.0, price),
        (670.0, price),
        (645.0, &[(50.0, "Sum"), (250.0, "24 pc")]),
        (630.0, &[(50.0, "Value"), (250.0, "84.00")]),
        (615.0, &[(50.0, "Rest"), (250.0, "10 pc")]),
    ];
    assert_eq!(
        texts(rows)[3..],
        ["| Sum |  | 24 pc |", "| Value |  | 84.00 |", "| Rest |  | 10 pc |"]
    );
    assert!(starts(rows).is_empty());
}

#[test]
fn a_line_far_above_a_table_says_nothing_of_its_columns() {
    let rows: Rows<'_> = &[
        (760.0, &[(50.0, "2"), (300.0, "Contents")]),
        (725.0, HEAD),
        (710.0, &[(50.0, "Bolt"), (250.0, "12")]),
        (695.0, &[(50.0, "Nut"), (150.0, "1.20"), (250.0, "40")]),
    ];
    assert_eq!(
        texts(rows),
        ["| 2 | Contents |", "| Name | Price | Stock |", "| Bolt |  | 12 |", "| Nut | 1.20 | 40 |"]
    );
}

#[test]
fn forms_contents_lists_prose_and_formulas_stay_as_they_are() {
    let form: Rows<'_> = &[
        (700.0, &[(50.0, "Name:"), (150.0, "Anna"), (250.0, "Date:"), (350.0, "5 May")]),
        (685.0, &[(50.0, "Town:"), (150.0, "Rome"), (250.0, "Code:"), (350.0, "15")]),
        (670.0, &[(50.0, "Street:"), (150.0, "Via Roma")]),
        (655.0, &[(250.0, "Fax:"), (350.0, "23")]),
    ];
    assert_eq!(texts(form)[2..], ["| Street: | Via Roma |", "| Fax: | 23 |"]);
    let contents: Rows<'_> = &[
        (700.0, &[(50.0, "1"), (80.0, "Bolts \u{2026}"), (350.0, "3")]),
        (685.0, &[(50.0, "2"), (80.0, "Screws \u{2026}"), (350.0, "9")]),
        (670.0, &[(50.0, "Index \u{2026}"), (350.0, "99")]),
    ];
    assert_eq!(texts(contents)[2], "| Index \u{2026} | 99 |");
    let list: Rows<'_> = &[
        (700.0, &[(50.0, "(i)"), (80.0, "the first of the items, which")]),
        (688.0, &[(80.0, "goes on")]),
        (670.0, &[(50.0, "(ii)"), (80.0, "the second")]),
        (652.0, &[(50.0, "(iii)"), (80.0, "the third")]),
    ];
    assert_eq!(texts(list)[1], "goes on");
    let prose: Rows<'_> = &[
        (700.0, &[(50.0, "the quick brown fox jumps"), (250.0, "where it may rest for the")]),
        (688.0, &[(50.0, "over the lazy dog and runs"), (250.0, "night without any fear of")]),
        (676.0, &[(50.0, "along the river until it"), (250.0, "the hunters who follow")]),
        (664.0, &[(50.0, "finds")]),
    ];
    assert_eq!(texts(prose)[3], "finds");
    let formula: Rows<'_> = &[
        (700.0, &[(50.0, "\u{2208}"), (100.0, "j"), (150.0, "\u{2208}")]),
        (695.0, &[(50.0, "V"), (100.0, "x"), (150.0, "Y")]),
        (680.0, &[(50.0, "p"), (150.0, "y")]),
    ];
    assert_eq!(texts(formula)[2], "| p | y |");
}

#[test]
fn a_piece_goes_where_it_stands_or_near_it() {
    let columns = [(50.0, 80.0), (150.0, 180.0), (250.0, 300.0)].map(|(x0, x1)| Extent { x0, x1 });
    let fits = |pieces: &[(f32, &str)], near| {
        let row: Vec<Line> = pieces.iter().map(|(x, text)| piece(text, *x, 0.0)).collect();
        fit(&row, &columns, near)
    };
    assert_eq!(fits(&[(60.0, "ab"), (260.0, "cd")], false), Some(vec![(0, 0), (2, 2)]));
    assert_eq!(fits(&[(150.0, "a wide cell across them")], false), Some(vec![(1, 2)]));
    // Beside its column, and in the middle between two.
    assert_eq!(fits(&[(184.0, "ab")], true), Some(vec![(1, 1)]));
    assert_eq!(fits(&[(184.0, "ab")], false), None);
    assert_eq!(fits(&[(110.0, "ab")], true), None);
    // Two pieces in one column are no cells.
    assert_eq!(fits(&[(52.0, "a"), (70.0, "b")], true), None);
}
