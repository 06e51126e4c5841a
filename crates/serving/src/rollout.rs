//! Which version of a model answers: decided here, without input or output.
//!
//! A [`State`] is a plan, how far it is, and what was counted of each version (an
//! *arm*). [`State::choose`] picks the arm of a request; [`State::observe`],
//! [`State::reward`] and [`State::compared`] count what came of it; [`State::tick`]
//! says when it is time to go on, to promote or to roll back, and [`State::apply`]
//! does so. Whoever holds the state keeps it in the records, and commits a
//! [`Decision`] before applying it.
//!
//! - The same key gets the same arm, and a growing arm only gains keys: arms are
//!   chosen by weighted rendezvous hashing (Wang and Ravishankar, 1998; weights as
//!   `-ln(u) / w`).
//! - Gates act on evidence only: a rollback needs the observed value to be beyond its
//!   limit by more than chance, and no gate says anything below its least number of
//!   samples.
//! - An adaptive rollout draws from each arm's posterior and takes the largest
//!   (Thompson, 1933): Beta for rewards from 0 to 1, normal for real ones.

mod arm;
mod compare;
mod gate;
mod histogram;
mod plan;
mod posterior;
mod state;

pub use arm::{Arm, Compared, Counters, Moments};
pub use compare::{Difference, compare};
pub use gate::{Finding, Verdict};
pub use histogram::Histogram;
pub use plan::{Gates, Plan, Reward, Step, Weight};
pub use state::{Choice, Decision, Outcome, State, Status};

#[cfg(test)]
mod tests;
