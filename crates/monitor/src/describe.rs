//! What each metric means, for `# HELP` lines.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Describes every metric the program has.
pub(crate) fn all() {
    gateway();
    engines();
    data();
}

fn gateway() {
    describe_counter!(
        "cairn_http_requests_total",
        "Requests answered, by route, method and status"
    );
    describe_histogram!("cairn_http_request_seconds", Unit::Seconds, "Time until the answer began");
    describe_gauge!("cairn_http_requests_in_flight", "Requests being answered now");
    describe_counter!("cairn_grpc_requests_total", "Calls answered, by method and code");
    describe_histogram!("cairn_grpc_request_seconds", Unit::Seconds, "Time of a call");
    describe_gauge!("cairn_grpc_requests_in_flight", "Calls being answered now");
    describe_counter!("cairn_errors_total", "Requests that failed, by kind of error");
    describe_counter!(
        "cairn_responses_total",
        "Answers over documents, by mode and whether refused"
    );
}

fn engines() {
    describe_counter!(
        "cairn_llm_tokens_total",
        "Tokens by model and kind: prompt, cached, completion"
    );
    describe_gauge!("cairn_llm_queue_depth", "Generations waiting for a slot");
    describe_gauge!(
        "cairn_llm_cache_usage_ratio",
        "Share of the context of all slots that running answers fill"
    );
    describe_gauge!("cairn_llm_slots_busy", "Slots generating now");
    describe_histogram!(
        "cairn_llm_time_to_first_token_seconds",
        Unit::Seconds,
        "Wait for the first token"
    );
    describe_histogram!(
        "cairn_llm_inter_token_seconds",
        Unit::Seconds,
        "Time between two tokens of an answer"
    );
    describe_histogram!(
        "cairn_llm_request_seconds",
        Unit::Seconds,
        "Time of an answer, from the request to its end"
    );
    describe_counter!("cairn_llm_requests_total", "Answers completed, by why they ended");
    describe_counter!("cairn_llm_restarts_total", "Restarts of an LLM child");
    describe_counter!("cairn_embed_tokens_total", "Tokens embedded");
    describe_histogram!("cairn_embed_batch_size", "Texts in an embedding batch");
    describe_histogram!("cairn_embed_seconds", Unit::Seconds, "Time of an embedding batch");
    describe_gauge!("cairn_embed_queue_depth", "Texts waiting to be embedded");
    describe_counter!("cairn_onnx_requests_total", "Inferences by model and outcome");
    describe_histogram!("cairn_onnx_infer_seconds", Unit::Seconds, "Time of an inference");
    describe_counter!(
        "cairn_rollout_requests_total",
        "Requests to models under a rollout, by model, version and outcome"
    );
    describe_counter!("cairn_rollout_decisions_total", "Changes of rollouts, by action");
    describe_counter!("cairn_child_starts_total", "Child processes started, by role");
    describe_counter!("cairn_child_deaths_total", "Child processes that died at work, by role");
}

fn data() {
    describe_histogram!("cairn_parse_seconds", Unit::Seconds, "Time to read a document, by kind");
    describe_counter!("cairn_parse_failures_total", "Documents that could not be read, by kind");
    describe_counter!("cairn_ingest_files_total", "Files ingested, by outcome");
    describe_counter!("cairn_ingest_chunks_total", "Chunks stored");
    describe_counter!("cairn_ingest_turns_total", "Turns of files with many scanned pages");
    describe_counter!("cairn_ingest_waits_total", "Waits of files for an embedding model");
    describe_counter!("cairn_source_runs_total", "Runs of sources, by kind and outcome");
    describe_counter!(
        "cairn_source_items_total",
        "Items of sources, by kind and what became of them"
    );
    describe_counter!("cairn_source_bytes_total", "Bytes taken from sources, by kind");
    describe_gauge!("cairn_jobs_queued", "Jobs waiting");
    describe_gauge!("cairn_jobs_running", "Jobs being worked on");
    describe_counter!("cairn_jobs_total", "Jobs worked on, by kind and outcome");
    describe_histogram!("cairn_job_seconds", Unit::Seconds, "Time of a job, by kind");
    describe_counter!("cairn_index_queries_total", "Queries to the search index");
    describe_histogram!(
        "cairn_index_query_seconds",
        Unit::Seconds,
        "Time of an index query, by leg"
    );
    describe_counter!("cairn_index_upserts_total", "Points written to the search index");
    describe_gauge!("cairn_index_points", "Points in open search indexes");
    describe_histogram!(
        "cairn_index_optimise_seconds",
        Unit::Seconds,
        "Time of an index optimisation"
    );
    describe_histogram!("cairn_tables_import_seconds", Unit::Seconds, "Time to import a table");
    describe_counter!("cairn_tables_rows_total", "Rows imported");
    describe_histogram!("cairn_tables_query_seconds", Unit::Seconds, "Time of an SQL query");
    describe_counter!("cairn_training_runs_total", "Training runs, by outcome");
    describe_counter!("cairn_evaluations_total", "Evaluations, by outcome");
    describe_counter!("cairn_eval_worse_total", "Evaluations worse than the one before them");
    describe_counter!(
        "cairn_eval_scheduled_failures_total",
        "Scheduled evaluations that failed or could not begin"
    );
    describe_gauge!(
        "cairn_eval_quality",
        "Figures of the newest evaluation's first configuration, by metric"
    );
}
