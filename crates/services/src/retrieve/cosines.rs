//! What the cosines of an embedding model mean.
//!
//! How near unrelated texts are to each other, and a question to what answers it, is a property of
//! the model: by some no two texts are ever far apart. So a model is tried once, on questions and
//! passages that answer one each. What a question has with its own passage is the cosine of an
//! answer; what it has with the others is that of unrelated texts. That takes as long as a search or
//! longer, so it is begun when the model has made its first vectors, and is done when a store of it is
//! searched, unless that search had to load it.
//!
//! The program's own model was tried before, in several languages: it knows English, and in others
//! of Latin script all texts are near to each other. So only models of tenants are tried here.
//!
//! The nearest of many unrelated passages is nearer than any one of them. The greatest of `n`
//! numbers around `μ` with the deviation `σ` is expected below `μ + σ·√(2·ln n)` if they are
//! normally distributed, and so much counts as what a store of `n` chunks has without an answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_kernel::{Result, Scope, Tasks};
use cairn_search::Language;
use cairn_serving::embed::Priority;
use tokio::sync::OnceCell;

use super::Retrieve;
use super::strength::logistic;
use crate::embedding::{EmbeddingModel, Encoders};
use crate::models::InputType;

/// Questions in one language, and a passage that answers each. They have nothing in common but
/// that.
type Probes = &'static [(&'static str, &'static str)];

/// What a model is tried on.
const ENGLISH: Probes = &[
    (
        "How tall is the lighthouse?",
        "The lighthouse on the northern cape is 38 metres tall. It was first lit in 1871, and its \
         beam can be seen from far out at sea.",
    ),
    (
        "When does the rent have to be paid?",
        "Rent is due on the first working day of each month. A payment that arrives more than five \
         days late costs a fee, unless the landlord agreed to it before.",
    ),
    (
        "How do I keep bread fresh?",
        "Bread stays fresh for three days in a linen bag. In plastic it grows mouldy sooner, and \
         in the refrigerator the crumb dries out.",
    ),
    (
        "What do I do when I forgot my password?",
        "To reset a password, open the sign-in page, choose Forgotten, and follow the link in the \
         message that is sent to you. The link is valid for one hour.",
    ),
    (
        "Who won the football match?",
        "The visitors won the match by three goals to one. Two of their goals fell in the last ten \
         minutes, after the home team had lost a defender.",
    ),
    (
        "Which animals sleep through the winter?",
        "Hedgehogs, dormice and some bats hibernate from October to April. Their hearts beat only \
         a few times a minute, and they live on the fat of the autumn.",
    ),
    (
        "Why did the engine of the tractor stop?",
        "The engine stopped because its fuel filter was blocked. After the filter had been cleaned \
         and the line bled of air, the tractor started at once.",
    ),
    (
        "What is the medicine taken for?",
        "The tablets lower blood pressure. Adults take one in the morning with water; whoever has \
         a disease of the kidneys should ask a physician first.",
    ),
];

/// What the program's own model makes of texts like [`ENGLISH`] in some languages.
static OWN: [(Language, Cosines); 9] = [
    (Language::English, Cosines { unrelated: (0.02, 0.07), answering: 0.63 }),
    (Language::German, Cosines { unrelated: (0.29, 0.05), answering: 0.54 }),
    (Language::French, Cosines { unrelated: (0.47, 0.05), answering: 0.64 }),
    (Language::Spanish, Cosines { unrelated: (0.40, 0.09), answering: 0.70 }),
    (Language::Italian, Cosines { unrelated: (0.44, 0.04), answering: 0.67 }),
    (Language::Portuguese, Cosines { unrelated: (0.37, 0.06), answering: 0.63 }),
    (Language::Dutch, Cosines { unrelated: (0.36, 0.05), answering: 0.56 }),
    (Language::Swedish, Cosines { unrelated: (0.35, 0.07), answering: 0.58 }),
    (Language::Turkish, Cosines { unrelated: (0.41, 0.11), answering: 0.63 }),
];
/// The same for the other languages of Latin script: those above but English, and Polish, together.
const OTHERS: Cosines = Cosines { unrelated: (0.40, 0.10), answering: 0.62 };

/// Models that are kept in mind at most.
const KEPT: usize = 256;
/// How steeply the strength rises between what unrelated passages have, where it is 0.12, and what
/// answers have, and where it is even odds: at a quarter of the way, for passages as long as chunks
/// are less near to a question than those of two sentences above.
const STEEPNESS: f32 = 8.0;
const EVEN: f32 = 0.25;

/// The cosines of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cosines {
    /// Between unrelated texts: the mean and the deviation from it.
    unrelated: (f32, f32),
    /// Between a question and its answer, in the mean.
    answering: f32,
}

impl Cosines {
    /// Of the program's own model, among texts in `language`.
    fn own(language: Language) -> Self {
        OWN.iter().find(|(known, _)| *known == language).map_or(OTHERS, |(_, cosines)| *cosines)
    }

