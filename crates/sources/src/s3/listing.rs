//! The XML of S3: pages of a listing, and refusals.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use percent_encoding::percent_decode_str;
use quick_xml::events::Event;

/// One object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) key: String,
    etag: String,
    modified: String,
    pub(super) size: Option<u64>,
    /// How it is stored.
    pub(super) class: String,
}

impl Object {
    /// Changes with the content: the `ETag`, which may be made of parts, and the size.
    pub(super) fn version(&self) -> String {
        let size = self.size.unwrap_or_default();
        if self.etag.is_empty() {
            return format!("{}-{size}", self.modified);
        }
        format!("{}-{size}", self.etag.trim_matches('"'))
    }

    /// In seconds since 1970.
    pub(super) fn modified_at(&self) -> Option<i64> {
        DateTime::from_str(&self.modified, Format::DateTime).ok().map(|time| time.secs())
    }
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) objects: Vec<Object>,
    /// Whether there are further pages.
    pub(super) truncated: bool,
    /// What to ask for the next page with.
    pub(super) next: Option<String>,
}

/// What a server says when it refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

/// Reads a page of a listing; `None` when it breaks off or is something else.
pub(super) fn parse(body: &[u8]) -> Option<Listing> {
    let text = std::str::from_utf8(body).ok()?;
    let (mut listing, mut object) = (Listing::default(), Object::default());
    let (mut coded, mut named) = (false, false);
    let mut keys = Vec::new();
    walk(text, |path, value| match (path, value) {
        (["ListBucketResult"], None) => named = true,
        (["ListBucketResult", "EncodingType"], Some(value)) => coded = value == "url",
        (["ListBucketResult", "IsTruncated"], Some(value)) => listing.truncated = value == "true",
        (["ListBucketResult", "NextContinuationToken"], Some(value)) => {
            listing.next = Some(value.to_owned());
        }
        (["ListBucketResult", "Contents"], None) => {
            keys.push(std::mem::take(&mut object.key));
            listing.objects.push(std::mem::take(&mut object));
        }
        (["ListBucketResult", "Contents", field], Some(value)) => match *field {
            "Key" => value.clone_into(&mut object.key),
            "ETag" => value.clone_into(&mut object.etag),
            "LastModified" => value.clone_into(&mut object.modified),
            "Size" => object.size = value.parse().ok(),
            "StorageClass" => value.clone_into(&mut object.class),
            _ => {}
        },
        _ => {}
    })?;
    for (object, key) in listing.objects.iter_mut().zip(keys) {
        object.key = if coded { decoded(&key)? } else { key };
    }
    named.then_some(listing)
}

/// Reads a refusal.
pub(super) fn refusal(body: &[u8]) -> Option<Refusal> {
    let mut refusal = Refusal::default();
    walk(std::str::from_utf8(body).ok()?, |path, value| match (path, value) {
        (["Error", "Code"], Some(value)) => value.clone_into(&mut refusal.code),
        (["Error", "Message"], Some(value)) => {
            refusal.message = value.chars().filter(|c| !c.is_control()).take(300).collect();
        }
        _ => {}
    })?;
    Some(refusal)
}

/// Hands over every element when it ends: the names from the root down to it, and its text
/// if it has no elements in it. `None` when the text is no whole XML.
fn walk(text: &str, mut visit: impl FnMut(&[&str], Option<&str>)) -> Option<()> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let (mut open, mut value, mut leaf): (Vec<String>, String, bool) = Default::default();
    let mut whole = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                let name: &str = tag.name().into_inner();
                open.push(name.rsplit(':').next().unwrap_or(name).to_owned());
                value.clear();
                leaf = true;
            }
            Event::End(_) => {
                let path: Vec<&str> = open.iter().map(String::as_str).collect();
                visit(&path, leaf.then_some(value.as_str()));
                leaf = false;
                open.pop();
                whole = open.is_empty();
            }
            Event::Text(text) => value.push_str(&text.xml10_content()),
            Event::CData(text) => value.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) => match entity.resolve_char_ref() {
                Ok(Some(c)) => value.push(c),
                _ => value.push_str(match &*entity.xml10_content() {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    _ => return None,
                }),
            },
            Event::Eof => return (whole && open.is_empty()).then_some(()),
            _ => {}
        }
    }
}

/// A key as `encoding-type=url` has it, where a space is a `+`.
fn decoded(key: &str) -> Option<String> {
    let key = key.replace('+', " ");
    percent_decode_str(&key).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// `text` with everything escaped but letters, digits, `-._~` and what is in `plain`: the one
/// form that signatures are made of.
pub(super) fn encoded(text: &str, plain: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        let kept = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || plain.contains(&byte);
        if kept {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult \
        xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix></Prefix>\
        <KeyCount>2</KeyCount><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>\
        <NextContinuationToken>a+b/c=</NextContinuationToken>\
        <Contents><Key>a+b%2B%C3%A9%0A/c.txt</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>\
        <ETag>&quot;abc-2&quot;</ETag><Size>434234</Size><StorageClass>STANDARD</StorageClass>\
        <Owner><ID>x</ID></Owner></Contents><Contents><Key>d</Key><Size>0</Size></Contents>\
        <CommonPrefixes><Prefix>p</Prefix></CommonPrefixes></ListBucketResult>";

    #[test]
    fn a_page_is_read() {
        let listing = parse(PAGE.as_bytes()).unwrap();
        assert!(listing.truncated);
        assert_eq!(listing.next.as_deref(), Some("a+b/c="));
        let [first, second] = &listing.objects[..] else { panic!("{listing:?}") };
        assert_eq!(first.key, "a b+é\n/c.txt");
        assert_eq!(first.version(), "abc-2-434234");
        assert_eq!(first.modified_at(), Some(1_255_369_830));
        assert_eq!((second.key.as_str(), second.size), ("d", Some(0)));
        let plain = PAGE.replace("<EncodingType>url</EncodingType>", "");
        assert_eq!(parse(plain.as_bytes()).unwrap().objects[0].key, "a+b%2B%C3%A9%0A/c.txt");
    }

    #[test]
    fn half_a_page_and_other_pages_are_none() {
        for end in [0, 1, 100, PAGE.len() - 1, PAGE.len() - 30] {
            assert_eq!(parse(&PAGE.as_bytes()[..end]), None, "{end}");
        }
        assert_eq!(parse(b"<html></html>"), None);
        let empty = parse(b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
        assert_eq!(empty, Some(Listing::default()));
    }

    #[test]
    fn refusals_are_read_and_their_words_are_bounded() {
        let told =
            refusal(b"<Error><Code>NoSuchKey</Code><Message>a\nb</Message></Error>").unwrap();
        assert_eq!((told.code.as_str(), told.message.as_str()), ("NoSuchKey", "ab"));
        let long = format!("<Error><Message>{}</Message></Error>", "x".repeat(1000));
        assert_eq!(refusal(long.as_bytes()).unwrap().message.len(), 300);
        assert_eq!(refusal(b"busy"), None);
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_found_again(key in "(?s).{0,40}") {
            prop_assert_eq!(decoded(&encoded(&key, b"/")), Some(key));
        }

        #[test]
        fn no_answer_ends_the_program(text in "(?s)(<ListBucketResult>|<Contents>|<Key>|</Key>|&|.){0,40}") {
            parse(text.as_bytes());
        }
    }
}
