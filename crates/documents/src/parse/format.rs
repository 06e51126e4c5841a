//! What a file is, by its bytes first and its name second.

use std::io::Cursor;

use cairn_kernel::{Error, Kind, Result};
use office_oxide::cfb::CfbReader;

use crate::invalid_file;
use crate::office::rtf;
use crate::xml::feed;
use known::{CODE, FOREIGN};

mod known;

/// A kind of file that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain text in paragraphs.
    Text,
    /// Source code, logs, configuration: text whose line breaks matter.
    Code,
    /// Comma- or tab-separated rows.
    Csv,
    /// JSON in any of its file forms.
    Json,
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
    /// LaTeX.
    Latex,
    /// XML: articles, patents, data.
    Xml,
    /// WebVTT subtitles.
    Vtt,
    /// SubRip subtitles.
    Srt,
    /// reStructuredText.
    Rst,
    /// Org.
    Org,
    /// AsciiDoc.
    Asciidoc,
    /// PDF.
    Pdf,
    /// Word (OOXML).
    Docx,
    /// PowerPoint (OOXML).
    Pptx,
    /// Excel (OOXML).
    Xlsx,
    /// Word 97 to 2003.
    Doc,
    /// PowerPoint 97 to 2003.
    Ppt,
    /// Excel 97 to 2003.
    Xls,
    /// Rich text.
    Rtf,
    /// OpenDocument text.
    Odt,
    /// OpenDocument spreadsheet.
    Ods,
    /// OpenDocument presentation.
    Odp,
    /// EPUB book.
    Epub,
    /// E-mail message with its attachments.
    Eml,
    /// Outlook message with its attachments.
    Msg,
    /// Jupyter notebook.
    Notebook,
    /// RSS, RDF or Atom feed.
    Feed,
    /// ZIP archive of files of these kinds.
    Zip,
    /// PNG image, read by OCR.
    Png,
    /// JPEG image, read by OCR.
    Jpeg,
    /// TIFF image, read by OCR.
    Tiff,
    /// WebP image, read by OCR.
    Webp,
    /// BMP image, read by OCR.
    Bmp,
}

/// The kinds that are read, for messages.
const READ: &str = "PDF, DOCX, PPTX, XLSX, DOC, PPT, XLS, ODT, ODS, ODP, RTF, EPUB, EML, MSG, HTML, Markdown, \
    LaTeX, reStructuredText, Org, AsciiDoc, XML, subtitles (VTT, SRT), notebooks, feeds, CSV, JSON, \
    source code, plain text, ZIP archives of these, and by OCR PNG, JPEG, TIFF, WebP and BMP";

/// First bytes of images.
const IMAGES: [(&[u8], Format); 5] = [
    (b"\x89PNG", Format::Png),
    (b"\xff\xd8\xff", Format::Jpeg),
    (b"II*\0", Format::Tiff),
    (b"MM\0*", Format::Tiff),
    (b"BM", Format::Bmp),
];

/// First lines of messages whose name does not say that they are.
const MAIL: [&str; 6] =
    ["Received: ", "Return-Path: ", "Delivered-To: ", "MIME-Version: ", "Message-ID: ", "X-MS-"];

/// First bytes of the container of legacy Office files and of encrypted OOXML.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

impl Format {
    /// Every kind; of those with one media type the one to name it by comes first.
    pub(crate) const ALL: [Self; 35] = [
        Self::Text,
        Self::Code,
        Self::Csv,
        Self::Json,
        Self::Markdown,
        Self::Html,
        Self::Latex,
        Self::Xml,
        Self::Vtt,
        Self::Srt,
        Self::Rst,
        Self::Org,
        Self::Asciidoc,
        Self::Pdf,
        Self::Docx,
        Self::Pptx,
        Self::Xlsx,
        Self::Doc,
        Self::Ppt,
        Self::Xls,
        Self::Rtf,
        Self::Odt,
        Self::Ods,
        Self::Odp,
        Self::Epub,
        Self::Eml,
        Self::Msg,
        Self::Notebook,
        Self::Feed,
        Self::Zip,
        Self::Png,
        Self::Jpeg,
        Self::Tiff,
        Self::Webp,
        Self::Bmp,
    ];

