//! Writing a store anew, so that what was removed is in no file any more.
//!
//! The engine marks points as removed and drops them when it merges segments, some time;
//! its log keeps what was written. Here everything alive is copied into a new shard, which
//! then takes the old one's place. Both the new one, while it is made, and the old one,
//! while it goes, have names that the next start clears away; between the two renames a
//! store has no index, and is then rebuilt from the records.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use cairn_kernel::{Result, ResultExt};

use super::store::{Making, Open, Turn, remove_folder};
use super::{engine, ingest};

/// Most points in memory at once.
const BATCH: usize = 256;

/// Writes the store anew; one that does not exist needs nothing. `fresh` and `trash` are
/// paths beside it.
pub(super) fn rewrite(turn: &Turn<'_>, fresh: &Path, trash: &Path) -> Result<()> {
    let copied = turn.alter(|open| copy(open, fresh)).inspect_err(|_| {
        let _ = remove_folder(fresh);
    })?;
    match copied {
        Some(()) => turn.replace(fresh, trash),
        None => Ok(()),
    }
}

/// Writes the store anew in another language, from the texts of all its points by id. Returns
/// whether it did: not where a point's text is not given, and not where there is no store.
pub(super) fn analyse(
    turn: &Turn<'_>,
    making: impl FnOnce(&Open) -> Making,
    texts: HashMap<u64, String>,
    (fresh, trash): (&Path, &Path),
) -> Result<bool> {
    let analysed = turn.alter(|open| analysed(open, making(open), texts, fresh));
    let analysed = analysed.inspect_err(|_| {
        let _ = remove_folder(fresh);
    })?;
    if analysed != Some(true) {
        return Ok(false);
    }
    turn.replace(fresh, trash)?;
    Ok(true)
}

fn analysed(
    from: &Open,
    making: Making,
    mut texts: HashMap<u64, String>,
    fresh: &Path,
) -> Result<bool> {
    let ids = engine::ids(&from.shard)?;
    if ids.iter().any(|id| !texts.contains_key(id)) {
        return Ok(false);
    }
    fs::create_dir_all(fresh).or_internal("making a folder for a new index")?;
    let to = Open::create(fresh, making)?;
    let fields = from.ledger().fields.clone();
    engine::ensure_fields(&to.shard, &fields)?;
    to.ledger().fields = fields;
    for some in ids.chunks(BATCH) {
        let entries = engine::entries(&from.shard, some)?.into_iter();
        let texts = entries.map(|entry| {
            let text = texts.remove(&entry.id).unwrap_or_default();
            (entry, text)
        });
        ingest::write_anew(&to, texts.collect())?;
    }
    to.flush()?;
    Ok(true)
}

fn copy(from: &Open, fresh: &Path) -> Result<()> {
    fs::create_dir_all(fresh).or_internal("making a folder for a new index")?;
    let mut ledger = from.ledger().clone();
    let making = Making {
        language: ledger.language,
        guessed: ledger.guessed,
        dimensions: ledger.dimensions,
    };
    let to = Open::create(fresh, making)?;
    engine::ensure_fields(&to.shard, &ledger.fields)?;
    let ids = engine::ids(&from.shard)?;
    for some in ids.chunks(BATCH) {
        engine::upsert(&to.shard, engine::entries(&from.shard, some)?)?;
    }
    to.shard.optimize().map_err(|error| engine::failed("being written anew", &error))?;
    engine::ensure_fields(&to.shard, &ledger.fields)?;
    ledger.since_rebuild = 0;
    *to.ledger() = ledger;
    to.flush()
}
