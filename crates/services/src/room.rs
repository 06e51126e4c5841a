//! Memory that large things share: who needs much of it waits until there is some.

use std::sync::Arc;

use cairn_kernel::{Result, ResultExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An amount of memory, counted in kibibytes. Clones share it.
#[derive(Clone, Debug)]
pub struct Room {
    free: Arc<Semaphore>,
    kib: u32,
}

/// Room for the work on files, of which each takes some times its size: for small ones together,
/// and for one large one beside them, so that they need not wait for it. Clones share it.
#[derive(Clone, Debug)]
pub struct Lanes {
    small: Room,
    large: Room,
}

/// Files of more bytes are large.
const LARGE: u64 = 16 << 20;

impl Lanes {
    /// Room for small files of `mib` mebibytes together, and for a large one.
    pub fn new(mib: u32) -> Self {
        Self { small: Room::new(mib), large: Room::new(1) }
    }

    /// Waits until there is room for a small file of so many bytes; `None` for a large one while
    /// there is another: it comes again after a while. Nobody waits in line for that, so that
    /// those who look have the same chance.
    ///
    /// # Errors
    /// None; rooms are never closed.
    pub async fn enter(&self, bytes: u64) -> Result<Option<Place>> {
        if bytes > LARGE {
            Ok(self.large.try_all())
        } else {
            self.small.take(bytes).await.map(Some)
        }
    }
}

/// A part of a [`Room`], until it is dropped.
#[derive(Debug)]
pub struct Place(OwnedSemaphorePermit);

impl Room {
    /// Room for `mib` mebibytes.
    pub fn new(mib: u32) -> Self {
        let kib = mib.saturating_mul(1024);
        Self { free: Arc::new(Semaphore::new(kib as usize)), kib }
    }

    /// Waits until there is room for `bytes`; who asks for more than there is gets all of it.
    /// Take it once and before anything is held, or two may wait for each other for ever.
    ///
    /// # Errors
    /// None; rooms are never closed.
    pub async fn take(&self, bytes: u64) -> Result<Place> {
        let free = Arc::clone(&self.free);
        let place =
            free.acquire_many_owned(self.kib(bytes)).await.or_internal("waiting for room")?;
        Ok(Place(place))
    }

    /// All of the room, if all of it is free.
    fn try_all(&self) -> Option<Place> {
        Arc::clone(&self.free).try_acquire_many_owned(self.kib).ok().map(Place)
    }

    fn kib(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(1024)).unwrap_or(self.kib).clamp(1, self.kib)
    }
}

impl Place {
    /// Gives back what is over `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        let needed = usize::try_from(bytes.div_ceil(1024)).unwrap_or(usize::MAX).max(1);
        drop(self.0.split(self.0.num_permits().saturating_sub(needed)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn large_things_go_one_at_a_time_and_small_ones_beside_each_other() -> Result<()> {
        let room = Room::new(64);
        let small = [room.take(1).await?, room.take(5 << 20).await?, room.take(20 << 20).await?];
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, room.take(u64::MAX)).await.is_err(), "it must wait");
        drop(small);
        let mut all = room.take(500 << 20).await?;
        assert!(tokio::time::timeout(soon, room.take(0)).await.is_err(), "it must wait too");
        all.shrink(63 << 20);
        let beside = room.take(1 << 20).await?;
        assert!(tokio::time::timeout(soon, room.take(1)).await.is_err(), "both are there");
        drop((all, beside));
        room.take(u64::MAX).await.map(drop)
    }

    #[tokio::test]
    async fn small_files_do_not_wait_for_a_large_one() -> Result<()> {
        let lanes = Lanes::new(32);
        let large = lanes.enter(LARGE + 1).await?;
        assert!(large.is_some() && lanes.enter(u64::MAX).await?.is_none());
        let soon = Duration::from_millis(20);
        let small = [lanes.enter(LARGE).await?, lanes.enter(LARGE).await?];
        assert!(tokio::time::timeout(soon, lanes.enter(1)).await.is_err(), "they fill their room");
        drop((large, small));
        assert!(lanes.enter(u64::MAX).await?.is_some());
        Ok(())
    }
}
