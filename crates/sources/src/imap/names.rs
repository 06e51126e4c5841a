//! Names of mailboxes: the modified UTF-7 of RFC 3501, section 5.1.3.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
);

/// A name as it is sent.
pub(super) fn encoded(name: &str) -> String {
    let mut sent = String::with_capacity(name.len());
    let mut other: Vec<u8> = Vec::new();
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut sent, &mut other);
            sent.push(c);
            if c == '&' {
                sent.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                other.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    flush(&mut sent, &mut other);
    sent
}

fn flush(sent: &mut String, other: &mut Vec<u8>) {
    if !other.is_empty() {
        sent.push('&');
        sent.push_str(&ENGINE.encode(&*other));
        sent.push('-');
        other.clear();
    }
}

/// A name as it is read; what is not encoded so is the name itself.
pub(super) fn decoded(sent: &str) -> String {
    decode(sent).unwrap_or_else(|| sent.to_owned())
}

fn decode(sent: &str) -> Option<String> {
    let mut parts = sent.split('&');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (coded, plain) = part.split_once('-')?;
        if coded.is_empty() {
            name.push('&');
        } else {
            let bytes = ENGINE.decode(coded).ok()?;
            let pairs = bytes.chunks_exact(2);
            if !pairs.remainder().is_empty() {
                return None;
            }
            let units: Vec<u16> =
                pairs.filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?))).collect();
            name.push_str(&String::from_utf16(&units).ok()?);
        }
        name.push_str(plain);
    }
    Some(name)
}

/// A quoted string of a command.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_those_of_the_specification() {
        assert_eq!(encoded("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(encoded("R&D"), "R&-D");
        assert_eq!(decoded("Entw&APw-rfe"), "Entwürfe");
        assert_eq!(decoded("Q&A"), "Q&A", "sent as it is");
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
    }

    proptest! {
        #[test]
        fn a_name_comes_back(name in "\\PC{0,20}") {
            prop_assert_eq!(decoded(&encoded(&name)), name);
        }

        #[test]
        fn no_name_ends_the_program(sent in "[&a-zA-Z0-9,+-]{0,20}") {
            decoded(&sent);
        }
    }
}
