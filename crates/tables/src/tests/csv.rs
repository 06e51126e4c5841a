//! CSV of many kinds, and what is refused.

use cairn_kernel::Kind;
use serde_json::json;

use super::{Fixture, column, kinds, names};
use crate::{ColumnData, QueryLimits, SourceKind, Tables};

#[tokio::test]
async fn every_type_is_found_and_profiled() {
    let it = Fixture::new();
    let text = "id,price,ok,code,day,note\n\
                1,2.5,true,007,2024-01-31,red\n\
                2,NA,False,010,2024-02-29T12:30:00.5,blue\n\
                3,4,,099,?,red\n";
    let (snapshot, rows) = it.read(text).await;
    assert_eq!(kinds(&snapshot), ["integer", "number", "boolean", "string", "timestamp", "string"]);
    assert_eq!(rows[1][3], json!("010"));
    assert_eq!(
        rows[1],
        [
            json!(2),
            json!(null),
            json!(false),
            json!("010"),
            json!("2024-02-29T12:30:00.500"),
            json!("blue")
        ]
    );
    let id = column(&snapshot, "id");
    assert_eq!((&id.min, &id.max, id.mean, id.nulls), (&json!(1), &json!(3), Some(2.0), 0));
    let price = column(&snapshot, "price");
    assert_eq!(
        (&price.min, &price.max, price.mean, price.nulls),
        (&json!(2.5), &json!(4.0), Some(3.25), 1)
    );
    let ok = column(&snapshot, "ok");
    assert_eq!((ok.mean, ok.nulls, ok.distinct, ok.distinct_exact), (Some(0.5), 1, 2, true));
    assert_eq!(column(&snapshot, "day").max, json!("2024-02-29T12:30:00.500"));
    let note = column(&snapshot, "note");
    assert_eq!((&note.top[0].value, note.top[0].count, note.top.len()), (&json!("red"), 2, 2));
    assert!(snapshot.notes.iter().any(|it| it.contains("'NA' (1 values), '?' (1 values)")));
    let again = it.tables.profile(&snapshot.sha256).await.unwrap();
    assert_eq!((again.columns, again.bytes), (snapshot.columns.clone(), snapshot.bytes));
    let wire = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(wire["columns"][0]["type"], json!("integer"));
}

#[tokio::test]
async fn a_ragged_row_is_refused_by_file_line_and_counts() {
    let it = Fixture::new();
    let error = it.refused("a,b,c\n1,\"x\ny\",3\n\n4,5\n6,7,8\n").await;
    assert_eq!(error.kind(), Kind::Unprocessable);
    for part in ["'bad.csv'", "line 5", "expected 3 values", "found 2", "missing values"] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    let error = it.refused("a,b\n1,2\n3,4,5\n").await;
    assert!(error.message().contains("line 3") && error.message().contains("found 3"), "{error}");
}

#[tokio::test]
async fn other_broken_files_are_refused_with_a_reason() {
    let it = Fixture::new();
    let wide = |cells: usize| vec!["x"; cells].join(",");
    for (content, kind, reason) in [
        (String::new(), Kind::Unprocessable, "is empty"),
        ("\n \n\n".into(), Kind::Unprocessable, "is empty"),
        ("a,b,c\n".into(), Kind::Unprocessable, "no data rows"),
        ("a,b,a\n1,2,3\n".into(), Kind::Unprocessable, "'a' (columns 1, 3)"),
        ("a,b\n1,\"2\n".into(), Kind::Unprocessable, "line 2: a double quote opens"),
        ("a,b\n1,\"2\"x\n".into(), Kind::Unprocessable, "line 2, value 2: text follows"),
        (format!("{}\n", wide(4097)), Kind::TooLarge, "more than 4096 values"),
        ("a,b\n1,\0\n".into(), Kind::Unsupported, "binary"),
        ("PK\u{3}\u{4}....".into(), Kind::Unsupported, "Excel"),
    ] {
        let error = it.refused(&content).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(reason), "{reason}: {error}");
        assert!(error.message().contains("'bad.csv'"), "{error}");
    }
}

