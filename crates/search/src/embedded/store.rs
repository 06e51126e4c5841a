//! One store: its shard, opened when needed, and who may touch it when.
//!
//! Queries share the shard and run beside each other and beside one writer.
//! Upserts, deletes, flushes and rebuilds of a store take turns (`turn`), for the
//! engine's flush panics when it meets another of them. Opening, closing and
//! dropping wait until nobody uses the shard (`state`).

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Instant;

use cairn_kernel::{Error, Kind, Result, ResultExt};
use qdrant_edge::EdgeShard;

use super::engine;
use super::ledger::{LEDGER, Ledger};
use super::rarity::Rarity;
use crate::analysis::{Analysis, Analyzer, Language};
use crate::index::DAMAGED;

/// How many full files of the engine's log may lie about before an open shard is
/// closed to be rid of them.
const LOG_FILES: usize = 2;

/// An open shard with its ledger.
pub(super) struct Open {
    pub(super) shard: EdgeShard,
    pub(super) ledger: Mutex<Ledger>,
    /// How this store's texts and queries become terms.
    pub(super) analyzer: Analyzer,
    rarity: Mutex<Rarity>,
    path: PathBuf,
}

enum State {
    Closed,
    Open(Box<Open>),
    /// The shard could not be read, or failed in a way that leaves it in doubt.
    Damaged(String),
}

/// What a store is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Making {
    /// The language its texts are analysed in.
    pub(super) language: Language,
    /// Whether that is told from too few texts to stay.
    pub(super) guessed: bool,
    /// The length of its vectors.
    pub(super) dimensions: usize,
}

/// A store, on disk or not yet.
pub(super) struct Store {
    name: String,
    path: PathBuf,
    turn: Mutex<()>,
    state: RwLock<State>,
    /// Points when last counted.
    pub(super) points: AtomicU64,
    /// When last used, in the owner's ticks.
    pub(super) used: AtomicU64,
}

/// The right to change a store; others wait for it.
pub(super) struct Turn<'a> {
    store: &'a Store,
    _held: MutexGuard<'a, ()>,
}

impl Store {
    /// The store `name` under `root`; nothing is read yet but its ledger.
    pub(super) fn new(root: &Path, name: &str) -> Self {
        let path = root.join(name);
        let points = Ledger::load(&path).ok().flatten().map_or(0, |ledger| ledger.points);
        Self {
            name: name.to_owned(),
            path,
            turn: Mutex::new(()),
            state: RwLock::new(State::Closed),
            points: AtomicU64::new(points),
            used: AtomicU64::new(0),
        }
    }

    /// Whether the store is on disk.
    pub(super) fn exists(&self) -> bool {
        self.path.join(LEDGER).exists()
    }

    /// Whether its shard is open.
    pub(super) fn is_open(&self) -> bool {
        matches!(&*self.state.read().unwrap_or_else(PoisonError::into_inner), State::Open(_))
    }

    fn is_closed(&self) -> bool {
        matches!(&*self.state.read().unwrap_or_else(PoisonError::into_inner), State::Closed)
    }

    /// How its texts become terms, and whether their language is a guess; `None` if there is no
    /// store. A closed shard stays closed.
    pub(super) fn analysis(&self) -> Result<Option<(Analysis, bool)>> {
        if self.is_closed()
            && let Ok(held) = Ledger::load(&self.path)
        {
            return Ok(held.map(|ledger| (ledger.analysis(), ledger.guessed)));
        }
        self.read(|open| Ok((open.analyzer.analysis(), open.ledger().guessed)))
    }

    /// Runs `work` on the shard, beside other readers; `None` if there is no store.
    pub(super) fn read<R>(&self, work: impl FnOnce(&Open) -> Result<R>) -> Result<Option<R>> {
        self.with(None, work)
    }

