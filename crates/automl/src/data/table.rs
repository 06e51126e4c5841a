//! The training table in memory, column by column, with few types.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use cairn_kernel::{Kind, Result, ResultExt};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::arrow::ipc::reader::FileReader;

/// The code of a missing text.
pub(crate) const MISSING: u32 = u32::MAX;

/// A whole table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Column>,
}

/// A named column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) values: Values,
}

/// A column's values; numbers that are missing are NaN.
#[derive(Debug)]
pub(crate) enum Values {
    Number {
        values: Vec<f64>,
        integer: bool,
    },
    /// 0 and 1.
    Boolean(Vec<f64>),
    /// Seconds since 1970, UTC.
    Timestamp(Vec<f64>),
    Text(Text),
    /// A type that is not read, by its name.
    Other(String),
}

/// Text as indices into its distinct values.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) levels: Vec<String>,
    pub(crate) codes: Vec<u32>,
}

impl Column {
    /// The numbers of a column that has numbers.
    pub(crate) fn numbers(&self) -> Option<&[f64]> {
        match &self.values {
            Values::Number { values, .. } | Values::Boolean(values) | Values::Timestamp(values) => {
                Some(values)
            }
            Values::Text(_) | Values::Other(_) => None,
        }
    }
}

/// Reads an Arrow IPC file.
///
/// # Errors
/// `Unprocessable` when the file cannot be read as one.
pub(crate) fn read(path: &Path) -> Result<Table> {
    let message = "the training table could not be read as an Arrow IPC file";
    let file = File::open(path).or_kind(Kind::Unprocessable, message)?;
    let reader = FileReader::try_new(file, None).or_kind(Kind::Unprocessable, message)?;
    let schema = reader.schema();
    let mut builders: Vec<Builder> =
        schema.fields().iter().map(|field| Builder::new(field.data_type())).collect();
    let mut rows = 0;
    for batch in reader {
        let batch = batch.or_kind(Kind::Unprocessable, message)?;
        rows += batch.num_rows();
        for (builder, array) in builders.iter_mut().zip(batch.columns()) {
            builder.push(array).or_kind(Kind::Unprocessable, message)?;
        }
    }
    let names = schema.fields().iter().map(|field| field.name().clone());
    let columns = names.zip(builders).map(|(name, b)| Column { name, values: b.values }).collect();
    Ok(Table { rows, columns })
}

struct Builder {
    values: Values,
    seen: HashMap<String, u32>,
}

type ArrowResult<T> = std::result::Result<T, datafusion::arrow::error::ArrowError>;

impl Builder {
    fn new(data_type: &DataType) -> Self {
        use DataType as D;
        let inner = match data_type {
            D::Dictionary(_, value) => value.as_ref(),
            other => other,
        };
        let values = match inner {
            D::Boolean => Values::Boolean(Vec::new()),
            D::Utf8 | D::LargeUtf8 | D::Utf8View => Values::Text(Text::default()),
            D::Timestamp(..) | D::Date32 | D::Date64 => Values::Timestamp(Vec::new()),
            D::Float16 | D::Float32 | D::Float64 | D::Decimal128(..) | D::Decimal256(..) => {
                Values::Number { values: Vec::new(), integer: false }
            }
            other if other.is_integer() => Values::Number { values: Vec::new(), integer: true },
            D::Null => Values::Number { values: Vec::new(), integer: false },
            other => Values::Other(other.to_string()),
        };
        Self { values, seen: HashMap::new() }
    }

    fn push(&mut self, array: &ArrayRef) -> ArrowResult<()> {
        match &mut self.values {
            Values::Number { values, .. } => values.extend(floats(array)?),
            Values::Boolean(values) => {
                let array = cast(array, &DataType::Boolean)?;
                let array: &BooleanArray = array.as_boolean();
                values.extend(array.iter().map(|v| v.map_or(f64::NAN, f64::from)));
            }
            Values::Timestamp(values) => values.extend(seconds(array)?),
            Values::Text(text) => push_text(text, &mut self.seen, array)?,
            Values::Other(_) => {}
        }
        Ok(())
    }
}

