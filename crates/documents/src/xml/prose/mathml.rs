//! Formulas in MathML, which are read as those of web pages are.

use crate::html;
use crate::write::Builder;
use crate::xml::Attributes;

/// A formula in the making: its markup, without the prefixes of names.
#[derive(Debug, Default)]
pub(super) struct Formula {
    markup: String,
    open: Vec<String>,
}

impl Formula {
    /// An element starts, called so without its prefix.
    pub(super) fn open(&mut self, name: &str, attributes: &Attributes) {
        self.markup += &format!("<{name}");
        for (name, value) in attributes.sorted().into_iter().filter(|(name, _)| is_name(name)) {
            self.markup += &format!(" {name}=\"{}\"", escaped(value));
        }
        self.markup.push('>');
        self.open.push(name.to_owned());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.markup += &escaped(text);
    }

    /// An element ends. The formula's text when it was the outermost.
    pub(super) fn close(&mut self) -> Option<String> {
        if let Some(name) = self.open.pop() {
            self.markup += &format!("</{name}>");
        }
        self.open.is_empty().then(|| {
            let text = html::read(&self.markup, Builder::default()).text;
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
