//! The index inside the program: one shard of Qdrant Edge per vector store.
//!
//! Layout: `<root>/<store>/` holds the engine's files and a ledger, `<root>/.lock`
//! keeps a second process out. Stores are opened when first used and the ones not
//! used for longest are closed when too many are open. All engine work runs on
//! threads for blocking work.
//!
//! Durability: [`Index::flush`] syncs to disk; a kill at any moment loses at most
//! what came after the last flush. A rebuild happens by itself after every
//! `optimise_every` points written, for the engine slows as its unindexed part
//! grows, and whenever [`Index::optimise`] is called.

mod engine;
mod fields;
mod ingest;
mod ledger;
mod rarity;
mod rewrite;
mod search;
mod store;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use cairn_kernel::{Error, Kind, Result, ResultExt, in_place};
use metrics::{counter, gauge, histogram};

use self::store::{Making, Store};
use crate::{
    Analysis, Candidate, Filter, Found, Frequencies, Index, Language, Point, Query, Ranking, Told,
};

/// What the embedded index may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Length of the vectors of a store that is made without saying; the embedding model
    /// decides it.
    pub dimensions: usize,
    /// How many stores may be open at once; each holds files and some memory.
    pub open_stores: usize,
    /// How many points may be written to a store before it is rebuilt.
    pub optimise_every: u64,
    /// The language of new stores; told from the first points' texts where absent.
    pub language: Option<Language>,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { dimensions: 384, open_stores: 64, optimise_every: 20_000, language: None }
    }
}

/// The index inside the program. Cheap to clone; all clones share the stores.
#[derive(Clone)]
pub struct Embedded {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    options: EmbeddedOptions,
    /// Every store ever named; an entry stays, so that its locks stay the only ones.
    stores: Mutex<HashMap<String, Arc<Store>>>,
    ticks: AtomicU64,
    /// Held for as long as this process uses the folder.
    _lock: File,
}

impl Embedded {
    /// Opens the folder `root` (made if missing) and reads which stores it has.
    ///
    /// Fails with [`Kind::Conflict`] while another process has it open.
    pub fn open(root: impl Into<PathBuf>, options: EmbeddedOptions) -> Result<Self> {
        let root = root.into();
        let what = format!("cannot use the index folder {}", root.display());
        fs::create_dir_all(&root).or_kind(Kind::Unavailable, what.clone())?;
        let lock = File::create(root.join(".lock")).or_kind(Kind::Unavailable, what.clone())?;
        lock.try_lock().or_kind(
            Kind::Conflict,
            format!("{what}: another process is using it; stop that one first"),
        )?;
        let mut stores = HashMap::new();
        for entry in fs::read_dir(&root).or_kind(Kind::Unavailable, what.clone())? {
            let entry = entry.or_kind(Kind::Unavailable, what.clone())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(TRASH) {
                store::remove_folder(&entry.path()).or_kind(Kind::Unavailable, what.clone())?;
            } else if entry.path().is_dir() && check_name(&name).is_ok() {
                let store = Store::new(&root, &name);
                if !store.exists() {
                    // Its creation was interrupted, so nothing in it was acknowledged.
                    store::remove_folder(&entry.path()).or_kind(Kind::Unavailable, what.clone())?;
                }
                stores.insert(name, Arc::new(store));
            }
        }
        let inner = Inner {
            root,
            options,
            stores: Mutex::new(stores),
            ticks: AtomicU64::new(0),
            _lock: lock,
        };
        inner.report();
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs `work` with the named store on a thread for blocking work.
    async fn on_store<R, W>(&self, store: &str, work: W) -> Result<R>
    where
        R: Send + 'static,
        W: FnOnce(&Inner, &Store) -> Result<R> + Send + 'static,
    {
        let done = tokio::task::spawn_blocking(self.on_thread(store, work)?);
        done.await.or_internal("the index's thread was lost")?
    }

    /// As [`Self::on_store`], on the thread that asks where the index is open: for a query, which
    /// takes milliseconds.
    async fn on_store_here<R, W>(&self, store: &str, work: W) -> Result<R>
    where
        R: Send + 'static,
        W: FnOnce(&Inner, &Store) -> Result<R> + Send + 'static,
    {
        if self.inner.store(store)?.is_open() {
            return in_place(self.on_thread(store, work)?).await?;
        }
        self.on_store(store, work).await
    }

    /// What a thread does with the named store.
    fn on_thread<R, W>(
        &self,
        store: &str,
        work: W,
    ) -> Result<impl FnOnce() -> Result<R> + Send + 'static + use<R, W>>
    where
        R: Send + 'static,
        W: FnOnce(&Inner, &Store) -> Result<R> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let store = inner.store(store)?;
        Ok(move || {
            let opened = !store.is_open();
            let result = work(&inner, &store);
            if opened {
                inner.close_idle(&store);
            }
            result
        })
    }
}

