//! Outlook messages (MSG): the properties of MS-OXMSG in a compound file.

use std::io::Cursor;

use cairn_kernel::Result;
use encoding_rs::Encoding;
use mail_parser::DateTime;
use office_oxide::cfb::CfbReader;

use crate::document::Document;
use crate::mail::{self, Letter};
use crate::office::rtf::{self, Origin};
use crate::parse::{Context, Format, Unread};
use crate::write::Builder;
use crate::{encoding, html, invalid_file};

mod compressed;

/// Attachments looked for in one message.
const ATTACHMENTS_MAX: usize = 500;
/// Recipients looked for in one message.
const RECIPIENTS_MAX: usize = 500;
/// Numbers in a row that attachments taken out of a message may leave free.
const MISSING_MAX: usize = 16;
/// Messages within messages are read to this depth.
const DEPTH_MAX: usize = 4;
/// Messages read of one file, at all depths.
const MESSAGES_MAX: usize = 500;

/// Property ids (MS-OXPROPS).
const SUBJECT: &str = "0037";
const SENDER_NAME: &str = "0C1A";
const SENDER_ADDRESSES: [&str; 2] = ["5D01", "0C1F"];
const DISPLAY_TO: &str = "0E04";
const DISPLAY_CC: &str = "0E03";
const DISPLAY_BCC: &str = "0E02";
const RECIPIENT_NAME: &str = "3001";
const RECIPIENT_ADDRESSES: [&str; 2] = ["39FE", "3003"];
const HEADERS: &str = "007D";
const BODY: &str = "1000";
const BODY_HTML: &str = "1013";
const BODY_RTF: &str = "1009";
const ATTACHMENT_NAMES: [&str; 3] = ["3707", "3704", "3001"];

/// When a message was sent, was received, was last changed and was begun.
const TIMES: [u16; 4] = [0x0039, 0x0e06, 0x3008, 0x3007];
/// Whether a recipient is meant (1), has a copy (2) or has one unseen (3).
const RECIPIENT_TYPE: u16 = 0x0c15;
/// What stands before the properties of recipients and attachments.
const PART_HEADER_BYTES: usize = 8;
/// The code pages of a message's strings and of its page.
const STRINGS_CODE_PAGE: u16 = 0x3ffd;
const PAGE_CODE_PAGE: u16 = 0x3fde;

/// Property types: a number of 32 bits, a time.
const INTEGER: u16 = 0x0003;
const TIME: u16 = 0x0040;

/// Times are counts of 100 ns since 1601.
const TICKS_A_SECOND: u64 = 10_000_000;
const SECONDS_1601_TO_1970: i64 = 11_644_473_600;
/// The year 3000: times after it stand for none.
const SECONDS_MAX: i64 = 32_503_680_000;

/// Reads a message.
pub(crate) fn read(name: &str, bytes: &[u8], context: Context<'_>) -> Result<Document> {
    let damaged = |error| {
        invalid_file(format!("'{name}' is a damaged Outlook message ({error}); export it again"))
            .with_source(error)
    };
    let reader = CfbReader::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut store = Store { reader, messages_left: MESSAGES_MAX };
    let mut builder = Builder::new(Format::Msg.media_type());
    let mut unread = Unread::default();
    store.message("", 0, context, &mut builder, &mut unread);
    unread.write(&mut builder);
    Ok(builder.finish())
}

