//! The embedding models of vector stores: the program's own, an encoder of the tenant, or a
//! provider's.
//!
//! A store names a model and pins its version, so that all its vectors are of one kind. Where
//! that version cannot be used, nothing else takes its place: the call fails for now. What a
//! version reads in front of queries and documents is part of it, so an index is never asked with
//! another prefix than it was built with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cairn_kernel::{Error, Kind, Result, Scope, Timestamp};
use cairn_serving::embed::{Embedder, Priority};
use cairn_serving::gguf::Encoded;
use cairn_store::records::{ActiveRow, GenerationRow};

use crate::models::{InputType, Models, Reads, Target};
use crate::retrieve::KnownCosines;

/// Texts given to a tenant's encoder at once.
const AT_ONCE: usize = 32;
/// The code of a model that cannot be used now.
const UNAVAILABLE: &str = "embedding_model_unavailable";
/// When a model that is busy or away is worth another try, where it does not say.
const AWAY: Duration = Duration::from_secs(15);
/// Longest that work which nobody waits for is put off for such a model, in milliseconds: a day.
const AWAY_MAX_MS: i64 = 24 * 60 * 60 * 1000;
/// How soon the model is asked again then.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// How late at most.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// The code of a provider that does not accept its key: no wait helps.
const CREDENTIALS: &str = "provider_credentials";
/// The code of a text that an encoder cannot read at once.
const TOO_LONG: &str = "context_length_exceeded";
/// Any text tells how long the vectors are.
const PROBE: &str = "How long is a vector of this?";

/// An embedding model in one version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmbeddingModel {
    /// Its name.
    pub name: String,
    /// Its version; `None` for the program's own model.
    pub version: Option<i64>,
}

impl EmbeddingModel {
    /// The model that makes a generation's vectors.
    pub(crate) fn of(generation: &GenerationRow) -> Self {
        Self { name: generation.embedding_model.clone(), version: generation.embedding_version }
    }

    /// The model that makes the vectors where a store is searched.
    pub(crate) fn of_active(active: &ActiveRow) -> Self {
        Self { name: active.vector_model.clone(), version: active.vector_version }
    }
}

/// Makes vectors with any of the embedding models. Clones share them.
#[derive(Clone)]
pub struct Encoders {
    own: Arc<Embedder>,
    own_name: String,
    /// Those of tenants; without them there is only the own one.
    models: Option<Models>,
    /// What the cosines of tenants' models mean.
    trials: KnownCosines,
}

impl Encoders {
    /// The program's own model, called `own_name`, and those among `models`, tried by `trials`.
    pub(crate) fn new(
        own: Arc<Embedder>,
        own_name: String,
        models: Models,
        trials: KnownCosines,
    ) -> Self {
        Self { own, own_name, models: Some(models), trials }
    }

    /// Nothing but the program's own model, called `own_name`.
    pub fn own_only(own: Arc<Embedder>, own_name: impl Into<String>) -> Self {
        let trials = KnownCosines::default();
        Self { own, own_name: own_name.into(), models: None, trials }
    }

    /// What is known of the cosines of tenants' models.
    pub(crate) fn trials(&self) -> &KnownCosines {
        &self.trials
    }

    /// What runs the program's own model.
    pub(crate) fn embedder(&self) -> Arc<Embedder> {
        Arc::clone(&self.own)
    }

    /// The program's own model.
    pub fn own(&self) -> EmbeddingModel {
        EmbeddingModel { name: self.own_name.clone(), version: None }
    }

