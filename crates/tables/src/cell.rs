//! One cell of an Arrow array as JSON.
//!
//! Integers stay integers. A float that JSON cannot write (an infinity, or NaN
//! out of a query) becomes the text `Infinity`, `-Infinity` or `NaN`.

use cairn_kernel::{Result, ResultExt};
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use datafusion::arrow::temporal_conversions::timestamp_us_to_datetime;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;

/// A column reduced to one of few types, ready to be read cell by cell.
pub(crate) struct Cells {
    array: ArrayRef,
}

impl Cells {
    /// Prepares `array`; narrow, wide and dictionary types are cast to a plain one.
    pub(crate) fn new(array: &ArrayRef) -> Result<Self> {
        let wanted = shown_type(array.data_type());
        let array = match wanted == *array.data_type() {
            true => ArrayRef::clone(array),
            false => cast(array, &wanted).or_internal("preparing a result column")?,
        };
        Ok(Self { array })
    }

    /// The reduced column.
    pub(crate) fn into_array(self) -> ArrayRef {
        self.array
    }

    /// The cell of `row` as JSON.
    pub(crate) fn json(&self, row: usize) -> Value {
        json(self.array.as_ref(), row)
    }
}

/// The plain type that stands for `kind` in results, or none where text does.
fn plain_type(kind: &DataType) -> Option<DataType> {
    use DataType as T;
    Some(match kind {
        T::Int8 | T::Int16 | T::Int32 | T::UInt8 | T::UInt16 | T::UInt32 => T::Int64,
        T::Float16 | T::Float32 => T::Float64,
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => T::Float64,
        T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Date32 | T::Date64 | T::Timestamp(..) => T::Timestamp(TimeUnit::Microsecond, None),
        T::Dictionary(_, value) => plain_type(value).unwrap_or_else(|| value.as_ref().clone()),
        T::Int64 | T::UInt64 | T::Float64 | T::Boolean | T::Utf8 => kind.clone(),
        _ => return None,
    })
}

/// The type that [`Cells`] reduces a column to.
pub(crate) fn shown_type(kind: &DataType) -> DataType {
    plain_type(kind).unwrap_or_else(|| kind.clone())
}

/// The wire name of a query column's type.
pub(crate) fn type_name(kind: &DataType) -> String {
    use DataType as T;
    match plain_type(kind) {
        Some(T::Int64 | T::UInt64) => "integer".into(),
        Some(T::Float64) => "number".into(),
        Some(T::Boolean) => "boolean".into(),
        Some(T::Utf8) => "string".into(),
        Some(T::Timestamp(..)) => "timestamp".into(),
        _ => match kind {
            T::Null => "null".into(),
            T::List(_) | T::LargeList(_) | T::FixedSizeList(..) => "list".into(),
            T::Struct(_) => "struct".into(),
            T::Map(..) => "map".into(),
            T::Interval(_) | T::Duration(_) => "interval".into(),
            T::Binary | T::LargeBinary | T::BinaryView => "binary".into(),
            other => other.to_string(),
        },
    }
}

/// A cell of an array as JSON.
pub(crate) fn json(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        _ => text(array, row),
    }
}

/// A float as JSON; what JSON cannot write becomes text.
pub(crate) fn number(value: f64) -> Value {
    if value.is_finite() {
        return value.into();
    }
    let word = match (value.is_nan(), value > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    };
    word.into()
}

/// Microseconds since the epoch as `2010-01-31T09:00:00`, with a fraction only if there is one.
pub(crate) fn timestamp(micros: i64) -> Value {
    match timestamp_us_to_datetime(micros) {
        Some(when) => format!("{when:?}").into(),
        None => micros.into(),
    }
}

fn text(array: &dyn Array, row: usize) -> Value {
    let options = FormatOptions::default();
    match ArrayFormatter::try_new(array, &options) {
        Ok(formatter) => formatter.value(row).to_string().into(),
        Err(_) => Value::Null,
    }
}
