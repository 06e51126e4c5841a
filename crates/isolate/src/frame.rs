//! The frame both ends speak: `u32` header length, `u64` payload length (both
//! little-endian), the JSON header, the payload.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Headers beyond this are a broken peer, not a message.
const HEADER_MAX: u32 = 256 << 20;
/// Payloads beyond this are a broken peer, not a message.
pub(crate) const PAYLOAD_MAX: u64 = 4 << 30;

/// What goes before the payload, which itself is not copied: it may be large.
pub(crate) fn head<T: Serialize>(header: &T, payload_bytes: u64) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(header)?;
    let header_len = u32::try_from(json.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(12 + json.len());
    bytes.extend_from_slice(&header_len.to_le_bytes());
    bytes.extend_from_slice(&payload_bytes.to_le_bytes());
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

fn lengths(prefix: [u8; 12], payload_max: u64) -> io::Result<(usize, usize)> {
    let [a, b, c, d, rest @ ..] = prefix;
    let header = u32::from_le_bytes([a, b, c, d]);
    let payload = u64::from_le_bytes(rest);
    if header > HEADER_MAX || payload > payload_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame length out of bounds"));
    }
    Ok((header as usize, usize::try_from(payload).map_err(io::Error::other)?))
}

/// Reads one frame with a payload of at most `payload_max` bytes; `None` at a clean end of the
/// stream.
pub(crate) async fn read_async<T, R>(
    reader: &mut R,
    payload_max: u64,
) -> io::Result<Option<(T, Vec<u8>)>>
where
    T: DeserializeOwned,
    R: AsyncRead + Unpin,
{
    let mut prefix = [0; 12];
    match reader.read_exact(&mut prefix).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let (header_len, payload_len) = lengths(prefix, payload_max)?;
    let mut header = vec![0; header_len];
    reader.read_exact(&mut header).await?;
    let mut payload = vec![0; payload_len];
    reader.read_exact(&mut payload).await?;
    Ok(Some((serde_json::from_slice(&header)?, payload)))
}

/// Reads one frame, blocking; `None` at a clean end of the stream.
pub(crate) fn read_blocking<T, R>(reader: &mut R) -> io::Result<Option<(T, Vec<u8>)>>
where
    T: DeserializeOwned,
    R: Read,
{
    let mut prefix = [0; 12];
    match reader.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let (header_len, payload_len) = lengths(prefix, PAYLOAD_MAX)?;
    let mut header = vec![0; header_len];
    reader.read_exact(&mut header)?;
    let mut payload = vec![0; payload_len];
    reader.read_exact(&mut payload)?;
    Ok(Some((serde_json::from_slice(&header)?, payload)))
}

/// Writes one frame and flushes it.
pub(crate) fn write_blocking<T: Serialize, W: Write>(
    writer: &mut W,
    header: &T,
    payload: &[u8],
) -> io::Result<()> {
    writer.write_all(&head(header, payload.len() as u64)?)?;
    writer.write_all(payload)?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_went() -> io::Result<()> {
        let mut bytes = Vec::new();
        write_blocking(&mut bytes, &("hello", 7), b"\0payload")?;
        let mut reader = bytes.as_slice();
        let read: Option<((String, u32), Vec<u8>)> = read_blocking(&mut reader)?;
        assert_eq!(read, Some((("hello".to_owned(), 7), b"\0payload".to_vec())));
        let end: Option<((String, u32), Vec<u8>)> = read_blocking(&mut reader)?;
        assert_eq!(end, None);
        Ok(())
    }

    #[tokio::test]
    async fn a_payload_over_what_is_expected_is_refused_before_it_is_read() -> io::Result<()> {
        let mut bytes = Vec::new();
        write_blocking(&mut bytes, &7, b"payload")?;
        let read: Option<(u32, Vec<u8>)> = read_async(&mut bytes.as_slice(), 7).await?;
        assert_eq!(read, Some((7, b"payload".to_vec())));
        let refused: io::Result<Option<(u32, Vec<u8>)>> =
            read_async(&mut bytes.as_slice(), 6).await;
        assert!(refused.is_err());
        Ok(())
    }

    #[test]
    fn absurd_lengths_are_refused_before_memory_is_taken() {
        let mut bytes: &[u8] = &[0xff; 12];
        let read: io::Result<Option<(u32, Vec<u8>)>> = read_blocking(&mut bytes);
        assert!(read.is_err());
    }
}