    /// Waits for the turn to change the store.
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn { store: self, _held: self.turn.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Closes the shard if nobody is using it; returns whether it is closed now.
    pub(super) fn close_if_idle(&self) -> bool {
        let Ok(_turn) = self.turn.try_lock() else { return false };
        let Ok(mut state) = self.state.try_write() else { return false };
        self.shut(&mut state).is_ok()
    }

    fn with<R>(
        &self,
        create: Option<Making>,
        work: impl FnOnce(&Open) -> Result<R>,
    ) -> Result<Option<R>> {
        loop {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            match &*state {
                State::Open(open) => {
                    let outcome = catch_unwind(AssertUnwindSafe(|| work(open)));
                    drop(state);
                    return match outcome {
                        Ok(result) => result.map(Some),
                        Err(panic) => Err(self.condemn(&panic)),
                    };
                }
                State::Damaged(why) => return Err(self.damaged(why)),
                State::Closed => drop(state),
            }
            if !self.open(create)? {
                return Ok(None);
            }
        }
    }

    /// Opens the shard if it is closed, and makes it as `create` says if it is not there;
    /// returns whether there is one.
    fn open(&self, create: Option<Making>) -> Result<bool> {
        let mut state = self.exclusive();
        if !matches!(*state, State::Closed) {
            return Ok(true);
        }
        if !self.exists() {
            let Some(making) = create else { return Ok(false) };
            *state = State::Open(Box::new(self.create(making)?));
            return Ok(true);
        }
        let begun = Instant::now();
        match caught(|| Open::load(&self.path)) {
            Ok(open) => {
                tracing::debug!(store = %self.name, seconds = begun.elapsed().as_secs_f64(), "index opened");
                *state = State::Open(Box::new(open));
                Ok(true)
            }
            Err(error) => {
                let why = error.detail();
                tracing::error!(store = %self.name, why, "index cannot be read");
                *state = State::Damaged(why.clone());
                Err(self.damaged(&why))
            }
        }
    }

    /// Makes an empty store, clearing what an interrupted creation left behind.
    fn create(&self, making: Making) -> Result<Open> {
        let what = format!("cannot create the index of '{}'", self.name);
        remove_folder(&self.path).or_kind(Kind::Unavailable, what.clone())?;
        fs::create_dir_all(&self.path).or_kind(Kind::Unavailable, what.clone())?;
        caught(|| Open::create(&self.path, making)).or_kind(Kind::Unavailable, what)
    }

    /// Closes the shard. What it held is on disk afterwards.
    fn shut(&self, state: &mut State) -> Result<()> {
        let State::Open(open) = std::mem::replace(state, State::Closed) else { return Ok(()) };
        self.points.store(open.count().unwrap_or_default(), Ordering::Relaxed);
        let shut = move || {
            open.flush()?;
            drop(open);
            engine::trim_log(&self.path).or_internal("trimming the index's log")
        };
        caught(shut).map_err(|error| {
            let why = error.detail();
            *state = State::Damaged(why.clone());
            self.damaged(&why)
        })
    }

    fn exclusive(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a panic inside the engine, what it holds in memory is in doubt.
    fn condemn(&self, panic: &(dyn std::any::Any + Send)) -> Error {
        let why = said(panic);
        tracing::error!(store = %self.name, why, "index failed and is taken out of service");
        let mut state = self.exclusive();
        let before = std::mem::replace(&mut *state, State::Damaged(why.clone()));
        // Dropping flushes, which may panic again.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(before)));
        self.damaged(&why)
    }

    fn damaged(&self, why: &str) -> Error {
        Error::unavailable(format!(
            "the search index of '{}' is damaged and has to be rebuilt from the records",
            self.name
        ))
        .with_code(DAMAGED)
        .with_source(why.to_owned())
    }
}

impl Turn<'_> {
    /// Runs `work` on the shard; creates the store as `making` says if it is not there.
    pub(super) fn change<R>(
        &self,
        making: Making,
        work: impl FnOnce(&Open) -> Result<R>,
    ) -> Result<R> {
        let outcome = self.store.with(Some(making), work)?;
        outcome.ok_or_else(|| Error::internal("a store vanished while it was being changed"))
    }

    /// Runs `work` on the shard; `None` if there is no store.
    pub(super) fn alter<R>(&self, work: impl FnOnce(&Open) -> Result<R>) -> Result<Option<R>> {
        self.store.with(None, work)
    }

    /// Makes everything durable. A closed store is already.
    pub(super) fn flush(&self) -> Result<()> {
        if self.store.is_closed() {
            return Ok(());
        }
        let points = self.alter(|open| {
            open.flush()?;
            open.count()
        })?;
        self.store.points.store(points.unwrap_or_default(), Ordering::Relaxed);
        Ok(())
    }

    /// Closes the shard once nobody reads it.
    pub(super) fn close(&self) -> Result<()> {
        self.store.shut(&mut self.store.exclusive())
    }

    /// Gives back the space of the engine's log, if it is much: the shard is closed
    /// for it and opened again, and queries wait meanwhile.
    pub(super) fn trim(&self) -> Result<()> {
        let closed = engine::closed_log(&self.store.path).or_internal("reading the index's log")?;
        if closed.len() > LOG_FILES {
            self.close()?;
            self.alter(|_| Ok(()))?;
        }
        Ok(())
    }

    /// Puts the folder `fresh` in the place of the store's, whose files go by way of
    /// `trash`; both are paths beside it. Queries wait meanwhile.
    pub(super) fn replace(&self, fresh: &Path, trash: &Path) -> Result<()> {
        let mut state = self.store.exclusive();
        self.store.shut(&mut state)?;
        fs::rename(&self.store.path, trash).or_internal("setting an old index aside")?;
        if let Err(error) = fs::rename(fresh, &self.store.path) {
            // Better the old one than none.
            let _ = fs::rename(trash, &self.store.path);
            return Err(error).or_internal("putting a new index in place");
        }
        if let Some(root) = self.store.path.parent() {
            let synced = fs::File::open(root).and_then(|root| root.sync_all());
            synced.or_internal("putting a new index in place")?;
        }
        drop(state);
        remove_folder(trash).or_internal("removing an old index")
    }

    /// Removes the store, whatever state it is in. `trash` is a path beside it.
    pub(super) fn remove(&self, trash: &Path) -> Result<()> {
        let mut state = self.store.exclusive();
        let before = std::mem::replace(&mut *state, State::Closed);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(before)));
        self.store.points.store(0, Ordering::Relaxed);
        match fs::rename(&self.store.path, trash) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).or_internal("removing an index"),
        }
        remove_folder(trash).or_internal("removing an index")
    }
}

