//! A DataFusion session that sees the given snapshots and nothing else.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use cairn_kernel::{Error, Result, ResultExt};
use datafusion::common::{DataFusionError, TableReference};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::object_store::ObjectStore;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::prelude::{SessionConfig, SessionContext};
use url::Url;

use super::work::Work;
use crate::files;

/// The address under which the snapshot folder stands; there is no other.
const FOLDER: &str = "snapshots://folder/";

/// Functions that make much memory out of a small call, which the memory limit
/// does not see; they are there only where a process border limits it.
const AMPLIFIERS: [&str; 7] =
    ["repeat", "lpad", "rpad", "array_repeat", "array_resize", "generate_series", "range"];

/// Opens a session over the tables of `work`.
pub(super) async fn open(work: &Work) -> Result<SessionContext> {
    // One thread runs the query, so more partitions would only cost memory.
    let config = SessionConfig::new().with_target_partitions(1);
    let runtime = runtime(&work.dir, work.limits.memory_bytes)?;
    let session = SessionContext::new_with_config_rt(config, runtime);
    if !work.contained {
        AMPLIFIERS.iter().for_each(|name| session.deregister_udf(name));
    }
    for (name, sha256) in &work.tables {
        let provider = table(&session, &work.dir, sha256).await?;
        let registered = session.register_table(TableReference::bare(name.as_str()), provider);
        registered.or_internal("naming a table for a query")?;
    }
    Ok(session)
}

async fn table(session: &SessionContext, dir: &Path, sha256: &str) -> Result<Arc<ListingTable>> {
    if !files::path_of(dir, sha256)?.is_file() {
        return Err(Error::not_found(format!("table snapshot '{sha256}'")));
    }
    let url = ListingTableUrl::parse(format!("{FOLDER}{sha256}.parquet"))
        .or_internal("naming a table for a query")?;
    let options =
        ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let config = ListingTableConfig::new(url)
        .with_listing_options(options)
        .infer_schema(&session.state())
        .await
        .or_internal("reading a table snapshot")?;
    ListingTable::try_new(config).map(Arc::new).or_internal("opening a table for a query")
}

fn runtime(dir: &Path, memory_bytes: usize) -> Result<Arc<RuntimeEnv>> {
    let folder = LocalFileSystem::new_with_prefix(dir).or_internal("opening the table folder")?;
    let consumers_named = NonZeroUsize::MIN;
    let pool = TrackConsumersPool::new(GreedyMemoryPool::new(memory_bytes), consumers_named);
    RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(OneFolder(Arc::new(folder))))
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
        )
        .build_arc()
        .or_internal("starting a query")
}

/// Knows the snapshot folder only, so that no address reaches another file.
#[derive(Debug)]
struct OneFolder(Arc<LocalFileSystem>);

impl ObjectStoreRegistry for OneFolder {
    fn register_store(
        &self,
        _url: &Url,
        _store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> datafusion::common::Result<Arc<dyn ObjectStore>> {
        if url.as_str().starts_with(FOLDER) {
            return Ok(Arc::<LocalFileSystem>::clone(&self.0));
        }
        Err(DataFusionError::Plan(format!("'{url}' is not reachable from a query")))
    }
}
