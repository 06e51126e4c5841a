//! Stores, attached files and batches between the wire and the use-cases.

use std::collections::BTreeMap;

use cairn_kernel::{Error, Id, Result, ResultExt};
use cairn_services::chunking::{Chunking, Strategy, of_row};
use cairn_services::languages::Wanted;
use cairn_services::records::{FileCounts as Counts, StoreFileRow, StoreRow};
use cairn_services::stores::{
    Attributes, Batch, Expiry, NewAttachment, StoreChanges, StoreSettings,
};
use cairn_wire::Given;
use cairn_wire::cairn::{CairnChunking, VectorStoreExtra};
use cairn_wire::openai::{
    AttachFile, ChunkingStrategy, CreateFileBatch, CreateVectorStore, ExpiresAfter, FileBatch,
    FileCounts, LastError, StaticChunking, UpdateAttributes, UpdateVectorStore, VectorStore,
    VectorStoreFile, VectorStoreFileExtra,
};
use serde_json::Value;

use crate::cairn::reindex;
use crate::openai::convert::seconds;

/// Most files attached at once, as at OpenAI.
const FILES_MAX: usize = 2000;

/// What a new store shall be, and the files it begins with.
pub(super) fn new_store(request: CreateVectorStore) -> Result<(StoreSettings, Vec<NewAttachment>)> {
    let expires_after_days = expiry(request.expires_after.as_ref())?;
    let extra = request.cairn.unwrap_or_default();
    let own = extra.chunking.map(reindex::chunking).transpose()?.unwrap_or_default();
    let language = extra.language.as_deref().map(|code| Wanted::parse(code, "cairn.language"));
    let chunking = chunking(request.chunking_strategy.as_ref(), None)?;
    if request.file_ids.len() > FILES_MAX {
        return Err(too_many("file_ids"));
    }
    let files = shared(request.file_ids, None, chunking);
    let settings = StoreSettings {
        name: request.name,
        description: request.description,
        metadata: request.metadata,
        expires_after_days,
        chunking: own,
        embedding_model: extra.embedding_model,
        language: language.transpose()?,
    };
    Ok((settings, files))
}

/// What shall change.
pub(super) fn changes(request: UpdateVectorStore) -> Result<StoreChanges> {
    let expiry = match request.expires_after {
        Given::Absent => None,
        Given::Null => Some(Expiry::Never),
        Given::Value(after) => expiry(Some(&after))?.map(Expiry::Days),
    };
    Ok(StoreChanges {
        name: request.name.or_cleared(String::new()),
        metadata: request.metadata.or_cleared(BTreeMap::new()),
        expiry,
    })
}

/// The attributes that an attached file shall have instead of those it has.
pub(super) fn attributes(request: UpdateAttributes) -> Result<Attributes> {
    request.attributes.or_cleared(Attributes::new()).ok_or_else(|| {
        Error::invalid("attributes is missing; send the new ones, or null for none")
            .with_param("attributes")
    })
}

/// Days without use after which a store expires.
fn expiry(expires_after: Option<&ExpiresAfter>) -> Result<Option<i64>> {
    match expires_after {
        None => Ok(None),
        Some(expiry) if expiry.anchor == "last_active_at" => Ok(Some(expiry.days)),
        Some(expiry) => Err(Error::invalid(format!(
            "the anchor of expires_after is '{}'; use last_active_at",
            expiry.anchor
        ))
        .with_param("expires_after")),
    }
}