struct Store<'a> {
    reader: CfbReader<Cursor<&'a [u8]>>,
    messages_left: usize,
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
        let [to, cc, bcc] = self.recipients(place);
        let letter = Letter {
            subject: self.text(place, SUBJECT).unwrap_or_default(),
            from,
            to,
            cc,
            bcc,
            date: self.date(place).unwrap_or_default(),
        };
        letter.write(builder);
        self.body(place, builder, unread);
        let mut missing = 0;
        for number in 0..ATTACHMENTS_MAX {
            let storage = format!("{place}__attach_version1.0_#{number:08X}");
            if self.reader.find_entry_by_path(&storage).is_none() {
                missing += 1;
                if missing > MISSING_MAX {
                    break;
                }
                continue;
            }
            missing = 0;
            self.attachment(&format!("{storage}/"), number, depth, context, builder, unread);
        }
    }

    /// To whom a message goes, who has a copy, and who has one unseen: with addresses where they
    /// are known, else as they are displayed.
    fn recipients(&mut self, place: &str) -> [String; 3] {
        let mut found = [(); 3].map(|()| Vec::new());
        let mut missing = 0;
        for number in 0..RECIPIENTS_MAX {
            let storage = format!("{place}__recip_version1.0_#{number:08X}/");
            let kind = self.fixed(&storage, PART_HEADER_BYTES, RECIPIENT_TYPE, INTEGER);
            // Flags are in the higher bits.
            let kind = kind.map(|kind| kind & 0xf).and_then(|kind| usize::try_from(kind).ok());
            match kind.and_then(|kind| found.get_mut(kind.checked_sub(1)?)) {
                Some(list) => list.extend(self.recipient(&storage)),
                None => missing += 1,
            }
            if missing > MISSING_MAX {
                break;
            }
        }
        let [to, cc, bcc] = found.map(|list| list.join(", "));
        [(to, DISPLAY_TO), (cc, DISPLAY_CC), (bcc, DISPLAY_BCC)].map(|(listed, displayed)| {
            match listed.is_empty() {
                true => self.text(place, displayed).unwrap_or_default(),
                false => listed,
            }
        })
    }

    fn recipient(&mut self, storage: &str) -> Option<String> {
        let address = RECIPIENT_ADDRESSES.iter().find_map(|id| self.text(storage, id));
        let address = address.filter(|address| address.contains('@'));
        match (self.text(storage, RECIPIENT_NAME), address) {
            (Some(name), Some(address)) if name.trim_matches('\'') != address => {
                Some(format!("{name} <{address}>"))
            }
            (name, address) => address.or(name),
        }
    }

    /// The message's own text: as a page where it is one, for its tables and lists.
    fn body(&mut self, place: &str, builder: &mut Builder, unread: &mut Unread) {
        if let Some(page) = self.page(place) {
            let own = html::read(&page, Builder::default());
            if !own.text.is_empty() {
                return append(&own, builder);
            }
        }
        let text = self.text(place, BODY);
        let packed = self.stream(place, BODY_RTF, "0102");
        let rich = packed.as_deref().and_then(compressed::unpack);
        let rich = rich.as_deref().and_then(|rich| rtf::read(rich, Builder::default()));
        let rich = rich.filter(|(_, document)| !document.text.is_empty());
        match (text, rich) {
            // A page that says less than the plain text is damaged.
            (Some(text), Some((Origin::Html, own))) if words(&own.text) * 2 >= words(&text) => {
                append(&own, builder);
            }
            (Some(text), _) => mail::paragraphs(&text, builder),
            (None, Some((_, own))) => append(&own, builder),
            (None, None) if packed.is_some() => {
                unread.add("the message's text, whose RTF is empty or damaged");
            }
            (None, None) => {}
        }
    }

    /// When the message was sent: with its zone where its headers say so, else in UTC.
    fn date(&mut self, place: &str) -> Option<String> {
        if let Some(sent) = self.text(place, HEADERS).as_deref().and_then(sent) {
            return Some(sent);
        }
        TIMES.into_iter().find_map(|id| self.property(place, id, TIME).and_then(utc))
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
            let inner = format!("{inner}/");
            if depth < DEPTH_MAX && self.messages_left > 0 {
                self.messages_left -= 1;
                return self.message(&inner, depth + 1, context, builder, unread);
            }
            let subject = self.text(&inner, SUBJECT).unwrap_or_default();
            return unread.add(match depth < DEPTH_MAX {
                true => format!("the message '{subject}': there are more than {MESSAGES_MAX}"),
                false => format!("the message '{subject}' lies more than {DEPTH_MAX} deep"),
            });
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

    /// A property of a message, of a fixed size, in 64 bits.
    fn property(&mut self, place: &str, id: u16, kind: u16) -> Option<u64> {
        self.fixed(place, if place.is_empty() { 32 } else { 24 }, id, kind)
    }

    /// A property of a fixed size, in 64 bits, behind a header of so many bytes (MS-OXMSG 2.4).
    fn fixed(&mut self, place: &str, header_bytes: usize, id: u16, kind: u16) -> Option<u64> {
        let path = format!("{place}__properties_version1.0");
        let bytes = self.reader.open_stream_by_path(&path).ok()?;
        let entries = bytes.get(header_bytes..)?;
        let [k, i] = [kind.to_le_bytes(), id.to_le_bytes()];
        let tag = [k, i].concat();
        let entry = entries.chunks_exact(16).find(|entry| entry.starts_with(&tag))?;
        entry.get(8..16)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// The encoding that a property names by its code page.
    fn encoding(&mut self, place: &str, id: u16) -> Option<&'static str> {
        let page = self.property(place, id, INTEGER)? & u64::from(u32::MAX);
        encoding::code_page(u32::try_from(page).ok()?).map(Encoding::name)
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
            None => {
                let bytes = self.stream(place, id, "001E")?;
                encoding::decode(&bytes, self.encoding(place, STRINGS_CODE_PAGE)).text
            }
        };
        let text: String = text.chars().filter(|&c| c != '\0').collect();
        Some(text).filter(|text| !text.trim().is_empty())
    }

    fn page(&mut self, place: &str) -> Option<String> {
        match self.stream(place, BODY_HTML, "0102") {
            Some(bytes) => {
                let named = self.encoding(place, PAGE_CODE_PAGE);
                let declared = encoding::html_charset(&bytes);
                Some(encoding::decode(&bytes, declared.as_deref().or(named)).text)
            }
            None => self.text(place, BODY_HTML),
        }
    }
}

/// Adds a message's text below its subject.
fn append(own: &Document, builder: &mut Builder) {
    builder.append(own, 1);
    for note in &own.notes {
        builder.note(note.as_str());
    }
}

/// How many letters and digits a text has.
fn words(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// A time as a date in UTC; none where it stands for no time.
fn utc(ticks: u64) -> Option<String> {
    let seconds = i64::try_from(ticks / TICKS_A_SECOND).ok()? - SECONDS_1601_TO_1970;
    let known = (1..SECONDS_MAX).contains(&seconds);
    known.then(|| DateTime::from_timestamp(seconds).to_rfc822())
}

/// The date among a message's transport headers.
fn sent(headers: &str) -> Option<String> {
    let line = headers.lines().find(|line| line.to_ascii_lowercase().starts_with("date:"))?;
    line.get(5..).map(|date| date.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_in_utc() {
        let ticks = |seconds: i64| (seconds + SECONDS_1601_TO_1970) as u64 * TICKS_A_SECOND;
        assert_eq!(utc(ticks(1_734_855_780)).as_deref(), Some("Sun, 22 Dec 2024 08:23:00 +0000"));
        assert_eq!((utc(0), utc(u64::MAX), utc(0x0cb3_4557_a3dd_4000)), (None, None, None));
    }
}
