//! What is known of a snapshot: its hash, its columns and their profile.

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The format of a file that is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Delimited text: comma, semicolon, tab or bar.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl SourceKind {
    /// The format's name, as in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
        }
    }
}

/// The five types a snapshot's column can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// 64-bit signed integer (Arrow `Int64`).
    Integer,
    /// 64-bit float (Arrow `Float64`); never NaN, which is stored as missing.
    Number,
    /// Arrow `Boolean`.
    Boolean,
    /// UTF-8 text (Arrow `Utf8`).
    String,
    /// Microseconds since the Unix epoch, UTC (Arrow `Timestamp(Microsecond)`).
    Timestamp,
}

impl ColumnType {
    /// The type's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Timestamp => "timestamp",
        }
    }

    /// The Arrow type a snapshot stores for it.
    pub(crate) fn arrow(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::String => DataType::Utf8,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        }
    }

    /// The nullable Arrow field of a column of this type.
    pub(crate) fn field(self, name: &str) -> Field {
        Field::new(name, self.arrow(), true)
    }

    /// The column type that a stored Arrow type stands for.
    pub(crate) fn of(arrow: &DataType) -> Option<Self> {
        [Self::Integer, Self::Number, Self::Boolean, Self::String, Self::Timestamp]
            .into_iter()
            .find(|kind| kind.arrow() == *arrow)
    }
}

/// A frequent value of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopValue {
    /// The value; text over 200 characters is cut and ends in `…`.
    pub value: Value,
    /// In how many rows it stands.
    pub count: u64,
}

/// A column's name, type and profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The name, unique within the table.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Rows without a value.
    pub nulls: u64,
    /// Different values, missing ones not counted.
    pub distinct: u64,
    /// Whether `distinct` is exact. Above 10,000 different values it is a
    /// HyperLogLog estimate (standard error 0.8 %), and `top` then considers
    /// only the 10,000 values that came first (their counts stay exact).
    pub distinct_exact: bool,
    /// Least value of an integer, number or timestamp column, else null.
    pub min: Value,
    /// Greatest value of an integer, number or timestamp column, else null.
    pub max: Value,
    /// Mean of an integer or number column; for booleans the share of true.
    pub mean: Option<f64>,
    /// Up to ten most frequent values, most frequent first; empty where no value repeats.
    pub top: Vec<TopValue>,
}

/// A stored table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// SHA-256 of the Parquet file's bytes, in hex; also the file's name.
    pub sha256: String,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Size of the Parquet file.
    pub bytes: u64,
    /// The columns in file order.
    pub columns: Vec<Column>,
    /// What was decided while reading, each as a sentence for the user.
    pub notes: Vec<String>,
}

/// Some rows of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Column names, in file order.
    pub columns: Vec<String>,
    /// The rows; timestamps are ISO 8601 text in UTC, missing values null.
    pub rows: Vec<Vec<Value>>,
    /// Rows in the whole snapshot.
    pub total: u64,
}
