//! What a PDF holds beside its pages: filled forms, comments, attached files.

use pdf_oxide::PdfDocument;
use pdf_oxide::annotation_types::AnnotationSubtype;
use pdf_oxide::extractors::{FieldValue, FormExtractor};

use super::lines;
use crate::document::BlockKind;
use crate::parse::{Context, Unread};
use crate::write::Builder;

/// Comments given, at most.
const COMMENTS_MAX: usize = 2_000;

/// What was filled into a form, after the pages' text.
pub(super) fn form_fields(pdf: &PdfDocument, builder: &mut Builder) {
    let fields = FormExtractor::extract_fields(pdf).unwrap_or_default();
    let mut filled = 0;
    for field in fields {
        let value = match field.value {
            FieldValue::Text(text) | FieldValue::Name(text)
                if !text.trim().is_empty() && text != "Off" =>
            {
                text
            }
            FieldValue::Boolean(true) => "yes".to_owned(),
            FieldValue::Array(values) if !values.is_empty() => values.join(", "),
            _ => continue,
        };
        let label = field.tooltip.filter(|tip| !tip.trim().is_empty()).unwrap_or(field.name);
        builder.block(
            BlockKind::ListItem,
            &format!("{}: {}", label.trim(), lines::readable(&value).trim()),
        );
        filled += 1;
    }
    if filled > 0 {
        builder.note(format!("{filled} filled form fields follow the text of the pages"));
    }
}

/// What readers wrote on the pages.
pub(super) fn comments(pdf: &PdfDocument, pages: usize, builder: &mut Builder) {
    let mut written = 0;
    for page in 0..pages {
        for comment in pdf.get_annotations(page).unwrap_or_default() {
            let wrote = matches!(
                comment.subtype_enum,
                AnnotationSubtype::Text
                    | AnnotationSubtype::FreeText
                    | AnnotationSubtype::Highlight
                    | AnnotationSubtype::Underline
                    | AnnotationSubtype::StrikeOut
                    | AnnotationSubtype::Squiggly
                    | AnnotationSubtype::Stamp
                    | AnnotationSubtype::Caret
            );
            let text = comment.contents.as_deref().map(lines::readable).unwrap_or_default();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if !wrote || text.is_empty() || builder.text().contains(&text) {
                continue;
            }
            if written == COMMENTS_MAX {
                builder.note(format!("comments after the first {COMMENTS_MAX} were not read"));
                return;
            }
            written += 1;
            let by = comment.author.map(|author| format!(" by {author}")).unwrap_or_default();
            let line = format!("Comment on page {}{by}: {text}", page + 1);
            builder.block(BlockKind::Paragraph, &line);
        }
    }
}

/// Files within the file.
pub(super) fn attachments(pdf: &PdfDocument, context: Context<'_>, builder: &mut Builder) {
    let mut unread = Unread::default();
    for (name, bytes) in pdf.extract_embedded_files().unwrap_or_default() {
        context.part(&name, &bytes, 1, builder, &mut unread);
    }
    unread.write(builder);
}
