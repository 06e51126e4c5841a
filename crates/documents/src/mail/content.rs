//! The text of a part, from its bytes: what a mail says of its encoding is often missing or wrong.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::{Encoding as Charset, ISO_2022_JP, REPLACEMENT, UTF_8};
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;
use mail_parser::{Encoding, Message, MessagePart, MimeHeaders};

use crate::encoding::{self, Decoded};

/// An encoded word in the head of a mail has at most so many bytes; some programs write more than
/// the 75 that are allowed.
const WORD_BYTES_MAX: usize = 1_000;
/// One wrong char in so many beyond ASCII is damage; more are another encoding.
const RIGHT_A_WRONG_ONE: usize = 4;

/// Whether a part is a page.
pub(super) fn is_page(part: &MessagePart<'_>) -> bool {
    part.content_type().is_some_and(|kind| kind.subtype() == Some("html"))
}

/// The label of the encoding that a part says its text is in.
pub(super) fn label<'p>(part: &'p MessagePart<'_>) -> Option<&'p str> {
    let label = part.content_type().and_then(|kind| kind.attribute("charset"));
    label.map(str::trim).filter(|label| !label.is_empty())
}

/// Whether the first line is that of a head, as `Subject: Hi`, or there is none.
pub(super) fn begins_head(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    // The line that mailboxes have above each mail.
    let parts = [b"From ".as_slice(), b">From "].iter().any(|from| line.starts_with(from));
    line.is_empty() || parts || is_of_head(line)
}

fn is_of_head(line: &[u8]) -> bool {
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    name.len() < line.len() && name.trim_ascii_end().iter().all(u8::is_ascii_graphic)
}

/// The bytes of a text part as its sender's program had them.
pub(super) fn bytes<'m>(message: &'m Message<'m>, part: &'m MessagePart<'m>) -> Cow<'m, [u8]> {
    let (head, body) = (part.offset_header as usize, part.offset_body as usize);
    // A part may begin with its text, without a head and the empty line behind it.
    let without = message.raw_message.get(head..body).is_some_and(|head| {
        let mut lines = head.split(|&byte| byte == b'\n');
        !head.trim_ascii().is_empty() && !lines.any(is_of_head)
    });
    let range = if without { head } else { body }..part.offset_end as usize;
    let Some(raw) = message.raw_message.get(range) else { return part.contents().into() };
    let (end, bytes) = match part.encoding {
        Encoding::None => return raw.into(),
        Encoding::QuotedPrintable => MessageStream::new(raw).decode_quoted_printable_mime(b""),
        Encoding::Base64 => MessageStream::new(raw).decode_base64_mime(b""),
    };
    // The decoder's sign that they are not what they are said to be.
    if end == usize::MAX { part.contents().into() } else { bytes }
}

/// The text of a part, with a note where its encoding was guessed or something is lost.
pub(super) fn text(message: &Message<'_>, part: &MessagePart<'_>) -> Decoded {
    let bytes = bytes(message, part);
    let Some(label) = label(part) else {
        let declared = encoding::html_charset(&bytes).filter(|_| is_page(part));
        return encoding::decode(&bytes, declared.as_deref());
    };
    if ["us-ascii", "ascii", "ansi_x3.4-1968"].contains(&label.to_ascii_lowercase().as_str()) {
        return encoding::decode(&bytes, None);
    }
    match Charset::for_label(label.as_bytes()) {
        Some(charset) if charset == REPLACEMENT => {
            let note = Some(format!("said to be in {label}, an encoding that is not read"));
            Decoded { note, ..encoding::decode(&bytes, None) }
        }
        Some(charset) if charset != ISO_2022_JP => labelled(&bytes, charset),
        // Encodings that only the mail parser has, or whose bytes look like ASCII.
        _ => match part.text_contents().filter(|_| charset_decoder(label.as_bytes()).is_some()) {
            Some(text) => Decoded { text: text.to_owned(), note: None },
            None => encoding::decode(&bytes, None),
        },
    }
}

/// Text said to be in `charset`: so it is read, unless much of it is none in that.
fn labelled(bytes: &[u8], charset: &'static Charset) -> Decoded {
    let decoded = match std::str::from_utf8(bytes) {
        Err(_) if charset == UTF_8 => {
            encoding::decode(String::from_utf8_lossy(bytes).as_bytes(), None)
        }
        _ => encoding::decode(bytes, Some(charset.name())),
    };
    let beyond = decoded.text.chars().filter(|c| !c.is_ascii());
    let (wrong, right) = beyond.fold((0_usize, 0_usize), |(wrong, right), c| match c {
        '\u{fffd}' => (wrong + 1, right),
        _ => (wrong, right + 1),
    });
    if wrong * RIGHT_A_WRONG_ONE > right {
        return encoding::decode(bytes, None);
    }
    let note = (wrong > 0).then(|| {
        format!("read as {}; some bytes were not valid in it and show as \u{fffd}", charset.name())
    });
    Decoded { note, ..decoded }
}

