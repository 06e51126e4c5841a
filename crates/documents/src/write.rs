//! What readers write into: whole blocks go to a [`Builder`], running text with its breaks, lists
//! and tables through a [`Flow`], formulas through an [`Equation`]. [`numerals`] writes numbers as
//! headings, lists and exponents do.

mod builder;
mod equation;
pub(crate) mod flow;
pub(crate) mod numerals;

pub(crate) use builder::Builder;
pub(crate) use equation::Equation;
pub(crate) use flow::Flow;
pub(crate) use numerals::Numerals;
