//! Trying the candidates: cross-validation of each under the budget, and the blend.

use std::sync::Arc;
use std::time::Instant;

use cairn_kernel::Result;

use crate::budget::Budget;
use crate::metrics;
use crate::model::gbm::{self, CONFIGS, Config, Stop};
use crate::model::{self, Model, Problem, linear};
use crate::parallel;

/// Ridge penalties tried, in rows.
const PENALTIES: [f64; 3] = [1.0, 10.0, 100.0];
/// Share of the time left that the linear candidate may take.
const LINEAR_SHARE: f64 = 0.2;
/// Share of the time left that the first boosted candidate may take.
const FIRST_SHARE: f64 = 0.5;
/// A refit takes this much longer than a fold's fit: it has more rows.
const REFIT: f64 = 1.4;

/// How to fit a candidate on all training rows.
#[derive(Clone, Debug)]
pub(crate) enum Recipe {
    Baseline,
    Linear {
        penalty: f64,
    },
    Boosted {
        config: Config,
        rounds: usize,
    },
    /// Weights of other candidates, by position.
    Blend(Vec<(f64, usize)>),
}

/// A candidate with its validation predictions.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) recipe: Recipe,
    /// Predictions for each fold's rows.
    pub(crate) folds: Vec<Vec<f64>>,
    pub(crate) fit_seconds: f64,
    /// The first fold's model, for want of time to refit.
    first: Option<Arc<Model>>,
}

/// The search in progress.
pub(crate) struct Search<'a> {
    pub(crate) problem: &'a Problem,
    pub(crate) rows: &'a [usize],
    pub(crate) folds: Vec<Vec<usize>>,
    pub(crate) budget: Budget,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) notes: Vec<String>,
    /// Seconds of the slowest fold fit of every boosted candidate.
    slowest: Vec<f64>,
}

