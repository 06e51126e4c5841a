//! Keeps an answer within a grammar: which tokens may come next.
//!
//! llguidance compiles the rules and follows them; nothing of llama.cpp's own grammar
//! code, which aborts the process on some inputs, is used.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{fmt, io};

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use llguidance::api::TopLevelGrammar;
use llguidance::earley::SlicedBiasComputer;
use llguidance::panic_utils::catch_unwind;
use llguidance::toktrie::{
    ApproximateTokEnv, InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie,
};
use llguidance::{Matcher, ParserFactory};

use crate::gguf::protocol::{Failure, Fault};
use crate::gguf::request::{Constraint, Rules};

/// Compiled rules that are kept for the next request with the same ones.
const KEPT: usize = 32;
/// Longest reason that is passed on, in characters.
const REASON_MAX: usize = 400;

/// What is known of a vocabulary, or why it cannot be used.
type Built = Result<ParserFactory, String>;

/// Compiles constraints.
pub(super) struct Guides {
    /// Until the first constraint: what reads the vocabulary meanwhile.
    reading: Option<JoinHandle<Built>>,
    factory: Built,
    /// The latest at the end.
    compiled: Vec<(Rules, Matcher)>,
}

impl Guides {
    /// Guides for `model`, whose vocabulary is read on a thread of its own: that takes a second
    /// for a large one, as long as the rest of loading does.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn read(model: Arc<LlamaModel>) -> io::Result<Self> {
        let reading = std::thread::Builder::new()
            .name("gguf-vocabulary".to_owned())
            .spawn(move || factory(&vocabulary(&model)))?;
        let factory = Err("it was not read".to_owned());
        Ok(Self { reading: Some(reading), factory, compiled: Vec::new() })
    }

    fn factory(&mut self) -> Result<&ParserFactory, &String> {
        if let Some(reading) = self.reading.take() {
            self.factory = reading.join().unwrap_or_else(|_| Err("it cannot be read".to_owned()));
        }
        self.factory.as_ref()
    }

    /// A fresh guide through the rules of `constraint`.
    ///
    /// # Errors
    /// `Invalid`, naming the constraint's field, for rules that cannot be followed.
    pub(super) fn guide(&mut self, constraint: &Constraint) -> Result<Guide, Failure> {
        let rules = &constraint.rules;
        if let Some(at) = self.compiled.iter().position(|(known, _)| known == rules) {
            let known = self.compiled.remove(at);
            self.compiled.push(known);
        } else {
            let factory = self.factory().map_err(|reason| {
                let message = format!(
                    "this model's vocabulary cannot be constrained: {reason}; leave it out"
                );
                Failure::new(Fault::Invalid, message).of_field(&constraint.field)
            })?;
            let matcher = compile(factory, rules).map_err(|reason| {
                let message = format!("{} cannot be followed: {reason}", constraint.field);
                Failure::new(Fault::Invalid, message).of_field(&constraint.field)
            })?;
            if self.compiled.len() == KEPT {
                self.compiled.remove(0);
            }
            self.compiled.push((rules.clone(), matcher));
        }
        // A copy of its own: what one answer adds to the lexer's states must not use up
        // the bound of another.
        match self.compiled.last() {
            Some((_, matcher)) => Ok(Guide { matcher: matcher.deep_clone() }),
            None => Err(Failure::new(Fault::Engine, "a compiled constraint was lost")),
        }
    }
}

fn compile(factory: &ParserFactory, rules: &Rules) -> Result<Matcher, String> {
    let grammar = match rules {
        Rules::JsonSchema(schema) => TopLevelGrammar::from_json_schema(schema.clone()),
        Rules::Lark(text) => TopLevelGrammar::from_lark(text.clone()),
    };
    let parser = catch_unwind(AssertUnwindSafe(|| factory.create_parser(grammar)));
    let matcher = Matcher::new(parser);
    match matcher.get_error() {
        Some(reason) => Err(short(&reason)),
        None => Ok(matcher),
    }
}

/// A library's complaint as one line of bearable length.
fn short(reason: &str) -> String {
    let reason = reason.split("<backtrace>").next().unwrap_or_default();
    let words: Vec<&str> = reason.split_whitespace().collect();
    words.join(" ").chars().take(REASON_MAX).collect()
}

/// The bytes of each token, and the tokens that end an answer.
struct Vocabulary {
    words: Vec<Vec<u8>>,
    ends: Vec<u32>,
}

fn vocabulary(model: &LlamaModel) -> Vocabulary {
    let vocab = model.vocab();
    let ends = vocab.tokens().filter(|token| vocab.is_eog(*token));
    Vocabulary {
        words: vocab.tokens().map(|token| word(&vocab, token)).collect(),
        ends: ends.filter_map(|token| u32::try_from(token.0).ok()).collect(),
    }
}

fn word(vocab: &LlamaVocab<'_>, token: LlamaToken) -> Vec<u8> {
    if !(vocab.is_control(token) || vocab.is_eog(token)) {
        return vocab.token_to_piece(token, false, None);
    }
    // Control tokens are no text: a marker sets them apart from words that look like them.
    let mut word = vec![TokTrie::SPECIAL_TOKEN_MARKER];
    word.extend(vocab.token_to_piece(token, true, None));
    word
}

fn factory(vocabulary: &Vocabulary) -> Result<ParserFactory, String> {
    let Vocabulary { words, ends } = vocabulary;
    let end = *ends.first().ok_or("it has no token that ends an answer")?;
    let count = u32::try_from(words.len()).map_err(|error| error.to_string())?;
    let built = catch_unwind(AssertUnwindSafe(|| {
        let trie = TokTrie::from(&TokRxInfo::new(count, end), words).with_eos_tokens(ends);
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let slices = SlicedBiasComputer::general_slices();
        ParserFactory::new(&env, InferenceCapabilities::default(), &slices)
    }));
    let mut factory = built.map_err(|error| short(&error.to_string()))?;
    factory.quiet().limits_mut().verbose_errors = false;
    Ok(factory)
}

/// Follows one answer through its rules.
pub(super) struct Guide {
    matcher: Matcher,
}

impl fmt::Debug for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guide").finish_non_exhaustive()
    }
}

impl Guide {
    /// Whether `token` may come next; `ends` says that it would end the answer.
    pub(super) fn allows(&mut self, token: i32, ends: bool) -> bool {
        if ends {
            return self.matcher.is_accepting().unwrap_or(false);
        }
        let Ok(token) = u32::try_from(token) else { return false };
        self.matcher.validate_tokens(&[token]).is_ok_and(|valid| valid == 1)
    }

    /// All tokens that may come next.
    ///
    /// # Errors
    /// When the rules have become too complex to follow.
    pub(super) fn mask(&mut self) -> Result<SimpleVob, String> {
        self.matcher.compute_mask().map_err(|error| short(&error.to_string()))
    }

    /// Goes on behind `token`; true when only the end can follow.
    ///
    /// # Errors
    /// When `token` may not come next.
    pub(super) fn accept(&mut self, token: i32) -> Result<bool, String> {
        let token = u32::try_from(token).map_err(|error| error.to_string())?;
        self.matcher.consume_token(token).map_err(|error| short(&error.to_string()))?;
        Ok(self.matcher.is_stopped())
    }
}

#[cfg(test)]
mod tests;
