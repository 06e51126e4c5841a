//! The forms of files and of parts of uploads, counted and written while they come.

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::EXPECT;
use cairn_kernel::{Error, Kind, Result};
use cairn_services::files::{FileWish, too_large};
use cairn_services::incoming::Incoming;

use super::convert::{file_expiry, unsupported};
use crate::drain::drain;
use crate::extract::announced;

/// What a form has besides its file.
const OVERHEAD: u64 = 1 << 20;
/// Longest text field.
const TEXT_MAX: u64 = 4096;

/// What takes in the bytes of a form's file.
pub(super) trait Sink: Send {
    /// Takes the next bytes in.
    fn write(&mut self, piece: &[u8]) -> impl Future<Output = Result<()>> + Send;
}

impl Sink for Incoming {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        Self::write(self, piece).await
    }
}

impl Sink for Vec<u8> {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.extend_from_slice(piece);
        Ok(())
    }
}

struct Form<S> {
    file: Option<(String, S)>,
    purpose: Option<String>,
    anchor: Option<String>,
    seconds: Option<String>,
    data: Option<S>,
}

/// What a form is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    File,
    Part,
}

impl Wanted {
    fn parts(self) -> &'static str {
        match self {
            Self::File => "'file' and 'purpose'",
            Self::Part => "'data'",
        }
    }

    /// The error for more than `limit` bytes, of a file called `name` if it is one.
    fn over(self, name: &str, limit: u64) -> Error {
        match self {
            Self::File => too_large(if name.is_empty() { "the file" } else { name }, limit),
            Self::Part => Error::new(
                Kind::TooLarge,
                format!("the part is larger than {} MB; send it as smaller parts", limit >> 20),
            )
            .with_param("data"),
        }
    }
}

/// Reads a file of up to `limit` bytes into what was `begun`, and what it shall be.
///
/// # Errors
/// `TooLarge` over the limit, `Invalid` for anything else than a `file`, a `purpose` and an
/// `expires_after`; why none could be begun, when the form has been read.
pub(super) async fn file<S: Sink>(
    request: Request,
    limit: u64,
    begun: Result<S>,
) -> Result<(FileWish, S)> {
    let form = read(request, limit, Wanted::File, begun).await?;
    let (filename, came) = form.file.ok_or_else(|| missing("file", Wanted::File))?;
    let purpose = form.purpose.ok_or_else(|| missing("purpose", Wanted::File))?;
    let expires_after = match (form.anchor, form.seconds) {
        (None, None) => None,
        (Some(anchor), Some(seconds)) => {
            let number = seconds.trim().parse().map_err(|_| {
                Error::invalid(format!("expires_after.seconds is '{seconds}' and no number"))
                    .with_param("expires_after[seconds]")
            })?;
            Some(file_expiry(&anchor, number)?)
        }
        _ => {
            return Err(Error::invalid("expires_after needs an anchor and seconds")
                .with_param("expires_after"));
        }
    };
    Ok((FileWish { filename, purpose, expires_after }, came))
}

/// Reads a part of an upload, of up to `limit` bytes, into what was `begun`.
///
/// # Errors
/// `TooLarge` over the limit, `Invalid` for anything else than `data`; why none could be begun, when the form has
/// been read.
pub(super) async fn part<S: Sink>(request: Request, limit: u64, begun: Result<S>) -> Result<S> {
    let form = read(request, limit, Wanted::Part, begun).await?;
    form.data.ok_or_else(|| missing("data", Wanted::Part))
}

async fn read<S: Sink>(
    request: Request,
    limit: u64,
    wanted: Wanted,
    begun: Result<S>,
) -> Result<Form<S>> {
    if asks_too_much(request.headers(), limit) {
        return Err(wanted.over("", limit));
    }
    let mut parts = Multipart::from_request(request, &()).await.map_err(|rejection| {
        Error::invalid(format!(
            "the body is not a multipart form with {}: {}",
            wanted.parts(),
            rejection.body_text()
        ))
    })?;
    let mut form = Form { file: None, purpose: None, anchor: None, seconds: None, data: None };
    if let Err(fault) = fill(&mut form, &mut parts, limit, wanted, begun).await {
        drain(&mut parts).await;
        return Err(fault);
    }
    Ok(form)
}

/// Whether a client that waits for a word before it sends announces more than is taken.
fn asks_too_much(headers: &HeaderMap, limit: u64) -> bool {
    let expected = headers.get(EXPECT).and_then(|value| value.to_str().ok());
    let waits = expected.is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    waits && announced(headers).is_some_and(|length| length > limit.saturating_add(OVERHEAD))
}

async fn fill<S: Sink>(
    form: &mut Form<S>,
    parts: &mut Multipart,
    limit: u64,
    wanted: Wanted,
    begun: Result<S>,
) -> Result<()> {
    let mut begun = Some(begun);
    while let Some(field) = parts.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        match (wanted, name.as_str()) {
            (Wanted::File, "file") => {
                let sink = begun.take().ok_or_else(|| twice("file"))??;
                let name = field.file_name().unwrap_or_default().to_owned();
                let came = collect(field, limit, sink, || wanted.over(&name, limit)).await?;
                form.file = Some((name, came));
            }
            (Wanted::File, "purpose") => form.purpose = Some(text(field, "purpose").await?),
            (Wanted::File, "expires_after[anchor]") => {
                form.anchor = Some(text(field, &name).await?);
            }
            (Wanted::File, "expires_after[seconds]") => {
                form.seconds = Some(text(field, &name).await?);
            }
            (Wanted::Part, "data") => {
                let sink = begun.take().ok_or_else(|| twice("data"))??;
                form.data = Some(collect(field, limit, sink, || wanted.over("", limit)).await?);
            }
            (_, other) => return Err(unsupported(other)),
        }
    }
    Ok(())
}

