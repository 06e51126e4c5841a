//! From a request's text to the tokens of a job, and whether they fit.

use std::time::Instant;

use llama_cpp_2::model::LlamaModel;

use super::guide::Guides;
use super::work::Job;
use crate::gguf::protocol::{Failure, Fault, PLAIN_BEGIN, PLAIN_END};
use crate::gguf::request::{GenerateRequest, Prompt};

/// Tokens of `text`; with `special`, control tokens in it count as such, except
/// between the marks for plain text.
pub(super) fn tokenize(model: &LlamaModel, text: &str, special: bool) -> Vec<i32> {
    let vocab = model.vocab();
    let mut tokens = Vec::new();
    for (piece, plain) in pieces(text) {
        vocab.tokenize_into(piece.as_bytes(), &mut tokens, false, special && !plain);
    }
    tokens.into_iter().map(|token| token.0).collect()
}

/// Splits `text` at the marks; the flag says whether a piece is plain text.
fn pieces(text: &str) -> Vec<(&str, bool)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut plain = false;
    while let Some(at) = rest.find([PLAIN_BEGIN, PLAIN_END]) {
        let (piece, after) = rest.split_at(at);
        pieces.push((piece, plain));
        plain = after.starts_with(PLAIN_BEGIN);
        rest = after.get(PLAIN_BEGIN.len_utf8()..).unwrap_or_default();
    }
    pieces.push((rest, plain));
    pieces.retain(|(piece, _)| !piece.is_empty());
    pieces
}

/// Makes a job of a request, or says why it cannot be one.
pub(super) fn job(
    model: &LlamaModel,
    guides: &mut Guides,
    context_tokens: u32,
    id: u64,
    request: GenerateRequest,
) -> Result<Job, Failure> {
    let received = Instant::now();
    let prompt = match request.prompt {
        Prompt::Text(text) => prompt_tokens(model, &text),
        Prompt::Tokens(tokens) => {
            let known = 0..model.n_vocab();
            if let Some(strange) = tokens.iter().find(|token| !known.contains(*token)) {
                return Err(Failure::new(
                    Fault::Invalid,
                    format!("the prompt has the token {strange}, which the model does not know"),
                ));
            }
            tokens
        }
    };
    if prompt.is_empty() {
        return Err(Failure::new(Fault::Invalid, "the prompt is empty"));
    }
    let limit = limit(prompt.len(), request.max_tokens, context_tokens)?;
    let guide = match &request.constraint {
        Some(constraint) => Some(guides.guide(constraint)?),
        None => None,
    };
    Ok(Job {
        id,
        prompt,
        limit,
        sampling: request.sampling,
        stop: request.stop,
        guide,
        logprobs: request.logprobs,
        ignore_eos: request.ignore_eos,
        owner: request.owner,
        trace: request.trace,
        received,
    })
}

fn prompt_tokens(model: &LlamaModel, text: &str) -> Vec<i32> {
    let mut tokens = tokenize(model, text, true);
    let vocab = model.vocab();
    let bos = vocab.bos().0;
    if vocab.should_add_bos() && bos >= 0 && tokens.first() != Some(&bos) {
        tokens.insert(0, bos);
    }
    tokens
}

/// Tokens that may be generated.
fn limit(prompt: usize, asked: Option<u32>, context: u32) -> Result<u32, Failure> {
    let too_long = |message: String| Failure::new(Fault::ContextLength, message);
    let room = match u32::try_from(prompt) {
        Ok(tokens) if tokens < context => context - tokens,
        _ => {
            return Err(too_long(format!(
                "the prompt has {prompt} tokens and the model's context here is {context} tokens: \
                 shorten the prompt"
            )));
        }
    };
    match asked {
        None => Ok(room),
        Some(0) => Err(Failure::new(Fault::Invalid, "max_tokens is 0: ask for one token at least")),
        Some(asked) if asked > room => Err(too_long(format!(
            "the prompt has {prompt} tokens and max_tokens asks for {asked} more, together {}; \
             the model's context here is {context} tokens: shorten the prompt or ask for at most \
             {room}",
            prompt as u64 + u64::from(asked)
        ))),
        Some(asked) => Ok(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_switch_special_tokens_off_and_on() {
        let text = "a\u{FDD0}<|x|>\u{FDD1}b\u{FDD0}\u{FDD1}";
        assert_eq!(pieces(text), [("a", false), ("<|x|>", true), ("b", false)]);
        assert_eq!(pieces("plain"), [("plain", false)]);
        assert!(pieces("").is_empty());
    }

    #[test]
    fn a_request_over_the_context_is_told_the_numbers() {
        assert_eq!(limit(10, None, 16), Ok(6));
        assert_eq!(limit(10, Some(6), 16), Ok(6));
        let over = limit(10, Some(7), 16).unwrap_err();
        assert_eq!(over.fault, Fault::ContextLength);
        assert!(
            ["10 tokens", "7 more", "17", "16 tokens", "at most 6"]
                .iter()
                .all(|part| over.message.contains(part)),
            "{}",
            over.message
        );
        assert!(limit(16, None, 16).unwrap_err().message.contains("16 tokens"));
        assert_eq!(limit(1, Some(0), 16).unwrap_err().fault, Fault::Invalid);
    }
}