/// A mail as mails are written: not in UTF-16, as some programs save them, and without a mark.
pub(super) struct Plain<'b> {
    pub(super) bytes: Cow<'b, [u8]>,
    pub(super) note: Option<String>,
}

/// The bytes of a mail, with a note where they are in another encoding.
pub(super) fn plain(bytes: &[u8]) -> Plain<'_> {
    let marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if marked || encoding::looks_like_utf16(bytes) {
        let decoded = encoding::decode(bytes, None);
        return Plain { bytes: decoded.text.into_bytes().into(), note: decoded.note };
    }
    Plain { bytes: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).into(), note: None }
}

/// The message with the lines of its parts' heads in UTF-8, if some are in something else.
/// Messages within are left as they are.
pub(super) fn mended(message: &Message<'_>) -> Option<Vec<u8>> {
    let raw: &[u8] = &message.raw_message;
    let of_message = message.parts.iter().find_map(old_charset);
    let mut mended = Vec::new();
    let mut written = 0;
    for part in &message.parts {
        let (start, end) = (part.offset_header as usize, part.offset_body as usize);
        let Some(head) = raw.get(start..end).filter(|_| start >= written) else { continue };
        if std::str::from_utf8(head).is_ok() {
            continue;
        }
        mended.extend_from_slice(raw.get(written..start).unwrap_or_default());
        mended.extend(in_utf8(&escaped(head), old_charset(part).or(of_message)));
        written = end;
    }
    if written == 0 {
        return None;
    }
    mended.extend_from_slice(raw.get(written..).unwrap_or_default());
    Some(mended)
}

/// The encoding that a part names for its text, if that could be its head's as well.
fn old_charset(part: &MessagePart<'_>) -> Option<&'static Charset> {
    let label = label(part).filter(|label| !label.to_ascii_lowercase().contains("ascii"))?;
    let charset = Charset::for_label(label.as_bytes())?;
    let old = charset.is_ascii_compatible() && charset != UTF_8;
    old.then_some(charset)
}

/// A head with the bytes escaped that stand raw in an encoded word (`=?iso-8859-1?Q?Grün?=`):
/// they are in the encoding that the word names.
fn escaped(head: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(head.len());
    let mut rest = head;
    while let Some(place) = word(rest) {
        let (before, from) = rest.split_at(place.start);
        let (word, after) = from.split_at(place.len());
        written.extend_from_slice(before);
        for &byte in word {
            match byte {
                0x80.. => written.extend(format!("={byte:02X}").into_bytes()),
                _ => written.push(byte),
            }
        }
        rest = after;
    }
    written.extend_from_slice(rest);
    written
}

/// Where the first encoded word of a head stands that spells its bytes.
fn word(head: &[u8]) -> Option<Range<usize>> {
    let find = |bytes: &[u8], wanted: &[u8]| {
        bytes.windows(wanted.len()).position(|window| window == wanted)
    };
    let mut from = 0;
    loop {
        let start = from + find(head.get(from..)?, b"=?")?;
        let most = head.len().min(start + WORD_BYTES_MAX);
        let near = head.get(start..most)?;
        let text = find(near, b"?Q?").or_else(|| find(near, b"?q?")).map(|at| at + 3);
        let length = text.and_then(|text| Some(text + find(near.get(text..)?, b"?=")? + 2));
        let is_word = |length: &usize| {
            near.get(..*length).is_some_and(|word| !word.iter().any(u8::is_ascii_whitespace))
        };
        match length.filter(is_word) {
            Some(length) => return Some(start..start + length),
            None => from = start + 2,
        }
    }
}

/// A head with its lines in UTF-8: those that are none are in `charset`, if they can be, or else
/// in what all of them together look like.
fn in_utf8(head: &[u8], charset: Option<&'static Charset>) -> Vec<u8> {
    let lines: Vec<&[u8]> = head.split(|&byte| byte == b'\n').collect();
    let is_old = |line: &[u8]| std::str::from_utf8(line).is_err();
    let old: Vec<Vec<u8>> =
        lines.iter().filter(|line| is_old(line)).map(|line| printable(line)).collect();
    let together = old.join(&b'\n');
    let named = charset
        .map(|charset| encoding::decode(&together, Some(charset.name())).text)
        .filter(|text| !text.contains('\u{fffd}'));
    let text = named.unwrap_or_else(|| encoding::decode(&together, None).text);
    let read: Vec<&str> = text.split('\n').collect();
    if read.len() != old.len() {
        return String::from_utf8_lossy(head).into_owned().into_bytes();
    }
    let mut read = read.into_iter().map(str::as_bytes);
    let mended: Vec<&[u8]> = lines
        .iter()
        .map(|line| if is_old(line) { read.next().unwrap_or_default() } else { *line })
        .collect();
    mended.join(&b'\n')
}

/// A line without its end, and without what decoding would take for other ends.
fn printable(line: &[u8]) -> Vec<u8> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }).collect()
}
