//! Mails and Outlook messages: which parts are their text, and in which encoding.

use super::office_files::compound;
use super::*;

const GERMAN: &[u8] = b"Die Gr\xfc\xdfe der \xc4pfel und \xd6le ist f\xfcr M\xfcller wichtig.";
const GERMAN_TEXT: &str = "Die Grüße der Äpfel und Öle ist für Müller wichtig.";
/// How every letter here begins.
const HEAD: &str = "S\n\nFrom: a@b.c\n\n";

/// A letter of one part, which begins with its own head.
fn letter(part: &[u8]) -> Vec<u8> {
    [b"From: a@b.c\r\nSubject: S\r\nMIME-Version: 1.0\r\n".as_slice(), part].concat()
}

/// A part of several parts.
fn multipart(kind: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes =
        format!("Content-Type: multipart/{kind}; boundary=\"{kind}-edge\"\r\n\r\n").into_bytes();
    for part in parts {
        bytes.extend_from_slice(format!("--{kind}-edge\r\n").as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{kind}-edge--\r\n").as_bytes());
    bytes
}

fn read(bytes: &[u8]) -> Document {
    parse("a.eml", bytes).unwrap()
}

#[test]
fn all_text_of_a_mixed_mail_is_kept_in_order() {
    let parts = multipart(
        "mixed",
        &[
            b"Content-Type: text/plain\r\n\r\nThe body.",
            b"Content-Type: text/html\r\n\r\n<p>The disclaimer.</p>",
            b"Content-Type: text/plain\r\n\r\nThe foot.",
            b"Content-Type: text/html; name=\"page.html\"\r\n\r\n<p>A page.</p>",
        ],
    );
    assert_eq!(
        read(&letter(&parts)).text,
        format!("{HEAD}The body.\n\nThe disclaimer.\n\nThe foot.\n\npage.html\n\nA page.")
    );
}

#[test]
fn a_part_that_is_no_text_leaves_the_others() {
    let parts = multipart(
        "mixed",
        &[
            b"Content-Type: text/plain\r\n\r\nThe body.",
            b"Content-Type: application/octet-stream; name=\"raw.bin\"\r\n\r\n\0\x01\0\x02",
        ],
    );
    assert!(read(&letter(&parts)).text.starts_with(&format!("{HEAD}The body.")));
}

#[test]
fn of_alternatives_the_richest_is_read_and_files_stay() {
    let page = multipart(
        "related",
        &[
            b"Content-Type: text/html\r\n\r\n<p>Rich words.</p>",
            b"Content-Type: text/css\r\n\r\np { color: red }",
        ],
    );
    let parts = multipart(
        "alternative",
        &[
            b"Content-Type: text/plain\r\n\r\nPlain words.",
            &page,
            b"Content-Type: text/x-amp-html\r\n\r\n<p>Rich words.</p>",
            b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR",
        ],
    );
    assert_eq!(
        read(&letter(&parts)).text,
        format!("{HEAD}Rich words.\n\nattachment-1.txt\n\nBEGIN:VCALENDAR")
    );
    let blank = multipart(
        "alternative",
        &[
            b"Content-Type: text/plain\r\n\r\nOnly here.",
            b"Content-Type: text/html\r\n\r\n<html><body></body></html>",
        ],
    );
    assert_eq!(read(&letter(&blank)).text, format!("{HEAD}Only here."));
}

#[test]
fn missing_and_wrong_encodings_are_found_out() {
    for charset in ["", "; charset=us-ascii", "; charset=utf-8", "; charset=x-unknown"] {
        let head = format!("Content-Type: text/plain{charset}\r\n\r\n");
        let document = read(&letter(&[head.as_bytes(), GERMAN].concat()));
        assert_eq!(document.text, format!("{HEAD}{GERMAN_TEXT}"), "{charset}");
        assert!(
            document.notes.iter().any(|note| note.contains("windows-1252")),
            "{:?}",
            document.notes
        );
    }
    let head = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n".as_slice();
    let document = read(&letter(&[head, GERMAN].concat()));
    assert_eq!((document.text, document.notes), (format!("{HEAD}{GERMAN_TEXT}"), Vec::new()));
    let quoted = b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        <p>Die Gr=FC=DFe der =C4pfel und =D6le ist f=FCr M=FCller wichtig.</p>";
    assert_eq!(read(&letter(quoted)).text, format!("{HEAD}{GERMAN_TEXT}"));
}

#[test]
fn a_few_wrong_bytes_make_no_other_encoding() {
    let head = b"Content-Type: text/plain; charset=utf-8\r\n\r\n".as_slice();
    let document = read(&letter(&[head, GERMAN_TEXT.as_bytes(), b"\xff"].concat()));
    assert_eq!(document.text, format!("{HEAD}{GERMAN_TEXT}\u{fffd}"));
    assert!(document.notes.iter().any(|note| note.contains("not valid")), "{:?}", document.notes);
    let japanese = b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B$\"\x1b(B";
    assert_eq!(read(&letter(japanese)).text, format!("{HEAD}あ"));
}

#[test]
fn attached_text_keeps_its_bytes() {
    let rows =
        [b"Content-Type: text/csv; name=\"a.csv\"\r\n\r\nnumber,sentence\r\n1,".as_slice(), GERMAN]
            .concat();
    let parts = multipart("mixed", &[b"Content-Type: text/plain\r\n\r\nSee below.", &rows]);
    assert_eq!(
        read(&letter(&parts)).text,
        format!("{HEAD}See below.\n\na.csv\n\n| number | sentence |\n| 1 | {GERMAN_TEXT} |")
    );
    let heads = [b"From: a@b.c\r\nSubject: ".as_slice(), GERMAN, b"\r\n\r\nThe body."].concat();
    assert_eq!(read(&heads).title.as_deref(), Some(GERMAN_TEXT));
}

#[test]
fn heads_of_parts_are_read_in_the_encoding_of_the_text() {
    let parts = multipart(
        "mixed",
        &[
            b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nThe body.",
            b"Content-Type: text/csv; name=\"M\xfcller.csv\"\r\nContent-Disposition: attachment;\r\n \
              filename=\"M\xfcller.csv\"\r\n\r\na,b\r\n1,2",
        ],
    );
    let head = b"From: a@b.c\r\nCc: \"Zo\xc3\xab\" <z@b.c>\r\nSubject: Gr\xfc\xdfe\r\n\
        MIME-Version: 1.0\r\n";
    assert_eq!(
        read(&[head.as_slice(), &parts].concat()).text,
        "Grüße\n\nFrom: a@b.c\nCc: Zoë <z@b.c>\n\nThe body.\n\nMüller.csv\n\n| a | b |\n| 1 | 2 |"
    );
}

/// The properties of a message that was sent at 08:23 UTC.
fn properties() -> Vec<u8> {
    let ticks: u64 = (1_734_855_780 + 11_644_473_600) * 10_000_000;
    let mut bytes = vec![0; 32];
    bytes.extend_from_slice(&[0x40, 0, 0x39, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&ticks.to_le_bytes());
    bytes
}

/// A rich text as a message keeps it.
fn rich(text: &str) -> Vec<u8> {
    [b"\0\0\0\0\0\0\0\0MELA\0\0\0\0".as_slice(), text.as_bytes()].concat()
}

#[test]
fn an_outlook_message_of_rich_text_is_read_and_dated() {
    let properties = properties();
    let read = |text: &str, plain: Option<&[u8]>| {
        let rich = rich(text);
        let mut entries = vec![
            ("__properties_version1.0", Some(properties.as_slice())),
            ("__substg1.0_0037001E", Some(b"S".as_slice())),
            ("__substg1.0_10090102", Some(rich.as_slice())),
        ];
        entries.extend(plain.map(|plain| ("__substg1.0_1000001E", Some(plain))));
        parse("a.msg", &compound(&entries)).unwrap()
    };
    let head = "S\n\nDate: Sun, 22 Dec 2024 08:23:00 +0000";
    let own = read("{\\rtf1 One\\par Two}", None);
    assert_eq!(own.text, format!("{head}\n\nOne\n\nTwo"));
    let page = "{\\rtf1\\fromhtml1{\\*\\htmltag <table><tr><td>}a{\\*\\htmltag </td><td>}1{\\*\\htmltag </td></tr></table>}}";
    assert_eq!(read(page, Some(b"a 1")).text, format!("{head}\n\n| a | 1 |"));
    let more = b"a 1 and much more that only the plain text says";
    assert_eq!(
        read(page, Some(more)).text,
        format!("{head}\n\na 1 and much more that only the plain text says")
    );
    let broken = read("no rich text", None);
    assert_eq!(broken.text, head);
    assert!(broken.notes.iter().any(|note| note.contains("RTF is empty or damaged")));
}

#[test]
fn messages_left_out_for_their_depth_are_named() {
    let mut paths = Vec::new();
    let mut place = String::new();
    for depth in 0..7 {
        paths.push((format!("{place}__substg1.0_0037001E"), Some(format!("S{depth}"))));
        paths.push((format!("{place}__attach_version1.0_#00000000"), None));
        place += "__attach_version1.0_#00000000/__substg1.0_3701000D";
        paths.push((place.clone(), None));
        place.push('/');
    }
    let mut entries: Vec<(&str, Option<&[u8]>)> = paths
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_ref().map(|text| text.as_bytes())))
        .collect();
    entries.push(("__properties_version1.0", Some(&[0; 32])));
    let document = parse("deep.msg", &compound(&entries)).unwrap();
    assert_eq!(document.text, "S0\n\nS1\n\nS2\n\nS3\n\nS4");
    assert_eq!(document.notes, ["not read: the message 'S5' lies more than 4 deep"]);
}

#[test]
fn hidden_recipients_and_dates_of_other_forms_are_kept() {
    let date = |written: &str| {
        let mail =
            format!("From: a@b.c\r\nBcc: Zoe <z@b.c>\r\nDate: {written}\r\nSubject: S\r\n\r\nHi.");
        read(mail.as_bytes()).text
    };
    let told = |date: &str| format!("S\n\nFrom: a@b.c\nBcc: Zoe <z@b.c>\nDate: {date}\n\nHi.");
    let known = "Tue, 29 Jul 2025 12:42:06 +0000";
    assert_eq!(date(known), told(known));
    for other in ["2025-07-29T12:42:06.000Z", "the 3rd of May"] {
        assert_eq!(date(other), told(other));
    }
}

#[test]
fn attachments_behind_one_that_was_taken_out_are_read() {
    let storage = |number: u32| format!("__attach_version1.0_#{number:08X}");
    let (first, third) = (storage(0), storage(2));
    let text =
        |of: &str| (format!("{of}/__substg1.0_3707001E"), format!("{of}/__substg1.0_37010102"));
    let ((name_a, bytes_a), (name_b, bytes_b)) = (text(&first), text(&third));
    let entries: [(&str, Option<&[u8]>); 8] = [
        ("__properties_version1.0", Some(&[0; 32])),
        ("__substg1.0_0037001E", Some(b"S")),
        (&first, None),
        (&name_a, Some(b"a.txt")),
        (&bytes_a, Some(b"one")),
        (&third, None),
        (&name_b, Some(b"b.txt")),
        (&bytes_b, Some(b"two")),
    ];
    let document = parse("a.msg", &compound(&entries)).unwrap();
    assert_eq!(document.text, "S\n\na.txt\n\none\n\nb.txt\n\ntwo");
}

#[test]
fn mails_in_utf16_and_what_has_no_head_are_read() {
    let mail = "From: a@b.c\r\nSubject: Gr\u{fc}n\r\n\r\nHi \u{4e2d}.";
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(mail.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let document = read(&utf16);
    assert_eq!(document.text, "Gr\u{fc}n\n\nFrom: a@b.c\n\nHi \u{4e2d}.");
    assert!(document.notes[0].contains("UTF-16BE"), "{:?}", document.notes);
    let marked = [b"\xef\xbb\xbf".as_slice(), mail.as_bytes()].concat();
    assert_eq!(read(&marked).text, document.text);
    let text = read(b"no head at all\n\nand more");
    assert_eq!(text.text, "no head at all\n\nand more");
    assert_eq!(text.notes, ["'a.eml' has no head as mails have; it was read as text"]);
    let signed = multipart("signed", &[b"All of it,\r\nso it is.\r\n"]);
    assert_eq!(read(&letter(&signed)).text, format!("{HEAD}All of it,\nso it is."));
}

#[test]
fn groups_of_recipients_have_their_names() {
    let mail = "From: a@b.c\r\nTo: The Board: Ann <x@b.c>, z@b.c;\r\nCc: undisclosed-recipients:;\r\nSubject: S\r\n\r\nHi.";
    assert_eq!(
        read(mail.as_bytes()).text,
        "S\n\nFrom: a@b.c\nTo: The Board: Ann <x@b.c>, z@b.c\nCc: undisclosed-recipients:\n\nHi."
    );
}

#[test]
fn raw_bytes_in_an_encoded_word_are_in_its_encoding() {
    let head = [
        b"From: =?iso-8859-2?Q?Pawe\xb3?= <a@b.c>\r\nSubject: =?iso-8859-1?Q?Gr\xfcn?=\r\n"
            .as_slice(),
        b"Content-Type: text/plain; charset=utf-8\r\n\r\nHi.",
    ]
    .concat();
    assert_eq!(read(&head).text, "Gr\u{fc}n\n\nFrom: Pawe\u{142} <a@b.c>\n\nHi.");
}

#[test]
fn recipients_of_outlook_have_their_addresses() {
    let storage = |number: u32| format!("__recip_version1.0_#{number:08X}");
    let kind = |kind: u8| {
        [[0; 8].as_slice(), &[3, 0, 0x15, 0x0c, 6, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0]].concat()
    };
    let (to, cc) = (kind(1), kind(2));
    let paths: Vec<String> = [0, 1]
        .map(|number| {
            ["", "/__properties_version1.0", "/__substg1.0_3001001E", "/__substg1.0_39FE001E"]
                .map(|part| format!("{}{part}", storage(number)))
        })
        .concat();
    let contents: [Option<&[u8]>; 8] = [
        None,
        Some(&to),
        Some(b"Ann"),
        Some(b"ann@b.c"),
        None,
        Some(&cc),
        Some(b"bo@b.c"),
        Some(b"bo@b.c"),
    ];
    let mut entries: Vec<(&str, Option<&[u8]>)> = vec![
        ("__properties_version1.0", Some(&[0; 32])),
        ("__substg1.0_0037001E", Some(b"S")),
        ("__substg1.0_0E04001E", Some(b"Ann")),
        ("__substg1.0_0E02001E", Some(b"Cy")),
    ];
    entries.extend(paths.iter().map(String::as_str).zip(contents));
    let document = parse("a.msg", &compound(&entries)).unwrap();
    assert_eq!(document.text, "S\n\nTo: Ann <ann@b.c>\nCc: bo@b.c\nBcc: Cy");
}
