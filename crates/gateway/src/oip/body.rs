//! A request's body: bounded, and unpacked where a client packed it.

use std::io::Read;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, header};
use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use flate2::read::{GzDecoder, ZlibDecoder};

use crate::App;
use crate::error::InferError;

/// A whole body. The limit holds for what arrives and for what it unpacks to.
pub(crate) struct Body(pub(crate) Bytes);

impl FromRequest<App> for Body {
    type Rejection = InferError;

    async fn from_request(request: Request, app: &App) -> Result<Self, InferError> {
        let coding = request.headers().get(header::CONTENT_ENCODING).cloned();
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            let kind = if rejection.status() == 413 { Kind::TooLarge } else { Kind::Invalid };
            Error::new(kind, format!("the body could not be read: {}", rejection.body_text()))
        })?;
        let Some(coding) = coding.filter(|coding| *coding != "identity") else {
            return Ok(Self(bytes));
        };
        let limit = app.services.limits.body_bytes;
        // Unpacking computes; it must not hold up other requests.
        let unpacked = tokio::task::spawn_blocking(move || unpack(&coding, &bytes, limit))
            .await
            .or_internal("unpacking a body")??;
        Ok(Self(unpacked))
    }
}

fn unpack(coding: &HeaderValue, bytes: &[u8], limit: u64) -> Result<Bytes> {
    match coding.as_bytes() {
        b"gzip" | b"x-gzip" => read(GzDecoder::new(bytes), limit),
        // HTTP's deflate is zlib's format.
        b"deflate" => read(ZlibDecoder::new(bytes), limit),
        _ => Err(Error::new(
            Kind::Unsupported,
            format!("a body with content-encoding {coding:?} is not read; send gzip or deflate"),
        )),
    }
}

fn read(packed: impl Read, limit: u64) -> Result<Bytes> {
    let mut unpacked = Vec::new();
    let read = packed.take(limit.saturating_add(1)).read_to_end(&mut unpacked);
    read.or_kind(Kind::Invalid, "the body cannot be unpacked; its compression is damaged")?;
    if unpacked.len() as u64 > limit {
        return Err(Error::new(
            Kind::TooLarge,
            format!("the body unpacks to more than the {limit} bytes of limits.body_bytes"),
        ));
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn both_packings_are_read_and_a_bomb_is_not() -> Result<()> {
        let text = vec![b'x'; 100_000];
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&text).or_internal("packing")?;
        let gzip = gzip.finish().or_internal("packing")?;
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).or_internal("packing")?;
        let zlib = zlib.finish().or_internal("packing")?;
        let value = HeaderValue::from_static;
        assert_eq!(unpack(&value("gzip"), &gzip, 100_000)?, text);
        assert_eq!(unpack(&value("deflate"), &zlib, 100_000)?, text);
        let kind = |coding, bytes: &[u8], limit| {
            unpack(&value(coding), bytes, limit).map_err(|error| error.kind()).err()
        };
        assert_eq!(kind("gzip", &gzip, 99_999), Some(Kind::TooLarge));
        assert_eq!(kind("gzip", &gzip[..gzip.len() - 9], 100_000), Some(Kind::Invalid));
        assert_eq!(kind("gzip", &zlib, 100_000), Some(Kind::Invalid));
        assert_eq!(kind("br", &gzip, 100_000), Some(Kind::Unsupported));
        Ok(())
    }
}
