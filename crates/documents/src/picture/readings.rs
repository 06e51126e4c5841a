//! Reading pictures by turns: a file with many scanned pages is read a few of them at a time, so
//! that others come in between, none is given up for its length, and what was read stays read
//! when the program stops.
//!
//! A file's pictures come in the same order every time it is parsed. So each turn parses it anew,
//! takes what earlier turns read from their notes, reads some more, and stops. The last one has
//! the notes of all, and gives the document that one long turn would give.

use std::cell::{Cell, RefCell};

use cairn_kernel::{Error, Result};
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::document::Place;
use crate::parse::Context;
use crate::picture::ocr::{self, Word};

/// What a picture says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reading {
    pub(crate) words: Vec<Word>,
    /// Width and height of the picture in which the words have their places, in pixels.
    pub(crate) size: (u32, u32),
}

/// What turns have read of a file's pictures, in their order; `None` for one that is no picture.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Readings(Vec<Option<Reading>>);

impl Readings {
    /// Adds what the next turn read.
    pub fn extend(&mut self, next: Self) {
        self.0.extend(next.0);
    }

    /// How many pictures they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What becomes of a picture in a file.
pub(crate) enum Told {
    /// It says this.
    Reading(Reading),
    /// It cannot be drawn.
    NoPicture,
    /// There are no models to read it with, or it is one too many.
    Unread,
}

/// The pictures of one file, while it is parsed.
#[derive(Debug)]
pub(crate) struct Pictures {
    before: RefCell<std::vec::IntoIter<Option<Reading>>>,
    now: RefCell<Vec<Option<Reading>>>,
    /// How many of the file may still be told.
    left: Cell<usize>,
    /// How many may still be read in this turn.
    turn: Cell<usize>,
    later: Cell<bool>,
    unread: Cell<usize>,
}

impl Pictures {
    /// At most `most` pictures, after those `before`; at most `turn` of them are read now.
    pub(crate) fn new(most: usize, before: Readings, turn: usize) -> Self {
        Self {
            before: RefCell::new(before.0.into_iter()),
            now: RefCell::default(),
            left: Cell::new(most),
            turn: Cell::new(turn),
            later: Cell::new(false),
            unread: Cell::new(0),
        }
    }

    /// What this turn read, if there is more for another.
    pub(crate) fn partly(&self) -> Option<Readings> {
        self.later.get().then(|| Readings(self.now.take()))
    }

    /// Counts a picture within a document that is not read.
    pub(crate) fn leave_out(&self) {
        self.unread.set(self.unread.get() + 1);
    }

    /// How many pictures within documents were not read for want of models, or as too many.
    pub(crate) fn left_out(&self) -> usize {
        self.unread.get()
    }
}

/// What the next picture says, without the words at places that are `known`: as an earlier turn
/// read it, or as it is read now. `picture` draws it.
///
/// # Errors
/// Those of `picture` and of the engine; any when it is for a later turn.
pub(crate) fn read(
    context: Context<'_>,
    picture: impl FnOnce() -> Result<Option<RgbImage>>,
    known: &dyn Fn(Place) -> bool,
) -> Result<Told> {
    let pictures = &context.budget.pictures;
    let (Some(models), true) = (&context.options.ocr, pictures.left.get() > 0) else {
        return Ok(Told::Unread);
    };
    pictures.left.set(pictures.left.get() - 1);
    let before = pictures.before.borrow_mut().next();
    if let Some(reading) = before {
        return Ok(reading.map_or(Told::NoPicture, Told::Reading));
    }
    if pictures.turn.get() == 0 {
        pictures.later.set(true);
        return Err(Error::unavailable("the rest of the file is read in another turn"));
    }
    pictures.turn.set(pictures.turn.get() - 1);
    let engine = ocr::engine(models)?;
    // What ends in an error keeps its place among the others, for the turns to come.
    pictures.now.borrow_mut().push(None);
    let reading = match picture()? {
        None => None,
        Some(picture) => {
            let (words, picture) = engine.read_beside(picture, known)?;
            Some(Reading { words, size: picture.dimensions() })
        }
    };
    if let Some(now) = pictures.now.borrow_mut().last_mut() {
        now.clone_from(&reading);
    }
    Ok(reading.map_or(Told::NoPicture, Told::Reading))
}