    /// Finds out what `bytes` are; `name` (a file name) decides between kinds of text.
    ///
    /// # Errors
    /// `Unsupported`, naming the kind found and the kinds that are read;
    /// `Unprocessable` when the file is empty, locked, or not what its name says.
    pub fn detect(name: &str, bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(invalid_file(format!("'{name}' is empty (0 bytes)")));
        }
        let extension = extension(name);
        let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
        if find(head, b"%PDF-").is_some() {
            return Ok(Self::Pdf);
        }
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            return container(name, &extension, bytes);
        }
        if bytes.starts_with(COMPOUND) {
            return compound(name, bytes);
        }
        if let Some(image) = image(bytes) {
            return Ok(image);
        }
        // Whatever its name says: many are called .doc.
        if rtf::is_rich(bytes) {
            return Ok(Self::Rtf);
        }
        let found = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic));
        if let Some((_, found)) = found.filter(|(magic, _)| magic.len() > 2 || !is_text(bytes)) {
            return Err(unsupported(name, found));
        }
        let office = CONTAINED.contains(&extension.as_str()) || extension == "pdf";
        if !is_text(bytes) {
            if is_letter(&extension, bytes) {
                return Ok(Self::Eml);
            }
            return Err(match office {
                true => mislabelled(name, &extension, "bytes of another kind"),
                false if bytes.get(4..8) == Some(b"ftyp") => {
                    unsupported(name, "a video, audio or HEIC image")
                }
                false => unsupported(name, "binary data"),
            });
        }
        if office {
            return Err(mislabelled(name, &extension, "plain text"));
        }
        Ok(Self::of_text(&extension, bytes))
    }

    fn of_text(extension: &str, bytes: &[u8]) -> Self {
        let head = bytes.get(..bytes.len().min(2048)).unwrap_or_default();
        let head = String::from_utf8_lossy(head);
        let head = head.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
        match extension {
            "eml" | "mht" | "mhtml" => Self::Eml,
            "ipynb" => Self::Notebook,
            "xml" | "rss" | "atom" | "rdf" if feed::is_feed(head) => Self::Feed,
            "xml" | "nxml" | "xbrl" | "dbk" | "docbook" | "tei" => Self::Xml,
            "vtt" => Self::Vtt,
            "srt" => Self::Srt,
            "rst" | "rest" => Self::Rst,
            "org" => Self::Org,
            "adoc" | "asciidoc" => Self::Asciidoc,
            "md" | "markdown" | "mdown" | "mkd" | "mdx" | "qmd" | "rmd" => Self::Markdown,
            "html" | "htm" | "xhtml" | "shtml" => Self::Html,
            "tex" | "ltx" | "latex" | "bbl" => Self::Latex,
            "csv" | "tsv" | "psv" | "tab" => Self::Csv,
            "json" | "jsonl" | "ndjson" | "geojson" => Self::Json,
            other if CODE.contains(&other) => Self::Code,
            "txt" | "text" => Self::Text,
            _ if head.starts_with("<?xml") => match feed::is_feed(head) {
                true => Self::Feed,
                false => Self::Xml,
            },
            _ if head.starts_with("WEBVTT") => Self::Vtt,
            _ if MAIL.iter().any(|start| head.starts_with(start)) => Self::Eml,
            _ => {
                let head = head.to_ascii_lowercase();
                let html = ["<!doctype html", "<html"].iter().any(|start| head.starts_with(start));
                if html { Self::Html } else { Self::Text }
            }
        }
    }

    /// The media type of this kind.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text | Self::Code => "text/plain",
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Markdown => "text/markdown",
            Self::Html => "text/html",
            Self::Latex => "text/x-tex",
            Self::Xml => "text/xml",
            Self::Vtt => "text/vtt",
            Self::Srt => "application/x-subrip",
            Self::Rst => "text/x-rst",
            Self::Org => "text/org",
            Self::Asciidoc => "text/asciidoc",
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Pptx => {
                "application/vnd.openxmlformats-officedocument.presentationml.presentation"
            }
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Doc => "application/msword",
            Self::Ppt => "application/vnd.ms-powerpoint",
            Self::Xls => "application/vnd.ms-excel",
            Self::Rtf => "application/rtf",
            Self::Odt => "application/vnd.oasis.opendocument.text",
            Self::Ods => "application/vnd.oasis.opendocument.spreadsheet",
            Self::Odp => "application/vnd.oasis.opendocument.presentation",
            Self::Epub => "application/epub+zip",
            Self::Eml => "message/rfc822",
            Self::Msg => "application/vnd.ms-outlook",
            Self::Notebook => "application/x-ipynb+json",
            Self::Feed => "application/xml",
            Self::Zip => "application/zip",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Tiff => "image/tiff",
            Self::Webp => "image/webp",
            Self::Bmp => "image/bmp",
        }
    }

    /// A short name, for messages and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Code => "code",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Latex => "latex",
            Self::Xml => "xml",
            Self::Vtt => "vtt",
            Self::Srt => "srt",
            Self::Rst => "rst",
            Self::Org => "org",
            Self::Asciidoc => "asciidoc",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Pptx => "pptx",
            Self::Xlsx => "xlsx",
            Self::Doc => "doc",
            Self::Ppt => "ppt",
            Self::Xls => "xls",
            Self::Rtf => "rtf",
            Self::Odt => "odt",
            Self::Ods => "ods",
            Self::Odp => "odp",
            Self::Epub => "epub",
            Self::Eml => "eml",
            Self::Msg => "msg",
            Self::Notebook => "notebook",
            Self::Feed => "feed",
            Self::Zip => "zip",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
        }
    }
}

