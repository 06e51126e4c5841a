//! Made-up rules and the text between them.

use pdf_oxide::elements::{PathContent, PathOperation};
use pdf_oxide::geometry::Rect;
use pdf_oxide::layout::Color;

use super::super::super::flow::row_text;
use super::*;

/// A stroke from one point to the other.
fn stroke(a: (f32, f32), b: (f32, f32)) -> PathContent {
    let mut path = PathContent::new(Rect::new(0.0, 0.0, 0.0, 0.0));
    path.operations = vec![PathOperation::MoveTo(a.0, a.1), PathOperation::LineTo(b.0, b.1)];
    path.stroke_color = Some(Color::new(0.0, 0.0, 0.0));
    path.stroke_width = 0.5;
    path
}

/// Rules at every one of `xs` and `ys`, from the first to the last of the others.
fn frame(xs: &[f32], ys: &[f32]) -> Vec<PathContent> {
    let ends = |edges: &[f32]| (edges[0], edges[edges.len() - 1]);
    let ((left, right), (top, bottom)) = (ends(xs), ends(ys));
    let upright = xs.iter().map(|x| stroke((*x, bottom), (*x, top)));
    let level = ys.iter().map(|y| stroke((left, *y), (right, *y)));
    upright.chain(level).collect()
}

/// Type of ten points, five to a char.
fn run((x0, y, text): &(f32, f32, &str)) -> Run {
    let x1 = x0 + text.chars().count() as f32 * 5.0;
    let (x0, y, text) = (*x0, *y, (*text).to_owned());
    Run { text, x0, x1, y, size: 10.0, bold: false, mono: false, place: None }
}

/// The rows of each table, top first, and the text that is in none.
fn read(paths: &[PathContent], texts: &[(f32, f32, &str)]) -> (Vec<Vec<String>>, Vec<String>) {
    let grids = Grids { grids: Rules::of(paths).grids(), chars: Vec::new() };
    let (mut tables, outside) = grids.fill(texts.iter().map(run).collect(), &Cuts::default());
    tables.sort_by(|a, b| b.y.total_cmp(&a.y));
    let rows = |table: &Line| table.rows.iter().map(row_text).collect();
    (tables.iter().map(rows).collect(), outside.into_iter().map(|run| run.text).collect())
}

#[test]
fn all_that_stands_in_a_cell_belongs_to_it() {
    let paths = frame(&[50.0, 150.0, 250.0], &[700.0, 680.0, 640.0, 620.0]);
    let texts = [
        (55.0, 686.0, "Name"),
        (155.0, 686.0, "Price"),
        (55.0, 666.0, "Bolts of"),
        (155.0, 658.0, "3.50"),
        (55.0, 650.0, "steel"),
        (155.0, 626.0, "7"),
        (300.0, 686.0, "beside it"),
    ];
    let (tables, outside) = read(&paths, &texts);
    assert_eq!(tables, [["| Name | Price |", "| Bolts of steel | 3.50 |", "|  | 7 |"]]);
    assert_eq!(outside, ["beside it"]);
}

#[test]
fn rules_may_be_filled_boxes_or_miss_at_the_sides() {
    let bar = |x: f32, y: f32, width: f32, height: f32| {
        let mut path = PathContent::new(Rect::new(x, y, width, height));
        path.operations = vec![PathOperation::Rectangle(x, y, width, height)];
        path.fill_color = Some(Color::new(0.0, 0.0, 0.0));
        path
    };
    // Dots make up the upright one, and nothing closes the table to the left and right.
    let mut paths: Vec<PathContent> =
        (0..30_u8).map(|at| bar(150.0, 640.0 + 2.0 * f32::from(at), 0.5, 0.5)).collect();
    paths.extend([700.0, 680.0, 640.0].map(|y| bar(50.0, y, 200.0, 0.5)));
    let texts = [
        (55.0, 686.0, "Name"),
        (155.0, 686.0, "Price"),
        (55.0, 660.0, "Bolts"),
        (155.0, 660.0, "3.50"),
    ];
    assert_eq!(read(&paths, &texts).0, [["| Name | Price |", "| Bolts | 3.50 |"]]);
}

#[test]
fn a_cell_over_several_columns_or_rows_is_written_once() {
    let mut paths = frame(&[50.0, 150.0, 250.0], &[700.0, 640.0]);
    // A third column, of which a part of the head row is not parted from the second.
    paths.push(stroke((350.0, 640.0), (350.0, 700.0)));
    paths.extend([700.0, 640.0].map(|y| stroke((250.0, y), (350.0, y))));
    paths.extend([660.0, 680.0].map(|y| stroke((150.0, y), (350.0, y))));
    paths.remove(2);
    paths.push(stroke((250.0, 640.0), (250.0, 680.0)));
    let texts = [
        (55.0, 666.0, "Steel"),
        (200.0, 686.0, "Price in 2024"),
        (155.0, 666.0, "3.50"),
        (255.0, 666.0, "4.50"),
        (155.0, 646.0, "3.60"),
        (255.0, 646.0, "4.60"),
    ];
    assert_eq!(
        read(&paths, &texts).0,
        [["| Steel | Price in 2024 |  |", "|  | 3.50 | 4.50 |", "|  | 3.60 | 4.60 |"]]
    );
}

