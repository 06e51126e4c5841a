//! XML: its tags and text ([`tokens`]), and the readers of XML files. [`elements`] tells which one
//! reads a file: [`articles`], [`patents`], [`books`] and [`texts`], each a [`vocabulary`] that is
//! written with [`prose`], or its own outline of any other. [`feed`] reads what is published as a feed.

mod articles;
mod books;
pub(crate) mod elements;
pub(crate) mod feed;
mod parts;
mod patents;
mod prose;
mod texts;
mod tokens;
mod vocabulary;

pub(crate) use tokens::{Attributes, Piece, Token, local, walk, walk_at, walk_pieces};
