//! E-mail messages: who and when, the text, the attachments. Those of the internet (EML, MHTML) are
//! read here, those of Outlook in [`outlook`].

use cairn_kernel::Result;
use mail_parser::{
    Addr, Address, HeaderName, Message, MessageParser, MessagePart, MimeHeaders, PartType,
};

use crate::document::{BlockKind, Document};
use crate::parse::{Context, Format, Unread, format};
use crate::write::Builder;
use crate::{encoding, html};

mod content;
pub(crate) mod outlook;
mod tree;

/// The parts of a message in the order in which they are written.
#[derive(Debug, Default)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) cc: String,
    pub(crate) bcc: String,
    pub(crate) date: String,
}

impl Letter {
    /// Writes the subject as a heading and who wrote to whom below it.
    pub(crate) fn write(&self, builder: &mut Builder) {
        builder.title(self.subject.as_str());
        let subject = self.subject.split_whitespace().collect::<Vec<_>>().join(" ");
        builder.block(BlockKind::Heading(1), &subject);
        let named = [
            ("From", &self.from),
            ("To", &self.to),
            ("Cc", &self.cc),
            ("Bcc", &self.bcc),
            ("Date", &self.date),
        ];
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
    let plain = content::plain(bytes);
    let parsed = parser.parse(&plain.bytes).filter(|_| content::begins_head(&plain.bytes));
    let Some(written) = parsed else { return Ok(headless(name, &plain)) };
    let mended = content::mended(&written);
    let message = mended.as_ref().and_then(|bytes| parser.parse(bytes)).unwrap_or(written);
    let mut builder = Builder::new(Format::Eml.media_type());
    plain.note.iter().for_each(|note| builder.note(note.as_str()));
    Letter {
        subject: message.subject().unwrap_or_default().to_owned(),
        from: addresses(message.from()),
        to: addresses(message.to()),
        cc: addresses(message.cc()),
        bcc: addresses(message.bcc()),
        date: date(&message),
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

/// A file that has no head of a mail, and so is but text.
fn headless(name: &str, plain: &content::Plain<'_>) -> Document {
    let decoded = encoding::decode(&plain.bytes, None);
    let mut builder = Builder::new(Format::Eml.media_type());
    builder.note(format!("'{name}' has no head as mails have; it was read as text"));
    plain.note.iter().chain(&decoded.note).for_each(|note| builder.note(note.as_str()));
    paragraphs(&decoded.text, &mut builder);
    builder.finish()
}

/// When the message was sent: as it is written where that is no date of RFC 5322.
fn date(message: &Message<'_>) -> String {
    let known = message.date().filter(|date| date.is_valid());
    let written = || message.header_raw(HeaderName::Date).unwrap_or_default().trim().to_owned();
    known.map_or_else(written, mail_parser::DateTime::to_rfc822)
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
    match address {
        None => String::new(),
        Some(Address::List(list)) => listed(list),
        Some(Address::Group(groups)) => {
            let groups = groups.iter().map(|group| match group.name.as_deref() {
                None => listed(&group.addresses),
                Some(name) => format!("{name}: {}", listed(&group.addresses)),
            });
            groups.map(|group| group.trim().to_owned()).collect::<Vec<_>>().join("; ")
        }
    }
}

fn listed(addresses: &[Addr<'_>]) -> String {
    let listed: Vec<String> = addresses
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
