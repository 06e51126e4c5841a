//! `/metrics`, for Prometheus.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use cairn_monitor::TensorCounts;
use cairn_services::Services;
use cairn_services::statistics::{ModelStatistics, Timing};

use crate::App;

/// Everything measured; with `metrics_compat` also under the names of Triton and vLLM.
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let text = match app.metrics_compat {
        true => app.metrics.render_compatible(&counts(&app.services)),
        false => app.metrics.render(),
    };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

/// Tensor models by name and version; those that tenants call the same are added up.
fn counts(services: &Services) -> Vec<TensorCounts> {
    let mut found: BTreeMap<(String, String), TensorCounts> = BTreeMap::new();
    for (model, version, counted, waiting) in services.models.totals() {
        let names = (model.clone(), version.clone());
        let empty = || TensorCounts { model, version, ..TensorCounts::default() };
        add(found.entry(names).or_insert_with(empty), &counted, waiting);
    }
    found.into_values().collect()
}

fn add(counts: &mut TensorCounts, counted: &ModelStatistics, waiting: usize) {
    let us = |timing: Timing| timing.ns / 1000;
    counts.success += counted.success.count;
    counts.failure += counted.fail.count;
    counts.inferences += counted.inference_count;
    counts.executions += counted.execution_count;
    counts.pending += waiting as u64;
    counts.request_us += us(counted.success);
    counts.queue_us += us(counted.queue);
    counts.compute_input_us += us(counted.compute_input);
    counts.compute_infer_us += us(counted.compute_infer);
    counts.compute_output_us += us(counted.compute_output);
}
