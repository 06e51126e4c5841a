//! Bytes of a text file to a string, saying so when the encoding was a guess, and the encodings
//! that files name.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Text, and what the reader should know about how it was decoded.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) note: Option<String>,
}

/// Decodes `bytes`: by byte order mark, as UTF-8 when they are valid, as
/// `declared` (an encoding label of the file itself), else by detection.
/// Line ends become `\n` and control characters vanish.
pub(crate) fn decode(bytes: &[u8], declared: Option<&str>) -> Decoded {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        let (text, lossy) =
            encoding.decode_without_bom_handling(bytes.get(length..).unwrap_or_default());
        let note =
            (encoding != UTF_8).then(|| format!("read as {} (byte order mark)", encoding.name()));
        return Decoded { text: clean(&text), note: damage(note, lossy) };
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        let (text, lossy) = encoding.decode_without_bom_handling(bytes);
        let note = Some(format!("read as {} (detected)", encoding.name()));
        return Decoded { text: clean(&text), note: damage(note, lossy) };
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Decoded { text: clean(text), note: None };
    }
    let declared = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    let (encoding, how) = match declared.filter(|&encoding| encoding != UTF_8) {
        Some(encoding) => (encoding, "declared by the file"),
        None => (detect(bytes), "detected; the file is not valid UTF-8"),
    };
    let (text, lossy) = encoding.decode_without_bom_handling(bytes);
    let note = Some(format!("read as {} ({how})", encoding.name()));
    Decoded { text: clean(&text), note: damage(note, lossy) }
}

fn damage(note: Option<String>, lossy: bool) -> Option<String> {
    if !lossy {
        return note;
    }
    let lost = "some bytes were not valid in this encoding and show as \u{fffd}";
    Some(note.map_or_else(|| lost.to_owned(), |note| format!("{note}; {lost}")))
}

/// Whether the bytes look like UTF-16 text without a byte order mark.
pub(crate) fn looks_like_utf16(bytes: &[u8]) -> bool {
    utf16_without_mark(bytes).is_some()
}

/// Most of a UTF-16 text in a Western script has a zero in every other byte.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = bytes.get(..bytes.len().min(4096))?;
    let pairs = sample.len() / 2;
    if pairs < 8 || bytes.len() % 2 == 1 {
        return None;
    }
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|&&b| b == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    if second * 10 >= pairs * 7 && first * 20 < pairs {
        return Some(UTF_16LE);
    }
    (first * 10 >= pairs * 7 && second * 20 < pairs).then_some(UTF_16BE)
}

fn detect(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes.get(..bytes.len().min(1 << 20)).unwrap_or_default(), true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    let (_, lossy) = guess.decode_without_bom_handling(bytes);
    if lossy { WINDOWS_1252 } else { guess }
}

/// Unix line ends, no control characters but tab and line feed.
fn clean(text: &str) -> String {
    let unwanted = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{feff}';
    if !text.contains(unwanted) {
        return text.to_owned();
    }
    let text = text.replace("\r\n", "\n").replace(['\r', '\u{c}'], "\n");
    text.chars().filter(|&c| !unwanted(c)).collect()
}

/// The encoding an XML declaration names.
pub(crate) fn xml_encoding(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let declaration = head.strip_prefix("<?xml")?.split("?>").next()?.to_owned();
    let label = declaration.split("encoding=").nth(1)?;
    let quote = label.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    label.split(quote).nth(1).map(str::to_owned)
}

/// The encoding an HTML file declares in its first kilobytes, or else, if it is XHTML, in its
/// first line.
pub(crate) fn html_charset(bytes: &[u8]) -> Option<String> {
    meta_charset(bytes).or_else(|| xml_encoding(bytes))
}

fn meta_charset(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let after = head.split("charset=").nth(1)?;
    let label = after.trim_start_matches(['"', '\'', ' ']);
    let end = label.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')?;
    label.get(..end).filter(|label| !label.is_empty()).map(str::to_owned)
}

/// The encoding of a Windows code page.
pub(crate) fn code_page(number: u32) -> Option<&'static Encoding> {
    let label = match number {
        874 | 1250..=1258 => format!("windows-{number}"),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        10000 => "macintosh".to_owned(),
        20127 | 28591 => "windows-1252".to_owned(),
        20866 => "koi8-r".to_owned(),
        21866 => "koi8-u".to_owned(),
        28592..=28606 => format!("iso-8859-{}", number - 28590),
        50220..=50222 => "iso-2022-jp".to_owned(),
        51932 => "euc-jp".to_owned(),
        54936 => "gb18030".to_owned(),
        65001 => "utf-8".to_owned(),
        _ => return None,
    };
    Encoding::for_label_no_replacement(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_decide_before_guesses() {
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("grün".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let decoded = decode(&utf16, None);
        assert_eq!(decoded.text, "grün");
        assert!(decoded.note.is_some_and(|note| note.contains("UTF-16LE")));
        assert_eq!(decode(b"\xef\xbb\xbfplain\r\nlines\r", None).text, "plain\nlines\n");
    }

    #[test]
    fn old_encodings_are_found_and_named() {
        let german = b"Die Gr\xfc\xdfe der \xc4pfel und \xd6le ist f\xfcr M\xfcller wichtig.";
        let decoded = decode(german, None);
        assert_eq!(decoded.text, "Die Grüße der Äpfel und Öle ist für Müller wichtig.");
        assert!(decoded.note.is_some_and(|note| note.contains("windows-1252")));
        let japanese = b"\x96\xbc\x91O,\x94N\x97\xee,\x8fZ\x8f\x8a\n\x8d\xb2\x93\xa1\x91\xbe\x98Y,30,\x93\x8c\x8b\x9e";
        let decoded = decode(japanese, None);
        assert_eq!(decoded.text, "名前,年齢,住所\n佐藤太郎,30,東京");
        assert!(decoded.note.is_some_and(|note| note.contains("Shift_JIS")));
    }

    #[test]
    fn a_page_names_its_own_encoding() {
        let page = b"<html><head><meta charset=\"iso-8859-2\"></head>\xb1</html>";
        assert_eq!(html_charset(page).as_deref(), Some("iso-8859-2"));
        assert!(decode(page, html_charset(page).as_deref()).text.contains('ą'));
        let page = b"<?xml version='1.0' encoding='windows-1251'?>\n<html>\xc4\xe0</html>";
        assert!(decode(page, html_charset(page).as_deref()).text.contains("Да"));
    }

    #[test]
    fn code_pages_name_encodings() {
        let name = |number| code_page(number).map(Encoding::name);
        assert_eq!((name(1251), name(932)), (Some("windows-1251"), Some("Shift_JIS")));
        assert_eq!((name(28605), name(20127)), (Some("ISO-8859-15"), Some("windows-1252")));
        assert_eq!((name(1200), name(28602)), (None, None));
    }
}
