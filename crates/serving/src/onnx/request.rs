//! One request, checked against what the model declares.

use std::collections::BTreeMap;

use cairn_kernel::{Error, Result};

use super::spec::{ModelMetadata, TensorSpec};
use crate::tensor::{Tensor, TensorData, bf16_to_f32, f16_to_f32};

/// The property of a model file that forbids NaN among its inputs: `true` for all, or
/// the names of inputs between commas.
const FORBID_NAN: &str = "cairn.forbid_nan";

/// What an engine is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    /// One tensor for each input of the model, in the model's order.
    pub(crate) inputs: Vec<Tensor>,
    /// Indexes of the outputs wanted, in the caller's order.
    pub(crate) outputs: Vec<usize>,
}

impl Request {
    /// Checks a caller's inputs (in any order) and the names of the outputs wanted
    /// (all when empty).
    ///
    /// # Errors
    /// `Invalid`, naming the input or output, the value and what is expected.
    pub(crate) fn check(
        metadata: &ModelMetadata,
        inputs: Vec<Tensor>,
        wanted: &[String],
    ) -> Result<Self> {
        let outputs = find_outputs(metadata, wanted)?;
        let inputs = sort_inputs(metadata, inputs)?;
        let mut sizes = BTreeMap::new();
        for (spec, tensor) in metadata.inputs.iter().zip(&inputs) {
            spec.check(tensor, &mut sizes)?;
        }
        drop(sizes);
        Ok(Self { inputs, outputs })
    }
}

fn find_outputs(metadata: &ModelMetadata, wanted: &[String]) -> Result<Vec<usize>> {
    let outputs = &metadata.outputs;
    if wanted.is_empty() {
        return Ok((0..outputs.len()).collect());
    }
    let find = |name: &String| {
        outputs.iter().position(|output| &output.name == name).ok_or_else(|| {
            Error::invalid(format!(
                "model '{}' has no output '{name}'; it has {}",
                metadata.name,
                listed(outputs)
            ))
            .with_param("outputs")
        })
    };
    wanted.iter().map(find).collect()
}

fn sort_inputs(metadata: &ModelMetadata, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let specs = &metadata.inputs;
    let mut places: Vec<Option<Tensor>> = specs.iter().map(|_| None).collect();
    for tensor in inputs {
        let at = specs.iter().position(|spec| spec.name == tensor.name());
        let problem = match at.and_then(|at| places.get_mut(at)) {
            Some(place @ None) => {
                *place = Some(tensor);
                continue;
            }
            Some(Some(_)) => format!("was sent the input '{}' twice", tensor.name()),
            None => format!("has no input '{}'; it takes {}", tensor.name(), listed(specs)),
        };
        let problem = format!("model '{}' {problem}", metadata.name);
        return Err(Error::invalid(problem).with_param(tensor.name()));
    }
    let present = specs.iter().zip(places).map(|(spec, place)| {
        place.ok_or_else(|| {
            Error::invalid(format!(
                "input '{}' ({}, shape {:?}) of model '{}' is missing",
                spec.name,
                spec.datatype,
                spec.shape.as_deref().unwrap_or_default(),
                metadata.name
            ))
            .with_param(&spec.name)
        })
    });
    present.collect()
}

pub(crate) fn listed(specs: &[TensorSpec]) -> String {
    let names: Vec<_> = specs.iter().map(|spec| format!("'{}'", spec.name)).collect();
    names.join(", ")
}

/// Which inputs a model forbids to be NaN, one flag for each.
///
/// # Errors
/// `Unprocessable` when the file's property names an input that is not there.
pub(crate) fn forbidden_nan(metadata: &ModelMetadata) -> Result<Vec<bool>> {
    let inputs = &metadata.inputs;
    let Some(property) = metadata.properties.get(FORBID_NAN) else {
        return Ok(vec![false; inputs.len()]);
    };
    match property.trim() {
        "true" => return Ok(vec![true; inputs.len()]),
        "false" | "" => return Ok(vec![false; inputs.len()]),
        _ => {}
    }
    let names: Vec<&str> = property.split(',').map(str::trim).collect();
    if let Some(unknown) = names.iter().find(|name| !inputs.iter().any(|i| i.name == **name)) {
        return Err(Error::new(
            cairn_kernel::Kind::Unprocessable,
            format!(
                "the property {FORBID_NAN} of model '{}' names '{unknown}', and the inputs are \
                 {}; write 'true', 'false', or names of inputs between commas",
                metadata.name,
                listed(inputs)
            ),
        ));
    }
    Ok(inputs.iter().map(|input| names.contains(&input.name.as_str())).collect())
}

/// Refuses NaN in the inputs that `forbidden` marks.
///
/// # Errors
/// `Invalid`, naming the input and the element.
pub(crate) fn refuse_nan(inputs: &[Tensor], forbidden: &[bool]) -> Result<()> {
    for (tensor, _) in inputs.iter().zip(forbidden).filter(|(_, forbidden)| **forbidden) {
        let found = match tensor.data() {
            TensorData::Fp32(x) => x.iter().position(|x| x.is_nan()),
            TensorData::Fp64(x) => x.iter().position(|x| x.is_nan()),
            TensorData::Fp16(x) => x.iter().position(|&x| f16_to_f32(x).is_nan()),
            TensorData::Bf16(x) => x.iter().position(|&x| bf16_to_f32(x).is_nan()),
            _ => None,
        };
        if let Some(at) = found {
            return Err(Error::invalid(format!(
                "element {at} of input '{}' is not a number, which this model forbids; send a \
                 finite value",
                tensor.name()
            ))
            .with_param(tensor.name()));
        }
    }
    Ok(())
}
