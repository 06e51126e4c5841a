//! Text that is read as it stands: prose, source code, JSON.

use crate::document::{BlockKind, Document};
use crate::write::Builder;

/// How a plain text is cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Paragraphs between blank lines.
    Prose,
    /// Line breaks matter: source code, JSON, logs.
    Code,
}

/// Reads plain text in the given style.
pub(crate) fn read(text: &str, style: Style, mut builder: Builder) -> Document {
    match style {
        Style::Prose => paragraphs(text, BlockKind::Paragraph, &mut builder),
        Style::Code => paragraphs(text, BlockKind::Code, &mut builder),
    }
    builder.finish()
}

fn paragraphs(text: &str, kind: BlockKind, builder: &mut Builder) {
    let mut paragraph = String::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            builder.block(kind, &paragraph);
            paragraph.clear();
            continue;
        }
        if !paragraph.is_empty() {
            paragraph.push('\n');
        }
        paragraph.push_str(line.trim_end());
    }
    builder.block(kind, &paragraph);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_part_blocks_and_code_keeps_its_indents() {
        let prose = read("a\nb  \n\n\nc", Style::Prose, Builder::new("text/plain"));
        assert_eq!(prose.text, "a\nb\n\nc");
        assert_eq!(prose.blocks.len(), 2);
        let code = read("\n  fn a() {\n    b\n  }\n", Style::Code, Builder::new("text/plain"));
        assert_eq!(code.text, "  fn a() {\n    b\n  }");
    }
}