fn floats(array: &ArrayRef) -> ArrowResult<Vec<f64>> {
    let array = cast(array, &DataType::Float64)?;
    let array: &Float64Array = array.as_primitive();
    Ok(array.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

fn seconds(array: &ArrayRef) -> ArrowResult<Vec<f64>> {
    let array = match array.data_type() {
        DataType::Dictionary(_, value) => cast(array, value)?,
        _ => array.clone(),
    };
    let (array, per_second) = match array.data_type() {
        DataType::Timestamp(unit, _) => (array.clone(), units_per_second(*unit)),
        DataType::Date64 => (array.clone(), 1e3),
        _ => (cast(&array, &DataType::Int32)?, 1.0 / 86_400.0),
    };
    let array = cast(&array, &DataType::Int64)?;
    let array: &Int64Array = array.as_primitive();
    Ok(array.iter().map(|value| value.map_or(f64::NAN, |v| v as f64 / per_second)).collect())
}

fn units_per_second(unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Second => 1.0,
        TimeUnit::Millisecond => 1e3,
        TimeUnit::Microsecond => 1e6,
        TimeUnit::Nanosecond => 1e9,
    }
}

/// Empty text counts as missing, because a tensor of text has no other way to say so.
fn push_text(
    text: &mut Text,
    seen: &mut HashMap<String, u32>,
    array: &ArrayRef,
) -> ArrowResult<()> {
    let array = cast(array, &DataType::Utf8)?;
    let array: &StringArray = array.as_string();
    for value in array {
        let code = match value {
            None | Some("") => MISSING,
            Some(value) => match seen.get(value) {
                Some(code) => *code,
                None => {
                    let code = text.levels.len() as u32;
                    seen.insert(value.to_owned(), code);
                    text.levels.push(value.to_owned());
                    code
                }
            },
        };
        text.codes.push(code);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        DictionaryArray, Int32Array, LargeStringArray, RecordBatch, TimestampMillisecondArray,
    };
    use datafusion::arrow::datatypes::Int32Type;
    use datafusion::arrow::ipc::writer::FileWriter;

    use super::*;

    #[test]
    fn the_arrow_types_come_down_to_four() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.arrow");
        let dictionary: DictionaryArray<Int32Type> =
            vec![Some("a"), None, Some("a")].into_iter().collect();
        let batch = RecordBatch::try_from_iter([
            ("i", Arc::new(Int32Array::from(vec![Some(3), None, Some(4)])) as ArrayRef),
            ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])) as ArrayRef),
            ("t", Arc::new(TimestampMillisecondArray::from(vec![1500, 0, -500])) as ArrayRef),
            ("d", Arc::new(dictionary) as ArrayRef),
            ("s", Arc::new(LargeStringArray::from(vec!["x", "", "y"])) as ArrayRef),
        ])
        .unwrap();
        let mut writer =
            FileWriter::try_new(File::create(&path).unwrap(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let table = read(&path).unwrap();
        assert_eq!(table.rows, 3);
        let numbers = |index: usize| table.columns[index].numbers().unwrap().to_vec();
        assert_eq!(numbers(0)[0], 3.0);
        assert!(numbers(0)[1].is_nan() && numbers(1)[1].is_nan());
        assert_eq!(numbers(2), [1.5, 0.0, -0.5]);
        for (index, codes) in [(3, [0, MISSING, 0]), (4, [0, MISSING, 1])] {
            let Values::Text(text) = &table.columns[index].values else { panic!("not text") };
            assert_eq!(text.codes, codes);
        }
    }

    #[test]
    fn a_file_that_is_not_arrow_is_unprocessable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(read(file.path()).unwrap_err().kind(), Kind::Unprocessable);
    }
}
