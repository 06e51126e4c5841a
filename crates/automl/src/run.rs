//! A whole training run, inside the child: table in, report and ONNX file out.

use std::sync::Arc;
use std::time::Instant;

use cairn_kernel::{Error, Result};

use crate::api::{LeaderboardRow, Metrics, Progress, Task, TrainReport, TrainRequest};
use crate::blend::mix;
use crate::budget::Budget;
use crate::metrics;
use crate::model::Model;
use crate::parallel;
use crate::prepare::{Prepared, prepare};
use crate::report;
use crate::search::{Candidate, Recipe, Search};
use crate::split;

/// A blend must improve the loss by this share, because it costs more to serve.
const BLEND_GAIN: f64 = 0.01;
/// Validation folds have at least this many rows each.
const FOLD_ROWS: usize = 8;

/// Trains as asked.
///
/// # Errors
/// `Invalid` or `Unprocessable` when the table or the target cannot be learned from,
/// `Internal` when the exported file does not repeat the trainer's predictions.
pub(crate) fn run(
    request: &TrainRequest,
    progress: &mut dyn FnMut(Progress),
) -> Result<TrainReport> {
    check(request)?;
    let budget = Budget::start(request.budget_seconds);
    let mut say = |stage: &str, fraction: f64| {
        progress(Progress { stage: stage.to_owned(), fraction });
    };
    say("reading the table", 0.0);
    let prepared = prepare(request, &budget)?;
    let (problem, rows) = (&prepared.problem, &prepared.split.train);
    let count = request.folds.clamp(2, 10).min((rows.len() / FOLD_ROWS).max(2));
    let folds = split::folds(problem.task, &problem.target, rows, count, request.seed);
    let mut search = Search::new(problem, rows, folds, budget);
    search.run(&mut |stage, fraction| say(stage, 0.05 + 0.7 * fraction))?;
    say("refitting", 0.75);
    let models = search.refit()?;
    say("testing", 0.85);
    let tested = test(&prepared, &search, &models)?;
    let order = ranked(&search);
    let trained = Trained { prepared: &prepared, search: &search, models, tested, order };
    say("exporting", 0.9);
    let report = report::finish(request, &trained, &budget)?;
    say("done", 1.0);
    Ok(report)
}

fn check(request: &TrainRequest) -> Result<()> {
    if !(request.budget_seconds.is_finite() && request.budget_seconds >= 1.0) {
        return Err(Error::invalid(format!(
            "a budget of {} seconds is too short; give at least 1",
            request.budget_seconds
        ))
        .with_param("budget_seconds"));
    }
    if !(request.holdout > 0.0 && request.holdout <= 0.5) {
        return Err(Error::invalid(format!(
            "a holdout of {} is not between 0 and 0.5; 0.2 is usual",
            request.holdout
        ))
        .with_param("holdout"));
    }
    Ok(())
}

/// The outcome of the search, on its way to the report.
pub(crate) struct Trained<'a> {
    pub(crate) prepared: &'a Prepared,
    pub(crate) search: &'a Search<'a>,
    /// Refitted models with their fit seconds, in the order of the candidates; the
    /// blend, which is the last candidate if there is one, has none of its own.
    pub(crate) models: Vec<(Arc<Model>, f64)>,
    /// Per candidate: test predictions and microseconds per row.
    pub(crate) tested: Vec<(Vec<f64>, f64)>,
    /// Candidates, best first.
    pub(crate) order: Vec<usize>,
}