async fn text(field: Field<'_>, name: &str) -> Result<String> {
    let over = || Error::invalid(format!("{name} is too long")).with_param(name);
    let bytes: Vec<u8> = collect(field, TEXT_MAX, Vec::new(), over).await?;
    String::from_utf8(bytes)
        .map_err(|_| Error::invalid(format!("{name} is not UTF-8")).with_param(name))
}

async fn collect<S: Sink>(
    mut field: Field<'_>,
    limit: u64,
    mut sink: S,
    over: impl Fn() -> Error,
) -> Result<S> {
    let mut size = 0;
    while let Some(piece) = field.chunk().await.map_err(unreadable)? {
        size += piece.len() as u64;
        if size > limit {
            return Err(over());
        }
        sink.write(&piece).await?;
    }
    Ok(sink)
}

fn twice(name: &str) -> Error {
    Error::invalid(format!("the form has more than one part '{name}'; send one")).with_param(name)
}

fn missing(name: &str, wanted: Wanted) -> Error {
    Error::invalid(format!("the form has no part '{name}'; send {}", wanted.parts()))
        .with_param(name)
}

fn unreadable(fault: MultipartError) -> Error {
    let kind = match fault.status().as_u16() {
        413 => Kind::TooLarge,
        _ => Kind::Invalid,
    };
    Error::new(kind, format!("the form could not be read: {}", fault.body_text()))
        .with_source(fault)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Body;
    use futures::{StreamExt, stream};

    use super::*;

    fn begun() -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn request(body: Body) -> Request {
        let kind = "multipart/form-data; boundary=XX";
        Request::builder().header("content-type", kind).body(body).expect("a request")
    }

    fn part(name: &str, filename: Option<&str>, text: &str) -> String {
        let file = filename.map_or_else(String::new, |name| format!("; filename=\"{name}\""));
        format!("--XX\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n")
    }

    #[tokio::test]
    async fn a_form_is_read_in_either_order() -> Result<()> {
        let file = part("file", Some("a.txt"), "hello");
        let purpose = part("purpose", None, "assistants");
        for body in [format!("{file}{purpose}--XX--\r\n"), format!("{purpose}{file}--XX--\r\n")] {
            let (wish, bytes) = super::file(request(Body::from(body)), 5, begun()).await?;
            assert_eq!((wish.filename.as_str(), wish.purpose.as_str()), ("a.txt", "assistants"));
            assert_eq!((bytes.as_slice(), wish.expires_after), (b"hello".as_slice(), None));
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_file_may_say_when_it_ends_and_a_part_is_its_data() -> Result<()> {
        let file = part("file", Some("a.txt"), "hello");
        let purpose = part("purpose", None, "assistants");
        let anchor = part("expires_after[anchor]", None, "created_at");
        let seconds = part("expires_after[seconds]", None, "3600");
        let whole = format!("{file}{purpose}{anchor}{seconds}--XX--\r\n");
        let (wish, _) = super::file(request(Body::from(whole)), 5, begun()).await?;
        assert_eq!(wish.expires_after, Some(3600));
        let half = format!("{file}{purpose}{seconds}--XX--\r\n");
        assert!(super::file(request(Body::from(half)), 5, begun()).await.is_err());
        let data = format!("{}--XX--\r\n", part("data", Some("upload"), "hello"));
        assert_eq!(super::part(request(Body::from(data)), 5, begun()).await?, b"hello");
        Ok(())
    }

    #[tokio::test]
    async fn a_file_over_the_limit_is_told_after_everything_was_read() {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let head = part("file", Some("big.bin"), "").trim_end().to_owned() + "\r\n\r\n";
        let pieces = std::iter::once(head)
            .chain((0..100).map(|_| "x".repeat(1000)))
            .chain(std::iter::once("\r\n--XX--\r\n".to_owned()));
        // Piece by piece, as a network brings them.
        let body = stream::iter(pieces).then(move |piece| {
            count.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::task::yield_now().await;
                Ok::<_, std::io::Error>(piece)
            }
        });
        let refused = super::file(request(Body::from_stream(body)), 2000, begun()).await.err();
        assert_eq!(refused.as_ref().map(Error::kind), Some(Kind::TooLarge));
        assert!(refused.is_some_and(|error| error.message().contains("big.bin")));
        assert_eq!(sent.load(Ordering::SeqCst), 102);
    }

    #[tokio::test]
    async fn a_client_that_asks_first_is_told_at_once() {
        let mut asking = request(Body::from("not read"));
        let headers = asking.headers_mut();
        headers.insert("expect", "100-continue".parse().expect("a value"));
        headers.insert("content-length", "99999999".parse().expect("a value"));
        let refused = super::file(asking, 1000, begun()).await.err();
        assert_eq!(refused.map(|error| error.kind()), Some(Kind::TooLarge));
    }

    #[tokio::test]
    async fn missing_and_unknown_parts_are_named() {
        let file = part("file", Some("a.txt"), "hello");
        let other = part("color", None, "red");
        let cases = [
            (format!("{file}--XX--\r\n"), "purpose"),
            (format!("{}--XX--\r\n", part("purpose", None, "assistants")), "file"),
            (format!("{other}{file}--XX--\r\n"), "color"),
            (format!("{file}{file}--XX--\r\n"), "file"),
        ];
        for (body, name) in cases {
            let refused = super::file(request(Body::from(body)), 100, begun()).await.err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name));
        }
    }
}
