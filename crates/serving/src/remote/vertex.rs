//! Where Gemini's models are on Vertex AI.

use super::upstream::segment;

/// The address of the region.
pub(super) fn base(region: &str) -> String {
    match region {
        "global" => "https://aiplatform.googleapis.com".to_owned(),
        region => format!("https://{region}-aiplatform.googleapis.com"),
    }
}

/// The address of Google's models in a project.
pub(super) fn models(base: &str, project: &str, region: &str) -> String {
    let (base, project, region) = (base.trim_end_matches('/'), segment(project), segment(region));
    format!("{base}/v1/projects/{project}/locations/{region}/publishers/google/models")
}
