use super::*;
use crate::data::table::Text;

fn table(values: Values, rows: usize) -> Table {
    Table { rows, columns: vec![Column { name: "income".to_owned(), values }] }
}

fn text(labels: &[&str]) -> Table {
    let mut text = Text::default();
    for label in labels {
        let code = text.levels.iter().position(|level| level == label).unwrap_or_else(|| {
            text.levels.push((*label).to_owned());
            text.levels.len() - 1
        });
        text.codes.push(if label.is_empty() { MISSING } else { code as u32 });
    }
    table(Values::Text(text), labels.len())
}

fn integers(values: impl Iterator<Item = i32>) -> Table {
    let values: Vec<f64> = values.map(f64::from).collect();
    let rows = values.len();
    table(Values::Number { values, integer: true }, rows)
}

#[test]
fn the_task_follows_from_the_target_and_is_explained() {
    let labels: Vec<&str> = (0..40).map(|row| if row % 3 == 0 { "yes" } else { "no" }).collect();
    let target = find(&text(&labels), "income", None).unwrap();
    assert_eq!(
        (target.task, target.classes),
        (Task::Binary, vec!["no".to_owned(), "yes".to_owned()])
    );
    assert!(target.notes.iter().any(|note| note.contains("text with 2 values")));
    assert!(target.notes.iter().any(|note| note.contains("'yes'")));
    let task = |table: Table| find(&table, "income", None).unwrap().task;
    assert_eq!(task(integers((0..100).map(|row| row % 10))), Task::Multiclass);
    assert_eq!(task(integers(0..100)), Task::Regression);
    let halves = Values::Number {
        values: (0..50).map(|v| f64::from(v % 4) / 2.0).collect(),
        integer: false,
    };
    assert_eq!(task(table(halves, 50)), Task::Regression);
}

#[test]
fn integer_classes_sort_as_numbers() {
    let target =
        find(&integers((0..60).map(|row| [9, 10, -1][row as usize % 3])), "income", None).unwrap();
    assert_eq!(target.classes, ["-1", "9", "10"]);
    assert_eq!(target.values[..3], [1.0, 2.0, 0.0]);
}

#[test]
fn an_unknown_target_gets_close_names_and_the_list() {
    let error = find(&text(&["a"; 30]), "incom", None).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.message().contains("Did you mean 'income'?"), "{error}");
    assert!(error.message().contains("The columns are: income"));
}

#[test]
fn targets_that_teach_nothing_are_refused_by_name() {
    let refused = |table: Table, words: &str| {
        let error = find(&table, "income", None).unwrap_err();
        assert_eq!(error.kind(), Kind::Unprocessable);
        assert!(error.message().contains(words) && error.message().contains("'income'"), "{error}");
    };
    refused(text(&["a"; 30]), "the one value 'a'");
    refused(text(&[""; 30]), "empty in all 30 rows");
    refused(text(&["a", "b"]), "at least 20");
    let mut lone = vec!["a"; 30];
    lone[4] = "b";
    refused(text(&lone), "only one row ('b')");
}

#[test]
fn null_targets_and_lone_classes_are_left_out_and_said() {
    let mut labels: Vec<&str> = (0..40).map(|row| if row % 2 == 0 { "a" } else { "b" }).collect();
    labels[0] = "";
    labels[1] = "rare";
    let target = find(&text(&labels), "income", None).unwrap();
    assert_eq!(target.rows.len(), 38);
    assert_eq!(target.task, Task::Binary);
    assert!(target.notes.iter().any(|note| note.starts_with("1 rows without a value")));
    assert!(target.notes.iter().any(|note| note.contains("'rare'")));
}

#[test]
fn an_impossible_override_is_invalid() {
    let labels: Vec<&str> = (0..40).map(|row| ["a", "b", "c"][row % 3]).collect();
    for task in [Task::Regression, Task::Binary] {
        let error = find(&text(&labels), "income", Some(task)).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }
}
