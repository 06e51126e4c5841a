//! What a provider's refusal means to our caller.
//!
//! The operator's credentials are the operator's affair: their refusal is an unavailable
//! model for the caller, and what the provider wrote about them stays out of the message.

use std::time::Duration;

use cairn_kernel::{Error, Kind, Secret};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// Most of a provider's own words that are passed on.
const MESSAGE_CHARS: usize = 600;

/// The error for an answer with `status` and `body`.
pub(super) fn of_status(
    provider: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    secret: Option<&Secret>,
) -> Error {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let told = told(&parsed, secret);
    if matches!(status.as_u16(), 401 | 403) {
        return credentials(provider, status);
    }
    if status.as_u16() == 429 {
        let wait = retry_after(headers, &parsed);
        let again = wait.map_or_else(
            || "try again later".to_owned(),
            |wait| format!("try again in {} s", wait.as_secs().max(1)),
        );
        let error =
            Error::new(Kind::Exhausted, format!("provider '{provider}' is at its limit; {again}"));
        return match wait {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        };
    }
    refusal(provider, kind_of(status), &told, &code(&parsed))
}

/// The error for a failure told within a stream or by a status that is not about credentials.
pub(super) fn refusal(provider: &str, kind: Kind, told: &str, code: &str) -> Error {
    if overflows(code, told) {
        return Error::invalid(format!("provider '{provider}': {told}"))
            .with_code("context_length_exceeded")
            .with_param("messages");
    }
    let said = if told.is_empty() { String::new() } else { format!(": {told}") };
    match kind {
        Kind::NotFound => Error::new(
            kind,
            format!("provider '{provider}' does not have this model or path{said}"),
        )
        .with_code("model_not_found")
        .with_param("model"),
        Kind::Invalid | Kind::TooLarge => {
            Error::new(kind, format!("provider '{provider}' refuses the request{said}"))
        }
        _ => Error::new(
            kind,
            format!("provider '{provider}' failed; the request may be sent again{said}"),
        ),
    }
}

/// The error for credentials that were not accepted.
pub(super) fn credentials(provider: &str, status: StatusCode) -> Error {
    Error::unavailable(format!(
        "provider '{provider}' does not accept this server's credentials for the request \
         ({}); the operator must check [providers.{provider}]",
        status.as_u16()
    ))
    .with_code("provider_credentials")
}

/// The error for an exchange that broke.
pub(super) fn of_transport(provider: &str, cause: reqwest::Error) -> Error {
    // The address may carry what the operator does not want to be known.
    let cause = cause.without_url();
    if cause.is_timeout() {
        return Error::new(
            Kind::Timeout,
            format!("provider '{provider}' did not answer in time; the request may be sent again"),
        )
        .with_source(cause);
    }
    let what = if cause.is_connect() { "cannot be reached" } else { "broke the connection off" };
    Error::unavailable(format!("provider '{provider}' {what}; the request may be sent again"))
        .with_source(cause)
}

/// The error for an answer that does not follow the provider's own wire.
pub(super) fn garbled(provider: &str, what: &str) -> Error {
    Error::unavailable(format!("provider '{provider}' answers something else than its API: {what}"))
}

/// The error for a stream that ended before the answer did.
pub(super) fn cut_short(provider: &str) -> Error {
    Error::unavailable(format!("provider '{provider}' ended its answer before it was complete"))
}

/// The kind that a status, or a status told in a stream, stands for.
pub(super) fn kind_of(status: StatusCode) -> Kind {
    match status.as_u16() {
        404 => Kind::NotFound,
        408 | 504 => Kind::Timeout,
        413 => Kind::TooLarge,
        429 => Kind::Exhausted,
        // Bedrock: the model itself failed.
        424 => Kind::Unavailable,
        400..=499 => Kind::Invalid,
        _ => Kind::Unavailable,
    }
}

/// The provider's own words, in whichever of the usual places they stand.
fn told(body: &Value, secret: Option<&Secret>) -> String {
    // Gemini wraps errors of streams in a list.
    let body = body.get(0).unwrap_or(body);
    let places = ["/error/message", "/error", "/message", "/Message", "/detail"];
    let text = places.iter().find_map(|place| body.pointer(place)?.as_str()).unwrap_or_default();
    let mut text: String = text.chars().take(MESSAGE_CHARS).collect();
    if let Some(secret) = secret.filter(|secret| secret.expose().len() >= 4) {
        text = text.replace(secret.expose(), "[redacted]");
    }
    text
}

