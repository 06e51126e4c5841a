//! Triton's classification extension: the likeliest classes in place of a tensor, each
//! as `score:index` or, where the model names its classes, `score:index:label`.

use cairn_kernel::{Error, Result};
use cairn_services::tensor::{Tensor, TensorData, bf16_to_f32, f16_to_f32};
use serde_json::Value;

use super::execute::Wanted;

/// Replaces the outputs for which classes were asked.
///
/// # Errors
/// `Invalid`, naming the output, for one without numbers.
pub(super) fn apply(
    outputs: Vec<Tensor>,
    wanted: &[Wanted],
    metadata: &str,
) -> Result<Vec<Tensor>> {
    if wanted.iter().all(|output| output.classes.is_none()) {
        return Ok(outputs);
    }
    let labels = labels(metadata);
    let each = outputs.into_iter().map(|tensor| {
        let asked = wanted.iter().find(|output| output.name == tensor.name());
        match asked.and_then(|output| output.classes) {
            Some(count) => classes(&tensor, count, &labels),
            None => Ok(tensor),
        }
    });
    each.collect()
}

/// The names of the classes in a version's metadata.
fn labels(metadata: &str) -> Vec<String> {
    let metadata: Value = serde_json::from_str(metadata).unwrap_or_default();
    let classes = metadata["classes"].as_array().map(Vec::as_slice).unwrap_or_default();
    classes.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

fn classes(tensor: &Tensor, count: usize, labels: &[String]) -> Result<Tensor> {
    let scores = scores(tensor)?;
    // The first dimension is the batch; a vector is one row of classes.
    let rows = match tensor.shape() {
        [] | [_] => None,
        [rows, ..] => Some(*rows),
    };
    let width = scores.len() / rows.unwrap_or(1).max(1);
    let count = count.min(width);
    let labels = Some(labels).filter(|labels| labels.len() == width);
    let mut texts = Vec::with_capacity(count * rows.unwrap_or(1));
    for row in scores.chunks(width.max(1)) {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|left, right| row[*right].total_cmp(&row[*left]));
        texts.extend(order.into_iter().take(count).map(|index| {
            let label = labels.and_then(|labels| labels.get(index));
            let label = label.map(|label| format!(":{label}")).unwrap_or_default();
            format!("{:.6}:{index}{label}", row[index])
        }));
    }
    let shape = rows.into_iter().chain([count]).collect();
    Tensor::text(tensor.name(), shape, texts)
}

fn scores(tensor: &Tensor) -> Result<Vec<f64>> {
    macro_rules! wide {
        ($values:expr) => {
            $values.iter().map(|value| f64::from(*value)).collect()
        };
    }
    #[expect(clippy::cast_precision_loss, reason = "they are only ordered and shown")]
    let scores = match tensor.data() {
        TensorData::Uint8(values) => wide!(values),
        TensorData::Uint16(values) => wide!(values),
        TensorData::Uint32(values) => wide!(values),
        TensorData::Uint64(values) => values.iter().map(|value| *value as f64).collect(),
        TensorData::Int8(values) => wide!(values),
        TensorData::Int16(values) => wide!(values),
        TensorData::Int32(values) => wide!(values),
        TensorData::Int64(values) => values.iter().map(|value| *value as f64).collect(),
        TensorData::Fp16(values) => values.iter().map(|bits| f16_to_f32(*bits).into()).collect(),
        TensorData::Bf16(values) => values.iter().map(|bits| bf16_to_f32(*bits).into()).collect(),
        TensorData::Fp32(values) => wide!(values),
        TensorData::Fp64(values) => values.clone(),
        TensorData::Bool(_) | TensorData::Bytes(_) => {
            return Err(Error::invalid(format!(
                "output '{}' is {} and has no scores; ask for classes of a tensor of numbers",
                tensor.name(),
                tensor.datatype()
            ))
            .with_param(tensor.name()));
        }
    };
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, classes: usize) -> Vec<Wanted> {
        vec![Wanted { name: name.to_owned(), classes: Some(classes) }]
    }

    #[test]
    fn the_likeliest_classes_come_first_in_every_row() -> Result<()> {
        let data = TensorData::Fp32(vec![0.1, 0.7, 0.2, 0.5, 0.25, 0.25]);
        let scores = Tensor::new("p", vec![2, 3], data)?;
        let named = r#"{"classes": ["ape", "bee", "cat"]}"#;
        let top = apply(vec![scores.clone()], &asked("p", 2), named)?;
        assert_eq!(top[0].shape(), [2, 2]);
        let texts = ["0.700000:1:bee", "0.200000:2:cat", "0.500000:0:ape", "0.250000:1:bee"];
        assert_eq!(top[0].strings()?, texts);
        let all = apply(vec![scores], &asked("p", 9), "{}")?;
        assert_eq!((all[0].shape(), all[0].strings()?[0]), (&[2, 3][..], "0.700000:1"));
        Ok(())
    }

    #[test]
    fn words_have_no_scores_and_other_outputs_stay() -> Result<()> {
        let words = Tensor::text("w", vec![1], ["a"])?;
        let numbers = Tensor::new("n", vec![2], TensorData::Int64(vec![3, 5]))?;
        let fault = apply(vec![words.clone()], &asked("w", 1), "{}");
        assert!(fault.is_err_and(|error| error.message().contains("'w' is BYTES")));
        let mixed = apply(vec![words.clone(), numbers], &asked("n", 1), "{}")?;
        assert_eq!(mixed[0], words);
        assert_eq!((mixed[1].shape(), mixed[1].strings()?), (&[1][..], vec!["5.000000:1"]));
        Ok(())
    }
}
