//! E-mail messages (EML, MHTML): who and when, the text, the attachments.

use cairn_kernel::Result;
use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};

use crate::builder::Builder;
use crate::document::{BlockKind, Document};
use crate::format::Format;
use crate::parts::{Context, Unread};
use crate::{html, invalid_file};

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
    let message = MessageParser::default().parse(bytes).ok_or_else(|| {
        invalid_file(format!("'{name}' is no e-mail message, or a damaged one; export it again"))
    })?;
    let mut builder = Builder::new(Format::Eml.media_type());
    Letter {
        subject: message.subject().unwrap_or_default().to_owned(),
        from: addresses(message.from()),
        to: addresses(message.to()),
        cc: addresses(message.cc()),
        date: message.date().map(mail_parser::DateTime::to_rfc822).unwrap_or_default(),
    }
    .write(&mut builder);
    builder = body(&message, builder);
    let mut unread = Unread::default();
    for (number, part) in message.attachments().enumerate() {
        let name = part.attachment_name();
        let path = name.map_or_else(|| unnamed(part, number + 1), str::to_owned);
        let (path, content) = match &part.body {
            // What holds a message is read as one, whatever it is called.
            PartType::Message(inner) if !path.ends_with(".eml") => {
                (format!("{path}.eml"), inner.raw_message())
            }
            PartType::Message(inner) => (path, inner.raw_message()),
            _ => (path, part.contents()),
        };
        context.part(&path, content, 1, &mut builder, &mut unread);
    }
    unread.write(&mut builder);
    Ok(builder.finish())
}

/// The message's own text: as HTML where there is HTML, for its tables and lists.
fn body(message: &Message<'_>, mut builder: Builder) -> Builder {
    let pages: Vec<&str> = message
        .html_bodies()
        .filter_map(|part| match &part.body {
            PartType::Html(page) => Some(page.as_ref()),
            _ => None,
        })
        .collect();
    if !pages.is_empty() {
        for page in pages {
            let own = html::read(page, Builder::default());
            builder.append(&own, 1);
        }
        return builder;
    }
    for part in message.text_bodies() {
        if let PartType::Text(text) = &part.body {
            paragraphs(text, &mut builder);
        }
    }
    builder
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
fn unnamed(part: &mail_parser::MessagePart<'_>, number: usize) -> String {
    let extension = match &part.body {
        PartType::Message(_) => "eml",
        PartType::Html(_) => "html",
        PartType::Text(_) => "txt",
        _ => part.content_type().and_then(|kind| kind.subtype()).unwrap_or("bin"),
    };
    format!("attachment-{number}.{extension}")
}