fn code(body: &Value) -> String {
    let body = body.get(0).unwrap_or(body);
    let found = ["/error/code", "/error/type", "/error/status"]
        .iter()
        .find_map(|place| body.pointer(place)?.as_str());
    found.unwrap_or_default().to_owned()
}

/// Whether a refusal says that the prompt is longer than the model's context.
fn overflows(code: &str, told: &str) -> bool {
    if code == "context_length_exceeded" {
        return true;
    }
    let told = told.to_lowercase();
    // OpenAI and vLLM; Anthropic; Bedrock; Gemini; llama.cpp's server; for embeddings OpenAI,
    // Ollama, llama.cpp's server and Text Embeddings Inference.
    [
        "maximum context length",
        "prompt is too long",
        "input is too long",
        "exceeds the maximum number of tokens",
        "exceeds the available context size",
        "context window",
        "maximum input length",
        "exceeds the context length",
        "too large to process",
        "inputs` must have less than",
    ]
    .iter()
    .any(|words| told.contains(words))
}

/// How long the provider asks to wait.
fn retry_after(headers: &HeaderMap, body: &Value) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = header("retry-after-ms")
        .map(|milliseconds| milliseconds / 1000.0)
        .or_else(|| header("retry-after"))
        .or_else(|| {
            // Google: `details: [{"@type": "…RetryInfo", "retryDelay": "17s"}]`.
            let details = body.get(0).unwrap_or(body).pointer("/error/details")?.as_array()?;
            let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
            delay.trim_end_matches('s').parse().ok()
        })?;
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| *wait <= Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        let key = Secret::new("sk-secret-1");
        of_status("p", status, &HeaderMap::new(), body.as_bytes(), Some(&key))
    }

    #[test]
    fn credentials_are_the_operators_affair() {
        let body = r#"{"error":{"message":"Incorrect API key provided: sk-sec***t-1.","code":"invalid_api_key"}}"#;
        let error = answer(401, body);
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.message().contains("[providers.p]") && !error.detail().contains("sk-"));
        let echoed = answer(400, r#"{"error":{"message":"bad header sk-secret-1"}}"#);
        assert_eq!(echoed.kind(), Kind::Invalid);
        assert!(echoed.message().contains("[redacted]"), "{echoed}");
    }

    #[test]
    fn a_prompt_over_the_context_is_known_in_every_wording() {
        for body in [
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","code":"context_length_exceeded"}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 205024 tokens > 200000 maximum"}}"#,
            r#"[{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]"#,
            r#"{"message":"Input is too long for requested model."}"#,
            r#"{"error":{"message":"Invalid 'input[0]': maximum input length is 8192 tokens."}}"#,
            r#"{"error":{"message":"the input length exceeds the context length"}}"#,
            r#"{"error":"Input validation error: `inputs` must have less than 512 tokens. Given: 1310","error_type":"Validation"}"#,
            r#"{"error":{"code":500,"message":"input (700 tokens) is too large to process. increase the physical batch size (current batch size: 512)"}}"#,
        ] {
            let error = answer(400, body);
            assert_eq!(error.code(), Some("context_length_exceeded"), "{body}");
            assert_eq!(error.kind(), Kind::Invalid);
        }
        assert_eq!(answer(400, r#"{"error":{"message":"bad top_p"}}"#).code(), None);
    }

    #[test]
    fn a_limit_says_when_to_come_back() {
        let google = r#"[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}]"#;
        let error = answer(429, google);
        assert_eq!(error.kind(), Kind::Exhausted);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(17)));
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "3".parse().unwrap());
        let error = of_status("p", StatusCode::TOO_MANY_REQUESTS, &headers, b"", None);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn statuses_keep_their_meaning() {
        for (status, kind) in [
            (404, Kind::NotFound),
            (413, Kind::TooLarge),
            (408, Kind::Timeout),
            (500, Kind::Unavailable),
            (529, Kind::Unavailable),
            (302, Kind::Unavailable),
        ] {
            assert_eq!(answer(status, "{}").kind(), kind, "{status}");
        }
    }
}
