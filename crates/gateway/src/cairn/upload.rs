//! A multipart upload of a table or a model, stopped as soon as it is over the limit.

use axum::extract::Multipart;
use axum::extract::multipart::Field;
use bytes::BytesMut;
use cairn_kernel::{Error, Result};
use cairn_services::datasets::Staged;

use crate::drain::drain;

/// What takes in the bytes of the file.
pub(super) trait Sink: Send {
    /// Takes the next bytes in.
    fn write(&mut self, piece: &[u8]) -> impl Future<Output = Result<()>> + Send;
}

impl Sink for Staged {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        Self::write(self, piece).await
    }
}

/// In memory, for which there must be room.
impl Sink for BytesMut {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.extend_from_slice(piece);
        Ok(())
    }
}

/// The parts of an upload: `file`, and the texts that go with it.
pub(super) struct Upload<S> {
    pub(super) filename: String,
    pub(super) came: S,
    pub(super) name: Option<String>,
    /// Of a LoRA adapter, the model that it is for.
    pub(super) base: Option<String>,
    /// Of an embedding model, what it reads in front of texts, and how it pools. White space of a
    /// prefix counts.
    pub(super) query_prefix: Option<String>,
    pub(super) document_prefix: Option<String>,
    pub(super) pooling: Option<String>,
}

fn broken(cause: axum::extract::multipart::MultipartError) -> Error {
    Error::invalid("the multipart body is broken; send it again").with_source(cause)
}

/// Reads an upload with a file of at most `limit` bytes into what was `begun`.
pub(super) async fn read<S: Sink>(mut form: Multipart, limit: u64, begun: S) -> Result<Upload<S>> {
    match parts(&mut form, limit, begun).await {
        Err(fault) => {
            drain(&mut form).await;
            Err(fault)
        }
        upload => upload,
    }
}

async fn parts<S: Sink>(form: &mut Multipart, limit: u64, begun: S) -> Result<Upload<S>> {
    let mut begun = Some(begun);
    let (mut file, mut name, mut base) = (None, None, None);
    let (mut query_prefix, mut document_prefix, mut pooling) = (None, None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("file") => {
                let sink = begun.take().ok_or_else(|| {
                    Error::invalid("the form has more than one part 'file'; send one")
                        .with_param("file")
                })?;
                file = Some(part(field, limit, sink).await?);
            }
            Some("name") => name = Some(field.text().await.map_err(broken)?),
            Some("base") => base = Some(field.text().await.map_err(broken)?),
            Some("query_prefix") => query_prefix = Some(field.text().await.map_err(broken)?),
            Some("document_prefix") => document_prefix = Some(field.text().await.map_err(broken)?),
            Some("pooling") => pooling = Some(field.text().await.map_err(broken)?),
            other => {
                let other = other.unwrap_or("without a name").to_owned();
                return Err(Error::invalid(format!(
                    "unknown part '{other}'; send 'file' and 'name'"
                )));
            }
        }
    }
    let (filename, came) =
        file.ok_or_else(|| Error::invalid("the part 'file' is missing").with_param("file"))?;
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Ok(Upload {
        filename,
        came,
        name: given(name),
        base: given(base),
        query_prefix,
        document_prefix,
        pooling: given(pooling),
    })
}

async fn part<S: Sink>(mut field: Field<'_>, limit: u64, mut sink: S) -> Result<(String, S)> {
    let filename = field.file_name().unwrap_or("table").to_owned();
    let mut size = 0;
    while let Some(piece) = field.chunk().await.map_err(broken)? {
        size += piece.len() as u64;
        if size > limit {
            return Err(cairn_services::files::too_large(&filename, limit));
        }
        sink.write(&piece).await?;
    }
    Ok((filename, sink))
}
