//! Machine learning over one table: a fixed portfolio of candidates, honest
//! validation, and a model that leaves as one self-contained ONNX file.
//!
//! * **Candidates**: the prior, a linear model, four LightGBM configurations, and a
//!   blend of them; each under the time budget.
//! * **Validation**: a stratified holdout is set aside first. Candidates are compared
//!   by cross-validation on the rest and refitted on all of it; the holdout gives the
//!   test metrics, once. The exported model has not seen it.
//! * **The file**: numeric, boolean and timestamp columns enter as FP32 `[N, 1]`
//!   (timestamps as seconds since 1970, NaN where missing), text columns as STRING
//!   `[N, 1]` (empty where missing). `label` and `probabilities`, or `prediction`, come
//!   out. Labels are always text. Preprocessing is inside.
//! * **Parity**: before it may leave, the file is run by the serving engine over the
//!   test rows and must agree with the trainer.
//!
//! A run happens in a child process ([`child_main`]); [`Trainer`] starts and follows it.

mod api;
mod blend;
mod budget;
mod data;
mod export;
mod metrics;
mod model;
mod parallel;
mod parity;
mod prepare;
mod report;
mod rng;
mod run;
mod search;
mod split;
mod trainer;
mod worker;

pub use api::{
    DatasetRef, FeatureReport, LeaderboardRow, Metrics, OnnxFile, Progress, Task, TensorSignature,
    TrainReport, TrainRequest, TrainerPredictions,
};
pub use trainer::{ROLE, Trainer};
pub use worker::child_main;
