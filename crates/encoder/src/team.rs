//! Work that is done in stages, by as many threads as come.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Looks at a stage until a thread that waits lets others go ahead.
const LOOKS: usize = 2_000;

/// Stages of the same number of parts. A stage begins when all parts of the one before are done.
/// Threads take parts as they come: one that comes late, or never, holds up nothing but what it
/// has taken.
#[derive(Debug)]
pub(crate) struct Stages {
    parts: usize,
    stages: Vec<Stage>,
    /// Whether a part was given up.
    broken: AtomicBool,
}

#[derive(Debug, Default)]
struct Stage {
    taken: AtomicUsize,
    done: AtomicUsize,
}

/// Counts a part as done, also when it panics, as others must not wait for it.
struct Done<'a>(&'a Stages, &'a Stage);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
        self.1.done.fetch_add(1, Ordering::Release);
    }
}

impl Stages {
    pub(crate) fn new(stages: usize, parts: usize) -> Self {
        let stages = (0..stages).map(|_| Stage::default()).collect();
        Self { parts, stages, broken: AtomicBool::new(false) }
    }

    /// Does what no other thread does; returns when all is done. `work` gets the stage and the
    /// part, and sees what was done in earlier stages.
    ///
    /// # Panics
    /// When `work` did, in any thread.
    pub(crate) fn work(&self, mut work: impl FnMut(usize, usize)) {
        for (number, stage) in self.stages.iter().enumerate() {
            loop {
                let part = stage.taken.fetch_add(1, Ordering::Relaxed);
                if part >= self.parts {
                    break;
                }
                let _done = Done(self, stage);
                work(number, part);
            }
            let mut looks = 0;
            while stage.done.load(Ordering::Acquire) < self.parts {
                looks += 1;
                if looks < LOOKS { std::hint::spin_loop() } else { std::thread::yield_now() }
            }
            assert!(!self.broken.load(Ordering::Relaxed), "a part of stage {number} was given up");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn each_part_is_done_once_and_stages_follow_each_other() {
        for threads in [1, 2, 5] {
            let stages = Stages::new(20, 3);
            let done = Mutex::new(Vec::new());
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        stages.work(|stage, part| done.lock().unwrap().push((stage, part)));
                    });
                }
            });
            let done = done.into_inner().unwrap();
            assert!(done.is_sorted_by_key(|(stage, _)| *stage), "{done:?}");
            let mut sorted = done;
            sorted.sort_unstable();
            let all = (0..20).flat_map(|stage| (0..3).map(move |part| (stage, part)));
            assert!(sorted.into_iter().eq(all), "{threads} threads");
        }
    }

    #[test]
    fn a_panic_holds_up_nobody_and_all_learn_of_it() {
        let stages = Stages::new(3, 2);
        let panics = std::thread::scope(|scope| {
            let threads = [(); 2].map(|()| {
                scope.spawn(|| {
                    stages.work(|stage, part| assert!((stage, part) != (1, 1), "as it should"));
                })
            });
            threads.map(|thread| usize::from(thread.join().is_err()))
        });
        assert_eq!(panics.iter().sum::<usize>(), 2);
    }
}
