//! On processors that it has no instructions for.

use crate::EncoderError;

/// An encoder that there is none of: on this processor the caller uses its general engine.
#[derive(Debug)]
pub enum Encoder {}

impl Encoder {
    /// Nothing.
    pub fn read(_: &[u8]) -> Option<Self> {
        None
    }

    /// What the products are computed with.
    pub fn unit(&self) -> &'static str {
        match *self {}
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub fn encode(&self, _: &[&[i32]], _: usize) -> Result<Vec<f32>, EncoderError> {
        match *self {}
    }
}