    /// Of a model that made these vectors of `probes`: of each language first those of the
    /// questions, then those of the passages. None if it does not tell an answer from what is
    /// unrelated.
    fn measured(probes: &[Probes], vectors: &[Vec<f32>]) -> Option<Self> {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        let mut rest = vectors;
        for probes in probes {
            let (questions, behind) = rest.split_at_checked(probes.len())?;
            let (passages, behind) = behind.split_at_checked(probes.len())?;
            rest = behind;
            for (at, question) in questions.iter().enumerate() {
                for (other, passage) in passages.iter().enumerate() {
                    let cosines = if at == other { &mut own } else { &mut others };
                    cosines.push(cosine(question, passage));
                }
            }
        }
        let (answering, unrelated) = (mean(&own)?, mean(&others)?);
        let squares: Vec<f32> = others.iter().map(|one| (one - unrelated).powi(2)).collect();
        let deviation = mean(&squares)?.sqrt();
        let told = answering > unrelated + deviation && answering.is_finite();
        told.then_some(Self { unrelated: (unrelated, deviation), answering })
    }

    /// How strongly the nearest of so many chunks bears on a query, by its cosine.
    pub(super) fn strength(&self, cosine: f32, chunks: u64) -> f32 {
        let chunks = u16::try_from(chunks.max(2)).unwrap_or(u16::MAX);
        let (unrelated, deviation) = self.unrelated;
        let floor = unrelated + deviation * (2.0 * f32::from(chunks).ln()).sqrt();
        let span = (self.answering - floor).max((self.answering - unrelated) / 2.0);
        let place = (cosine - floor) / span;
        logistic(STEEPNESS * (place - EVEN))
    }
}

fn mean(numbers: &[f32]) -> Option<f32> {
    let count = u16::try_from(numbers.len()).ok().filter(|count| *count > 0)?;
    Some(numbers.iter().sum::<f32>() / f32::from(count))
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f32::MIN_POSITIVE)
}

/// A tenant with a model of its own.
type Owned = (String, EmbeddingModel);

/// What comes of trying a model, once it is known: nothing where its cosines tell nothing.
type Trial = OnceCell<Option<Cosines>>;

/// The models that were tried or are being tried. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct KnownCosines {
    held: Arc<Mutex<HashMap<Owned, Arc<Trial>>>>,
    /// Among which they are tried before a search needs it.
    tasks: Option<Tasks>,
}

impl KnownCosines {
    /// Nothing known yet; models are tried among `tasks`.
    pub(crate) fn among(tasks: Tasks) -> Self {
        Self { tasks: Some(tasks), ..Self::default() }
    }

    /// The trial of a model, and whether it is a new one.
    fn trial(&self, model: Owned) -> (Arc<Trial>, bool) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trial) = held.get(&model) {
            return (Arc::clone(trial), false);
        }
        if held.len() >= KEPT {
            held.clear();
        }
        let trial = held.entry(model).or_default();
        (Arc::clone(trial), true)
    }

    /// Tries a tenant's `model`, which `encoders` have just made vectors with, unless that was begun
    /// before.
    pub(crate) fn begin(&self, encoders: &Encoders, scope: &Scope, model: &EmbeddingModel) {
        let Some(tasks) = &self.tasks else { return };
        let (trial, new) = self.trial(owned(scope, model));
        if !new {
            return;
        }
        let (encoders, scope, model) = (encoders.clone(), scope.clone(), model.clone());
        tasks.spawn("trial of an embedding model", async move {
            // Where it fails, the first search that needs it tries again.
            let _ = trial.get_or_try_init(|| tried(&encoders, &scope, &model)).await;
        });
    }
}

fn owned(scope: &Scope, model: &EmbeddingModel) -> Owned {
    (scope.tenant().as_str().to_owned(), model.clone())
}

/// What comes of trying `model`.
///
/// # Errors
/// As [`Encoders::embed`].
async fn tried(
    encoders: &Encoders,
    scope: &Scope,
    model: &EmbeddingModel,
) -> Result<Option<Cosines>> {
    let (questions, passages): (Vec<String>, Vec<String>) =
        ENGLISH.iter().map(|(asked, told)| ((*asked).to_owned(), (*told).to_owned())).unzip();
    let how = |of| (of, Priority::Interactive);
    let mut vectors = encoders.embed(scope, model, questions, how(InputType::Query)).await?;
    vectors.extend(encoders.embed(scope, model, passages, how(InputType::Document)).await?);
    let cosines = Cosines::measured(&[ENGLISH], &vectors);
    tracing::debug!(model = %model.name, ?cosines, "tried an embedding model");
    Ok(cosines)
}

impl Retrieve {
    /// What the cosines of `model` mean among texts in `language`; none if they tell nothing, or
    /// it cannot be tried now. A trial that is under way is waited for.
    pub(super) async fn cosines(
        &self,
        scope: &Scope,
        model: &EmbeddingModel,
        language: Language,
    ) -> Option<Cosines> {
        if model.version.is_none() {
            return Some(Cosines::own(language));
        }
        let (trial, _) = self.encoders.trials().trial(owned(scope, model));
        match trial.get_or_try_init(|| tried(&self.encoders, scope, model)).await {
            Ok(cosines) => *cosines,
            Err(error) => {
                tracing::warn!(model = %model.name, %error, "an embedding model was not tried");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