    /// The model of that name, perhaps as `name@version`, as `/v1/embeddings` finds it, and the
    /// length of its vectors where it is not the program's own. It is tried once.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Invalid` when it is no encoder, or what keeps it from
    /// loading; each names the field `embedding_model`.
    pub async fn resolve(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<(EmbeddingModel, Option<i64>)> {
        if name.eq_ignore_ascii_case(&self.own_name) {
            return Ok((self.own(), None));
        }
        let target = Target { name: name.to_owned(), ..Target::default() };
        let picked = match &self.models {
            Some(models) => models.pick(scope, &target).await,
            None => Err(Error::not_found(format!("model '{name}'"))),
        };
        let picked = picked.map_err(|error| match error.kind() {
            Kind::NotFound => Error::new(
                Kind::NotFound,
                format!(
                    "the embedding model '{name}' does not exist here; register an encoder under \
                     that name, or use '{}'",
                    self.own_name
                ),
            )
            .with_code("model_not_found")
            .with_param("embedding_model"),
            _ => error.with_param("embedding_model"),
        })?;
        let (name, version) = (picked.version.name.clone(), picked.version.version);
        let model = EmbeddingModel { name, version: Some(version) };
        let probing = (InputType::Query, Priority::Interactive);
        let made = self.run(scope, &model, vec![PROBE.to_owned()], probing).await;
        let made = made.map_err(|error| error.with_param("embedding_model"))?;
        let dimensions = made.vectors.first().map_or(0, Vec::len);
        if dimensions < 2 {
            let text = format!("model '{}' makes scores and no vectors", model.name);
            return Err(Error::invalid(text).with_param("embedding_model"));
        }
        Ok((model, Some(i64::try_from(dimensions).unwrap_or(i64::MAX))))
    }

    /// The vectors of `texts`, in their order, each read behind the prefix of what `texts` are to
    /// the model. What a tenant's encoder cannot read at once it reads in parts, whose vectors are
    /// averaged by their tokens.
    ///
    /// # Errors
    /// `Unavailable`, which may be tried again, when the model cannot be used now; with a time to
    /// wait where it is only busy or away.
    pub async fn embed(
        &self,
        scope: &Scope,
        model: &EmbeddingModel,
        texts: Vec<String>,
        how: (InputType, Priority),
    ) -> Result<Vec<Vec<f32>>> {
        if model.version.is_none() {
            return Ok(self.own.embed(texts, how.1).await?.vectors);
        }
        let mut vectors = Vec::with_capacity(texts.len());
        for some in texts.chunks(AT_ONCE) {
            match self.run(scope, model, some.to_vec(), how).await {
                Ok(made) => vectors.extend(made.vectors),
                Err(error) if error.code() == Some(TOO_LONG) => {
                    for text in some {
                        vectors.push(self.in_parts(scope, model, text, how).await?);
                    }
                }
                Err(error) => return Err(unusable(model, error)),
            }
        }
        self.trials.begin(self, scope, model);
        Ok(vectors)
    }

    /// Asks a tenant's model for one vector, so that nothing is made ready in vain for one that is
    /// still away. It does not wait for a provider that is at its limit.
    ///
    /// # Errors
    /// As [`Encoders::embed`].
    pub(crate) async fn probe(&self, scope: &Scope, model: &EmbeddingModel) -> Result<()> {
        if model.version.is_none() {
            return Ok(());
        }
        let how = (InputType::Document, Priority::Interactive);
        let made = self.run(scope, model, vec![PROBE.to_owned()], how).await;
        made.map(drop).map_err(|error| unusable(model, error))
    }

    /// Where each token lies in `text` for the program's own model, which measures chunks for
    /// all models: byte offsets, start and end.
    ///
    /// # Errors
    /// `Unavailable` when the tokenizer's file is absent.
    pub(crate) fn token_offsets(&self, text: &str) -> Result<Vec<(usize, usize)>> {
        self.own.token_offsets(text)
    }

    async fn run(
        &self,
        scope: &Scope,
        model: &EmbeddingModel,
        texts: Vec<String>,
        (of, priority): (InputType, Priority),
    ) -> Result<Encoded> {
        let selector = model.version.map(|version| version.to_string());
        let target = Target { name: model.name.clone(), selector, ..Target::default() };
        let inputs =
            move |reads: &Reads| texts.into_iter().map(|text| reads.text(of, text)).collect();
        let made = match &self.models {
            Some(models) => models.encode(scope, &target, priority, inputs).await?,
            None => None,
        };
        made.ok_or_else(|| Error::not_found(format!("model '{}'", model.name)))
    }

    async fn in_parts(
        &self,
        scope: &Scope,
        model: &EmbeddingModel,
        text: &str,
        how: (InputType, Priority),
    ) -> Result<Vec<f32>> {
        let mut waiting = vec![text.to_owned()];
        let mut sum: Vec<f32> = Vec::new();
        while let Some(part) = waiting.pop() {
            match self.run(scope, model, vec![part.clone()], how).await {
                Ok(made) => add(&mut sum, &made),
                Err(error) if error.code() == Some(TOO_LONG) => match halves(&part) {
                    Some((first, second)) => waiting.extend([second, first]),
                    None => return Err(unusable(model, error)),
                },
                Err(error) => return Err(unusable(model, error)),
            }
        }
        Ok(normalised(sum))
    }
}

/// Adds the one vector of `made`, weighed by its tokens.
fn add(sum: &mut Vec<f32>, made: &Encoded) {
    let Some(vector) = made.vectors.first() else { return };
    #[expect(clippy::cast_precision_loss, reason = "no text has 2^24 tokens")]
    let weight = made.tokens.first().copied().unwrap_or(1).max(1) as f32;
    sum.resize(vector.len(), 0.0);
    for (total, x) in sum.iter_mut().zip(vector) {
        *total += x * weight;
    }
}

/// A text as two, parted at white space near its middle where there is some.
fn halves(text: &str) -> Option<(String, String)> {
    let middle = text.char_indices().nth(text.chars().count() / 2).map(|(at, _)| at)?;
    let before = text.get(..middle)?;
    let space = before.rfind(char::is_whitespace).filter(|at| at * 4 > text.len());
    let at = space.unwrap_or(before.len());
    let (first, second) = (text.get(..at)?, text.get(at..)?);
    (!first.is_empty() && !second.is_empty()).then(|| (first.to_owned(), second.to_owned()))
}

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        for x in &mut vector {
            *x /= length;
        }
    }
    vector
}

