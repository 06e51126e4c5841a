//! A request to a model by name: choose a version, run it, count what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_kernel::{Error, Kind, Result, Scope};
use cairn_serving::rollout::{Difference, compare};
use cairn_serving::tensor::Tensor;
use cairn_store::records::ModelVersionRow;
use tokio::sync::OwnedSemaphorePermit;

use super::Models;
use super::registry::address;
use crate::rollouts::Live;

/// Longest a shadow may take.
const SHADOW_TIME: Duration = Duration::from_secs(60);

/// What is asked of a model: which of its versions, and on whose behalf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The model's name, perhaps as `name@version` or `name@alias`.
    pub name: String,
    /// A version number or alias, where the protocol has a place for it beside the name.
    pub selector: Option<String>,
    /// What keeps its version from request to request: a user, a session. Without it,
    /// each request goes its own way.
    pub sticky: Option<String>,
    /// The request's id, which feedback may name.
    pub request_id: String,
}

/// Tensors for a model.
#[derive(Clone, Debug, PartialEq)]
pub struct InferCall {
    /// The model.
    pub target: Target,
    /// Its inputs.
    pub inputs: Vec<Tensor>,
    /// The outputs wanted, all of them when empty.
    pub wanted: Vec<String>,
    /// Longest the model may take, where the request says so.
    pub within: Option<Duration>,
}

/// The version that was chosen for a request.
#[derive(Clone, Debug)]
pub struct Picked {
    /// Its record.
    pub version: Arc<ModelVersionRow>,
    pub(super) shadow: Option<Arc<ModelVersionRow>>,
    pub(super) live: Option<Arc<Live>>,
}

impl Picked {
    pub(super) fn observe(&self, began: Instant, failure: Option<&Error>) {
        if let Some(live) = &self.live {
            live.observe(self.version.version, began, failure);
        }
    }

    /// The shadow and its place, when there is one and it is not busy.
    pub(super) fn shadow_place(&self) -> Option<Shadow> {
        let (live, version) = (self.live.as_ref()?, self.shadow.as_ref()?);
        let place = live.shadow_place(version.version)?;
        Some(Shadow { live: Arc::clone(live), version: Arc::clone(version), _place: place })
    }
}

/// A copy under way.
pub(super) struct Shadow {
    pub(super) live: Arc<Live>,
    pub(super) version: Arc<ModelVersionRow>,
    _place: OwnedSemaphorePermit,
}

impl Shadow {
    /// Gives the copy up.
    pub(super) fn skip(self) {
        self.live.skipped(self.version.version);
    }

    fn compared(&self, outcome: Result<Difference>) {
        match outcome {
            Ok(difference) => self.live.compared(self.version.version, Some(&difference)),
            Err(error) => {
                let (model, version) = (&self.version.name, self.version.version);
                tracing::debug!(model, version, error = %error.detail(), "the shadow failed");
                self.live.compared(version, None);
            }
        }
    }
}

impl Models {
    /// The version that answers this request. It is the named one, or the one that the
    /// model's rollout chooses, else the deployed one, else the newest.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such model, version or alias, `Conflict` for a
    /// model that was unloaded.
    pub async fn pick(&self, scope: &Scope, target: &Target) -> Result<Picked> {
        let (name, selector) = address(&target.name, target.selector.as_deref())?;
        self.require_in_service(scope, name)?;
        let entry = self.registry.get(scope, name).await?;
        let alone = |version: &Arc<ModelVersionRow>| Picked {
            version: Arc::clone(version),
            shadow: None,
            live: None,
        };
        if let Some(selector) = selector {
            return entry.select(selector).map(alone);
        }
        let Some(live) = self.rollouts.live(scope, name) else {
            return entry.serving().map(alone);
        };
        let choice = live.choose(target.sticky.as_deref().unwrap_or(&target.request_id));
        let version = Arc::clone(entry.numbered(choice.version)?);
        self.rollouts.note(scope, name, &target.request_id, choice.version);
        let shadow = choice.shadow.and_then(|number| entry.version(number)).cloned();
        Ok(Picked { version, shadow, live: Some(live) })
    }

    /// Runs tensors through the version that was picked, counts what came of it, and has
    /// the shadow, if there is one, answer the same afterwards.
    ///
    /// # Errors
    /// What the model says; `Invalid` for a language model, `Timeout` when it takes longer
    /// than `within`.
    pub async fn run(
        &self,
        scope: &Scope,
        picked: &Picked,
        inputs: Vec<Tensor>,
        wanted: &[String],
        within: Option<Duration>,
    ) -> Result<Vec<Tensor>> {
        let mut began = Instant::now();
        let copy = picked.shadow_place().map(|shadow| (shadow, inputs.clone()));
        let outcome = match self.tensor_engine(scope, &picked.version).await {
            Ok(engine) => {
                // What loading takes says nothing of the version.
                began = Instant::now();
                let inferring = engine.infer(inputs, wanted);
                match within {
                    None => inferring.await,
                    Some(bound) => tokio::time::timeout(bound, inferring)
                        .await
                        .unwrap_or_else(|_| Err(late(&picked.version, bound))),
                }
            }
            Err(error) => Err(error),
        };
        picked.observe(began, outcome.as_ref().err());
        if let (Some((shadow, inputs)), Ok(outputs)) = (copy, &outcome) {
            self.follow(scope, shadow, inputs, wanted.to_vec(), outputs.clone());
        }
        outcome
    }

    /// Picks and runs.
    ///
    /// # Errors
    /// As [`Models::pick`] and [`Models::run`].
    pub async fn infer(
        &self,
        scope: &Scope,
        call: InferCall,
    ) -> Result<(Vec<Tensor>, Arc<ModelVersionRow>)> {
        let picked = self.pick(scope, &call.target).await?;
        let outputs = self.run(scope, &picked, call.inputs, &call.wanted, call.within).await?;
        Ok((outputs, picked.version))
    }

    fn follow(
        &self,
        scope: &Scope,
        shadow: Shadow,
        inputs: Vec<Tensor>,
        wanted: Vec<String>,
        answered: Vec<Tensor>,
    ) {
        let (models, scope) = (self.clone(), scope.clone());
        self.behind(async move {
            let asked = async {
                let engine = models.tensor_engine(&scope, &shadow.version).await?;
                let outputs = engine.infer(inputs, &wanted).await?;
                Ok(compare(&answered, &outputs))
            };
            shadow.compared(in_time(asked).await);
        });
    }

    /// Does what no caller waits for.
    pub(super) fn behind(&self, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.tasks.shutdown();
        self.tasks.spawn("shadow", async move {
            tokio::select! {
                () = shutdown.requested() => {}
                () = work => {}
            }
        });
    }
}

fn late(version: &ModelVersionRow, bound: Duration) -> Error {
    let model = &version.name;
    Error::new(
        Kind::Timeout,
        format!("model '{model}' did not answer within the request's {bound:?}"),
    )
}

/// A shadow's answer to a chat, compared with the caller's.
pub(super) async fn compare_texts(
    shadow: Shadow,
    answered: String,
    asked: impl Future<Output = Result<String>>,
) {
    let outcome = in_time(asked).await;
    shadow.compared(outcome.map(|text| Difference::of_texts(&answered, &text)));
}

async fn in_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(SHADOW_TIME, work).await.unwrap_or_else(|_| {
        let text = format!("the shadow took longer than {} s", SHADOW_TIME.as_secs());
        Err(Error::new(Kind::Timeout, text))
    })
}
