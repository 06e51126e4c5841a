//! Column profiles, computed over the batches as they are written.

mod distinct;

use cairn_kernel::{Result, ResultExt};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{max, min};
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::hash_utils::{HLL_RANDOM_STATE, create_hashes};
use serde_json::Value;

use self::distinct::Distinct;
use crate::cell;
use crate::snapshot::{Column, ColumnType};

/// Profiles all columns of a table, batch by batch.
pub(crate) struct Profiler {
    columns: Vec<ColumnProfiler>,
    hashes: Vec<u64>,
}

impl Profiler {
    /// Starts with the columns' names and types.
    pub(crate) fn new(columns: impl IntoIterator<Item = (String, ColumnType)>) -> Self {
        let columns = columns.into_iter().map(|(name, kind)| ColumnProfiler::new(name, kind));
        Self { columns: columns.collect(), hashes: Vec::new() }
    }

    /// Takes the rows of `batch` into account.
    pub(crate) fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            self.hashes.clear();
            self.hashes.resize(array.len(), 0);
            create_hashes([array], &HLL_RANDOM_STATE, &mut self.hashes)
                .or_internal("profiling a column")?;
            column.update(array, &self.hashes);
        }
        Ok(())
    }

    /// The profiles, in column order.
    pub(crate) fn finish(self) -> Vec<Column> {
        self.columns.into_iter().map(ColumnProfiler::finish).collect()
    }
}

struct ColumnProfiler {
    name: String,
    kind: ColumnType,
    nulls: u64,
    values: u64,
    sum: f64,
    integers: Option<(i64, i64)>,
    numbers: Option<(f64, f64)>,
    distinct: Distinct,
}

impl ColumnProfiler {
    fn new(name: String, kind: ColumnType) -> Self {
        Self {
            name,
            kind,
            nulls: 0,
            values: 0,
            sum: 0.0,
            integers: None,
            numbers: None,
            distinct: Distinct::new(),
        }
    }

    fn update(&mut self, array: &ArrayRef, hashes: &[u64]) {
        self.nulls += array.null_count() as u64;
        self.values += (array.len() - array.null_count()) as u64;
        match self.kind {
            ColumnType::Integer => {
                let array = array.as_primitive::<Int64Type>();
                self.sum += array.iter().flatten().map(|value| value as f64).sum::<f64>();
                self.integers = widen(self.integers, min(array), max(array));
            }
            ColumnType::Number => {
                let array = array.as_primitive::<Float64Type>();
                self.sum += array.iter().flatten().sum::<f64>();
                self.numbers = widen(self.numbers, min(array), max(array));
            }
            ColumnType::Boolean => self.sum += array.as_boolean().true_count() as f64,
            ColumnType::Timestamp => {
                let array = array.as_primitive::<TimestampMicrosecondType>();
                self.integers = widen(self.integers, min(array), max(array));
            }
            ColumnType::String => {}
        }
        for (row, hash) in hashes.iter().enumerate() {
            if array.is_valid(row) {
                self.distinct.add(*hash, || cell::json(array.as_ref(), row));
            }
        }
    }

    fn finish(self) -> Column {
        let (least, greatest) = match self.kind {
            ColumnType::Timestamp => ends(self.integers, cell::timestamp),
            ColumnType::Number => ends(self.numbers, cell::number),
            _ => ends(self.integers, Value::from),
        };
        let averaged = !matches!(self.kind, ColumnType::String | ColumnType::Timestamp);
        let mean = (averaged && self.values > 0).then(|| self.sum / self.values as f64);
        Column {
            name: self.name,
            kind: self.kind,
            nulls: self.nulls,
            distinct: self.distinct.count().min(self.values),
            distinct_exact: self.distinct.is_exact(),
            min: least,
            max: greatest,
            mean: mean.filter(|mean| mean.is_finite()),
            top: self.distinct.top(),
        }
    }
}

fn widen<T: PartialOrd + Copy>(
    known: Option<(T, T)>,
    least: Option<T>,
    greatest: Option<T>,
) -> Option<(T, T)> {
    let (Some(least), Some(greatest)) = (least, greatest) else { return known };
    let Some((low, high)) = known else { return Some((least, greatest)) };
    Some((if least < low { least } else { low }, if greatest > high { greatest } else { high }))
}

fn ends<T>(known: Option<(T, T)>, render: fn(T) -> Value) -> (Value, Value) {
    known.map_or((Value::Null, Value::Null), |(least, greatest)| (render(least), render(greatest)))
}