#[test]
fn rows_that_no_rules_part_are_rows() {
    let paths = frame(&[50.0, 150.0, 250.0, 350.0], &[700.0, 680.0, 600.0]);
    let mut texts = vec![(55.0, 686.0, "Day"), (155.0, 686.0, "Text"), (255.0, 686.0, "Sum")];
    for (y, day, text, sum) in [
        (666.0, "1 May", "Rent", "500"),
        (652.0, "2 May", "Paid by card", "12"),
        (641.0, "", "at the shop", ""),
        (627.0, "9 May", "Rent", "7"),
    ] {
        texts.extend([(55.0, y, day), (155.0, y, text), (255.0, y, sum)]);
    }
    texts.retain(|(_, _, text)| !text.is_empty());
    assert_eq!(
        read(&paths, &texts).0,
        [[
            "| Day | Text | Sum |",
            "| 1 May | Rent | 500 |",
            "| 2 May | Paid by card at the shop | 12 |",
            "| 9 May | Rent | 7 |"
        ]]
    );
}

#[test]
fn columns_that_change_for_good_make_another_table() {
    let mut paths = frame(&[50.0, 150.0, 350.0], &[700.0, 680.0, 660.0]);
    paths.extend(frame(&[50.0, 200.0, 280.0, 350.0], &[660.0, 640.0, 620.0]));
    let mut texts = Vec::new();
    for y in [686.0, 666.0] {
        texts.extend([(55.0, y, "Label"), (155.0, y, "value")]);
    }
    for y in [646.0, 626.0] {
        texts.extend([(55.0, y, "a"), (205.0, y, "b"), (285.0, y, "c")]);
    }
    let (tables, _) = read(&paths, &texts);
    assert_eq!(
        tables,
        [["| Label | value |", "| Label | value |"], ["| a | b | c |", "| a | b | c |"]]
    );
}

#[test]
fn columns_of_prose_and_charts_are_no_tables() {
    // A page with a rule between its columns.
    let paths = frame(&[50.0, 150.0, 250.0], &[700.0, 600.0]);
    let lines = ["the quick brown fox", "jumps over the lazy", "dog and runs along"];
    let line = |(text, at): (&&'static str, u8)| {
        let y = 680.0 - 12.0 * f32::from(at);
        [(52.0, y, *text), (152.0, y, *text)]
    };
    let texts: Vec<(f32, f32, &str)> = lines.iter().zip(0..).flat_map(line).collect();
    let (tables, outside) = read(&paths, &texts);
    assert!(tables.is_empty());
    assert_eq!(outside.len(), 6);
    // Lines behind a chart, and a few labels in it.
    let edges: Vec<f32> = (0..7_u8).map(|at| 100.0 + 50.0 * f32::from(at)).collect();
    let down: Vec<f32> = edges.iter().rev().copied().collect();
    let texts = [(110.0, 380.0, "7 %"), (210.0, 310.0, "9 %"), (310.0, 210.0, "2 %")];
    assert!(read(&frame(&edges, &down), &texts).0.is_empty());
}

#[test]
fn heads_in_a_cell_over_several_columns_stand_over_their_own() {
    // Nothing parts the heads from each other, nor the group from its heads.
    let mut paths = frame(&[50.0, 150.0, 350.0], &[700.0, 660.0]);
    paths.extend(frame(&[50.0, 150.0, 200.0, 300.0, 350.0], &[660.0, 640.0, 620.0]));
    let mut texts = vec![(220.0, 686.0, "Guns"), (55.0, 666.0, "State")];
    texts.extend([(155.0, 666.0, "Hand"), (205.0, 666.0, "Long guns"), (305.0, 666.0, "All")]);
    for y in [646.0, 626.0] {
        texts.extend([(55.0, y, "Ohio"), (155.0, y, "1"), (205.0, y, "2"), (305.0, y, "3")]);
    }
    assert_eq!(
        read(&paths, &texts).0,
        [[
            "|  |  | Guns |  |",
            "| State | Hand | Long guns | All |",
            "| Ohio | 1 | 2 | 3 |",
            "| Ohio | 1 | 2 | 3 |"
        ]]
    );
}

#[test]
fn rules_that_part_groups_of_columns_only_make_no_cells() {
    let paths = frame(&[50.0, 150.0, 350.0], &[700.0, 680.0, 660.0, 640.0]);
    let mut texts = Vec::new();
    for y in [686.0, 666.0, 646.0] {
        texts.extend([(55.0, y, "Bolt"), (155.0, y, "12"), (205.0, y, "3.50"), (300.0, y, "7")]);
    }
    assert!(read(&paths, &texts).0.is_empty());
}

#[test]
fn a_label_beside_several_rows_is_said_at_the_first() {
    let paths = frame(&[50.0, 150.0, 250.0, 350.0], &[700.0, 680.0, 640.0, 600.0]);
    let mut texts = vec![(55.0, 686.0, "Layers"), (155.0, 686.0, "Kind"), (255.0, 686.0, "Time")];
    for (y, layers) in [(668.0, "6"), (628.0, "4")] {
        texts.extend([(155.0, y, "OTSL"), (255.0, y, "2.73"), (55.0, y - 7.0, layers)]);
        texts.extend([(155.0, y - 14.0, "HTML"), (255.0, y - 14.0, "5.39")]);
    }
    assert_eq!(
        read(&paths, &texts).0,
        [[
            "| Layers | Kind | Time |",
            "| 6 | OTSL | 2.73 |",
            "|  | HTML | 5.39 |",
            "| 4 | OTSL | 2.73 |",
            "|  | HTML | 5.39 |"
        ]]
    );
}
