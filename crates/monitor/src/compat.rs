//! The same figures under the names of Triton and vLLM, so that dashboards, alerts and
//! autoscaling rules written for those go on working. Nothing is recorded twice: these
//! lines are made when metrics are read.

use std::fmt::Write as _;

/// What a tensor model has done, as the engine counted it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TensorCounts {
    /// The model.
    pub model: String,
    /// The version.
    pub version: String,
    /// Requests answered.
    pub success: u64,
    /// Requests that failed.
    pub failure: u64,
    /// Rows inferred.
    pub inferences: u64,
    /// Executions of the engine.
    pub executions: u64,
    /// Requests that wait for the engine.
    pub pending: u64,
    /// Time of requests from arrival to answer, in microseconds.
    pub request_us: u64,
    /// Of it, waiting.
    pub queue_us: u64,
    /// Of it, preparing inputs.
    pub compute_input_us: u64,
    /// Of it, running.
    pub compute_infer_us: u64,
    /// Of it, giving outputs out.
    pub compute_output_us: u64,
}

type Figure = fn(&TensorCounts) -> u64;

/// Triton's name, type and meaning, and the figure.
const TRITON: [(&str, &str, &str, Figure); 10] = [
    ("nv_inference_request_success", "counter", "Requests answered", |it| it.success),
    ("nv_inference_request_failure", "counter", "Requests that failed", |it| it.failure),
    ("nv_inference_count", "counter", "Rows inferred", |it| it.inferences),
    ("nv_inference_exec_count", "counter", "Executions of the engine", |it| it.executions),
    ("nv_inference_pending_request_count", "gauge", "Requests that wait", |it| it.pending),
    ("nv_inference_request_duration_us", "counter", "Time of requests", |it| it.request_us),
    ("nv_inference_queue_duration_us", "counter", "Time of waiting", |it| it.queue_us),
    ("nv_inference_compute_input_duration_us", "counter", "Time of preparing inputs", |it| {
        it.compute_input_us
    }),
    ("nv_inference_compute_infer_duration_us", "counter", "Time of running", |it| {
        it.compute_infer_us
    }),
    ("nv_inference_compute_output_duration_us", "counter", "Time of giving outputs out", |it| {
        it.compute_output_us
    }),
];

/// Our name, the `kind` it is limited to, vLLM's name and its type.
const VLLM: [(&str, Option<&str>, &str, &str); 12] = [
    ("cairn_llm_slots_busy", None, "vllm:num_requests_running", "gauge"),
    ("cairn_llm_queue_depth", None, "vllm:num_requests_waiting", "gauge"),
    ("cairn_llm_cache_usage_ratio", None, "vllm:kv_cache_usage_perc", "gauge"),
    ("cairn_llm_tokens_total", Some("prompt"), "vllm:prompt_tokens_total", "counter"),
    ("cairn_llm_tokens_total", Some("completion"), "vllm:generation_tokens_total", "counter"),
    // Every token of a prompt is looked for, as in vLLM.
    ("cairn_llm_tokens_total", Some("prompt"), "vllm:prefix_cache_queries_total", "counter"),
    ("cairn_llm_tokens_total", Some("cached"), "vllm:prefix_cache_hits_total", "counter"),
    ("cairn_llm_requests_total", None, "vllm:request_success_total", "counter"),
    (
        "cairn_llm_time_to_first_token_seconds",
        None,
        "vllm:time_to_first_token_seconds",
        "histogram",
    ),
    ("cairn_llm_inter_token_seconds", None, "vllm:inter_token_latency_seconds", "histogram"),
    ("cairn_llm_inter_token_seconds", None, "vllm:time_per_output_token_seconds", "histogram"),
    ("cairn_llm_request_seconds", None, "vllm:e2e_request_latency_seconds", "histogram"),
];

/// Triton's lines.
pub(crate) fn triton(models: &[TensorCounts], text: &mut String) {
    for (name, kind, help, figure) in TRITON {
        if models.is_empty() {
            return;
        }
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for counts in models {
            let (model, version) = (escape(&counts.model), escape(&counts.version));
            let value = figure(counts);
            let _ = writeln!(text, "{name}{{model=\"{model}\",version=\"{version}\"}} {value}");
        }
    }
}

