//! The messages to tensors and back, and the REST shapes to messages.

use std::collections::HashMap;

use cairn_kernel::{Error, Result};
use cairn_services::tensor::{Datatype, Tensor, TensorData, raw};
use cairn_wire::oip;
use serde_json::{Map, Value};

use super::proto::{self, infer_parameter, model_config, model_version_policy};
use crate::oip::binary;
use crate::oip::execute::{Bounds, Wanted, Work, refuse_shared_memory};

use proto::model_infer_request::InferInputTensor;
use proto::model_infer_response::InferOutputTensor;

/// What a request asks for. Its tensors are taken out of it.
pub(super) fn work(request: &mut proto::ModelInferRequest) -> Result<Work> {
    let wanted: Result<Vec<Wanted>> = std::mem::take(&mut request.outputs)
        .into_iter()
        .map(|output| Wanted::read(output.name, &parameters(output.parameters)))
        .collect();
    Ok(Work {
        bounds: Bounds::read(&parameters(std::mem::take(&mut request.parameters)))?,
        inputs: inputs(request)?,
        wanted: wanted?,
    })
}

fn parameters(given: HashMap<String, proto::InferParameter>) -> Map<String, Value> {
    use infer_parameter::ParameterChoice as Choice;
    let value = |parameter: proto::InferParameter| match parameter.parameter_choice {
        Some(Choice::BoolParam(value)) => value.into(),
        Some(Choice::Int64Param(value)) => value.into(),
        Some(Choice::StringParam(value)) => value.into(),
        Some(Choice::DoubleParam(value)) => value.into(),
        Some(Choice::Uint64Param(value)) => value.into(),
        None => Value::Null,
    };
    given.into_iter().map(|(name, parameter)| (name, value(parameter))).collect()
}

fn inputs(request: &mut proto::ModelInferRequest) -> Result<Vec<Tensor>> {
    let raw = std::mem::take(&mut request.raw_input_contents);
    let tensors = std::mem::take(&mut request.inputs);
    if raw.is_empty() {
        return tensors.into_iter().map(typed).collect();
    }
    if raw.len() != tensors.len() {
        return Err(Error::invalid(format!(
            "there are {} inputs and {} raw_input_contents; send one for each input",
            tensors.len(),
            raw.len()
        ))
        .with_param("raw_input_contents"));
    }
    let each = tensors.into_iter().zip(raw).map(|(input, raw)| {
        if input.contents.is_some() {
            return Err(Error::invalid(format!(
                "input '{}' has contents beside raw_input_contents; send one or the other",
                input.name
            ))
            .with_param(input.name));
        }
        let (datatype, shape, count) = declared(&input)?;
        let data = binary::read(&input.name, datatype, count, &raw)?;
        Tensor::new(input.name, shape, data)
    });
    each.collect()
}

fn declared(input: &InferInputTensor) -> Result<(Datatype, Vec<usize>, usize)> {
    if !input.parameters.is_empty() {
        refuse_shared_memory("input", &input.name, &parameters(input.parameters.clone()))?;
    }
    let datatype = binary::datatype(&input.name, &input.datatype)?;
    let (shape, count) = binary::shape(&input.name, &input.shape)?;
    Ok((datatype, shape, count))
}

fn typed(input: InferInputTensor) -> Result<Tensor> {
    let (datatype, shape, count) = declared(&input)?;
    let contents = input.contents.unwrap_or_default();
    let name = input.name;
    macro_rules! whole {
        ($field:ident, $variant:ident) => {
            TensorData::$variant(counted(&name, stringify!($field), count, contents.$field)?)
        };
    }
    macro_rules! narrow {
        ($field:ident, $variant:ident) => {{
            let wide = counted(&name, stringify!($field), count, contents.$field)?;
            let each = wide.into_iter().map(|value| {
                value.try_into().map_err(|_| {
                    let text = format!("input '{name}' has {value}, which is no {datatype}");
                    Error::invalid(text).with_param(&name)
                })
            });
            TensorData::$variant(each.collect::<Result<_>>()?)
        }};
    }
    let data = match datatype {
        Datatype::Bool => whole!(bool_contents, Bool),
        Datatype::Uint8 => narrow!(uint_contents, Uint8),
        Datatype::Uint16 => narrow!(uint_contents, Uint16),
        Datatype::Uint32 => whole!(uint_contents, Uint32),
        Datatype::Uint64 => whole!(uint64_contents, Uint64),
        Datatype::Int8 => narrow!(int_contents, Int8),
        Datatype::Int16 => narrow!(int_contents, Int16),
        Datatype::Int32 => whole!(int_contents, Int32),
        Datatype::Int64 => whole!(int64_contents, Int64),
        Datatype::Fp32 => whole!(fp32_contents, Fp32),
        Datatype::Fp64 => whole!(fp64_contents, Fp64),
        Datatype::Bytes => whole!(bytes_contents, Bytes),
        Datatype::Fp16 | Datatype::Bf16 => {
            return Err(Error::invalid(format!(
                "input '{name}' has the datatype {datatype}, which has no typed contents; send \
                 it in raw_input_contents"
            ))
            .with_param(name));
        }
    };
    Tensor::new(name, shape, data)
}

