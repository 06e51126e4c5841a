//! A snapshot's columns as plain vectors, for prediction over whole tables.

use std::path::Path;

use cairn_kernel::{Result, ResultExt};
use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};

use crate::files;
use crate::import::typed;
use crate::snapshot::ColumnType;

/// Columns of equal length, in file order.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The columns.
    pub columns: Vec<FrameColumn>,
    /// Rows of every column.
    pub rows: usize,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameColumn {
    /// The column's name.
    pub name: String,
    /// The type as stored; integers are [`ColumnData::Numbers`] here.
    pub kind: ColumnType,
    /// A value per row.
    pub data: ColumnData,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnData {
    /// Integers and numbers, NaN where missing. Integers beyond 2^53 are rounded.
    Numbers(Vec<f64>),
    /// Text.
    Strings(Vec<Option<String>>),
    /// Truths.
    Booleans(Vec<Option<bool>>),
    /// Microseconds since the Unix epoch, UTC.
    Timestamps(Vec<Option<i64>>),
}

impl Frame {
    /// The column called `name`, if there is one.
    pub fn column(&self, name: &str) -> Option<&FrameColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl ColumnData {
    /// Number of values, missing ones included.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Strings(values) => values.len(),
            Self::Booleans(values) => values.len(),
            Self::Timestamps(values) => values.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Integer | ColumnType::Number => Self::Numbers(Vec::new()),
            ColumnType::String => Self::Strings(Vec::new()),
            ColumnType::Boolean => Self::Booleans(Vec::new()),
            ColumnType::Timestamp => Self::Timestamps(Vec::new()),
        }
    }

    fn extend(&mut self, array: &ArrayRef, kind: ColumnType) {
        match self {
            Self::Numbers(values) if kind == ColumnType::Integer => {
                let array = array.as_primitive::<Int64Type>();
                values.extend(array.iter().map(|it| it.map_or(f64::NAN, |it| it as f64)));
            }
            Self::Numbers(values) => {
                let array = array.as_primitive::<Float64Type>();
                values.extend(array.iter().map(|it| it.unwrap_or(f64::NAN)));
            }
            Self::Strings(values) => {
                values.extend(array.as_string::<i32>().iter().map(|it| it.map(str::to_owned)));
            }
            Self::Booleans(values) => values.extend(array.as_boolean().iter()),
            Self::Timestamps(values) => {
                values.extend(array.as_primitive::<TimestampMicrosecondType>().iter());
            }
        }
    }
}

/// Reads `limit` rows from `offset` on; all of them without a limit.
pub(crate) fn read(dir: &Path, sha256: &str, offset: usize, limit: Option<usize>) -> Result<Frame> {
    let builder = files::open(dir, sha256)?;
    let mut columns: Vec<_> = typed(builder.schema())?
        .into_iter()
        .map(|(name, kind)| FrameColumn { name, kind, data: ColumnData::new(kind) })
        .collect();
    let builder = builder.with_offset(offset);
    let builder = match limit {
        Some(limit) => builder.with_limit(limit),
        None => builder,
    };
    let mut rows = 0;
    for batch in builder.build().or_internal("reading a table snapshot")? {
        let batch = batch.or_internal("reading a table snapshot")?;
        rows += batch.num_rows();
        for (column, array) in columns.iter_mut().zip(batch.columns()) {
            column.data.extend(array, column.kind);
        }
    }
    Ok(Frame { columns, rows })
}