/// vLLM's lines, made of ours.
pub(crate) fn vllm(ours: &str, text: &mut String) {
    for (our_name, only, name, kind) in VLLM {
        let mut headed = false;
        for line in ours.lines().filter(|line| line.starts_with(our_name)) {
            let Some((suffix, labels, value)) = parts(line, our_name, kind) else { continue };
            let Some(labels) = renamed(labels, only) else { continue };
            if !headed {
                let _ = writeln!(text, "# HELP {name} As {our_name}\n# TYPE {name} {kind}");
                headed = true;
            }
            let _ = writeln!(text, "{name}{suffix}{{{labels}}} {value}");
        }
    }
}

/// A line of the metric `name`: its suffix within a histogram, its labels, its value.
fn parts<'l>(line: &'l str, name: &str, kind: &str) -> Option<(&'l str, &'l str, &'l str)> {
    let (head, value) = line.rsplit_once(' ')?;
    let (metric, labels) = head.strip_suffix('}')?.split_once('{')?;
    let suffix = metric.strip_prefix(name)?;
    let known = match kind {
        "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
        _ => suffix.is_empty(),
    };
    known.then_some((suffix, labels, value))
}

/// Labels as vLLM calls them, or `None` for a line of another `kind` than `only`.
fn renamed(labels: &str, only: Option<&str>) -> Option<String> {
    let mut renamed = String::from("engine=\"0\"");
    let mut kind = None;
    for (name, value) in split(labels) {
        match name {
            "kind" => kind = Some(value),
            "model" => {
                let _ = write!(renamed, ",model_name=\"{value}\"");
            }
            "finish_reason" => {
                let _ = write!(renamed, ",finished_reason=\"{value}\"");
            }
            other => {
                let _ = write!(renamed, ",{other}=\"{value}\"");
            }
        }
    }
    (only.is_none() || only == kind).then_some(renamed)
}

/// `a="x",b="y"` as pairs; a value may hold escaped quotes.
fn split(labels: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    let mut rest = labels;
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut escaped = false;
        let end = after.find(|c: char| {
            let found = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            found
        });
        let Some(end) = end else { break };
        pairs.push((name, &after[..end]));
        rest = after[end + 1..].trim_start_matches(',');
    }
    pairs
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensor_models_have_tritons_names_and_labels() {
        let counts = TensorCounts {
            model: "credit \"x\"".to_owned(),
            version: "3".to_owned(),
            success: 7,
            executions: 2,
            queue_us: 40,
            ..TensorCounts::default()
        };
        let mut text = String::new();
        triton(&[counts], &mut text);
        for line in [
            "# TYPE nv_inference_request_success counter",
            "nv_inference_request_success{model=\"credit \\\"x\\\"\",version=\"3\"} 7",
            "nv_inference_exec_count{model=\"credit \\\"x\\\"\",version=\"3\"} 2",
            "nv_inference_queue_duration_us{model=\"credit \\\"x\\\"\",version=\"3\"} 40",
            "# TYPE nv_inference_pending_request_count gauge",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn language_models_have_vllms_names_and_labels() {
        let ours = "# TYPE cairn_llm_tokens_total counter\n\
            cairn_llm_tokens_total{model=\"m\",kind=\"prompt\"} 12\n\
            cairn_llm_tokens_total{model=\"m\",kind=\"cached\"} 5\n\
            cairn_llm_requests_total{model=\"m\",finish_reason=\"stop\"} 2\n\
            cairn_llm_request_seconds_bucket{model=\"a,b=\\\"c\\\"\",le=\"0.5\"} 1\n\
            cairn_llm_request_seconds_sum{model=\"a,b=\\\"c\\\"\"} 0.25\n\
            cairn_embed_seconds_sum{model=\"m\"} 1\n";
        let mut text = String::new();
        vllm(ours, &mut text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "vllm:prompt_tokens_total{engine=\"0\",model_name=\"m\"} 12",
                "vllm:prefix_cache_queries_total{engine=\"0\",model_name=\"m\"} 12",
                "vllm:prefix_cache_hits_total{engine=\"0\",model_name=\"m\"} 5",
                "vllm:request_success_total{engine=\"0\",model_name=\"m\",finished_reason=\"stop\"} 2",
                "vllm:e2e_request_latency_seconds_bucket{engine=\"0\",model_name=\"a,b=\\\"c\\\"\",le=\"0.5\"} 1",
                "vllm:e2e_request_latency_seconds_sum{engine=\"0\",model_name=\"a,b=\\\"c\\\"\"} 0.25",
            ]
        );
        assert!(text.contains("# TYPE vllm:e2e_request_latency_seconds histogram"));
    }
}