fn unusable(model: &EmbeddingModel, error: Error) -> Error {
    let kind = if error.kind().retryable() { error.kind() } else { Kind::Unavailable };
    let why = match error.kind() {
        Kind::Internal => "it failed inside the server",
        _ => error.message(),
    };
    let text = format!(
        "the embedding model '{}' (version {}) of this vector store cannot be used now ({why}); try \
         again, load it again, or re-index the store with another model",
        model.name,
        model.version.unwrap_or_default()
    );
    let away = error.kind().retryable() && error.code() != Some(CREDENTIALS);
    let wait = error.retry_after().unwrap_or(AWAY);
    let unusable = Error::new(kind, text).with_code(UNAVAILABLE).with_source(error);
    if away { unusable.with_retry_after(wait) } else { unusable }
}

/// How long work that has waited for `waited_ms` milliseconds is put off when it ends in `error`:
/// not at all unless its model is busy or away, and for no longer than a day together. The longer a
/// model is away, the later it is asked again.
pub(crate) fn put_off(error: &Error, waited_ms: i64) -> Option<Duration> {
    let asked = error.retry_after().filter(|_| error.code() == Some(UNAVAILABLE))?;
    let grown = Duration::from_millis(waited_ms.max(0).unsigned_abs() / 8);
    (waited_ms < AWAY_MAX_MS).then(|| asked.max(grown).clamp(WAIT_MIN, WAIT_MAX))
}

/// When work that is put off at `now` for `wait` is tried again.
pub(crate) fn retry_at(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

/// The vectors of a search's queries, made once for each model that a store needs.
pub(crate) struct QueryVectors<'a> {
    encoders: &'a Encoders,
    scope: &'a Scope,
    queries: &'a [String],
    made: HashMap<EmbeddingModel, Arc<Vec<Vec<f32>>>>,
}

impl<'a> QueryVectors<'a> {
    pub(crate) fn new(encoders: &'a Encoders, scope: &'a Scope, queries: &'a [String]) -> Self {
        Self { encoders, scope, queries, made: HashMap::new() }
    }