struct FoldFit {
    predicted: Vec<f64>,
    rounds: usize,
    seconds: f64,
    cut: bool,
    /// Kept of the first fold only.
    model: Option<Arc<Model>>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        problem: &'a Problem,
        rows: &'a [usize],
        folds: Vec<Vec<usize>>,
        budget: Budget,
    ) -> Self {
        let (candidates, notes, slowest) = (Vec::new(), Vec::new(), Vec::new());
        Self { problem, rows, folds, budget, candidates, notes, slowest }
    }

    /// Tries everything the budget allows; `progress` gets a stage and a share of it.
    pub(crate) fn run(&mut self, progress: &mut dyn FnMut(&str, f64)) -> Result<()> {
        progress("baseline", 0.0);
        self.baseline()?;
        progress("linear", 0.02);
        self.linear()?;
        for (index, config) in CONFIGS.iter().enumerate() {
            progress(config.name, 0.1 + 0.8 * index as f64 / CONFIGS.len() as f64);
            self.boosted(config)?;
        }
        progress("blend", 0.9);
        self.blend();
        Ok(())
    }

    /// The target of a fold's rows.
    pub(crate) fn truth(&self, fold: usize) -> Vec<f64> {
        self.folds[fold].iter().map(|row| self.problem.target[*row]).collect()
    }

    /// The primary metric of a candidate, more is better: mean over the folds.
    pub(crate) fn score(&self, candidate: &Candidate) -> f64 {
        let scores = candidate.folds.iter().enumerate().map(|(fold, predicted)| {
            metrics::score(self.problem.task, &self.truth(fold), predicted, self.problem.outputs)
        });
        scores.sum::<f64>() / candidate.folds.len().max(1) as f64
    }

    fn others(&self, fold: usize) -> Vec<usize> {
        let held = &self.folds[fold];
        self.rows.iter().copied().filter(|row| held.binary_search(row).is_err()).collect()
    }

    fn baseline(&mut self) -> Result<()> {
        let start = Instant::now();
        let folds = (0..self.folds.len()).map(|fold| {
            model::baseline(self.problem, &self.others(fold))
                .predict(self.problem, &self.folds[fold])
        });
        let folds = folds.collect::<Result<_>>()?;
        self.push("baseline", Recipe::Baseline, folds, start, None);
        Ok(())
    }

    /// The penalty is picked on the first fold; the other folds then use it.
    fn linear(&mut self) -> Result<()> {
        let start = Instant::now();
        let end = self.budget.within(self.budget.left() * LINEAR_SHARE);
        let fit = |fold: usize, penalty: f64| {
            let model = linear::fit(self.problem, &self.others(fold), penalty, end);
            (model.predict(self.problem, &self.folds[fold]), model)
        };
        let mut tried = parallel::map(PENALTIES.len(), |job| Ok(fit(0, PENALTIES[job])))?;
        let truth = self.truth(0);
        let (task, outputs) = (self.problem.task, self.problem.outputs);
        let scores: Vec<f64> = tried
            .iter()
            .map(|(predicted, _)| metrics::score(task, &truth, predicted, outputs))
            .collect();
        let best = metrics::argmax(&scores);
        let penalty = PENALTIES[best];
        let (predicted, model) = tried.swap_remove(best);
        let mut folds = vec![predicted];
        folds.extend(parallel::map(self.folds.len() - 1, |job| Ok(fit(job + 1, penalty).0))?);
        let model = Arc::new(Model::Linear(model));
        self.push("linear", Recipe::Linear { penalty }, folds, start, Some(model));
        Ok(())
    }

    fn boosted(&mut self, config: &Config) -> Result<()> {
        let first = self.slowest.is_empty();
        let (workers, count) = (parallel::workers(), self.folds.len());
        let reserve = self.refit_seconds(config, first);
        let mut time = self.budget.left() * FIRST_SHARE;
        if !first {
            let expected = self.slowest[0] * config.cost * count.div_ceil(workers) as f64;
            time = (self.budget.left() - reserve).max(0.0);
            if expected > time {
                self.notes.push(format!(
                    "{} was not tried: it would have taken about {expected:.0} s of the {time:.0} s left",
                    config.name
                ));
                return Ok(());
            }
        }
        let start = Instant::now();
        let mut done: Vec<FoldFit> = Vec::new();
        while done.len() < count {
            let waves = (count - done.len()).div_ceil(workers) as f64;
            let spent = start.elapsed().as_secs_f64();
            let slow = done.iter().map(|fit| fit.seconds).fold(0.0, f64::max);
            if first && !done.is_empty() && spent + waves * slow > time {
                break;
            }
            let share = (time - spent) / (waves + if first { REFIT } else { 0.0 });
            let end = self.budget.within(share);
            let wave = workers.min(count - done.len());
            let from = done.len();
            done.extend(parallel::map(wave, |job| self.fold_fit(config, from + job, end))?);
        }
        if done.len() < count {
            self.use_folds(done.len());
        }
        self.slowest.push(done.iter().map(|fit| fit.seconds).fold(0.0, f64::max));
        self.finish_boosted(config, done, start);
        Ok(())
    }

    fn fold_fit(&self, config: &Config, fold: usize, end: Instant) -> Result<FoldFit> {
        let start = Instant::now();
        let stop = Stop::Watching(&self.folds[fold]);
        let model = gbm::fit(self.problem, config, &self.others(fold), stop, end)?;
        let seconds = start.elapsed().as_secs_f64();
        let (rounds, cut) = (model.rounds, model.cut);
        let model = Model::Boosted(model);
        let predicted = model.predict(self.problem, &self.folds[fold])?;
        let model = (fold == 0).then(|| Arc::new(model));
        Ok(FoldFit { predicted, rounds, seconds, cut, model })
    }

    fn finish_boosted(&mut self, config: &Config, done: Vec<FoldFit>, start: Instant) {
        let rounds = done.iter().map(|fit| fit.rounds).sum::<usize>().div_ceil(done.len().max(1));
        if done.iter().any(|fit| fit.cut) {
            self.notes.push(format!("{}: the time budget ended its growth early", config.name));
        }
        let first = done.first().and_then(|fit| fit.model.clone());
        let folds = done.into_iter().map(|fit| fit.predicted).collect();
        self.push(config.name, Recipe::Boosted { config: *config, rounds }, folds, start, first);
    }

    /// Seconds to keep for the refits of the boosted candidates, the next one included.
    fn refit_seconds(&self, next: &Config, first: bool) -> f64 {
        if first {
            return 0.0;
        }
        let coming = self.slowest[0] * next.cost;
        let longest = self.slowest.iter().copied().fold(coming, f64::max);
        let all = self.slowest.iter().sum::<f64>() + coming;
        REFIT * longest.max(all / parallel::workers() as f64)
    }

    /// Goes on with the first `count` folds only.
    fn use_folds(&mut self, count: usize) {
        self.notes.push(format!(
            "{count} of {} validation folds were used, because fits are slow for this budget",
            self.folds.len()
        ));
        self.folds.truncate(count);
        for candidate in &mut self.candidates {
            candidate.folds.truncate(count);
        }
    }

    fn push(
        &mut self,
        name: &str,
        recipe: Recipe,
        folds: Vec<Vec<f64>>,
        start: Instant,
        first: Option<Arc<Model>>,
    ) {
        let fit_seconds = start.elapsed().as_secs_f64();
        let name = name.to_owned();
        self.candidates.push(Candidate { name, recipe, folds, fit_seconds, first });
    }

    /// Adds a weighted mean of other candidates.
    pub(crate) fn push_blend(&mut self, members: Vec<(f64, usize)>, folds: Vec<Vec<f64>>) {
        self.push("blend", Recipe::Blend(members), folds, Instant::now(), None);
    }

    /// Fits every candidate but the blend on all training rows, side by side. Where the
    /// time does not suffice, the first fold's model stands in.
    pub(crate) fn refit(&mut self) -> Result<Vec<(Arc<Model>, f64)>> {
        let single: Vec<&Candidate> =
            self.candidates.iter().filter(|c| !matches!(c.recipe, Recipe::Blend(_))).collect();
        // The longest first, so that they do not end alone.
        let count = single.len();
        let mut fitted = parallel::map(count, |job| {
            let candidate = single[count - 1 - job];
            let start = Instant::now();
            let (model, cut) = self.fit(&candidate.recipe)?;
            let seconds = start.elapsed().as_secs_f64();
            match &candidate.first {
                Some(first) if cut => Ok((Arc::clone(first), seconds, Some(&candidate.name))),
                _ => Ok((Arc::new(model), seconds, None)),
            }
        })?;
        fitted.reverse();
        let mut models = Vec::with_capacity(count);
        let mut notes = Vec::new();
        for (model, seconds, cut) in fitted {
            notes.extend(cut.map(|name| {
                format!(
                    "{name}: the time budget did not suffice to refit on all training rows, so the \
                     model of the first validation fold is used"
                )
            }));
            models.push((model, seconds));
        }
        self.notes.append(&mut notes);
        Ok(models)
    }

    /// Fits on all training rows; also says whether the deadline ended the fit.
    fn fit(&self, recipe: &Recipe) -> Result<(Model, bool)> {
        let end = self.budget.end();
        Ok(match recipe {
            Recipe::Linear { penalty } => {
                let fit = linear::fit(self.problem, self.rows, *penalty, end);
                let cut = fit.cut;
                (Model::Linear(fit), cut)
            }
            Recipe::Boosted { config, rounds } => {
                let stop = Stop::After(*rounds);
                let fit = gbm::fit(self.problem, config, self.rows, stop, end)?;
                let cut = fit.cut;
                (Model::Boosted(fit), cut)
            }
            Recipe::Baseline | Recipe::Blend(_) => {
                (model::baseline(self.problem, self.rows), false)
            }
        })
    }
}
