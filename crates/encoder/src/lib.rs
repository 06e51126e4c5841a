//! The embedding model all-MiniLM-L6-v2 in 8-bit integers, on the best instructions for them that
//! the processor has: AMX, AVX-512 VNNI, or AVX2.
//!
//! The model's file holds its weights as 8-bit integers with a scale for each column. Here they
//! stay what they are, and what they are multiplied with is rounded to 8 bits too, at steps that
//! are fixed for each activation, but for a few channels that are several times larger than all
//! others. These are multiplied as floats and added (the decomposition of Dettmers et al. 2022,
//! "LLM.int8()"). What tokens take from each other is computed in 16-bit floats on AMX, and in
//! floats otherwise. A vector has a cosine of 0.999 with that of floats, does not depend on what
//! else is computed beside it, and differs between processors only by how they round floats.
//!
//! A general engine for ONNX has no kernels for AMX, and spends a third of a query of twenty words
//! outside of its large products; here the query takes a third of the time, in one thread. Long
//! windows can be computed by several, in parts that wait for each other before each attention.
//! Where there is no such processor, [`Encoder::read`] gives nothing, and the caller uses the
//! general engine.

// What is fast are instructions that Rust counts as unsafe; they stand in `unit`, `halves` and
// `lanes`, each with its reason, and nothing else here is unsafe but the entries to them.
#![cfg_attr(target_arch = "x86_64", allow(unsafe_code, reason = "instructions of the processor"))]

#[cfg(target_arch = "x86_64")]
mod attention;
#[cfg(target_arch = "x86_64")]
mod file;
#[cfg(target_arch = "x86_64")]
mod forward;
#[cfg(target_arch = "x86_64")]
mod halves;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod product;
#[cfg(target_arch = "x86_64")]
mod ranges;
#[cfg(target_arch = "x86_64")]
mod team;
#[cfg(target_arch = "x86_64")]
mod unit;

#[cfg(target_arch = "x86_64")]
pub use forward::Encoder;

#[cfg(not(target_arch = "x86_64"))]
mod absent;
#[cfg(not(target_arch = "x86_64"))]
pub use absent::Encoder;

/// Numbers in one vector.
pub const DIMENSIONS: usize = 384;
/// Most tokens in one window.
pub const MAX_TOKENS: usize = 512;

/// Why windows have no vectors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// A token that the model has no vector for.
    #[error("the embedding model has no token {0}")]
    Token(i32),
    /// A window of more than [`MAX_TOKENS`] tokens.
    #[error("a window of {0} tokens; the embedding model reads at most {MAX_TOKENS}")]
    Length(usize),
}