fn counted<T>(name: &str, field: &str, count: usize, values: Vec<T>) -> Result<Vec<T>> {
    if values.len() == count {
        return Ok(values);
    }
    Err(Error::invalid(format!(
        "input '{name}' has {} elements in {field}, and its shape needs {count}",
        values.len()
    ))
    .with_param(name))
}

/// The answer to `request`, its tensors raw as Triton sends them.
pub(super) fn answer(
    request: proto::ModelInferRequest,
    version: i64,
    tensors: Vec<Tensor>,
) -> proto::ModelInferResponse {
    let mut outputs = Vec::with_capacity(tensors.len());
    let mut raw = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let datatype = tensor.datatype().name().to_owned();
        let (name, shape, data) = tensor.into_parts();
        let shape = shape.into_iter().map(|it| i64::try_from(it).unwrap_or(i64::MAX)).collect();
        let mut bytes = Vec::new();
        raw::write(&data, &mut bytes);
        raw.push(bytes.into());
        outputs.push(InferOutputTensor { name, datatype, shape, ..InferOutputTensor::default() });
    }
    proto::ModelInferResponse {
        model_name: request.model_name,
        model_version: version.to_string(),
        id: request.id,
        outputs,
        raw_output_contents: raw,
        ..proto::ModelInferResponse::default()
    }
}

/// An answer within a stream.
pub(super) fn streamed(answer: proto::ModelInferResponse) -> proto::ModelStreamInferResponse {
    proto::ModelStreamInferResponse { error_message: String::new(), infer_response: Some(answer) }
}

/// What says within a stream that `request` failed, and which it was.
pub(super) fn failed(
    request: &proto::ModelInferRequest,
) -> impl FnOnce(&str) -> proto::ModelStreamInferResponse + use<> {
    let infer_response = proto::ModelInferResponse {
        model_name: request.model_name.clone(),
        model_version: request.model_version.clone(),
        id: request.id.clone(),
        ..proto::ModelInferResponse::default()
    };
    |message| proto::ModelStreamInferResponse {
        error_message: message.to_owned(),
        infer_response: Some(infer_response),
    }
}

pub(super) fn about(server: oip::ServerMetadata) -> proto::ServerMetadataResponse {
    proto::ServerMetadataResponse {
        name: server.name.to_owned(),
        version: server.version.to_owned(),
        extensions: server.extensions.into_iter().map(str::to_owned).collect(),
    }
}

pub(super) fn metadata(model: oip::ModelMetadata) -> proto::ModelMetadataResponse {
    let tensor = |tensor: oip::TensorMetadata| proto::model_metadata_response::TensorMetadata {
        name: tensor.name,
        datatype: tensor.datatype,
        shape: tensor.shape,
    };
    proto::ModelMetadataResponse {
        name: model.name,
        versions: model.versions,
        platform: model.platform,
        inputs: model.inputs.into_iter().map(tensor).collect(),
        outputs: model.outputs.into_iter().map(tensor).collect(),
    }
}

pub(super) fn config(model: oip::ModelConfig) -> proto::ModelConfig {
    let kind = |name: &str| {
        proto::DataType::from_str_name(name).unwrap_or(proto::DataType::TypeInvalid).into()
    };
    let all = model_version_policy::PolicyChoice::All(model_version_policy::All {});
    let batching = proto::ModelDynamicBatching::default();
    let parameter = |(name, value): (String, Value)| {
        let text = value["string_value"].as_str().unwrap_or_default().to_owned();
        (name, proto::ModelParameter { string_value: text })
    };
    proto::ModelConfig {
        name: model.name,
        platform: model.platform,
        backend: model.backend,
        version_policy: Some(proto::ModelVersionPolicy { policy_choice: Some(all) }),
        max_batch_size: i32::try_from(model.max_batch_size).unwrap_or(i32::MAX),
        input: model
            .input
            .into_iter()
            .map(|tensor| proto::ModelInput {
                data_type: kind(&tensor.data_type),
                name: tensor.name,
                dims: tensor.dims,
            })
            .collect(),
        output: model
            .output
            .into_iter()
            .map(|tensor| proto::ModelOutput {
                data_type: kind(&tensor.data_type),
                name: tensor.name,
                dims: tensor.dims,
            })
            .collect(),
        parameters: model.parameters.into_iter().map(parameter).collect(),
        scheduling_choice: model
            .dynamic_batching
            .map(|_| model_config::SchedulingChoice::DynamicBatching(batching)),
    }
}

