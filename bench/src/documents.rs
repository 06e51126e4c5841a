//! The text of files, for `bench/peers/documents.py` to compare with other readers'.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use cairn_documents::{OcrModels, ParseOptions, parse_with};
use cairn_serving::models::ModelStore;
use serde_json::json;

/// Prints one JSON object a file: its text, or why there is none, and the milliseconds it took.
/// With the OCR models in the store pictures are read as well.
pub fn run(files: &[String]) -> Result<()> {
    let options = ParseOptions { ocr: ocr()?, ..ParseOptions::default() };
    for file in files {
        let bytes = std::fs::read(file).with_context(|| format!("reading {file}"))?;
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
        let start = Instant::now();
        let parsed = parse_with(&name, &bytes, &options);
        let took_ms = start.elapsed().as_millis();
        let answer = match parsed {
            Ok(document) => json!({
                "file": file,
                "text": document.text,
                "pages": document.pages,
                "headings": document.headings,
                "notes": document.notes,
                "media_type": document.media_type,
                "took_ms": took_ms,
            }),
            Err(error) => json!({"file": file, "error": error.message(), "took_ms": took_ms}),
        };
        println!("{answer}");
    }
    Ok(())
}

fn ocr() -> Result<Option<OcrModels>> {
    let store = ModelStore::from_env()?;
    let path = |name| store.path_of(name);
    let pair = path("pp-ocrv6-detection").zip(path("pp-ocrv6-recognition"));
    Ok(pair.map(|(detection, recognition)| OcrModels {
        detection,
        recognition,
        direction: path("pp-ocr-direction"),
    }))
}
