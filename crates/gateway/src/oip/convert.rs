//! The wire's tensors to the engine's, and back.

use cairn_kernel::{Error, Result};
use cairn_services::tensor::{Datatype, Tensor, TensorData, bf16_to_f32, f16_to_f32, raw};
use cairn_wire::oip::{InferRequest, InputTensor, OutputTensor};
use serde_json::{Map, Value, json};

use super::binary;
use super::execute::{Wanted, refuse_shared_memory};

/// The inputs of a request; binary ones take their bytes from `raw` in order.
pub(super) fn inputs(request: &mut InferRequest, mut raw: &[u8]) -> Result<Vec<Tensor>> {
    let mut tensors = Vec::new();
    for input in std::mem::take(&mut request.inputs) {
        tensors.push(tensor(input, &mut raw)?);
    }
    if !raw.is_empty() {
        return Err(Error::invalid(format!(
            "{} bytes follow the last binary tensor; binary_data_size must name them all",
            raw.len()
        )));
    }
    Ok(tensors)
}

fn tensor(input: InputTensor, raw: &mut &[u8]) -> Result<Tensor> {
    let name = input.name;
    let fault = |text: String| Error::invalid(text).with_param(name.clone());
    let datatype = binary::datatype(&name, &input.datatype)?;
    refuse_shared_memory("input", &name, &input.parameters)?;
    let (shape, count) = binary::shape(&name, &input.shape)?;
    let data = match (input.data, input.parameters.get("binary_data_size")) {
        (Some(data), None) => elements(&name, datatype, count, &data)?,
        (None, Some(size)) => {
            let parts = size
                .as_u64()
                .and_then(|size| raw.split_at_checked(usize::try_from(size).ok()?))
                .ok_or_else(|| {
                    fault(format!(
                        "input '{name}' wants {size} binary bytes and {} are left",
                        raw.len()
                    ))
                })?;
            *raw = parts.1;
            binary::read(&name, datatype, count, parts.0)?
        }
        _ => {
            return Err(fault(format!(
                "input '{name}' needs either 'data' or the parameter 'binary_data_size'"
            )));
        }
    };
    Tensor::new(name, shape, data)
}

fn elements(name: &str, datatype: Datatype, count: usize, data: &Value) -> Result<TensorData> {
    let mut flat = Vec::new();
    flatten(data, &mut flat);
    if flat.len() != count {
        return Err(Error::invalid(format!(
            "input '{name}' has {} elements and its shape needs {count}",
            flat.len()
        ))
        .with_param(name));
    }
    macro_rules! integers {
        ($variant:ident, $type:ty) => {
            TensorData::$variant(each(name, datatype, &flat, |value| {
                value
                    .as_i64()
                    .and_then(|number| <$type>::try_from(number).ok())
                    .or_else(|| value.as_u64().and_then(|number| <$type>::try_from(number).ok()))
            })?)
        };
    }
    #[expect(clippy::cast_possible_truncation, reason = "the client asked for FP32")]
    let single = |value: &Value| double(value).map(|number| number as f32);
    Ok(match datatype {
        Datatype::Bool => TensorData::Bool(each(name, datatype, &flat, |value| {
            value.as_bool().or_else(|| value.as_u64().filter(|n| *n < 2).map(|n| n == 1))
        })?),
        Datatype::Uint8 => integers!(Uint8, u8),
        Datatype::Uint16 => integers!(Uint16, u16),
        Datatype::Uint32 => integers!(Uint32, u32),
        Datatype::Uint64 => integers!(Uint64, u64),
        Datatype::Int8 => integers!(Int8, i8),
        Datatype::Int16 => integers!(Int16, i16),
        Datatype::Int32 => integers!(Int32, i32),
        Datatype::Int64 => integers!(Int64, i64),
        Datatype::Fp16 | Datatype::Bf16 => {
            return Err(Error::invalid(format!(
                "input '{name}' has the datatype {datatype}, which JSON has no form for; send \
                 it as a binary tensor"
            ))
            .with_param(name));
        }
        Datatype::Fp32 => TensorData::Fp32(each(name, datatype, &flat, single)?),
        Datatype::Fp64 => TensorData::Fp64(each(name, datatype, &flat, double)?),
        Datatype::Bytes => TensorData::Bytes(each(name, datatype, &flat, |value| {
            value.as_str().map(|text| text.as_bytes().to_vec())
        })?),
    })
}

fn double(value: &Value) -> Option<f64> {
    if value.is_null() { Some(f64::NAN) } else { value.as_f64() }
}

