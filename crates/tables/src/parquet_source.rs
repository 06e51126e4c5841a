//! Parquet files of any writer, brought to the five column types.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use cairn_kernel::{Error, Kind, Result, ResultExt};
use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion::parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use crate::csv::require_distinct;
use crate::snapshot::ColumnType;
use crate::tables::MAX_COLUMNS;

const BATCH_ROWS: usize = 8192;

/// Reads a Parquet file as record batches of a snapshot's schema.
pub(crate) struct ParquetSource {
    reader: ParquetRecordBatchReader,
    columns: Vec<SourceColumn>,
    schema: SchemaRef,
    name: String,
}

/// What happens to one column.
struct SourceColumn {
    name: String,
    kind: ColumnType,
    from: DataType,
    not_a_number: u64,
}

impl ParquetSource {
    /// Opens `path`, called `name` by the user.
    ///
    /// Fails with [`Kind::Unprocessable`] if it is damaged, has no rows or
    /// duplicate names, and [`Kind::Unsupported`] on nested columns.
    pub(crate) fn open(path: &Path, name: &str) -> Result<Self> {
        let file = File::open(path).or_internal("opening the uploaded table")?;
        let damaged = || {
            format!("'{name}' is damaged or not a complete Parquet file; write or upload it again")
        };
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)
            .or_kind(Kind::Unprocessable, damaged())?;
        let columns = source_columns(builder.schema(), name)?;
        if builder.metadata().file_metadata().num_rows() <= 0 {
            return Err(Error::new(Kind::Unprocessable, format!("'{name}' has no rows")));
        }
        let fields: Vec<_> = columns.iter().map(|it| it.kind.field(&it.name)).collect();
        let reader = builder.with_batch_size(BATCH_ROWS).build();
        let reader = reader.or_kind(Kind::Unprocessable, damaged())?;
        Ok(Self { reader, columns, schema: Arc::new(Schema::new(fields)), name: name.to_owned() })
    }

    /// The schema of every batch.
    pub(crate) fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// The next rows, or none at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let batch = batch.or_kind(
            Kind::Unprocessable,
            format!(
                "'{}' is damaged: its rows cannot be read; write or upload it again",
                self.name
            ),
        )?;
        let arrays = self.columns.iter_mut().zip(batch.columns());
        let arrays = arrays.map(|(column, array)| column.convert(array, &self.name));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new(self.schema(), arrays).or_internal("building a table batch").map(Some)
    }

    /// What was changed, as sentences for the user.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut say = |what: &str, which: fn(&SourceColumn) -> bool| {
            let chosen: Vec<_> =
                self.columns.iter().filter(|it| which(it)).map(|it| it.name.as_str()).collect();
            if !chosen.is_empty() {
                notes.push(format!("{what}: {}.", chosen.join(", ")));
            }
        };
        say("NaN was stored as missing", |it| it.not_a_number > 0);
        say("Decimals were read as 64-bit numbers", |it| it.from.is_decimal());
        say("Times with a zone were converted to UTC", |it| {
            matches!(it.from, DataType::Timestamp(_, Some(_)))
        });
        say("Nanoseconds were cut to microseconds", |it| {
            matches!(it.from, DataType::Timestamp(TimeUnit::Nanosecond, _))
        });
        say("Stored as text", |it| {
            it.kind == ColumnType::String
                && matches!(
                    value_type(&it.from),
                    DataType::Time32(_)
                        | DataType::Time64(_)
                        | DataType::Binary
                        | DataType::LargeBinary
                        | DataType::BinaryView
                        | DataType::Null
                )
        });
        notes
    }
}

impl SourceColumn {
    fn convert(&mut self, array: &ArrayRef, file: &str) -> Result<ArrayRef> {
        let wanted = match (&self.from, self.kind) {
            // Only the unit changes here; values with a zone are UTC already.
            (DataType::Timestamp(_, zone), ColumnType::Timestamp) => {
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            (_, kind) => kind.arrow(),
        };
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let array = cast_with_options(array, &wanted, &strict).or_kind(
            Kind::Unprocessable,
            format!(
                "'{file}': column '{}' ({}) has values that do not fit the type {}; \
                 convert the column before writing the file",
                self.name,
                self.from,
                self.kind.name()
            ),
        )?;
        Ok(match self.kind {
            ColumnType::Number => self.without_nan(array),
            ColumnType::Timestamp => {
                let plain = array.as_primitive::<TimestampMicrosecondType>().clone();
                Arc::new(plain.with_timezone_opt(None::<Arc<str>>))
            }
            _ => array,
        })
    }

    fn without_nan(&mut self, array: ArrayRef) -> ArrayRef {
        let numbers = array.as_primitive::<Float64Type>();
        let found = numbers.iter().flatten().filter(|value| value.is_nan()).count();
        if found == 0 {
            return array;
        }
        self.not_a_number += found as u64;
        let kept = numbers.iter().map(|value| value.filter(|value| !value.is_nan()));
        Arc::new(kept.collect::<Float64Array>())
    }
}

fn source_columns(schema: &Schema, file: &str) -> Result<Vec<SourceColumn>> {
    let count = schema.fields().len();
    if count == 0 {
        return Err(Error::new(Kind::Unprocessable, format!("'{file}' has no columns")));
    }
    if count > MAX_COLUMNS {
        return Err(Error::new(
            Kind::TooLarge,
            format!("'{file}' has {count} columns; the most is {MAX_COLUMNS}"),
        ));
    }
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
    require_distinct(&names, file)?;
    let column = |(name, field): (String, &Arc<datafusion::arrow::datatypes::Field>)| {
        let from = field.data_type().clone();
        let kind = column_type(&from).ok_or_else(|| {
            Error::new(
                Kind::Unsupported,
                format!(
                    "'{file}': column '{name}' has the type {from}, which a table here cannot \
                     hold; flatten it to numbers, text, booleans or timestamps"
                ),
            )
        })?;
        Ok(SourceColumn { name, kind, from, not_a_number: 0 })
    };
    names.into_iter().zip(schema.fields()).map(column).collect()
}

fn value_type(kind: &DataType) -> &DataType {
    match kind {
        DataType::Dictionary(_, value) => value,
        other => other,
    }
}

fn column_type(kind: &DataType) -> Option<ColumnType> {
    use DataType as T;
    Some(match value_type(kind) {
        integer if integer.is_integer() => ColumnType::Integer,
        number if number.is_floating() || number.is_decimal() => ColumnType::Number,
        T::Boolean => ColumnType::Boolean,
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Null => ColumnType::String,
        T::Binary | T::LargeBinary | T::BinaryView => ColumnType::String,
        T::Time32(_) | T::Time64(_) => ColumnType::String,
        T::Date32 | T::Date64 | T::Timestamp(..) => ColumnType::Timestamp,
        _ => return None,
    })
}
