//! A multipart upload read into memory when there is room for it, stopped as soon as it is over
//! the limit.

use axum::extract::Multipart;
use axum::extract::multipart::Field;
use bytes::{Bytes, BytesMut};
use cairn_kernel::{Error, Result};
use cairn_services::room::{Place, Room};

/// The parts of an upload: `file`, and the texts that go with it.
pub(super) struct Upload {
    pub(super) filename: String,
    pub(super) bytes: Bytes,
    pub(super) name: Option<String>,
    /// Of a LoRA adapter, the model that it is for.
    pub(super) base: Option<String>,
    /// Where the bytes are in memory: keep it as long as them.
    pub(super) place: Place,
}

/// What is read, and where.
pub(super) struct Reading<'r> {
    /// The memory for it.
    pub(super) room: &'r Room,
    /// How long the form is said to be, in bytes.
    pub(super) announced: Option<u64>,
    /// Largest file, in bytes.
    pub(super) limit: u64,
}

fn broken(cause: axum::extract::multipart::MultipartError) -> Error {
    Error::invalid("the multipart body is broken; send it again").with_source(cause)
}

/// Reads an upload.
pub(super) async fn read(mut form: Multipart, reading: Reading<'_>) -> Result<Upload> {
    let limit = reading.limit;
    let mut place = reading.room.take(reading.announced.unwrap_or(limit).min(limit)).await?;
    let (mut file, mut name, mut base) = (None, None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("file") => file = Some(part(field, limit).await?),
            Some("name") => name = Some(field.text().await.map_err(broken)?),
            Some("base") => base = Some(field.text().await.map_err(broken)?),
            other => {
                let other = other.unwrap_or("without a name").to_owned();
                return Err(Error::invalid(format!(
                    "unknown part '{other}'; send 'file' and 'name'"
                )));
            }
        }
    }
    let (filename, bytes) =
        file.ok_or_else(|| Error::invalid("the part 'file' is missing").with_param("file"))?;
    place.shrink(bytes.len() as u64);
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Ok(Upload { filename, bytes, name: given(name), base: given(base), place })
}

async fn part(mut field: Field<'_>, limit: u64) -> Result<(String, Bytes)> {
    let filename = field.file_name().unwrap_or("table").to_owned();
    let mut bytes = BytesMut::new();
    while let Some(piece) = field.chunk().await.map_err(broken)? {
        if (bytes.len() + piece.len()) as u64 > limit {
            return Err(cairn_services::files::too_large(&filename, limit));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok((filename, bytes.freeze()))
}
