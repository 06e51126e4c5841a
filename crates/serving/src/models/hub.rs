//! Getting a file from the model hub.

use std::time::Duration;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use reqwest::{Client, StatusCode, redirect};

use super::disk::Partial;
use super::lock::Asset;
use super::store::Report;

/// Longest to wait for a connection: where there is no hub, the next source is
/// tried soon.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest to wait for the next bytes.
const READ: Duration = Duration::from_secs(30);

/// After how many bytes a download notes how far it is.
const CHECKPOINT: u64 = 64 << 20;

/// Downloads the file into `partial`, from where it stands.
///
/// # Errors
/// `Unavailable` when the hub cannot be reached or has another file.
pub(crate) async fn fetch(
    base: &str,
    (repository, revision, file): (&str, &str, &str),
    asset: &Asset,
    partial: &mut Partial,
    report: &Report<'_>,
) -> Result<()> {
    let url = format!("{base}/{repository}/resolve/{revision}/{file}");
    let unreachable = || format!("the hub does not give {url}");
    refuse_other(&url, asset).await?;
    let client = client(redirect::Policy::limited(5))?;
    let mut request = client.get(&url);
    if partial.bytes > 0 {
        request = request.header("range", format!("bytes={}-", partial.bytes));
    }
    let answer = request.send().await.or_kind(Kind::Unavailable, unreachable())?;
    let mut answer = answer.error_for_status().or_kind(Kind::Unavailable, unreachable())?;
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        partial.restart()?;
    }
    let mut safe = partial.bytes;
    let expected = asset.bytes - partial.bytes.min(asset.bytes);
    if answer.content_length().is_some_and(|length| length != expected) {
        return Err(Error::unavailable(format!("{url} has another size than the lock file says")));
    }
    while let Some(bytes) = answer.chunk().await.or_kind(Kind::Unavailable, unreachable())? {
        if partial.bytes + bytes.len() as u64 > asset.bytes {
            return Err(Error::unavailable(format!("{url} is longer than the lock file says")));
        }
        partial.append(&bytes)?;
        report.at(partial.bytes);
        if partial.bytes - safe >= CHECKPOINT {
            partial.end_part()?;
            safe = partial.bytes;
        }
    }
    Ok(())
}

/// Asks for the hash that the hub tells of large files, before gigabytes are moved.
async fn refuse_other(url: &str, asset: &Asset) -> Result<()> {
    let asked = client(redirect::Policy::none())?.head(url).send().await;
    let answer = asked.or_kind(Kind::Unavailable, format!("the hub cannot be reached ({url})"))?;
    let status = answer.status();
    if status.is_client_error() || status.is_server_error() {
        return Err(Error::unavailable(format!("the hub answers {status} for {url}")));
    }
    let told = answer.headers().get("x-linked-etag").and_then(|value| value.to_str().ok());
    let told = told.map(|value| value.trim_matches('"')).filter(|value| value.len() == 64);
    if let Some(told) = told
        && !told.eq_ignore_ascii_case(&asset.sha256)
    {
        return Err(Error::unavailable(format!("{url} has the SHA-256 {told}: another file")));
    }
    Ok(())
}

fn client(redirects: redirect::Policy) -> Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .redirect(redirects)
        .user_agent(concat!("cairn/", env!("CARGO_PKG_VERSION")))
        .build()
        .or_internal("making an HTTP client")
}