/// Extensions of files that are containers of parts.
const CONTAINED: [&str; 11] =
    ["docx", "pptx", "xlsx", "doc", "ppt", "xls", "odt", "ods", "odp", "epub", "msg"];

/// The lower-case extension of a file name, empty when it has none.
pub(crate) fn extension(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

fn unsupported(name: &str, found: &str) -> Error {
    Error::new(
        Kind::Unsupported,
        format!("'{name}' is {found}, which is not read; the kinds that are read are {READ}"),
    )
    .with_code("unsupported_file")
}

fn mislabelled(name: &str, extension: &str, found: &str) -> Error {
    let kind = extension.to_ascii_uppercase();
    invalid_file(format!(
        "'{name}' holds no {kind} document but {found}: it is damaged, cut short or misnamed; \
         export it again or give it the right extension"
    ))
}

/// What a ZIP container is, by the names in it.
fn container(name: &str, extension: &str, bytes: &[u8]) -> Result<Format> {
    let Ok(archive) = zip::ZipArchive::new(Cursor::new(bytes)) else {
        let message = format!(
            "'{name}' is damaged or cut short: its ZIP directory cannot be read; upload it again"
        );
        return Err(invalid_file(message));
    };
    let has = |start: &[u8]| archive.file_names_raw().any(|entry| entry.starts_with(start));
    let ooxml = has(b"[Content_Types].xml");
    match () {
        () if ooxml && has(b"word/") => Ok(Format::Docx),
        () if ooxml && has(b"ppt/") => Ok(Format::Pptx),
        () if ooxml && has(b"xl/") => Ok(Format::Xlsx),
        () if has(b"META-INF/container.xml") => Ok(Format::Epub),
        () if has(b"content.xml") && has(b"mimetype") => Ok(open_document(extension, bytes)),
        () if CONTAINED.contains(&extension) => {
            Err(mislabelled(name, extension, "a ZIP archive without its parts"))
        }
        () => Ok(Format::Zip),
    }
}

/// Which OpenDocument file it is: its type stands, unpacked, at the file's start.
fn open_document(extension: &str, bytes: &[u8]) -> Format {
    let head = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    let says = |kind: &str| find(head, format!("opendocument.{kind}").as_bytes()).is_some();
    match () {
        () if says("spreadsheet") => Format::Ods,
        () if says("presentation") => Format::Odp,
        () if says("text") => Format::Odt,
        () if extension == "ods" => Format::Ods,
        () if extension == "odp" => Format::Odp,
        () => Format::Odt,
    }
}

/// Legacy Office files, Outlook messages and encrypted OOXML share one container.
fn compound(name: &str, bytes: &[u8]) -> Result<Format> {
    let root = CfbReader::new(Cursor::new(bytes)).ok();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    // A damaged directory is searched byte by byte.
    let has = |stream: &str| match &root {
        Some(root) => root.has_root_entry(stream),
        None => find(bytes, &utf16(stream)).is_some(),
    };
    if has("EncryptedPackage") {
        return Err(invalid_file(format!(
            "'{name}' is protected by a password; save it without one and upload it again"
        )));
    }
    let kinds = [
        ("__properties_version1.0", Format::Msg),
        ("WordDocument", Format::Doc),
        ("Workbook", Format::Xls),
        ("Book", Format::Xls),
        ("PowerPoint Document", Format::Ppt),
    ];
    let found = kinds.into_iter().find(|(stream, _)| has(stream));
    found.map(|(_, kind)| kind).ok_or_else(|| unsupported(name, "a legacy Office file"))
}

/// Which image it is, by its first bytes.
fn image(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(Format::Webp);
    }
    let found = IMAGES.iter().find(|(magic, _)| bytes.starts_with(magic));
    found.filter(|(magic, _)| magic.len() > 2 || !is_text(bytes)).map(|&(_, format)| format)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Whether the bytes are a message, one of whose parts is no text: its head is.
fn is_letter(extension: &str, bytes: &[u8]) -> bool {
    let most = bytes.get(..bytes.len().min(64 << 10)).unwrap_or_default();
    let ends = [find(most, b"\n\n"), find(most, b"\n\r\n")];
    let Some(end) = ends.into_iter().flatten().min() else { return false };
    let head = most.get(..end).unwrap_or_default();
    let named = matches!(extension, "eml" | "mht" | "mhtml");
    let begins = || MAIL.iter().any(|start| head.starts_with(start.as_bytes()));
    head.contains(&b':') && is_text(head) && (named || begins())
}

/// One zero in so many bytes of text is damage, as in pages that programs put together.
const BYTES_A_ZERO: usize = 1_000;

/// Whether the bytes can be text in some encoding: hardly any zeros (but for UTF-16)
/// and hardly any control characters in the first 64 KiB.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let sample = bytes.get(..bytes.len().min(64 << 10)).unwrap_or_default();
    if sample.starts_with(b"\xff\xfe") || sample.starts_with(b"\xfe\xff") {
        return true;
    }
    let zeros = sample.iter().filter(|&&b| b == 0).count();
    if zeros * BYTES_A_ZERO > sample.len() {
        return zeros * 3 > sample.len() && crate::encoding::looks_like_utf16(bytes);
    }
    let control = sample
        .iter()
        .filter(|&&b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
        .count();
    control * 50 <= sample.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, bytes: &[u8]) -> (Kind, String) {
        let error = Format::detect(name, bytes).unwrap_err();
        (error.kind(), error.message().to_owned())
    }

    #[test]
    fn the_bytes_decide_and_the_name_settles_kinds_of_text() {
        let detect = |name: &str, bytes: &[u8]| Format::detect(name, bytes).unwrap();
        assert_eq!(detect("x.txt", b"%PDF-1.4 ..."), Format::Pdf);
        assert_eq!(detect("x.md", b"# hi"), Format::Markdown);
        assert_eq!(detect("page", b"\n<!DOCTYPE html><p>"), Format::Html);
        assert_eq!(detect("x.rs", b"fn main() {}"), Format::Code);
        assert_eq!(detect("x.tex", b"\\section{A}"), Format::Latex);
        assert_eq!(detect("x.eml", b"Subject: hi\n\nyou"), Format::Eml);
        assert_eq!(detect("letter", b"Return-Path: <a@b>\n\nyou"), Format::Eml);
        assert_eq!(detect("x.eml", b"Subject: hi\r\n\r\nyou\0\0"), Format::Eml);
        assert_eq!(detect("letter", b"MIME-Version: 1.0\n\nyou\0"), Format::Eml);
        assert_eq!(detect("x.xml", b"<?xml version='1.0'?><rss></rss>"), Format::Feed);
        let ontology = b"<?xml version='1.0'?><rdf:RDF xmlns:owl='o'><owl:Class/></rdf:RDF>";
        assert_eq!(detect("x.owl", ontology), Format::Xml);
        assert_eq!(detect("x.xml", b"<feedback/>"), Format::Xml);
        assert_eq!(detect("x.xml", b"<a/>"), Format::Xml);
        assert_eq!(detect("x.xsd", b"<a/>"), Format::Code);
        assert_eq!(detect("page", b"<?xml version='1.0'?><a/>"), Format::Xml);
        assert_eq!(detect("x.doc", b"{\\rtf1 a}"), Format::Rtf);
        assert_eq!(detect("talk", b"WEBVTT\n\n"), Format::Vtt);
        assert_eq!(detect("talk.SRT", b"1\n"), Format::Srt);
        assert_eq!(detect("a.rst", b"A\n="), Format::Rst);
        assert_eq!(detect("a.org", b"* A"), Format::Org);
        assert_eq!(detect("a.adoc", b"= A"), Format::Asciidoc);
        assert_eq!(detect("x", b"\x89PNG\r\n\x1a\n"), Format::Png);
        assert_eq!(detect("x", b"RIFF\0\0\0\0WEBPVP8 "), Format::Webp);
        assert_eq!(detect("x", b"BM\0\0\0\0\0\0"), Format::Bmp);
        assert_eq!(detect("BMW.txt", b"BM is how this text starts"), Format::Text);
        assert_eq!(detect("a.b/notes", b"hello"), Format::Text);
        let page = [b"<html>".as_slice(), &[b'x'; 2_000], b"\0\0</html>"].concat();
        assert_eq!(detect("page", &page), Format::Html);
    }

    #[test]
    fn what_is_not_read_is_named_with_what_is() {
        for (name, bytes) in [
            ("x.eml", b"Subject: h\0\n\nyou".as_slice()),
            ("x.eml", b"\x01\0\x02\n\nyou all"),
            ("letter", b"Subject: hi\n\nyou\0"),
        ] {
            assert_eq!(refused(name, bytes).0, Kind::Unsupported, "{name}");
        }
        let (kind, message) = refused("cat.txt", b"GIF89a\0\0");
        assert_eq!(kind, Kind::Unsupported);
        assert!(
            message.contains("'cat.txt' is a GIF image") && message.contains("PDF, DOCX"),
            "{message}"
        );
        assert_eq!(refused("x.bin", &[0, 1, 2, 3, 200]).0, Kind::Unsupported);
        assert_eq!(refused("x.docx", b"PK\x03\x04 cut").0, Kind::Unprocessable);
        assert_eq!(refused("x.pdf", b"<html>404</html>").0, Kind::Unprocessable);
        assert_eq!(refused("x.txt", b"").0, Kind::Unprocessable);
    }

    #[test]
    fn a_locked_office_file_is_told_from_an_old_one() {
        let stream = |name: &str| {
            let mut bytes = COMPOUND.to_vec();
            bytes.extend([0; 600]);
            bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
            bytes
        };
        let (kind, message) = refused("a.docx", &stream("EncryptedPackage"));
        assert!(kind == Kind::Unprocessable && message.contains("password"), "{message}");
        assert_eq!(Format::detect("a.doc", &stream("WordDocument")).ok(), Some(Format::Doc));
        let (kind, message) = refused("a.doc", &stream("Thumbnails"));
        assert!(kind == Kind::Unsupported && message.contains("legacy Office"), "{message}");
    }
}
