//! Property: typed values written as CSV come back as the same typed values.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Fixture;
use crate::{ColumnData, ColumnType, NULL_SPELLINGS};

/// One column of values, of one type.
#[derive(Clone, Debug)]
enum Values {
    Integers(Vec<Option<i64>>),
    Numbers(Vec<Option<f64>>),
    Booleans(Vec<Option<bool>>),
    Timestamps(Vec<Option<i64>>),
    Strings(Vec<Option<String>>),
}

fn column(rows: usize) -> impl Strategy<Value = Values> {
    // The years 1 to 9999, in microseconds.
    let micros = -62_135_596_800_000_000_i64..253_402_300_800_000_000;
    let text = prop_oneof![
        "[a-zA-Z0-9,;|\t\" \n\r'.äß€日-]{1,12}",
        "0[0-9]{1,6}",
        Just("yes".to_owned()),
        Just(" padded ".to_owned()),
    ];
    fn many<T: Clone + std::fmt::Debug>(
        value: impl Strategy<Value = T>,
        rows: usize,
    ) -> impl Strategy<Value = Vec<Option<T>>> {
        prop::collection::vec(prop::option::weighted(0.8, value), rows)
    }
    prop_oneof![
        many(any::<i64>(), rows).prop_map(Values::Integers),
        many(prop::num::f64::NORMAL | prop::num::f64::ZERO, rows).prop_map(Values::Numbers),
        many(any::<bool>(), rows).prop_map(Values::Booleans),
        many(micros, rows).prop_map(Values::Timestamps),
        many(text, rows).prop_map(Values::Strings),
    ]
}

fn table() -> impl Strategy<Value = (Vec<Values>, u8)> {
    let columns = (1_usize..30).prop_flat_map(|rows| prop::collection::vec(column(rows), 1..6));
    (columns, prop::sample::select(&b",\t|"[..]))
}

/// The CSV cell of a row, or none where the value is missing.
fn cell(values: &Values, row: usize) -> Option<String> {
    use datafusion::arrow::temporal_conversions::timestamp_us_to_datetime;
    match values {
        Values::Integers(all) => all[row].map(|it| it.to_string()),
        // A number always shows that it is none of the integers.
        Values::Numbers(all) => all[row].map(|it| format!("{it:e}")),
        Values::Booleans(all) => all[row].map(|it| it.to_string()),
        Values::Timestamps(all) => {
            all[row].map(|it| format!("{:?}", timestamp_us_to_datetime(it).unwrap()))
        }
        Values::Strings(all) => {
            all[row].as_ref().map(|it| format!("\"{}\"", it.replace('"', "\"\"")))
        }
    }
}

fn rows(values: &Values) -> usize {
    match values {
        Values::Integers(all) | Values::Timestamps(all) => all.len(),
        Values::Numbers(all) => all.len(),
        Values::Booleans(all) => all.len(),
        Values::Strings(all) => all.len(),
    }
}

fn csv(columns: &[Values], delimiter: u8) -> String {
    let join = |cells: Vec<String>| cells.join(&char::from(delimiter).to_string());
    // Names that are no values of any column, so that the header is seen.
    let mut lines = vec![join((0..columns.len()).map(|i| format!("\"name of {i}\"")).collect())];
    for row in 0..rows(&columns[0]) {
        let missing = NULL_SPELLINGS[row % NULL_SPELLINGS.len()];
        // Alone on its line, nothing would be a blank line and no row.
        let missing = if columns.len() == 1 { "NA" } else { missing };
        let cells = columns.iter().map(|it| cell(it, row).unwrap_or_else(|| missing.to_owned()));
        lines.push(join(cells.collect()));
    }
    lines.join("\n")
}

/// What the text column should give back: a missing value for its spellings.
fn read_text(text: &Option<String>) -> Option<String> {
    let missing = |it: &String| {
        NULL_SPELLINGS.contains(&it.as_str())
            || ["nan", "-nan", "null"].iter().any(|word| it.eq_ignore_ascii_case(word))
    };
    text.clone().filter(|it| !missing(it))
}

fn compare(expected: &Values, kind: ColumnType, data: &ColumnData) -> Result<(), TestCaseError> {
    let bits = |all: Vec<f64>| all.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    match (expected, data) {
        (Values::Integers(all), ColumnData::Numbers(found)) => {
            prop_assert_eq!(kind, ColumnType::Integer);
            let all = all.iter().map(|it| it.map_or(f64::NAN, |it| it as f64));
            prop_assert_eq!(bits(all.collect()), bits(found.clone()));
        }
        (Values::Numbers(all), ColumnData::Numbers(found)) => {
            prop_assert_eq!(kind, ColumnType::Number);
            let all = all.iter().map(|it| it.unwrap_or(f64::NAN));
            prop_assert_eq!(bits(all.collect()), bits(found.clone()));
        }
        (Values::Booleans(all), ColumnData::Booleans(found)) => prop_assert_eq!(all, found),
        (Values::Timestamps(all), ColumnData::Timestamps(found)) => prop_assert_eq!(all, found),
        (Values::Strings(all), ColumnData::Strings(found)) => {
            prop_assert_eq!(&all.iter().map(read_text).collect::<Vec<_>>(), found);
        }
        // Text that happens to look like another type throughout is that type.
        (Values::Strings(_), _) => {}
        // A column without any value is text.
        (_, ColumnData::Strings(found)) => prop_assert!(found.iter().all(Option::is_none)),
        (expected, found) => prop_assert!(false, "{expected:?} became {found:?}"),
    }
    Ok(())
}

#[test]
fn typed_values_written_as_csv_come_back_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&table(), |(columns, delimiter)| {
        let text = csv(&columns, delimiter);
        let it = Fixture::new();
        let snapshot = runtime.block_on(it.import("t.csv", &text)).unwrap();
        prop_assert_eq!(snapshot.rows as usize, rows(&columns[0]), "{}", text);
        let frame = runtime.block_on(it.tables.frame(&snapshot.sha256)).unwrap();
        prop_assert_eq!(frame.columns.len(), columns.len(), "{}", text);
        for (at, (expected, found)) in columns.iter().zip(&frame.columns).enumerate() {
            prop_assert_eq!(&found.name, &format!("name of {at}"));
            compare(expected, found.kind, &found.data)?;
        }
        Ok(())
    });
    outcome.unwrap();
}