    /// A vector for each query, by that model.
    ///
    /// # Errors
    /// As [`Encoders::embed`].
    pub(crate) async fn of(&mut self, model: EmbeddingModel) -> Result<Arc<Vec<Vec<f32>>>> {
        if let Some(made) = self.made.get(&model) {
            return Ok(Arc::clone(made));
        }
        let (queries, how) = (self.queries.to_vec(), (InputType::Query, Priority::Interactive));
        let made = Arc::new(self.encoders.embed(self.scope, &model, queries, how).await?);
        self.made.insert(model, Arc::clone(&made));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_halved_until_one_character_is_left() {
        let (first, second) = halves("one two three four").unwrap();
        assert_eq!((first.as_str(), second.as_str()), ("one two", " three four"));
        let (first, second) = halves("äöüß").unwrap();
        assert_eq!((first.as_str(), second.as_str()), ("äö", "üß"));
        assert_eq!(halves("ä"), None);
        assert_eq!(halves(""), None);
    }

    #[test]
    fn parts_count_by_their_tokens() {
        let mut sum = Vec::new();
        let part = |vector: [f32; 2], tokens| Encoded {
            vectors: vec![vector.to_vec()],
            tokens: vec![tokens],
        };
        add(&mut sum, &part([1.0, 0.0], 3));
        add(&mut sum, &part([0.0, 1.0], 4));
        assert_eq!(normalised(sum), [0.6, 0.8]);
    }

    #[test]
    fn a_model_that_cannot_be_used_is_worth_another_try() {
        let model = EmbeddingModel { name: "e".to_owned(), version: Some(2) };
        for kind in [Kind::NotFound, Kind::Conflict, Kind::Internal, Kind::Timeout] {
            let error = unusable(&model, Error::new(kind, "why"));
            assert!(error.kind().retryable(), "{kind:?}");
            assert_eq!(error.message().contains("why"), kind != Kind::Internal);
        }
    }

    #[test]
    fn only_a_model_that_is_busy_or_away_is_waited_for() {
        let model = EmbeddingModel { name: "e".to_owned(), version: Some(2) };
        let waited = |error: Error| unusable(&model, error).retry_after();
        assert_eq!(waited(Error::unavailable("gone")), Some(AWAY));
        let asked = Error::new(Kind::Exhausted, "busy").with_retry_after(Duration::from_secs(40));
        assert_eq!(waited(asked), Some(Duration::from_secs(40)));
        for kind in [Kind::NotFound, Kind::Conflict, Kind::Invalid, Kind::Internal] {
            assert_eq!(waited(Error::new(kind, "why")), None, "{kind:?}");
        }
        assert_eq!(waited(Error::unavailable("a key").with_code(CREDENTIALS)), None);
    }

    #[test]
    fn the_longer_a_model_is_away_the_later_it_is_asked() {
        let model = EmbeddingModel { name: "e".to_owned(), version: Some(2) };
        let away = unusable(&model, Error::unavailable("gone"));
        assert_eq!(put_off(&away, 0), Some(AWAY));
        assert_eq!(put_off(&away, -5_000), Some(AWAY));
        assert_eq!(put_off(&away, 800_000), Some(Duration::from_secs(100)));
        assert_eq!(put_off(&away, AWAY_MAX_MS - 1), Some(WAIT_MAX));
        assert_eq!(put_off(&away, AWAY_MAX_MS), None);
        assert_eq!((retry_at(500, AWAY), retry_at(5, Duration::MAX)), (15_500, i64::MAX));
        let at_once = Error::new(Kind::Exhausted, "busy").with_retry_after(Duration::ZERO);
        assert_eq!(put_off(&unusable(&model, at_once), 0), Some(WAIT_MIN));
        assert_eq!(put_off(&unusable(&model, Error::not_found("it")), 0), None);
        assert_eq!(put_off(&Error::unavailable("a disk").with_retry_after(AWAY), 0), None);
    }
}