/// What the names of folders on their way out start with.
const TRASH: &str = ".removed-";

/// A store's name is a folder's name.
fn check_name(name: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if (1..=120).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "'{name}' cannot name an index: use up to 120 letters, digits, '_' and '-'"
    )))
}

impl Inner {
    fn store(&self, name: &str) -> Result<Arc<Store>> {
        check_name(name)?;
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let store =
            stores.entry(name.to_owned()).or_insert_with(|| Arc::new(Store::new(&self.root, name)));
        store.used.store(self.ticks.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Ok(Arc::clone(store))
    }

    fn all(&self) -> Vec<(String, Arc<Store>)> {
        let stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.iter().map(|(name, store)| (name.clone(), Arc::clone(store))).collect()
    }

    /// Closes the stores unused for longest while too many are open, but not `kept`.
    fn close_idle(&self, kept: &Store) {
        let mut open: Vec<_> = self
            .all()
            .into_iter()
            .map(|(_, store)| store)
            .filter(|store| store.is_open())
            .collect();
        open.sort_by_key(|store| store.used.load(Ordering::Relaxed));
        let mut excess = open.len().saturating_sub(self.options.open_stores.max(1));
        for store in open.iter().filter(|store| !std::ptr::eq(store.as_ref(), kept)) {
            if excess == 0 {
                return;
            }
            if store.close_if_idle() {
                excess -= 1;
            }
        }
    }

    fn trash(&self, name: &str) -> PathBuf {
        let stamp = self.ticks.fetch_add(1, Ordering::Relaxed);
        self.root.join(format!("{TRASH}{name}-{stamp}"))
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge holds f64")]
    fn report(&self) {
        let points: u64 =
            self.all().iter().map(|(_, store)| store.points.load(Ordering::Relaxed)).sum();
        gauge!("cairn_index_points").set(points as f64);
    }
}

#[async_trait]
impl Index for Embedded {
    async fn create(
        &self,
        store: &str,
        language: Language,
        dimensions: Option<usize>,
    ) -> Result<()> {
        let name = store.to_owned();
        self.on_store(store, move |inner, store| {
            let dimensions = dimensions.unwrap_or(inner.options.dimensions);
            let making = Making { language, guessed: false, dimensions };
            let held = store.turn().change(making, |open| {
                let language = open.analyzer.language();
                if language == making.language && open.ledger().guessed {
                    open.ledger().guessed = false;
                    open.flush()?;
                }
                Ok(Making { language, guessed: false, dimensions: open.dimensions() })
            })?;
            if held == making {
                return Ok(());
            }
            Err(Error::new(
                Kind::Conflict,
                format!(
                    "the index of '{name}' is for texts in '{}' and vectors of {} numbers, and not \
                     for '{}' and {dimensions}; drop it and build it again to change that",
                    held.language.code(),
                    held.dimensions,
                    language.code()
                ),
            ))
        })
        .await
    }

    async fn language(&self, store: &str) -> Result<Option<Language>> {
        Ok(self.analysis(store).await?.map(|analysis| analysis.language))
    }

    async fn analysis(&self, store: &str) -> Result<Option<Analysis>> {
        let held = self.on_store_here(store, |_, store| store.analysis());
        held.await.map(|held| held.map(|(analysis, _)| analysis))
    }

    async fn guess(&self, store: &str) -> Result<Option<Language>> {
        let held = self.on_store(store, |_, store| store.analysis()).await?;
        Ok(held.filter(|(_, guessed)| *guessed).map(|(analysis, _)| analysis.language))
    }

    async fn analyse(&self, store: &str, told: Told, texts: HashMap<u64, String>) -> Result<bool> {
        let name = store.to_owned();
        self.on_store(store, move |inner, store| {
            let turn = store.turn();
            let held = turn.alter(|open| Ok(open.analyzer.language()))?;
            let Some(held) = held else { return Ok(false) };
            let language = told.language.unwrap_or(held);
            if language == held {
                let settle = |open: &store::Open| {
                    open.ledger().guessed = false;
                    open.flush()
                };
                let settled = if told.enough { turn.alter(settle)?.is_some() } else { true };
                return Ok(settled);
            }
            let making = |open: &store::Open| Making {
                language,
                guessed: !told.enough,
                dimensions: open.dimensions(),
            };
            let paths = (inner.trash(&name), inner.trash(&name));
            let done = rewrite::analyse(&turn, making, texts, (&paths.0, &paths.1))?;
            if done {
                tracing::info!(store = name, language = language.code(), "texts analysed anew");
            }
            Ok(done)
        })
        .await
    }

    async fn upsert(&self, store: &str, points: Vec<Point>) -> Result<()> {
        let count = points.len() as u64;
        if count == 0 {
            return Ok(());
        }
        self.on_store(store, move |inner, store| {
            let points = ingest::check(points)?;
            let dimensions = ingest::dimensions(&points);
            let making = match inner.options.language {
                Some(language) => Making { language, guessed: false, dimensions },
                None => {
                    let told = ingest::told(&points);
                    let language = told.language.unwrap_or_default();
                    Making { language, guessed: !told.enough, dimensions }
                }
            };
            let turn = store.turn();
            let due = turn.change(making, |open| {
                ingest::write(open, points)?;
                Ok(ingest::is_due(open, inner.options.optimise_every))
            })?;
            counter!("cairn_index_upserts_total").increment(count);
            if due {
                ingest::optimise(&turn)?;
                inner.report();
            }
            Ok(())
        })
        .await
    }

    async fn delete(&self, store: &str, ids: &[u64]) -> Result<()> {
        let ids = ids.to_vec();
        if ids.is_empty() {
            return Ok(());
        }
        self.on_store(store, move |_, store| {
            store.turn().alter(|open| open.remove(|shard| engine::delete(shard, &ids))).map(drop)
        })
        .await
    }

    async fn delete_file(&self, store: &str, file: &str) -> Result<()> {
        let filter = fields::of_file(file);
        self.on_store(store, move |_, store| {
            let remove = |shard: &_| engine::delete_where(shard, filter);
            store.turn().alter(|open| open.remove(remove)).map(drop)
        })
        .await
    }

    async fn search(&self, store: &str, query: Query, ranking: Ranking) -> Result<Found> {
        query.check()?;
        ranking.check()?;
        let begun = Instant::now();
        counter!("cairn_index_queries_total").increment(1);
        let found = self.on_store_here(store, move |_, store| {
            store.read(|open| {
                query.fits(open.dimensions())?;
                search::search(open, &query, &ranking)
            })
        });
        let mut found = found.await?.unwrap_or_default();
        let spent = begun.elapsed().as_secs_f64();
        histogram!("cairn_index_query_seconds", "leg" => "all").record(spent);
        found.took.total_ms = spent * 1e3;
        Ok(found)
    }

    async fn candidates(&self, store: &str, query: Query) -> Result<Vec<Candidate>> {
        query.check()?;
        let found = self.on_store(store, move |_, store| {
            store.read(|open| {
                query.fits(open.dimensions())?;
                search::candidates(open, &query)
            })
        });
        found.await.map(Option::unwrap_or_default)
    }

    async fn frequencies(
        &self,
        store: &str,
        text: &str,
        filter: Option<Filter>,
        seen: HashSet<String>,
    ) -> Result<Frequencies> {
        let text = text.to_owned();
        let found = self.on_store_here(store, move |_, store| {
            store.read(|open| {
                let points = open.count()?;
                search::frequencies(open, &text, (filter.as_ref(), &seen), points)
            })
        });
        found.await.map(Option::unwrap_or_default)
    }

    async fn drop_store(&self, store: &str) -> Result<()> {
        let name = store.to_owned();
        self.on_store(store, move |inner, store| {
            store.turn().remove(&inner.trash(&name))?;
            inner.report();
            Ok(())
        })
        .await
    }

    async fn ids(&self, store: &str) -> Result<Vec<u64>> {
        let ids = self.on_store(store, |_, store| store.read(|open| engine::ids(&open.shard)));
        ids.await.map(Option::unwrap_or_default)
    }

    async fn count(&self, store: &str) -> Result<u64> {
        let count = self.on_store(store, |_, store| store.read(store::Open::count));
        count.await.map(Option::unwrap_or_default)
    }

    async fn flush(&self, store: &str) -> Result<()> {
        self.on_store(store, |inner, store| {
            store.turn().flush()?;
            inner.report();
            Ok(())
        })
        .await
    }

    async fn optimise(&self, store: &str) -> Result<()> {
        self.on_store(store, |inner, store| {
            ingest::optimise(&store.turn())?;
            inner.report();
            Ok(())
        })
        .await
    }

    async fn rewrite(&self, store: &str) -> Result<()> {
        let name = store.to_owned();
        self.on_store(store, move |inner, store| {
            rewrite::rewrite(&store.turn(), &inner.trash(&name), &inner.trash(&name))?;
            inner.report();
            Ok(())
        })
        .await
    }

    async fn stores(&self) -> Result<Vec<String>> {
        let inner = Arc::clone(&self.inner);
        let listed = tokio::task::spawn_blocking(move || {
            let mut names: Vec<String> = inner
                .all()
                .into_iter()
                .filter(|(_, store)| store.exists())
                .map(|(name, _)| name)
                .collect();
            names.sort();
            names
        });
        listed.await.or_internal("the index's thread was lost")
    }

    async fn close_all(&self) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        let closed = tokio::task::spawn_blocking(move || {
            // One store that cannot be closed must not keep the others open.
            let results: Vec<Result<()>> =
                inner.all().into_iter().map(|(_, store)| store.turn().close()).collect();
            results.into_iter().collect()
        });
        closed.await.or_internal("the index's thread was lost")?
    }
}
