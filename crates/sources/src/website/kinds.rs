//! Which answers are taken, by their media type and their address.

use url::Url;

use crate::names;

/// What is asked for.
pub(super) const ACCEPT: &str =
    "text/html,application/xhtml+xml,application/pdf;q=0.9,text/*;q=0.8,*/*;q=0.5";

/// Media types with the ending that files of them have.
const TYPES: [(&str, &str); 31] = [
    ("text/html", "html"),
    ("application/xhtml+xml", "html"),
    ("application/pdf", "pdf"),
    ("application/x-pdf", "pdf"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/msword", "doc"),
    ("application/vnd.ms-powerpoint", "ppt"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.oasis.opendocument.text", "odt"),
    ("application/vnd.oasis.opendocument.presentation", "odp"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
    ("application/epub+zip", "epub"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
    ("text/x-markdown", "md"),
    ("text/csv", "csv"),
    ("message/rfc822", "eml"),
    ("application/rtf", "rtf"),
    ("text/rtf", "rtf"),
    ("text/richtext", "rtf"),
    ("text/vtt", "vtt"),
    ("application/x-subrip", "srt"),
    ("text/x-rst", "rst"),
    ("text/prs.fallenstein.rst", "rst"),
    ("text/org", "org"),
    ("text/x-org", "org"),
    ("text/asciidoc", "adoc"),
    ("text/x-asciidoc", "adoc"),
    ("application/x-tex", "tex"),
];

/// Media types that servers give to files they do not know.
const UNKNOWN: [&str; 6] = [
    "",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-download",
    "application/download",
    "application/force-download",
];

/// Endings of files that are documents.
const DOCUMENTS: [&str; 22] = [
    "pdf", "docx", "pptx", "xlsx", "doc", "ppt", "xls", "odt", "odp", "ods", "epub", "txt", "md",
    "csv", "eml", "rtf", "vtt", "srt", "rst", "org", "adoc", "tex",
];

/// Endings of what holds no text; it is not asked for.
const OTHERS: [&str; 45] = [
    "7z", "apk", "avi", "bin", "bmp", "bz2", "class", "css", "deb", "dmg", "eot", "exe", "flac",
    "gif", "gz", "ico", "iso", "jar", "jpeg", "jpg", "js", "json", "m4a", "m4v", "map", "mjs",
    "mov", "mp3", "mp4", "mpg", "msi", "ogg", "otf", "png", "rar", "rpm", "svg", "tar", "ttf",
    "wav", "webm", "webp", "woff", "woff2", "zip",
];

/// The ending of an address's last name, in lower case.
fn ending(url: &Url) -> String {
    let last = last(url);
    let ending = last.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending.to_ascii_lowercase()
}

/// An address's last name that is not empty, as text.
fn last(url: &Url) -> String {
    let name = url.path().rsplit('/').find(|name| !name.is_empty()).unwrap_or_default();
    percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned()
}

/// Whether an address may lead to something with text.
pub(super) fn may_hold_text(url: &Url) -> bool {
    !OTHERS.contains(&ending(url).as_str())
}

/// Whether an address names a document rather than a page.
pub(super) fn names_document(url: &Url) -> bool {
    DOCUMENTS.contains(&ending(url).as_str())
}

/// The ending of what an answer of this media type holds; `None` when it is not taken.
pub(super) fn of_answer(url: &Url, content_type: &str) -> Option<&'static str> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    let of_name = |named: &str| DOCUMENTS.into_iter().find(|ending| *ending == named);
    if UNKNOWN.contains(&media_type.as_str()) {
        return of_name(&ending(url));
    }
    let found = TYPES.into_iter().find(|(name, _)| *name == media_type)?.1;
    // Markdown and tables are often sent as plain text.
    if found == "txt" { of_name(&ending(url)).or(Some("txt")) } else { Some(found) }
}

/// A file name for what is at this address, with the ending of its kind.
pub(super) fn name(url: &Url, kind: &str) -> String {
    let named = last(url);
    let named = if named.is_empty() { url.host_str().unwrap_or("page") } else { named.as_str() };
    let own = named.rsplit_once('.').filter(|(stem, ending)| {
        let html = kind == "html" && matches!(*ending, "htm" | "xhtml");
        !stem.is_empty() && (ending.eq_ignore_ascii_case(kind) || html)
    });
    match own {
        Some((stem, ending)) => names::with_ending(stem, ending),
        None => names::with_ending(named, kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse("https://example.com").unwrap().join(path).unwrap()
    }

    #[test]
    fn the_media_type_decides_and_the_name_helps() {
        let kind = |path, media_type| of_answer(&url(path), media_type);
        assert_eq!(kind("/a.pdf", "text/html; charset=utf-8"), Some("html"));
        assert_eq!(kind("/a", "Application/PDF"), Some("pdf"));
        assert_eq!(kind("/a.pdf", "application/octet-stream"), Some("pdf"));
        assert_eq!(kind("/a.md", "text/plain"), Some("md"));
        assert_eq!(kind("/LICENSE", "text/plain"), Some("txt"));
        assert_eq!(kind("/talk.srt", "text/plain"), Some("srt"));
        assert_eq!(kind("/get?id=7", "text/rtf"), Some("rtf"));
        assert_eq!(kind("/a.exe", "application/octet-stream"), None);
        assert_eq!(kind("/a.png", "image/png"), None);
        assert!(may_hold_text(&url("/a.php?x=y.png")) && !may_hold_text(&url("/a.PNG")));
    }

    #[test]
    fn names_tell_the_kind() {
        assert_eq!(name(&url("/"), "html"), "example.com.html");
        assert_eq!(name(&url("/docs/intro/"), "html"), "intro.html");
        assert_eq!(name(&url("/docs/a.htm?x"), "html"), "a.htm");
        assert_eq!(name(&url("/r%C3%A9sum%C3%A9%2Fx.PDF"), "pdf"), "résumé-x.PDF");
        assert_eq!(name(&url("/v1.2"), "html"), "v1.2.html");
    }
}
