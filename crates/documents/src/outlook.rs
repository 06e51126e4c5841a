//! Outlook messages (MSG): the properties of MS-OXMSG in a compound file.

use std::io::Cursor;

use cairn_kernel::Result;
use office_oxide::cfb::CfbReader;

use crate::builder::Builder;
use crate::document::Document;
use crate::format::Format;
use crate::mail::{self, Letter};
use crate::parts::{Context, Unread};
use crate::{encoding, html, invalid_file};

/// Attachments looked for in one message.
const ATTACHMENTS_MAX: usize = 500;
/// Messages within messages are read to this depth.
const DEPTH_MAX: usize = 4;

/// Property ids (MS-OXPROPS).
const SUBJECT: &str = "0037";
const SENDER_NAME: &str = "0C1A";
const SENDER_ADDRESSES: [&str; 2] = ["5D01", "0C1F"];
const DISPLAY_TO: &str = "0E04";
const DISPLAY_CC: &str = "0E03";
const HEADERS: &str = "007D";
const BODY: &str = "1000";
const BODY_HTML: &str = "1013";
const BODY_RTF: &str = "1009";
const ATTACHMENT_NAMES: [&str; 3] = ["3707", "3704", "3001"];

/// Reads a message.
pub(crate) fn read(name: &str, bytes: &[u8], context: Context<'_>) -> Result<Document> {
    let damaged = |error| {
        invalid_file(format!("'{name}' is a damaged Outlook message ({error}); export it again"))
            .with_source(error)
    };
    let reader = CfbReader::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut store = Store { reader };
    let mut builder = Builder::new(Format::Msg.media_type());
    let mut unread = Unread::default();
    store.message("", 0, context, &mut builder, &mut unread);
    unread.write(&mut builder);
    Ok(builder.finish())
}

struct Store<'a> {
    reader: CfbReader<Cursor<&'a [u8]>>,
}

impl Store<'_> {
    /// Writes the message whose storage is at `place` (empty for the file's own).
    fn message(
        &mut self,
        place: &str,
        depth: usize,
        context: Context<'_>,
        builder: &mut Builder,
        unread: &mut Unread,
    ) {
        let sender = SENDER_ADDRESSES.iter().find_map(|id| self.text(place, id));
        let from = match (self.text(place, SENDER_NAME), sender) {
            (Some(name), Some(address)) if name != address => format!("{name} <{address}>"),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        let letter = Letter {
            subject: self.text(place, SUBJECT).unwrap_or_default(),
            from,
            to: self.text(place, DISPLAY_TO).unwrap_or_default(),
            cc: self.text(place, DISPLAY_CC).unwrap_or_default(),
            date: self.text(place, HEADERS).as_deref().and_then(sent).unwrap_or_default(),
        };
        letter.write(builder);
        match (self.text(place, BODY), self.page(place)) {
            (_, Some(page)) => builder.append(&html::read(&page, Builder::default()), 1),
            (Some(text), None) => mail::paragraphs(&text, builder),
            (None, None) if self.stream(place, BODY_RTF, "0102").is_some() => {
                unread.add("the message's text, which it holds as RTF only");
            }
            (None, None) => {}
        }
        for number in 0..ATTACHMENTS_MAX {
            let storage = format!("{place}__attach_version1.0_#{number:08X}");
            if self.reader.find_entry_by_path(&storage).is_none() {
                break;
            }
            self.attachment(&format!("{storage}/"), number, depth, context, builder, unread);
        }
    }

    fn attachment(
        &mut self,
        place: &str,
        number: usize,
        depth: usize,
        context: Context<'_>,
        builder: &mut Builder,
        unread: &mut Unread,
    ) {
        let inner = format!("{place}__substg1.0_3701000D");
        if self.reader.find_entry_by_path(&inner).is_some() {
            if depth < DEPTH_MAX {
                self.message(&format!("{inner}/"), depth + 1, context, builder, unread);
            }
            return;
        }
        let name = ATTACHMENT_NAMES.iter().find_map(|id| self.text(place, id));
        let name = name.unwrap_or_else(|| format!("attachment-{}", number + 1));
        match self.stream(place, "3701", "0102") {
            Some(bytes) => {
                context.part(&name, &bytes, 1, builder, unread);
            }
            None => unread.add(format!("'{name}' is not in the message")),
        }
    }

    fn stream(&mut self, place: &str, id: &str, kind: &str) -> Option<Vec<u8>> {
        let path = format!("{place}__substg1.0_{id}{kind}");
        self.reader.open_stream_by_path(&path).ok().filter(|bytes| !bytes.is_empty())
    }

    /// A text property: in UTF-16, or in some old encoding.
    fn text(&mut self, place: &str, id: &str) -> Option<String> {
        let text = match self.stream(place, id, "001F") {
            Some(bytes) => {
                let units = bytes.chunks_exact(2).map(|pair| match pair {
                    [low, high] => u16::from_le_bytes([*low, *high]),
                    _ => 0,
                });
                char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
            }
            None => encoding::decode(&self.stream(place, id, "001E")?, None).text,
        };
        let text: String = text.chars().filter(|&c| c != '\0').collect();
        Some(text).filter(|text| !text.trim().is_empty())
    }

    fn page(&mut self, place: &str) -> Option<String> {
        match self.stream(place, BODY_HTML, "0102") {
            Some(bytes) => {
                let declared = encoding::html_charset(&bytes);
                Some(encoding::decode(&bytes, declared.as_deref()).text)
            }
            None => self.text(place, BODY_HTML),
        }
    }
}

/// The date among a message's transport headers.
fn sent(headers: &str) -> Option<String> {
    let line = headers.lines().find(|line| line.to_ascii_lowercase().starts_with("date:"))?;
    line.get(5..).map(|date| date.trim().to_owned())
}