fn test(
    prepared: &Prepared,
    search: &Search<'_>,
    models: &[(Arc<Model>, f64)],
) -> Result<Vec<(Vec<f64>, f64)>> {
    let rows = &prepared.split.test;
    let mut tested = parallel::map(models.len(), |index| {
        let start = Instant::now();
        let predicted = models[index].0.predict(&prepared.problem, rows)?;
        let micros = start.elapsed().as_secs_f64() * 1e6 / rows.len().max(1) as f64;
        Ok((predicted, micros))
    })?;
    for candidate in &search.candidates[models.len()..] {
        let Recipe::Blend(members) = &candidate.recipe else { continue };
        let blended = mix(members.iter().map(|(weight, at)| (*weight, &tested[*at].0[..])));
        let micros = members.iter().map(|(_, at)| tested[*at].1).sum();
        tested.push((blended, micros));
    }
    Ok(tested)
}

/// Candidates from best to worst by validation; the blend is handicapped by its cost.
fn ranked(search: &Search<'_>) -> Vec<usize> {
    let loss = |candidate: &Candidate| {
        let score = search.score(candidate);
        let loss = if search.problem.task == Task::Binary { 1.0 - score } else { -score };
        let blend = matches!(candidate.recipe, Recipe::Blend(_));
        if blend { loss * (1.0 + BLEND_GAIN) } else { loss }
    };
    let mut losses: Vec<(usize, f64)> =
        search.candidates.iter().enumerate().map(|(at, c)| (at, loss(c))).collect();
    losses.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    losses.into_iter().map(|(at, _)| at).collect()
}

impl Trained<'_> {
    /// The model of a candidate.
    pub(crate) fn model(&self, index: usize) -> Arc<Model> {
        match &self.search.candidates[index].recipe {
            Recipe::Blend(members) => {
                let part = |(weight, at): &(f64, usize)| (*weight, Arc::clone(&self.models[*at].0));
                Arc::new(Model::Blend(members.iter().map(part).collect()))
            }
            _ => Arc::clone(&self.models[index].0),
        }
    }

    /// A candidate's line on the leaderboard.
    pub(crate) fn line(&self, index: usize, chosen: bool) -> LeaderboardRow {
        let candidate = &self.search.candidates[index];
        let folds: Vec<Metrics> = candidate
            .folds
            .iter()
            .zip(&self.search.folds)
            .map(|(predicted, rows)| self.metrics(predicted, rows))
            .collect();
        let (validation, validation_std) = summary(&folds);
        let (predicted, micros) = &self.tested[index];
        let fits = match &candidate.recipe {
            Recipe::Blend(members) => members.iter().map(|(_, at)| self.fit_seconds(*at)).sum(),
            _ => self.fit_seconds(index),
        };
        LeaderboardRow {
            candidate: candidate.name.clone(),
            validation,
            validation_std,
            test: self.metrics(predicted, &self.prepared.split.test),
            fit_seconds: fits,
            predict_micros_per_row: *micros,
            chosen,
        }
    }

    fn fit_seconds(&self, index: usize) -> f64 {
        self.search.candidates[index].fit_seconds + self.models[index].1
    }

    fn metrics(&self, predicted: &[f64], rows: &[usize]) -> Metrics {
        let prepared = self.prepared;
        let predicted = prepared.unscale(predicted);
        let outputs = prepared.problem.outputs;
        metrics::all(prepared.target.task, &prepared.truth(rows), &predicted, outputs)
    }
}

/// Mean and standard deviation of each metric.
fn summary(folds: &[Metrics]) -> (Metrics, Metrics) {
    let count = folds.len().max(1) as f64;
    let (mut means, mut deviations) = (Metrics::new(), Metrics::new());
    for name in folds.first().into_iter().flat_map(Metrics::keys) {
        let values: Vec<f64> = folds.iter().filter_map(|fold| fold.get(name)).copied().collect();
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        means.insert(name.clone(), mean);
        deviations.insert(name.clone(), variance.sqrt());
    }
    (means, deviations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_over_folds() {
        let fold = |value: f64| Metrics::from([("auc".to_owned(), value)]);
        let (mean, std) = summary(&[fold(1.0), fold(3.0)]);
        assert_eq!((mean["auc"], std["auc"]), (2.0, 1.0));
    }
}
