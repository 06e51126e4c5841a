//! Rows of named values to the model's input tensors, and its outputs back to rows.

use std::collections::BTreeMap;

use cairn_kernel::{Error, Result};
use cairn_serving::tensor::{Tensor, TensorData};
use serde_json::{Map, Value, json};

/// What a model says of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// A label or a number.
    pub prediction: Value,
    /// Probability of each class; `None` for a regression.
    pub probabilities: Option<BTreeMap<String, f64>>,
}

/// One tensor of shape `[rows, 1]` for each input the model's metadata names.
pub(super) fn columns(metadata: &Value, rows: &[Map<String, Value>]) -> Result<Vec<Tensor>> {
    let inputs = metadata["inputs"].as_array().map(Vec::as_slice).unwrap_or_default();
    inputs.iter().map(|input| column(input, rows)).collect()
}

fn column(input: &Value, rows: &[Map<String, Value>]) -> Result<Tensor> {
    let name = input["name"].as_str().unwrap_or_default();
    let values = rows.iter().enumerate().map(|(index, row)| {
        row.get(name).map(|value| (index, value)).ok_or_else(|| {
            Error::invalid(format!(
                "row {index} lacks the column '{name}'; send null if its value is not known"
            ))
            .with_param(format!("rows[{index}].{name}"))
        })
    });
    let shape = vec![rows.len(), 1];
    let data = if input["datatype"] == "BYTES" {
        let texts: Result<Vec<Vec<u8>>> =
            values.map(|value| value.and_then(|(index, value)| text(name, index, value))).collect();
        TensorData::Bytes(texts?)
    } else {
        let timestamp = input["kind"] == "timestamp";
        let numbers: Result<Vec<f32>> = values
            .map(|value| value.and_then(|(index, value)| number(name, index, value, timestamp)))
            .collect();
        TensorData::Fp32(numbers?)
    };
    Tensor::new(name, shape, data)
}

fn text(name: &str, index: usize, value: &Value) -> Result<Vec<u8>> {
    match value {
        Value::String(text) => Ok(text.clone().into_bytes()),
        Value::Null => Ok(Vec::new()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string().into_bytes()),
        _ => Err(wrong(name, index, value, "a text")),
    }
}

fn number(name: &str, index: usize, value: &Value, timestamp: bool) -> Result<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "the model's inputs are FP32")]
    let narrow = |number: f64| number as f32;
    match value {
        Value::Null => Ok(f32::NAN),
        Value::Bool(flag) => Ok(if *flag { 1.0 } else { 0.0 }),
        Value::Number(number) => Ok(number.as_f64().map_or(f32::NAN, narrow)),
        Value::String(text) if timestamp => seconds(text).map(narrow).ok_or_else(|| {
            wrong(name, index, value, "a time such as 2024-05-31 or 2024-05-31T12:00:00")
        }),
        Value::String(text) => {
            text.trim().parse().map_err(|_| wrong(name, index, value, "a number"))
        }
        _ => Err(wrong(name, index, value, "a number")),
    }
}

fn wrong(name: &str, index: usize, value: &Value, wanted: &str) -> Error {
    Error::invalid(format!("the column '{name}' takes {wanted}; row {index} has {value}"))
        .with_param(format!("rows[{index}].{name}"))
}

/// Seconds since 1970 UTC of a date or a date and time.
fn seconds(text: &str) -> Option<f64> {
    let text = text.trim().trim_end_matches('Z');
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut clock = time.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let (hour, minute) = (clock.next()??, clock.next().unwrap_or(Some(0.0))?);
    let second = clock.next().unwrap_or(Some(0.0))?;
    // Days from the civil calendar, counting years from March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day);
    #[expect(clippy::cast_precision_loss, reason = "days fit a double exactly")]
    valid.then_some(days as f64 * 86_400.0 + hour * 3600.0 + minute * 60.0 + second)
}

/// The outputs `label` and `probabilities`, or `prediction`, row by row.
pub(super) fn predictions(
    metadata: &Value,
    outputs: &[Tensor],
    rows: usize,
) -> Result<Vec<Prediction>> {
    let output = |name: &str| outputs.iter().find(|tensor| tensor.name() == name);
    if let Some(numbers) = output("prediction") {
        let numbers = floats(numbers)?;
        let wrap = |number: f64| Prediction { prediction: json!(number), probabilities: None };
        return Ok(numbers.into_iter().map(wrap).collect());
    }
    let (Some(labels), Some(shares)) = (output("label"), output("probabilities")) else {
        return Err(Error::invalid(
            "this model has neither the output 'prediction' nor 'label' and 'probabilities', as \
             trained models have; ask it at /v2/models/{name}/infer",
        ));
    };
    let classes: Vec<String> = metadata["classes"]
        .as_array()
        .map(|classes| classes.iter().filter_map(|c| c.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    let shares = floats(shares)?;
    let labels: Vec<Value> = labels.strings()?.into_iter().map(|label| json!(label)).collect();
    let width = shares.len() / rows.max(1);
    let row = |(index, label): (usize, Value)| Prediction {
        prediction: label,
        probabilities: shares
            .get(index * width..(index + 1) * width)
            .map(|row| classes.iter().cloned().zip(row.iter().copied()).collect()),
    };
    Ok(labels.into_iter().enumerate().map(row).collect())
}

fn floats(tensor: &Tensor) -> Result<Vec<f64>> {
    match tensor.data() {
        TensorData::Fp32(values) => Ok(values.iter().map(|value| f64::from(*value)).collect()),
        _ => Err(Error::internal(format!("the output '{}' is not FP32", tensor.name()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        assert_eq!(seconds("1970-01-01"), Some(0.0));
        assert_eq!(seconds("2000-03-01T00:00:01"), Some(951_868_801.0));
        assert_eq!(seconds("2024-02-29 12:30"), Some(1_709_209_800.0));
        assert_eq!(seconds("yesterday"), None);
    }

    #[test]
    fn a_missing_column_and_a_wrong_value_are_named() {
        let metadata = json!({"inputs": [{"name": "age", "datatype": "FP32"}]});
        let row = |value: Value| value.as_object().cloned().unwrap_or_default();
        let lacking = columns(&metadata, &[row(json!({"sex": "m"}))]);
        assert!(lacking.is_err_and(|e| e.message().contains("lacks the column 'age'")));
        let wrong = columns(&metadata, &[row(json!({"age": 3})), row(json!({"age": "old"}))]);
        assert!(wrong.is_err_and(|e| e.message().contains("row 1 has \"old\"")));
    }
}
