//! E-mail messages (EML, MHTML): who and when, the text, the attachments.

use cairn_kernel::Result;
use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use crate::builder::Builder;
use crate::document::{BlockKind, Document};
use crate::format::Format;
use crate::parts::{Context, Unread};
use crate::{format, html, invalid_file};

mod content;
mod tree;

/// The parts of a message in the order in which they are written.
#[derive(Debug, Default)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) cc: String,
    pub(crate) date: String,
}

impl Letter {
    /// Writes the subject as a heading and who wrote to whom below it.
    pub(crate) fn write(&self, builder: &mut Builder) {
        builder.title(self.subject.as_str());
        let subject = self.subject.split_whitespace().collect::<Vec<_>>().join(" ");
        builder.block(BlockKind::Heading(1), &subject);
        let named =
            [("From", &self.from), ("To", &self.to), ("Cc", &self.cc), ("Date", &self.date)];
        let lines: Vec<String> = named
            .into_iter()
            .map(|(name, value)| (name, value.split_whitespace().collect::<Vec<_>>().join(" ")))
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        builder.block(BlockKind::Paragraph, &lines.join("\n"));
    }
}

/// Reads a message.
pub(crate) fn read(name: &str, bytes: &[u8], context: Context<'_>) -> Result<Document> {
    let parser = MessageParser::default();
    let written = parser.parse(bytes).ok_or_else(|| {
        invalid_file(format!("'{name}' is no e-mail message, or a damaged one; export it again"))
    })?;
    let mended = content::mended(&written);
    let message = mended.as_ref().and_then(|bytes| parser.parse(bytes)).unwrap_or(written);
    let mut builder = Builder::new(Format::Eml.media_type());
    Letter {
        subject: message.subject().unwrap_or_default().to_owned(),
        from: addresses(message.from()),
        to: addresses(message.to()),
        cc: addresses(message.cc()),
        date: message.date().map(mail_parser::DateTime::to_rfc822).unwrap_or_default(),
    }
    .write(&mut builder);
    let parts = tree::sort(&message);
    for part in parts.text.into_iter().filter_map(|id| message.parts.get(id)) {
        body(&message, part, &mut builder);
    }
    let mut unread = Unread::default();
    let attached = parts.attached.into_iter().filter_map(|id| message.parts.get(id));
    for (number, part) in (1..).zip(attached) {
        attachment(&message, part, number, context, &mut builder, &mut unread);
    }
    unread.write(&mut builder);
    Ok(builder.finish())
}

/// A part of the message's own text.
fn body(message: &Message<'_>, part: &MessagePart<'_>, builder: &mut Builder) {
    let decoded = content::text(message, part);
    if content::is_page(part) {
        let own = html::read(&decoded.text, Builder::default());
        builder.append(&own, 1);
        for note in &own.notes {
            builder.note(note.as_str());
        }
    } else {
        paragraphs(&decoded.text, builder);
    }
    if let Some(note) = decoded.note {
        builder.note(format!("the message's text was {note}"));
    }
}

/// The `number`th file with the message.
fn attachment(
    message: &Message<'_>,
    part: &MessagePart<'_>,
    number: usize,
    context: Context<'_>,
    builder: &mut Builder,
    unread: &mut Unread,
) {
    let name = part.attachment_name();
    let path = name.map_or_else(|| unnamed(part, number), str::to_owned);
    match &part.body {
        // What holds a message is read as one, whatever it is called.
        PartType::Message(inner) => {
            let path = if path.ends_with(".eml") { path } else { format!("{path}.eml") };
            context.part(&path, inner.raw_message(), 1, builder, unread);
        }
        PartType::Text(_) | PartType::Html(_) => {
            let bytes = content::bytes(message, part);
            let text = format::is_text(&bytes) && !bytes.starts_with(b"%PDF-");
            if !text || content::label(part).is_none() {
                // The reader of its kind finds the encoding.
                context.part(&path, &bytes, 1, builder, unread);
                return;
            }
            let decoded = content::text(message, part);
            let read = context.part(&path, decoded.text.as_bytes(), 1, builder, unread);
            if let Some(note) = decoded.note.filter(|_| read) {
                builder.note(format!("{path}: {note}"));
            }
        }
        _ => {
            context.part(&path, part.contents(), 1, builder, unread);
        }
    }
}

/// Paragraphs between blank lines.
pub(crate) fn paragraphs(text: &str, builder: &mut Builder) {
    let text = text.replace("\r\n", "\n");
    for paragraph in text.split("\n\n") {
        let lines: Vec<&str> = paragraph.lines().map(str::trim_end).collect();
        builder.block(BlockKind::Paragraph, &lines.join("\n"));
    }
}

fn addresses(address: Option<&Address<'_>>) -> String {
    let Some(address) = address else { return String::new() };
    let listed: Vec<String> = address
        .iter()
        .map(|one| match (one.name(), one.address()) {
            (Some(name), Some(address)) => format!("{name} <{address}>"),
            (Some(either), None) | (None, Some(either)) => either.to_owned(),
            (None, None) => String::new(),
        })
        .collect();
    listed.join(", ")
}

/// A name with the extension its type asks for.
fn unnamed(part: &MessagePart<'_>, number: usize) -> String {
    let subtype = part.content_type().and_then(|kind| kind.subtype());
    let extension = match (&part.body, subtype) {
        (PartType::Message(_), _) => "eml",
        (PartType::Html(_), _) => "html",
        (PartType::Text(_), Some("csv")) => "csv",
        (PartType::Text(_), Some("tab-separated-values")) => "tsv",
        (PartType::Text(_), Some("markdown")) => "md",
        (PartType::Text(_), Some("xml")) => "xml",
        (PartType::Text(_), _) => "txt",
        (_, subtype) => subtype.unwrap_or("bin"),
    };
    format!("attachment-{number}.{extension}")
}