#[tokio::test]
async fn the_format_must_be_the_one_named() {
    let it = Fixture::new();
    let path = it.folder.path().join("t.csv");
    std::fs::write(&path, "a\n1\n").unwrap();
    let error = it.tables.import(&path, Some(SourceKind::Parquet), "t.csv").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
    assert!(it.tables.import(&path, Some(SourceKind::Csv), "t.csv").await.is_ok());
}

#[tokio::test]
async fn a_file_without_a_header_gets_generated_names_and_says_so() {
    let it = Fixture::new();
    let (snapshot, rows) = it.read("M,0.5,?\nF,0.4,1\nM,0.3,2\n").await;
    assert_eq!(names(&snapshot), ["column_1", "column_2", "column_3"]);
    assert_eq!(rows[0], [json!("M"), json!(0.5), json!(null)]);
    assert!(snapshot.notes[0].contains("column_1 to column_3"), "{:?}", snapshot.notes);
    let (snapshot, rows) = it.read(",name\n0,x\n1,y\n").await;
    assert_eq!((names(&snapshot), rows.len()), (vec!["column_1", "name"], 2));
    assert!(snapshot.notes[0].contains("Column 1 has no name"), "{:?}", snapshot.notes);
    let (snapshot, _) = it.read("1,2,3").await;
    assert_eq!((snapshot.rows, kinds(&snapshot)), (1, vec!["integer"; 3]));
}

#[tokio::test]
async fn delimiters_decimal_commas_and_spaces_are_understood() {
    let it = Fixture::new();
    let (snapshot, rows) = it.read("größe;n\n\"1,5\";2\n-3,25;4\n").await;
    assert_eq!(
        (names(&snapshot), kinds(&snapshot)),
        (vec!["größe", "n"], vec!["number", "integer"])
    );
    assert_eq!(rows[1], [json!(-3.25), json!(4)]);
    assert!(snapshot.notes.iter().any(|it| it.contains("Decimal commas")), "{:?}", snapshot.notes);
    let (snapshot, rows) = it.read("\u{feff}a\tb\r\nx, y\t 1 \r\n").await;
    assert_eq!((names(&snapshot), &rows[0]), (vec!["a", "b"], &vec![json!("x, y"), json!(1)]));
    let (snapshot, rows) = it.read("a|b\n1|\" q \"\n").await;
    assert_eq!(
        (kinds(&snapshot), &rows[0]),
        (vec!["integer", "string"], &vec![json!(1), json!(" q ")])
    );
    let (snapshot, rows) = it.read("city\nRome\n\"\"\nOslo\n").await;
    assert_eq!((snapshot.rows, &rows[1]), (3, &vec![json!(null)]));
}

#[tokio::test]
async fn windows_1252_is_read_and_other_encodings_are_refused() {
    let it = Fixture::new();
    let (snapshot, rows) = it.read(b"name,n\nM\xfcller,1\n\x80uro,2\n").await;
    assert_eq!((&rows[0][0], &rows[1][0]), (&json!("Müller"), &json!("€uro")));
    assert!(snapshot.notes[0].contains("line 2") && snapshot.notes[0].contains("Windows-1252"));
    let shift_jis = b"name,n\n\x83e\x83X\x81[,1\n";
    let error = it.import("j.csv", shift_jis).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
    assert!(error.message().contains("line 2") && error.message().contains("UTF-8"), "{error}");
    let mixed = "name,n\nMüller,1\n".as_bytes().iter().chain(b"M\xfcller,2\n").copied();
    let error = it.import("m.csv", mixed.collect::<Vec<_>>()).await.unwrap_err();
    assert!(error.message().contains("line 3"), "{error}");
}

