//! Charts and formulas within an OpenDocument file: each is a document of its own beside the
//! content that shows it.

use std::collections::HashMap;
use std::io::Cursor;

use zip::ZipArchive;

use crate::parse::Context;
use crate::xml::{self, Token};
use crate::{archive, encoding};

/// Objects of a file that are read.
const OBJECTS_MAX: usize = 500;

/// What an object shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Chart(Chart),
    /// As it was typed.
    Formula(String),
}

/// A chart's titles, and the table of its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chart {
    pub(super) titles: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// The objects of a file by the path of their folder.
pub(super) fn all(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    context: Context<'_>,
) -> HashMap<String, Object> {
    let mut folders = Vec::new();
    for at in 0..archive.len() {
        let member = archive.by_index_raw(at).ok();
        let path = member.and_then(|member| Some(member.name().ok()?.into_owned()));
        folders.extend(path.and_then(|path| path.strip_suffix("/content.xml").map(str::to_owned)));
    }
    let mut found = HashMap::new();
    for folder in folders.into_iter().take(OBJECTS_MAX) {
        let part = archive::member(archive, &format!("{folder}/content.xml"), context);
        let object = part.and_then(|part| object(&encoding::decode(&part, None).text));
        found.extend(object.map(|object| (folder, object)));
    }
    found
}

/// What an object's content shows; nothing when it is neither a chart nor a formula with text.
pub(super) fn object(source: &str) -> Option<Object> {
    let (mut chart, mut formula) = (Chart::default(), String::new());
    let (mut title, mut cell, mut typed): (Option<String>, Option<String>, bool) =
        Default::default();
    xml::walk(source, |token| match token {
        Token::Open(name, _) => match xml::local(name) {
            "title" | "subtitle" if name.starts_with("chart:") => title = Some(String::new()),
            "table-row" => chart.rows.push(Vec::new()),
            "table-cell" => cell = Some(String::new()),
            // Not a comment, as embedded sheets have.
            "annotation" => typed = name != "office:annotation",
            _ => {}
        },
        Token::Close(name) => match xml::local(name) {
            "title" | "subtitle" => chart.titles.extend(title.take()),
            "table-cell" => {
                let text = cell.take().unwrap_or_default();
                // A gap in the data.
                let text = if text.trim() == "NaN" { String::new() } else { text };
                chart.rows.last_mut().into_iter().for_each(|row| row.push(text.clone()));
            }
            "annotation" => typed = false,
            _ => {}
        },
        Token::Text(text) if typed => formula.push_str(text),
        Token::Text(text) => {
            if let Some(open) = title.as_mut().or(cell.as_mut()) {
                open.push_str(text);
            }
        }
    });
    chart.titles.retain(|title| !title.trim().is_empty());
    chart.rows.retain(|row| row.iter().any(|cell| !cell.trim().is_empty()));
    if !formula.trim().is_empty() {
        return Some(Object::Formula(formula));
    }
    let empty = chart.titles.is_empty() && chart.rows.is_empty();
    (!empty).then_some(Object::Chart(chart))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_have_titles_and_data_and_formulas_what_was_typed() {
        let cell =
            |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
        let row =
            |a: &str, b: &str| format!("<table:table-row>{}{}</table:table-row>", cell(a), cell(b));
        let source = format!(
            "<a><chart:chart><chart:title><text:p>Birds</text:p></chart:title><table:table>{}{}</table:table></chart:chart></a>",
            row("", "In"),
            row("2023", "NaN")
        );
        let rows = [["", "In"], ["2023", ""]].map(|row| row.map(str::to_owned).to_vec()).to_vec();
        let chart = Chart { titles: vec!["Birds".to_owned()], rows };
        assert_eq!(object(&source), Some(Object::Chart(chart)));
        let formula = "<math><semantics><mi>E</mi><annotation encoding='StarMath 5.0'>E = m c^2</annotation></semantics></math>";
        assert_eq!(object(formula), Some(Object::Formula("E = m c^2".to_owned())));
        assert_eq!(object("<a><b>text</b></a>"), None);
    }
}
