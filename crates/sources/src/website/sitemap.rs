//! Sitemaps: the list of a site's pages that the site itself gives (sitemaps.org).

use std::io::Read as _;

use cairn_kernel::{Error, Kind, Result};
use quick_xml::events::Event;

/// Most bytes of a sitemap, unpacked; the protocol's own bound.
pub(super) const BYTES_MAX: u64 = 50 << 20;

/// What a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sitemap {
    /// Addresses of pages.
    Pages(Vec<String>),
    /// Addresses of further sitemaps.
    Index(Vec<String>),
    /// No sitemap: a page that says that there is none.
    Other,
}

/// Reads a sitemap, packed or not.
///
/// # Errors
/// `Unprocessable` when it breaks off: then it must not pass for a whole one.
pub(super) fn parse(bytes: &[u8]) -> Result<Sitemap> {
    let bytes = unpack(bytes, BYTES_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') { xml(text) } else { Ok(lines(text)) }
}

/// What gzip packed, or the bytes themselves.
///
/// # Errors
/// `Unprocessable` when it is damaged or longer than `limit`.
pub(super) fn unpack(bytes: &[u8], limit: u64) -> Result<Vec<u8>> {
    if !bytes.starts_with(b"\x1f\x8b") {
        return Ok(bytes.to_vec());
    }
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(limit + 1);
    let read = reader.read_to_end(&mut unpacked);
    let damaged = |what| Error::new(Kind::Unprocessable, what);
    match read {
        Err(cause) => Err(damaged("the packed bytes are damaged").with_source(cause)),
        Ok(size) if u64::try_from(size).unwrap_or(u64::MAX) > limit => {
            Err(damaged("there is too much in the packed bytes"))
        }
        Ok(_) => Ok(unpacked),
    }
}

/// A text file with an address on each line.
fn lines(text: &str) -> Sitemap {
    let is_address = |line: &&str| line.starts_with("http://") || line.starts_with("https://");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines = lines.peekable();
    if lines.peek().is_some_and(is_address) {
        return Sitemap::Pages(lines.filter(is_address).map(str::to_owned).collect());
    }
    Sitemap::Other
}

fn xml(text: &str) -> Result<Sitemap> {
    let mut reader = quick_xml::Reader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    // The names of the open elements, without prefixes that name the protocol's own.
    let mut open: Vec<String> = Vec::new();
    let (mut root, mut places, mut place) = (String::new(), Vec::new(), String::new());
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(_) if known(&root).is_none() => return Ok(Sitemap::Other),
            Err(cause) => return Err(cut_short().with_source(cause)),
        };
        match event {
            Event::Start(tag) => {
                open.push(tag.name().as_ref().to_owned());
                if open.len() == 1 {
                    root = tag.name().as_ref().to_owned();
                    if known(&root).is_none() {
                        return Ok(Sitemap::Other);
                    }
                }
            }
            Event::End(_) => {
                if is_place(&open) {
                    places.push(std::mem::take(&mut place).trim().to_owned());
                }
                open.pop();
            }
            Event::Text(text) if is_place(&open) => place.push_str(&text.xml10_content()),
            Event::CData(text) if is_place(&open) => place.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) if is_place(&open) => {
                if let Ok(Some(c)) = entity.resolve_char_ref() {
                    place.push(c);
                } else {
                    place.push_str(named(&entity.xml10_content()));
                }
            }
            Event::Eof if !open.is_empty() => return Err(cut_short()),
            Event::Eof => break,
            _ => {}
        }
    }
    Ok(match known(&root) {
        Some(true) => Sitemap::Index(places),
        Some(false) => Sitemap::Pages(places),
        None => Sitemap::Other,
    })
}

/// Whether a root is that of a sitemap, and whether of an index.
fn known(root: &str) -> Option<bool> {
    match root.rsplit(':').next() {
        Some("urlset") => Some(false),
        Some("sitemapindex") => Some(true),
        _ => None,
    }
}

/// Whether the open elements are those around the address of a page; an image's is not.
fn is_place(open: &[String]) -> bool {
    let local = |name: &String| name.rsplit(':').next().unwrap_or_default().to_owned();
    match open {
        [_, entry, place] => {
            matches!(local(entry).as_str(), "url" | "sitemap") && local(place) == "loc"
        }
        _ => false,
    }
}

fn named(entity: &str) -> &'static str {
    match entity {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    }
}

fn cut_short() -> Error {
    Error::new(
        Kind::Unprocessable,
        "the sitemap breaks off or is no XML; mend it, or set 'sitemap' to \"none\" to follow \
         links instead",
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    const PAGES: &str = "<?xml version=\"1.0\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/\
        sitemap/0.9\" xmlns:image=\"i\"><url><loc> https://e.x/a?b=1&amp;c=2 </loc><image:image>\
        <image:loc>https://e.x/i.png</image:loc></image:image></url><url/><url>\
        <loc><![CDATA[https://e.x/b]]></loc></url></urlset>";

    #[test]
    fn pages_and_indexes_are_read_packed_or_not() {
        let pages = ["https://e.x/a?b=1&c=2", "https://e.x/b"].map(str::to_owned).to_vec();
        assert_eq!(parse(PAGES.as_bytes()).unwrap(), Sitemap::Pages(pages.clone()));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(PAGES.as_bytes()).unwrap();
        assert_eq!(parse(&packed.finish().unwrap()).unwrap(), Sitemap::Pages(pages));
        let index = "<s:sitemapindex xmlns:s=\"x\"><s:sitemap><s:loc>https://e.x/1.xml</s:loc>\
            <s:lastmod>2024-01-01</s:lastmod></s:sitemap></s:sitemapindex>";
        let found = parse(index.as_bytes()).unwrap();
        assert_eq!(found, Sitemap::Index(vec!["https://e.x/1.xml".to_owned()]));
        let text = "\u{feff}https://e.x/a\r\n\r\nhttps://e.x/b\r\n";
        assert!(
            matches!(parse(text.as_bytes()).unwrap(), Sitemap::Pages(pages) if pages.len() == 2)
        );
    }

    #[test]
    fn a_page_is_no_sitemap_and_half_a_sitemap_is_none_either() {
        for other in ["<!doctype html><html><p>Not found</html>", "", "Not found", "<rss></rss>"] {
            assert_eq!(parse(other.as_bytes()).unwrap(), Sitemap::Other, "{other}");
        }
        let half = PAGES.len() / 2;
        assert!(parse(&PAGES.as_bytes()[..half]).is_err());
        assert!(parse(b"\x1f\x8b\x08 damaged").is_err());
    }

    #[test]
    fn little_that_is_packed_does_not_become_much() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&vec![b' '; 1 << 20]).unwrap();
        let packed = packed.finish().unwrap();
        assert!(unpack(&packed, (1 << 20) - 1).is_err());
        assert_eq!(unpack(&packed, 1 << 20).unwrap().len(), 1 << 20);
    }

    proptest! {
        #[test]
        fn no_file_ends_the_program(text in "(?s)<?(urlset|sitemapindex)?>?.{0,200}") {
            let _ = parse(text.as_bytes());
        }
    }
}
