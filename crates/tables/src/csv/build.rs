//! The second pass: the columns themselves, batch by batch.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use cairn_kernel::{Error, Result, ResultExt};
use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{Schema, SchemaRef};

use super::infer::Inferred;
use super::records::Records;
use super::survey::{Encoding, Survey, split_error};
use super::values::{boolean, instant, integer, null_spelling, number};
use crate::snapshot::ColumnType;
use crate::tables::MAX_COLUMNS;

const BATCH_ROWS: usize = 8192;

/// A batch also ends here, so that its text stays far below Arrow's 2 GiB.
const BATCH_BYTES: usize = 32 << 20;

/// Reads a surveyed file as record batches.
pub(crate) struct Batches<'a> {
    records: Records<File>,
    builders: Vec<Builder>,
    schema: SchemaRef,
    encoding: Encoding,
    name: &'a str,
}

impl<'a> Batches<'a> {
    /// Opens `path` again, as `survey` found it.
    pub(crate) fn open(path: &Path, name: &'a str, survey: &Survey) -> Result<Self> {
        let mut file = File::open(path).or_internal("opening the uploaded table")?;
        file.seek(SeekFrom::Start(survey.skip_bytes)).or_internal("reading the table")?;
        let mut records = Records::new(file, survey.delimiter, MAX_COLUMNS);
        if survey.has_header {
            records.advance().map_err(|cause| split_error(cause, name))?;
        }
        let columns = survey.names.iter().zip(&survey.types);
        let fields: Vec<_> = columns.map(|(name, it)| it.kind.field(name)).collect();
        Ok(Self {
            records,
            builders: survey.types.iter().map(Builder::new).collect(),
            schema: Arc::new(Schema::new(fields)),
            encoding: survey.encoding,
            name,
        })
    }

    /// The schema of every batch.
    pub(crate) fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// The next rows, or none at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES {
            if !self.records.advance().map_err(|cause| split_error(cause, self.name))? {
                break;
            }
            bytes += self.records.raw().len();
            rows += 1;
            for (at, builder) in self.builders.iter_mut().enumerate() {
                builder.append(self.records.field(at), self.encoding).ok_or_else(|| {
                    Error::internal("the table's file changed between its two readings")
                })?;
            }
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns = self.builders.iter_mut().map(Builder::finish).collect();
        RecordBatch::try_new(self.schema(), columns).or_internal("building a table batch").map(Some)
    }
}

/// Collects one column.
enum Builder {
    Integer(Int64Builder),
    Number { builder: Float64Builder, comma: bool },
    Boolean(BooleanBuilder),
    Text(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl Builder {
    fn new(column: &Inferred) -> Self {
        match column.kind {
            ColumnType::Integer => Self::Integer(Int64Builder::new()),
            ColumnType::Number => {
                Self::Number { builder: Float64Builder::new(), comma: column.comma }
            }
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::String => Self::Text(StringBuilder::new()),
            ColumnType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
        }
    }

    /// Appends a value; none if it is not of the column's type.
    fn append(&mut self, value: &[u8], encoding: Encoding) -> Option<()> {
        let missing = null_spelling(value).is_some();
        match self {
            Self::Integer(builder) if missing => builder.append_null(),
            Self::Integer(builder) => builder.append_value(integer(value)?),
            Self::Number { builder, .. } if missing => builder.append_null(),
            Self::Number { builder, comma } => builder.append_value(number(value, *comma)?),
            Self::Boolean(builder) if missing => builder.append_null(),
            Self::Boolean(builder) => builder.append_value(boolean(value)?),
            Self::Text(builder) if missing => builder.append_null(),
            Self::Text(builder) => builder.append_value(encoding.decode(value)),
            Self::Timestamp(builder) if missing => builder.append_null(),
            Self::Timestamp(builder) => builder.append_value(instant(value)?.micros),
        }
        Some(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Number { builder, .. } => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
        }
    }
}