#[tokio::test]
async fn the_same_rows_give_the_same_snapshot_and_others_another() {
    let it = Fixture::new();
    let text: String =
        (0..20_000).map(|i| format!("{i},{},w{}\n", f64::from(i) / 7.0, i % 13)).collect();
    let text = format!("id,x,word\n{text}");
    let first = it.import("a.csv", &text).await.unwrap();
    let second = it.import("b.csv", text.replace('\n', "\r\n")).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(it.tables.list().await.unwrap(), [first.sha256.as_str()]);
    assert!(it.tables.intact(&first.sha256).await.unwrap());
    let other = it.import("c.csv", text.replace("w1\n", "w2\n")).await.unwrap();
    assert_ne!(first.sha256, other.sha256);
    let (id, word) = (column(&first, "id"), column(&first, "word"));
    assert!(!id.distinct_exact && word.distinct_exact && word.distinct == 13);
    assert!((id.distinct as f64 / 20_000.0 - 1.0).abs() < 0.03, "{}", id.distinct);
}

#[tokio::test]
async fn a_changed_or_missing_snapshot_is_noticed() {
    let it = Fixture::new();
    let (snapshot, _) = it.read("a\n1\n").await;
    let path = it.tables.path(&snapshot.sha256).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(!it.tables.intact(&snapshot.sha256).await.unwrap());
    assert!(it.tables.remove(&snapshot.sha256).await.unwrap());
    assert!(!it.tables.remove(&snapshot.sha256).await.unwrap());
    let error = it.tables.rows(&snapshot.sha256, 0, 1).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    for wrong in ["", "abc", "../../etc/passwd", &"A".repeat(64)] {
        assert_eq!(it.tables.frame(wrong).await.unwrap_err().kind(), Kind::Invalid, "{wrong}");
    }
}

#[tokio::test]
async fn rows_come_in_pages_and_frames_in_parts() {
    let it = Fixture::new();
    let text: String = (0..30_000).map(|i| format!("{i},t{i}\n")).collect();
    let (snapshot, _) = it.read(format!("n,t\n{text}")).await;
    let page = it.tables.rows(&snapshot.sha256, 29_998, 50).await.unwrap();
    assert_eq!(page.rows, [[json!(29_998), json!("t29998")], [json!(29_999), json!("t29999")]]);
    assert_eq!(page.total, 30_000);
    assert!(it.tables.rows(&snapshot.sha256, 40_000, 5).await.unwrap().rows.is_empty());
    let part = it.tables.frame_rows(&snapshot.sha256, 10_000, 3).await.unwrap();
    assert_eq!(
        part.column("n").unwrap().data,
        ColumnData::Numbers(vec![10_000.0, 10_001.0, 10_002.0])
    );
    assert_eq!(it.tables.frame(&snapshot.sha256).await.unwrap().rows, 30_000);
}

#[tokio::test]
async fn frames_keep_missing_values_in_every_type() {
    let it = Fixture::new();
    let (snapshot, _) = it.read("i,s,b,d\n1,x,true,1970-01-02\nNA,NA,NA,NA\n").await;
    let frame = it.tables.frame(&snapshot.sha256).await.unwrap();
    let data = |name| &frame.column(name).unwrap().data;
    assert!(matches!(data("i"), ColumnData::Numbers(v) if v[0] == 1.0 && v[1].is_nan()));
    assert_eq!(data("s"), &ColumnData::Strings(vec![Some("x".into()), None]));
    assert_eq!(data("b"), &ColumnData::Booleans(vec![Some(true), None]));
    assert_eq!(data("d"), &ColumnData::Timestamps(vec![Some(86_400_000_000), None]));
}

#[tokio::test]
async fn making_tables_touches_nothing_and_unfinished_files_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("never");
    let tables = Tables::new(&dir);
    assert!(!dir.exists() && tables.list().await.unwrap().is_empty());
    std::fs::create_dir_all(&dir).unwrap();
    let (old, young) = (dir.join(".import-old"), dir.join(".import-young"));
    std::fs::write(&young, "x").unwrap();
    let file = std::fs::File::create(&old).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    file.set_modified(long_ago).unwrap();
    let source = folder.path().join("t.csv");
    std::fs::write(&source, "a\n1\n").unwrap();
    let snapshot = tables.import(&source, None, "t.csv").await.unwrap();
    assert!(!old.exists() && young.exists());
    let named = [("t".to_owned(), snapshot.sha256)];
    let result = tables.query(&named, "SELECT a FROM t", QueryLimits::default()).await.unwrap();
    assert_eq!(result.rows, [[json!(1)]]);
}
