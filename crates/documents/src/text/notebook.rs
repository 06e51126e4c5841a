//! Jupyter notebooks: the text, the code and what the code printed, in order.

use cairn_kernel::Result;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::document::{BlockKind, Document};
use crate::markup::markdown;
use crate::write::{Builder, Flow};
use crate::{html, invalid_file};

/// More of one output is a log, not something to read.
const OUTPUT_CHARS_MAX: usize = 20_000;

#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    cells: Vec<Cell>,
    /// Notebooks before version 4 keep their cells in sheets.
    #[serde(default)]
    worksheets: Vec<Sheet>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

#[derive(Deserialize)]
struct Sheet {
    #[serde(default)]
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(default)]
    cell_type: String,
    #[serde(default, alias = "input")]
    source: Value,
    #[serde(default)]
    outputs: Vec<Output>,
    #[serde(default)]
    level: Option<u8>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    text: Value,
    #[serde(default)]
    data: Map<String, Value>,
    #[serde(default)]
    ename: Option<String>,
    #[serde(default)]
    evalue: Option<String>,
}

/// Reads a notebook.
pub(crate) fn read(name: &str, text: &str, mut builder: Builder) -> Result<Document> {
    let notebook: Notebook = serde_json::from_str(text).map_err(|error| {
        invalid_file(format!("'{name}' is a damaged notebook ({error}); save it again"))
            .with_source(error)
    })?;
    if let Some(title) = notebook.metadata.get("title").and_then(Value::as_str) {
        builder.title(title);
    }
    let sheets = notebook.worksheets.into_iter().flat_map(|sheet| sheet.cells);
    for cell in notebook.cells.into_iter().chain(sheets) {
        let source = lines(&cell.source);
        match cell.cell_type.as_str() {
            "markdown" => builder = markdown::write(&source, builder),
            "heading" => builder.block(BlockKind::Heading(cell.level.unwrap_or(1)), &source),
            "raw" => builder.block(BlockKind::Paragraph, &source),
            _ => builder.block(BlockKind::Code, &source),
        }
        for output in cell.outputs {
            builder = show(&output, builder);
        }
    }
    Ok(builder.finish())
}

fn show(output: &Output, mut builder: Builder) -> Builder {
    if let Some(page) = output.data.get("text/html").map(lines).filter(|page| page.contains("<t")) {
        let mut flow = Flow::new(builder);
        html::fragment(&page, &mut flow);
        return flow.finish();
    }
    if let Some(text) = output.data.get("text/markdown").map(lines) {
        return markdown::write(&text, builder);
    }
    let mut text = output.data.get("text/plain").map_or_else(|| lines(&output.text), lines);
    if let Some(name) = &output.ename {
        text = format!("{name}: {}", output.evalue.as_deref().unwrap_or_default());
    }
    if let Some((end, _)) = text.char_indices().nth(OUTPUT_CHARS_MAX) {
        text.truncate(end);
        builder.note(format!("outputs are cut after {OUTPUT_CHARS_MAX} characters"));
    }
    builder.block(BlockKind::Code, &without_colours(&text));
    builder
}

/// A notebook's text is one string or a list of lines.
fn lines(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// Drops the escape sequences that colour a terminal.
fn without_colours(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            let _ = chars.by_ref().find(char::is_ascii_alphabetic);
        } else if !c.is_control() || c == '\n' || c == '\t' {
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_outputs_come_in_order() {
        let notebook = r##"{"metadata":{"title":"Tour"},"cells":[
            {"cell_type":"markdown","source":["# Start\n","Some *text*."]},
            {"cell_type":"code","source":"x = 1\nx","outputs":[
                {"output_type":"stream","text":["printed\n"]},
                {"output_type":"display_data","data":{"text/plain":"df","text/html":"<table><tr><td>a<td>1</table>"}},
                {"output_type":"error","ename":"ValueError","evalue":"no","traceback":["\u001b[0m"]}]}]}"##;
        let document = read("a.ipynb", notebook, Builder::new("x")).unwrap();
        assert_eq!(
            document.text,
            "Start\n\nSome text.\n\nx = 1\nx\n\nprinted\n\n| a | 1 |\n\nValueError: no"
        );
        assert_eq!(document.title.as_deref(), Some("Tour"));
        assert_eq!(document.headings.len(), 1);
        let error = read("a.ipynb", "{\"cells\": 3}", Builder::new("x")).unwrap_err();
        assert!(error.message().contains("'a.ipynb' is a damaged notebook"), "{error}");
    }
}