impl Open {
    /// Makes an empty shard in the folder `path`.
    pub(super) fn create(path: &Path, making: Making) -> Result<Self> {
        let shard = EdgeShard::new(path, engine::config(making.dimensions))
            .map_err(|error| engine::failed("being created", &error))?;
        let ledger = Ledger::new(making);
        engine::ensure_fields(&shard, &ledger.fields)?;
        shard.flush();
        ledger.save(path).or_internal("writing the index's ledger")?;
        Ok(Self::new(shard, ledger, path))
    }

    fn new(shard: EdgeShard, ledger: Ledger, path: &Path) -> Self {
        let analyzer = Analyzer::of(ledger.analysis());
        let (ledger, rarity) = (Mutex::new(ledger), Mutex::default());
        Self { shard, ledger, analyzer, rarity, path: path.to_owned() }
    }

    fn load(path: &Path) -> Result<Self> {
        let ledger = Ledger::load(path).or_internal("reading the index's ledger")?;
        let ledger = ledger.ok_or_else(|| Error::internal("the index's ledger is gone"))?;
        let shard = EdgeShard::load(path, Some(engine::config(ledger.dimensions)))
            .map_err(|error| engine::failed("being opened", &error))?;
        engine::ensure_fields(&shard, &ledger.fields)?;
        Ok(Self::new(shard, ledger, path))
    }

    /// The length of its vectors.
    pub(super) fn dimensions(&self) -> usize {
        self.ledger().dimensions
    }

    /// The ledger, for as long as the guard is held.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How rare its words are, for as long as the guard is held.
    pub(super) fn rarity(&self) -> MutexGuard<'_, Rarity> {
        self.rarity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes points by what `remove` does, and forgets what was told of their words.
    pub(super) fn remove(&self, remove: impl FnOnce(&EdgeShard) -> Result<()>) -> Result<()> {
        let removed = remove(&self.shard);
        self.rarity().forget();
        removed
    }

    /// Makes the shard, then the ledger durable.
    pub(super) fn flush(&self) -> Result<()> {
        self.shard.flush();
        let points = self.count()?;
        let mut ledger = self.ledger();
        ledger.points = points;
        ledger.save(&self.path).or_internal("writing the index's ledger")
    }

    /// How many points the shard holds. Without a filter the engine's estimate is what its segments
    /// count; an exact count would list them all.
    pub(super) fn count(&self) -> Result<u64> {
        let request = qdrant_edge::CountRequest { filter: None, exact: false };
        let count = self.shard.count(request).map_err(|e| engine::failed("counting points", &e))?;
        Ok(count as u64)
    }
}

/// Runs `work`; a panic in it becomes an error.
fn caught<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Error::internal(said(panic.as_ref()))))
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("the engine panicked")
        .to_owned()
}

/// Removes a folder with everything in it, if it is there.
pub(super) fn remove_folder(path: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