fn flatten<'v>(data: &'v Value, flat: &mut Vec<&'v Value>) {
    match data {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, flat)),
        other => flat.push(other),
    }
}

fn each<T>(
    name: &str,
    datatype: Datatype,
    flat: &[&Value],
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>> {
    flat.iter()
        .enumerate()
        .map(|(index, value)| {
            read(value).ok_or_else(|| {
                Error::invalid(format!(
                    "element {index} of input '{name}' is {value}, which is no {}",
                    datatype.name()
                ))
                .with_param(name)
            })
        })
        .collect()
}

/// The outputs asked for.
pub(super) fn wanted(request: &InferRequest) -> Result<Vec<Wanted>> {
    let each = request.outputs.iter();
    each.map(|output| Wanted::read(output.name.clone(), &output.parameters)).collect()
}

/// The outputs for the wire, and the bytes of those wanted in binary.
pub(super) fn outputs(
    request: &InferRequest,
    tensors: Vec<Tensor>,
) -> (Vec<OutputTensor>, Vec<u8>) {
    let all = request.parameters.get("binary_data_output").and_then(Value::as_bool);
    let binary = |name: &str| {
        let asked = request.outputs.iter().find(|output| output.name == name);
        asked
            .and_then(|output| output.parameters.get("binary_data"))
            .and_then(Value::as_bool)
            .or(all)
            .unwrap_or(false)
    };
    let mut raw = Vec::new();
    let listed = tensors
        .into_iter()
        .map(|tensor| {
            let datatype = tensor.datatype().name().to_owned();
            let (name, shape, data) = tensor.into_parts();
            let mut parameters = Map::new();
            let data = if binary(&name) {
                let before = raw.len();
                raw::write(&data, &mut raw);
                parameters.insert("binary_data_size".to_owned(), json!(raw.len() - before));
                None
            } else {
                Some(values(&data))
            };
            OutputTensor { name, shape, datatype, parameters, data }
        })
        .collect();
    (listed, raw)
}

fn values(data: &TensorData) -> Vec<Value> {
    macro_rules! all {
        ($values:expr) => {
            $values.iter().map(|value| json!(value)).collect()
        };
    }
    match data {
        TensorData::Bool(values) => all!(values),
        TensorData::Uint8(values) => all!(values),
        TensorData::Uint16(values) => all!(values),
        TensorData::Uint32(values) => all!(values),
        TensorData::Uint64(values) => all!(values),
        TensorData::Int8(values) => all!(values),
        TensorData::Int16(values) => all!(values),
        TensorData::Int32(values) => all!(values),
        TensorData::Int64(values) => all!(values),
        TensorData::Fp16(values) => values.iter().map(|bits| json!(f16_to_f32(*bits))).collect(),
        TensorData::Bf16(values) => values.iter().map(|bits| json!(bf16_to_f32(*bits))).collect(),
        TensorData::Fp32(values) => all!(values),
        TensorData::Fp64(values) => all!(values),
        TensorData::Bytes(values) => {
            values.iter().map(|value| json!(String::from_utf8_lossy(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(input: &Value) -> Result<InferRequest> {
        crate::extract::parse(json!({"inputs": [input]}).to_string().as_bytes())
    }

    fn fault(input: &Value) -> String {
        request(input)
            .and_then(|mut request| inputs(&mut request, &[]))
            .map_or_else(|error| error.message().to_owned(), |_| String::new())
    }

    #[test]
    fn nested_and_flat_data_are_the_same() -> Result<()> {
        let nested = json!({"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [[1, 2.5], [null, 4]]});
        let read = inputs(&mut request(&nested)?, &[])?;
        let TensorData::Fp32(values) = read[0].data() else { return Err(Error::internal("type")) };
        assert_eq!((values[1], values[2].is_nan(), values[3]), (2.5, true, 4.0));
        Ok(())
    }

    #[test]
    fn every_fault_names_the_input() {
        let base = |shape: Value, datatype: &str, data: Value| json!({"name": "age", "shape": shape, "datatype": datatype, "data": data});
        let max = i64::MAX;
        for bad in [
            base(json!([3]), "FP32", json!([1, 2])),
            base(json!([-1]), "FP32", json!([1])),
            base(json!([max, max]), "FP32", json!([1])),
            base(json!([1]), "FLOAT", json!([1])),
            base(json!([1]), "INT8", json!([300])),
            base(json!([1]), "BYTES", json!([3])),
            json!({"name": "age", "shape": [1], "datatype": "FP32"}),
        ] {
            let message = fault(&bad);
            assert!(message.contains("'age'"), "{bad}: {message}");
        }
    }
}
