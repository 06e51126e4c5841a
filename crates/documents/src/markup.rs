//! Texts that are written with marks in them: Markdown, LaTeX, reStructuredText, Org and AsciiDoc.
//! Each becomes blocks of words without its marks. [`lines`] is what those have in common that are
//! marked up line by line.

pub(crate) mod asciidoc;
pub(crate) mod latex;
mod lines;
pub(crate) mod markdown;
pub(crate) mod org;
pub(crate) mod rst;
