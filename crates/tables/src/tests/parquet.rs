//! Parquet of other writers, and Arrow IPC out.

use std::fs::File;
use std::sync::Arc;

use cairn_kernel::Kind;
use datafusion::arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Int16Array,
    Int32Array, ListArray, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{Int8Type, Int32Type};
use datafusion::arrow::ipc::reader::FileReader;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use serde_json::json;

use super::{Fixture, kinds};

fn parquet(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn ints(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

#[tokio::test]
async fn the_types_of_other_writers_become_the_five() {
    let it = Fixture::new();
    let words: DictionaryArray<Int8Type> = vec![Some("a"), None].into_iter().collect();
    let zoned = TimestampNanosecondArray::from(vec![Some(1_500), None]).with_timezone("+02:00");
    let decimal = Decimal128Array::from(vec![Some(150), None]).with_precision_and_scale(10, 2);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("small", Arc::new(Int16Array::from(vec![Some(-3), None]))),
        ("float", Arc::new(Float32Array::from(vec![Some(f32::NAN), Some(0.5)]))),
        ("decimal", Arc::new(decimal.unwrap())),
        ("word", Arc::new(words)),
        ("day", Arc::new(Date32Array::from(vec![Some(1), None]))),
        ("when", Arc::new(zoned)),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"text"[..], b"more"]))),
    ];
    let snapshot = it.import("t.parquet", parquet(columns, Compression::SNAPPY)).await.unwrap();
    let expected = ["integer", "number", "number", "string", "timestamp", "timestamp", "string"];
    assert_eq!(kinds(&snapshot), expected);
    let page = it.page(&snapshot).await;
    let first = [
        json!(-3),
        json!(null),
        json!(1.5),
        json!("a"),
        json!("1970-01-02T00:00:00"),
        json!("1970-01-01T00:00:00.000001"),
        json!("text"),
    ];
    assert_eq!(page.rows[0], first);
    assert_eq!(page.rows[1][1], json!(0.5));
    for part in ["NaN was stored as missing: float", "converted to UTC: when", "numbers: decimal"] {
        assert!(snapshot.notes.iter().any(|it| it.contains(part)), "{part}: {:?}", snapshot.notes);
    }
}

#[tokio::test]
async fn csv_and_parquet_of_the_same_rows_are_the_same_snapshot() {
    let it = Fixture::new();
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None, Some("z")]));
    let columns = vec![("n", ints(&[Some(1), Some(2), None])), ("t", text)];
    let parquet = it.import("t.parquet", parquet(columns, Compression::UNCOMPRESSED)).await;
    let csv = it.import("t.csv", "n,t\n1,x\n2,\nNA,z\n").await.unwrap();
    assert_eq!(parquet.unwrap().sha256, csv.sha256);
}

#[tokio::test]
async fn nested_damaged_empty_and_overflowing_files_are_refused() {
    let it = Fixture::new();
    let list: ListArray = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    let nested = parquet(vec![("l", Arc::new(list) as ArrayRef)], Compression::UNCOMPRESSED);
    let error = it.refused(nested).await;
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.message().contains("column 'l'"), "{error}");

    let whole = parquet(vec![("n", ints(&[Some(1); 5000]))], Compression::UNCOMPRESSED);
    let error = it.refused(&whole[..whole.len() - 20]).await;
    assert_eq!(error.kind(), Kind::Unprocessable, "{error}");
    let mut flipped = whole.clone();
    flipped[4..40].fill(0xff);
    assert_eq!(it.refused(flipped).await.kind(), Kind::Unprocessable);

    let none = parquet(vec![("n", ints(&[]))], Compression::UNCOMPRESSED);
    assert!(it.refused(none).await.message().contains("no rows"));

    let huge: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    let error = it.refused(parquet(vec![("big", huge)], Compression::UNCOMPRESSED)).await;
    assert!(error.message().contains("column 'big'"), "{error}");
}

#[tokio::test]
async fn the_arrow_file_holds_the_same_rows() {
    let it = Fixture::new();
    let text: String = (0..10_000).map(|i| format!("{i},w{}\n", i % 7)).collect();
    let snapshot = it.import("t.csv", format!("n,w\n{text}")).await.unwrap();
    let to = it.folder.path().join("t.arrow");
    it.tables.export_ipc(&snapshot.sha256, &to).await.unwrap();
    let reader = FileReader::try_new(File::open(&to).unwrap(), None).unwrap();
    let fields: Vec<_> = reader.schema().fields().iter().map(|it| it.name().clone()).collect();
    assert_eq!(fields, ["n", "w"]);
    let rows: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 10_000);
    let missing = it.tables.export_ipc(&"0".repeat(64), &to).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
}