/// How to cut, as OpenAI says it or as we do, if a word is said. What stock clients call `auto` is
/// as the store does.
fn chunking(
    strategy: Option<&ChunkingStrategy>,
    own: Option<CairnChunking>,
) -> Result<Option<Chunking>> {
    let asked = match (strategy, own) {
        (None, None) => return Ok(None),
        (None, Some(own)) => reindex::chunking(own),
        (Some(_), Some(_)) => {
            Err(Error::invalid("send either chunking_strategy or cairn.chunking, not both")
                .with_param("cairn.chunking"))
        }
        (Some(ChunkingStrategy::Auto), None) => Ok(Chunking::Store),
        (Some(ChunkingStrategy::Static { r#static }), None) => {
            Chunking::fixed(r#static.max_chunk_size_tokens, r#static.chunk_overlap_tokens)
        }
        (Some(ChunkingStrategy::Other), None) => Err(Error::invalid(
            "the chunking strategy 'other' cannot be asked for; use auto or static, or \
             cairn.chunking",
        )
        .with_param("chunking_strategy")),
    };
    asked.map(Some)
}

/// A file to attach.
pub(super) fn attachment(request: AttachFile) -> Result<NewAttachment> {
    Ok(NewAttachment {
        chunking: chunking(
            request.chunking_strategy.as_ref(),
            request.cairn.and_then(|extra| extra.chunking),
        )?,
        file: Id::from_raw(request.file_id),
        attributes: request.attributes,
    })
}

fn shared(
    ids: Vec<String>,
    attributes: Option<&Attributes>,
    chunking: Option<Chunking>,
) -> Vec<NewAttachment> {
    ids.into_iter()
        .map(|id| NewAttachment {
            file: Id::from_raw(id),
            attributes: attributes.cloned(),
            chunking,
        })
        .collect()
}

/// The files of a batch, given in one of two ways.
pub(super) fn attachments(request: CreateFileBatch) -> Result<Vec<NewAttachment>> {
    let CreateFileBatch { file_ids, files, attributes, chunking_strategy, cairn } = request;
    let own = cairn.and_then(|extra| extra.chunking);
    let wanted = match (file_ids, files) {
        (Some(ids), None) => {
            let chunking = chunking(chunking_strategy.as_ref(), own)?;
            shared(ids, attributes.as_ref(), chunking)
        }
        (None, Some(files)) => {
            let lost = [
                ("attributes", attributes.is_some()),
                ("chunking_strategy", chunking_strategy.is_some()),
                ("cairn.chunking", own.is_some()),
            ];
            if let Some((name, _)) = lost.iter().find(|(_, given)| *given) {
                return Err(Error::invalid(format!(
                    "'{name}' goes with file_ids; with files, give it to each file"
                ))
                .with_param(*name));
            }
            files.into_iter().map(attachment).collect::<Result<_>>()?
        }
        (Some(_), Some(_)) => {
            return Err(
                Error::invalid("send either file_ids or files, not both").with_param("files")
            );
        }
        (None, None) => {
            return Err(Error::invalid("send file_ids or files").with_param("file_ids"));
        }
    };
    match wanted.len() {
        0 => Err(Error::invalid("the batch has no files").with_param("file_ids")),
        1..=FILES_MAX => Ok(wanted),
        _ => Err(too_many("file_ids")),
    }
}

fn too_many(name: &str) -> Error {
    Error::invalid(format!("at most {FILES_MAX} files are attached at once; send several batches"))
        .with_param(name)
}

/// The state that files are listed by.
pub(super) fn status_filter(filter: Option<&str>) -> Result<Option<&str>> {
    match filter {
        None | Some("in_progress" | "completed" | "failed" | "cancelled") => Ok(filter),
        Some(other) => Err(Error::invalid(format!(
            "filter is '{other}'; use in_progress, completed, failed or cancelled"
        ))
        .with_param("filter")),
    }
}

/// A store for the wire, as it is at `now` (seconds), its words in `language`.
pub(super) fn store(
    row: StoreRow,
    counts: &Counts,
    language: Option<String>,
    now: i64,
) -> Result<VectorStore> {
    let metadata: BTreeMap<String, String> =
        serde_json::from_str(&row.metadata).or_internal("reading a store's metadata")?;
    let anchor = "last_active_at".to_owned();
    let expires_at = row.expires_at().map(seconds);
    Ok(VectorStore {
        id: row.id,
        object: "vector_store",
        created_at: seconds(row.created_at),
        name: row.name,
        description: row.description,
        usage_bytes: counts.usage_bytes,
        status: match expires_at {
            Some(at) if at <= now => "expired",
            _ if counts.in_progress > 0 => "in_progress",
            _ => "completed",
        },
        file_counts: file_counts(counts),
        last_active_at: seconds(row.last_active_at),
        expires_after: row.expires_after_days.map(|days| ExpiresAfter { anchor, days }),
        expires_at,
        metadata,
        cairn: VectorStoreExtra { embedding_model: row.embedding_model, language },
    })
}

fn file_counts(counts: &Counts) -> FileCounts {
    FileCounts {
        in_progress: counts.in_progress,
        completed: counts.completed,
        failed: counts.failed,
        cancelled: counts.cancelled,
        total: counts.total(),
    }
}

/// An attached file for the wire.
pub(super) fn file(row: StoreFileRow) -> Result<VectorStoreFile> {
    let attributes: Value =
        serde_json::from_str(&row.attributes).or_internal("reading a file's attributes")?;
    let notes = serde_json::from_str(&row.notes).or_internal("reading a file's notes")?;
    let strategy = of_row(&row)?;
    let chunking_strategy = match strategy {
        Strategy::Static { .. } => ChunkingStrategy::Static {
            r#static: StaticChunking {
                max_chunk_size_tokens: row.chunk_tokens,
                chunk_overlap_tokens: row.overlap_tokens,
            },
        },
        Strategy::Structure { .. } | Strategy::ParentChild { .. } => ChunkingStrategy::Other,
    };
    let last_error = row
        .error_code
        .map(|code| LastError { code, message: row.error_message.unwrap_or_default() });
    Ok(VectorStoreFile {
        id: row.id,
        object: "vector_store.file",
        created_at: seconds(row.created_at),
        usage_bytes: row.usage_bytes,
        vector_store_id: row.store_id,
        status: row.status,
        last_error,
        attributes,
        chunking_strategy,
        cairn: VectorStoreFileExtra {
            filename: row.filename,
            chunking: reindex::shown(strategy),
            notes,
            waiting: row.waiting,
            retry_at: row.retry_at.map(seconds),
        },
    })
}

/// A batch for the wire.
pub(super) fn batch(store: String, found: &Batch) -> FileBatch {
    FileBatch {
        id: found.id.to_string(),
        object: "vector_store.files_batch",
        created_at: seconds(found.created_at),
        vector_store_id: store,
        status: batch_status(&found.counts),
        file_counts: file_counts(&found.counts),
    }
}

/// A batch is over when no file is being read; single failures do not fail it.
fn batch_status(counts: &Counts) -> &'static str {
    if counts.in_progress > 0 {
        "in_progress"
    } else if counts.cancelled > 0 {
        "cancelled"
    } else if counts.failed > 0 && counts.failed == counts.total() {
        "failed"
    } else {
        "completed"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<Vec<NewAttachment>> {
        let request =
            serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
        attachments(request)
    }

    #[test]
    fn a_batch_is_given_in_one_of_two_ways() -> Result<()> {
        let ids = read(json!({"file_ids": ["file-1", "file-2"], "attributes": {"year": 2024}}))?;
        assert_eq!(ids.len(), 2);
        let year = ids[1].attributes.as_ref().and_then(|given| given.get("year"));
        assert_eq!((year, ids[1].chunking), (Some(&json!(2024)), None));
        let each = read(json!({"files": [{"file_id": "file-1", "chunking_strategy":
            {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 20}}}]}))?;
        assert_eq!(each[0].chunking, Some(Chunking::fixed(200, 20)?));
        let ours =
            read(json!({"file_ids": ["file-1"], "cairn": {"chunking": {"type": "structure"}}}))?;
        assert_eq!(ours[0].chunking, Some(Chunking::structure(400, true)?));
        assert!(ours[0].attributes.is_none(), "not a word");
        Ok(())
    }

    #[test]
    fn a_batch_that_would_lose_something_is_refused() {
        for body in [
            json!({}),
            json!({"file_ids": []}),
            json!({"file_ids": ["a"], "files": [{"file_id": "b"}]}),
            json!({"files": [{"file_id": "b"}], "attributes": {"k": 1}}),
            json!({"file_ids": ["a"], "chunking_strategy": {"type": "other"}}),
            json!({"file_ids": ["a"], "chunking_strategy": {"type": "auto"},
                "cairn": {"chunking": {"type": "structure"}}}),
            json!({"files": [{"file_id": "b"}], "cairn": {"chunking": {"type": "auto"}}}),
            json!({"file_ids": ["a"], "chunking_strategy":
                {"type": "static", "static": {"max_chunk_size_tokens": 50, "chunk_overlap_tokens": 0}}}),
            json!({"file_ids": vec!["a"; 2001]}),
        ] {
            assert!(read(body.clone()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_batch_ends_when_nothing_is_being_read() {
        let counts = |in_progress, completed, failed, cancelled| Counts {
            in_progress,
            completed,
            failed,
            cancelled,
            usage_bytes: 0,
        };
        assert_eq!(batch_status(&counts(1, 5, 5, 5)), "in_progress");
        assert_eq!(batch_status(&counts(0, 1, 0, 1)), "cancelled");
        assert_eq!(batch_status(&counts(0, 1, 1, 0)), "completed");
        assert_eq!(batch_status(&counts(0, 0, 2, 0)), "failed");
        assert_eq!(batch_status(&counts(0, 0, 0, 0)), "completed");
    }

    #[test]
    fn an_expiry_counts_from_the_last_use() -> Result<()> {
        let request = |anchor: &str| CreateVectorStore {
            expires_after: Some(ExpiresAfter { anchor: anchor.into(), days: 7 }),
            ..CreateVectorStore::default()
        };
        assert_eq!(new_store(request("last_active_at"))?.0.expires_after_days, Some(7));
        let refused = new_store(request("created_at")).err();
        assert_eq!(refused.as_ref().and_then(Error::param), Some("expires_after"));
        assert!(status_filter(Some("done")).is_err());
        Ok(())
    }

    #[test]
    fn null_clears_and_what_is_absent_stays() -> Result<()> {
        let read = |body: Value| {
            let request =
                serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
            changes(request)
        };
        let nothing = read(json!({}))?;
        assert!(nothing.name.is_none() && nothing.metadata.is_none() && nothing.expiry.is_none());
        let cleared = read(json!({"name": null, "metadata": null, "expires_after": null}))?;
        assert_eq!((cleared.name.as_deref(), cleared.expiry), (Some(""), Some(Expiry::Never)));
        assert!(cleared.metadata.is_some_and(|metadata| metadata.is_empty()));
        let week = json!({"expires_after": {"anchor": "last_active_at", "days": 7}});
        assert_eq!(read(week)?.expiry, Some(Expiry::Days(7)));
        let none = attributes(UpdateAttributes { attributes: Given::Absent }).err();
        assert_eq!(none.as_ref().and_then(Error::param), Some("attributes"));
        assert!(attributes(UpdateAttributes { attributes: Given::Null })?.is_empty());
        Ok(())
    }

    #[test]
    fn a_file_that_is_put_off_says_why() -> Result<()> {
        let row = StoreFileRow {
            store_id: "vs_1".to_owned(),
            id: "file-1".to_owned(),
            filename: "a.md".to_owned(),
            batch_id: None,
            status: "in_progress".to_owned(),
            error_code: None,
            error_message: None,
            attributes: "{}".to_owned(),
            chunk_tokens: 800,
            overlap_tokens: 400,
            chunking: None,
            usage_bytes: 0,
            revision: 1,
            created_at: 0,
            notes: "[]".to_owned(),
            waiting: Some("the model is away".to_owned()),
            retry_at: Some(86_405_900),
        };
        let extra = file(row.clone())?.cairn;
        assert_eq!(extra.waiting.as_deref(), Some("the model is away"));
        assert_eq!(extra.retry_at, Some(86_405));
        let extra = file(StoreFileRow { waiting: None, retry_at: None, ..row })?.cairn;
        assert_eq!((extra.waiting, extra.retry_at), (None, None));
        Ok(())
    }

    #[test]
    fn a_store_whose_time_is_over_says_so() -> Result<()> {
        let row = StoreRow {
            id: "vs_1".to_owned(),
            name: String::new(),
            description: None,
            metadata: "{}".to_owned(),
            embedding_model: "m".to_owned(),
            expires_after_days: Some(1),
            created_at: 0,
            last_active_at: 5_000,
        };
        let shown = |now| store(row.clone(), &Counts::default(), None, now);
        assert_eq!((shown(86_404)?.status, shown(86_404)?.expires_at), ("completed", Some(86_405)));
        assert_eq!(shown(86_405)?.status, "expired");
        Ok(())
    }
}
