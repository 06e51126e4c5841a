//! A body that a server sent packed, unpacked while it comes.

use std::io::Write as _;

use async_trait::async_trait;
use cairn_kernel::{Error, Kind, Result};
use flate2::write::MultiGzDecoder;

use crate::Sink;

/// What unpacks a body of at most `limit` bytes into a sink. One that only claims to be packed goes
/// through as it is.
pub(super) struct Unpacker<'s> {
    into: &'s mut dyn Sink,
    decoder: MultiGzDecoder<Vec<u8>>,
    /// Known from the first byte on.
    packed: Option<bool>,
    size: u64,
    limit: u64,
}

impl<'s> Unpacker<'s> {
    pub(super) fn new(into: &'s mut dyn Sink, limit: u64) -> Self {
        Self { into, decoder: MultiGzDecoder::new(Vec::new()), packed: None, size: 0, limit }
    }

    async fn give(&mut self, piece: &[u8]) -> Result<()> {
        self.size = self.size.saturating_add(piece.len() as u64);
        if self.size > self.limit {
            return Err(Error::new(Kind::TooLarge, "there is too much in the packed bytes"));
        }
        self.into.write(piece).await
    }

    /// How many bytes it has, when all of it has come.
    ///
    /// # Errors
    /// `Unprocessable` when it is damaged, `TooLarge` beyond the limit.
    pub(super) async fn end(mut self) -> Result<u64> {
        if self.packed == Some(true) {
            self.decoder.try_finish().map_err(damaged)?;
            let rest = std::mem::take(self.decoder.get_mut());
            self.give(&rest).await?;
        }
        Ok(self.size)
    }
}

#[async_trait]
impl Sink for Unpacker<'_> {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        let Some(first) = piece.first() else { return Ok(()) };
        if !*self.packed.get_or_insert(*first == 0x1f) {
            return self.give(piece).await;
        }
        self.decoder.write_all(piece).map_err(damaged)?;
        let unpacked = std::mem::take(self.decoder.get_mut());
        self.give(&unpacked).await
    }

    fn restart(&mut self) {
        self.decoder = MultiGzDecoder::new(Vec::new());
        (self.packed, self.size) = (None, 0);
        self.into.restart();
    }
}

fn damaged(cause: std::io::Error) -> Error {
    Error::new(Kind::Unprocessable, "the packed bytes are damaged").with_source(cause)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn unpacked(body: &[u8], piece: usize, limit: u64) -> Result<Vec<u8>> {
        let mut came = Vec::new();
        let mut unpacker = Unpacker::new(&mut came, limit);
        for piece in body.chunks(piece) {
            unpacker.write(piece).await?;
        }
        let size = unpacker.end().await?;
        assert_eq!(size, came.len() as u64);
        Ok(came)
    }

    #[tokio::test]
    async fn a_body_is_unpacked_in_whatever_pieces_it_comes() {
        let text = "a page with words in it; ".repeat(4_000).into_bytes();
        let limit = text.len() as u64;
        for piece in [1, 7, 1000, 1 << 20] {
            assert!(unpacked(&packed(&text), piece, limit).await.unwrap() == text, "{piece}");
            assert!(unpacked(&text, piece, limit).await.unwrap() == text, "{piece}");
            for body in [packed(&text), text.clone()] {
                let over = unpacked(&body, piece, limit - 1).await.unwrap_err();
                assert_eq!(over.kind(), Kind::TooLarge);
            }
        }
        assert_eq!(unpacked(b"", 10, 10).await.unwrap(), b"");
        let cut = packed(&text);
        let cut = unpacked(&cut[..cut.len() / 2], 100, limit).await.unwrap_err();
        assert_eq!(cut.kind(), Kind::Unprocessable);
    }
}
