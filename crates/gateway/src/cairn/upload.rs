//! A multipart upload read into memory, stopped as soon as it is over the limit.

use axum::extract::Multipart;
use axum::extract::multipart::Field;
use bytes::{Bytes, BytesMut};
use cairn_kernel::{Error, Result};

/// The parts of an upload: `file`, and the texts that go with it.
pub(super) struct Upload {
    pub(super) filename: String,
    pub(super) bytes: Bytes,
    pub(super) name: Option<String>,
    /// Of a LoRA adapter, the model that it is for.
    pub(super) base: Option<String>,
}

fn broken(cause: axum::extract::multipart::MultipartError) -> Error {
    Error::invalid("the multipart body is broken; send it again").with_source(cause)
}

/// Reads an upload.
pub(super) async fn read(mut form: Multipart, limit: u64) -> Result<Upload> {
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
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Ok(Upload { filename, bytes, name: given(name), base: given(base) })
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