pub(super) fn statistics(model: oip::ModelStats) -> proto::ModelStatistics {
    let time =
        |it: oip::StatDuration| Some(proto::StatisticDuration { count: it.count, ns: it.ns });
    let stats = model.inference_stats;
    let batch = |it: oip::BatchStats| proto::InferBatchStatistics {
        batch_size: it.batch_size,
        compute_input: time(it.compute_input),
        compute_infer: time(it.compute_infer),
        compute_output: time(it.compute_output),
    };
    proto::ModelStatistics {
        name: model.name,
        version: model.version,
        last_inference: model.last_inference,
        inference_count: model.inference_count,
        execution_count: model.execution_count,
        inference_stats: Some(proto::InferStatistics {
            success: time(stats.success),
            fail: time(stats.fail),
            queue: time(stats.queue),
            compute_input: time(stats.compute_input),
            compute_infer: time(stats.compute_infer),
            compute_output: time(stats.compute_output),
        }),
        batch_stats: model.batch_stats.into_iter().map(batch).collect(),
    }
}

pub(super) fn indexed(entry: oip::IndexEntry) -> proto::repository_index_response::ModelIndex {
    proto::repository_index_response::ModelIndex {
        name: entry.name,
        version: entry.version,
        state: entry.state,
        reason: entry.reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(datatype: &str, contents: Option<proto::InferTensorContents>) -> InferInputTensor {
        InferInputTensor {
            name: "x".to_owned(),
            datatype: datatype.to_owned(),
            shape: vec![1, 2],
            contents,
            ..InferInputTensor::default()
        }
    }

    fn read(input: InferInputTensor, raw: &[&'static [u8]]) -> Result<Vec<Tensor>> {
        let raw_input_contents = raw.iter().map(|bytes| bytes::Bytes::from_static(bytes)).collect();
        let inputs = vec![input];
        work(&mut proto::ModelInferRequest { inputs, raw_input_contents, ..Default::default() })
            .map(|work| work.inputs)
    }

    fn ints(values: &[i32]) -> Option<proto::InferTensorContents> {
        Some(proto::InferTensorContents { int_contents: values.to_vec(), ..Default::default() })
    }

    #[test]
    fn typed_and_raw_tensors_are_the_same() -> Result<()> {
        let typed = read(input("INT16", ints(&[-2, 300])), &[])?;
        let raw = read(input("INT16", None), &[b"\xfe\xff\x2c\x01"])?;
        assert_eq!(typed, raw);
        let halves = read(input("FP16", None), &[b"\x00\x3c\x00\xc0"])?;
        assert_eq!(halves[0].data(), &TensorData::Fp16(vec![0x3c00, 0xc000]));
        Ok(())
    }

    #[test]
    fn every_fault_names_the_input() {
        let mut shared = input("INT16", None);
        let region = infer_parameter::ParameterChoice::StringParam("r".to_owned());
        let region = proto::InferParameter { parameter_choice: Some(region) };
        shared.parameters.insert("shared_memory_region".to_owned(), region);
        let huge = InferInputTensor { shape: vec![i64::MAX, 2], ..input("FP32", None) };
        for (bad, raw) in [
            (input("INT8", ints(&[1, 300])), &[][..] as &[&[u8]]),
            (input("FP32", ints(&[1, 2])), &[]),
            (input("INT16", ints(&[1])), &[]),
            (input("FP16", None), &[]),
            (input("FLOAT", None), &[]),
            (input("INT16", ints(&[1, 2])), &[b"\0\0\0\0"]),
            (input("INT16", None), &[b"\0\0\0"]),
            (shared, &[]),
            (huge, &[b"\0"]),
        ] {
            let fault = read(bad.clone(), raw).err();
            assert!(fault.is_some_and(|fault| fault.message().contains("'x'")), "{bad:?}");
        }
        assert!(read(input("INT16", None), &[b"\0\0\0\0", b"\0"]).is_err());
    }
}
