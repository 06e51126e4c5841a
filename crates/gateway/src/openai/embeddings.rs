//! `/v1/embeddings`.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_kernel::{Error, Result};
use cairn_services::Services;
use cairn_services::models::{InputType, Target};
use cairn_wire::openai::{Embedding, EmbeddingsRequest, EmbeddingsResponse, EmbeddingsUsage};
use serde_json::Value;

use super::convert;
use crate::error::ApiResult;
use crate::extract::{Caller, Json as Body, RequestId};

/// Embeds texts.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    tag = "models",
    request_body = EmbeddingsRequest,
    responses((status = 200, body = EmbeddingsResponse))
)]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    RequestId(id): RequestId,
    Body(request): Body<EmbeddingsRequest>,
) -> ApiResult<Json<EmbeddingsResponse>> {
    let base64 = is_base64(request.encoding_format.as_deref())?;
    let texts = texts(&request.input)?;
    let target =
        Target { name: request.model.clone(), request_id: id.clone(), ..Target::default() };
    let of = request.input_type.as_deref().map(InputType::parse).transpose()?.unwrap_or_default();
    let made = services.inference.embed(&scope, &target, texts, of).await?;
    let own = made.vectors.first().map_or(0, Vec::len);
    if let Some(wanted) = request.dimensions.filter(|wanted| *wanted != own) {
        return Err(Error::invalid(format!(
            "dimensions is {wanted}; '{}' makes {own} and cannot be cut",
            request.model
        ))
        .with_param("dimensions")
        .into());
    }
    let read: usize = made.tokens.iter().sum();
    let counted = i64::try_from(read).unwrap_or(i64::MAX);
    services
        .usage
        .record(&scope, convert::usage("embeddings", &request.model, (counted, 0), &id))
        .await;
    let data = made
        .vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| Embedding {
            object: "embedding",
            index,
            embedding: encode(vector, base64),
        })
        .collect();
    let usage = EmbeddingsUsage { prompt_tokens: read, total_tokens: read };
    Ok(Json(EmbeddingsResponse { object: "list", data, model: request.model, usage }))
}

fn is_base64(format: Option<&str>) -> Result<bool> {
    match format {
        None | Some("float") => Ok(false),
        Some("base64") => Ok(true),
        Some(other) => {
            Err(Error::invalid(format!("encoding_format is '{other}'; use float or base64"))
                .with_param("encoding_format"))
        }
    }
}

fn texts(input: &Value) -> Result<Vec<String>> {
    let fault = |message: &str| Error::invalid(message).with_param("input");
    match input {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Ok(text.clone()),
                Value::Number(_) | Value::Array(_) => {
                    Err(fault("input has token ids; send texts, which are tokenized here"))
                }
                _ => Err(fault("input must be a text or a list of texts")),
            })
            .collect(),
        _ => Err(fault("input must be a text or a list of texts")),
    }
}

fn encode(vector: &[f32], base64: bool) -> Value {
    if base64 {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        return Value::String(STANDARD.encode(bytes));
    }
    vector.iter().map(|number| Value::from(convert::decimal(*number))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn base64_is_little_endian_f32() {
        assert_eq!(encode(&[1.0, -2.5], true), json!("AACAPwAAIMA="));
        assert_eq!(encode(&[0.03, -2.5], false), json!([0.03, -2.5]));
        assert!(is_base64(Some("hex")).is_err());
    }

    #[test]
    fn input_is_text_and_token_ids_are_refused_by_name() {
        assert_eq!(texts(&json!("a")).ok(), Some(vec!["a".to_owned()]));
        assert_eq!(texts(&json!(["a", "b"])).map(|found| found.len()).ok(), Some(2));
        for input in [json!([1, 2]), json!([[1], [2]]), json!(["a", 2]), json!(null), json!({})] {
            let refused = texts(&input).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some("input"), "{input}");
        }
    }
}
