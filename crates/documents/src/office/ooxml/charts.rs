//! The data of charts as tables. `office_oxide` tells of a chart in lines: its categories, and
//! each series of numbers after its name.

use crate::write::Flow;

/// What stands before the categories of a chart.
pub(super) const CATEGORIES: &str = "Categories: ";
/// A longer number shows how computers count: 4.4000000000000004.
const DIGITS_MAX: usize = 15;

/// Writes the lines of a chart: its data as a table where the lines tell what belongs together,
/// the others as paragraphs.
pub(super) fn write(lines: &[&str], flow: &mut Flow) {
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let (rows, taken) = table(lines.get(at..).unwrap_or_default());
        write_rows(rows, flow);
        if taken == 0 {
            flow.text(line);
            flow.close();
        }
        at += taken.max(1);
    }
}

/// Writes the rows of a table.
pub(super) fn write_rows(rows: Vec<Vec<String>>, flow: &mut Flow) {
    flow.close();
    for row in rows {
        flow.open_row();
        for cell in row {
            flow.text(&cell);
            flow.close_cell();
        }
        flow.close_row();
    }
}

/// The rows of the table that starts with the first of `lines`, and how many lines it takes: none
/// where they are no categories with series of as many numbers. One column for each series.
pub(super) fn table(lines: &[&str]) -> (Vec<Vec<String>>, usize) {
    let Some((categories, series)) =
        lines.split_first().and_then(|(line, rest)| Some((line.strip_prefix(CATEGORIES)?, rest)))
    else {
        return (Vec::new(), 0);
    };
    let categories: Vec<&str> = categories.split(", ").collect();
    let columns: Vec<_> = series.iter().map_while(|line| column(line, categories.len())).collect();
    if columns.is_empty() {
        return (Vec::new(), 0);
    }
    let head = std::iter::once(String::new());
    let mut rows = vec![head.chain(columns.iter().map(|(name, _)| (*name).to_owned())).collect()];
    for (at, category) in categories.iter().enumerate() {
        let mut row = vec![number(category).unwrap_or_else(|| (*category).to_owned())];
        row.extend(columns.iter().filter_map(|(_, numbers)| numbers.get(at).cloned()));
        rows.push(row);
    }
    (rows, columns.len() + 1)
}

/// The name and the numbers of a series of this length.
fn column(line: &str, length: usize) -> Option<(&str, Vec<String>)> {
    let (name, numbers) = line.rsplit_once(": ")?;
    let numbers: Vec<String> = numbers.split(", ").map(number).collect::<Option<_>>()?;
    (numbers.len() == length).then_some((name, numbers))
}

/// A number as it is shown.
fn number(text: &str) -> Option<String> {
    let value: f64 = text.trim().parse().ok().filter(|value: &f64| value.is_finite())?;
    // A whole number is what it is, and may be a name.
    if text.len() <= DIGITS_MAX || !text.contains('.') {
        return Some(text.trim().to_owned());
    }
    let shown: f64 = format!("{value:.14e}").parse().ok()?;
    Some(shown.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Builder;

    fn text(lines: &[&str]) -> String {
        let mut flow = Flow::new(Builder::new("x"));
        write(lines, &mut flow);
        flow.finish().finish().text
    }

    #[test]
    fn series_of_numbers_are_columns_beside_the_categories() {
        assert_eq!(
            text(&[
                "Title: Birds",
                "Categories: 2023, 2024",
                "In: all: 1, 4.4000000000000004",
                "Out: -3, 0"
            ]),
            "Title: Birds\n\n|  | In: all | Out |\n| 2023 | 1 | -3 |\n| 2024 | 4.4 | 0 |"
        );
        assert_eq!(text(&["Categories: A", "S: 5"]), "|  | S |\n| A | 5 |");
        let long = "12345678901234567";
        assert_eq!(
            text(&[&format!("Categories: {long}"), "S: 5"]),
            format!("|  | S |\n| {long} | 5 |")
        );
    }

    #[test]
    fn lines_that_do_not_fit_together_stay_as_they_are() {
        assert_eq!(
            text(&["Categories: Bonn, North, Kiel", "S: 5, 6"]),
            "Categories: Bonn, North, Kiel\n\nS: 5, 6"
        );
        assert_eq!(
            text(&["Categories: A, B", "S: 5, 6", "T: high, low", "U: 1, 2"]),
            "|  | S |\n| A | 5 |\n| B | 6 |\n\nT: high, low\n\nU: 1, 2"
        );
    }
}
