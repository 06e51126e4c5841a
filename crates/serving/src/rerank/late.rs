//! Late interaction (MaxSim, as in ColBERT, Khattab and Zaharia 2020) over the token vectors
//! of the embedding model.
//!
//! A window's score is the mean over the query's tokens of the greatest cosine with any of
//! the window's tokens; special tokens count on neither side. The cosine `c` becomes the
//! relevance `(1 + c) / 2`, which keeps the order and lies within 0 and 1.

use std::sync::Arc;

use cairn_kernel::{Error, Result};

use super::Scores;
use crate::embed::{DIMENSIONS, Embedder, Priority, own_tokens};

/// What no token comes near to.
const NOTHING: f32 = -1.0;

/// Scores `documents`, all windows in the embedder's own batches. Each window is reduced to
/// its score where it was computed, so that long documents take no memory.
pub(super) async fn score(
    embedder: &Embedder,
    query: &str,
    documents: Vec<String>,
) -> Result<Scores> {
    let asked = embedder.token_vectors(vec![query.to_owned()], Priority::Interactive).await?;
    let query: Vec<f32> = asked.windows.into_iter().flatten().flatten().collect();
    if query.is_empty() {
        return Err(Error::invalid("query has no words").with_param("query"));
    }
    let reduce = Arc::new(move |tokens: &[f32]| vec![max_sim(&query, &own_tokens(tokens))]);
    let (windows, tokens) = embedder.reduce(documents, Priority::Interactive, reduce).await?;
    let best = |windows: &Vec<Vec<f32>>| windows.iter().flatten().copied().fold(NOTHING, f32::max);
    Ok(Scores {
        relevance: windows.iter().map(|windows| f32::midpoint(1.0, best(windows))).collect(),
        tokens: tokens.iter().sum::<usize>() + asked.tokens.iter().sum::<usize>(),
    })
}

/// The mean over `query`'s vectors of the greatest cosine with one of `window`'s; both hold
/// vectors of length 1, one after another.
#[expect(clippy::cast_precision_loss, reason = "counts of tokens are small")]
fn max_sim(query: &[f32], window: &[f32]) -> f32 {
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let nearest = |asked: &[f32]| {
        let cosines = window.chunks_exact(DIMENSIONS).map(|token| cosine(asked, token));
        cosines.fold(NOTHING, f32::max)
    };
    let count = query.len() / DIMENSIONS;
    query.chunks_exact(DIMENSIONS).map(nearest).sum::<f32>() / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::EmbedConfig;
    use crate::models::ModelStore;
    use crate::rerank::Reranker;

    fn axis(at: usize) -> Vec<f32> {
        let mut vector = vec![0.0; DIMENSIONS];
        vector[at] = 1.0;
        vector
    }

    #[test]
    fn each_token_of_the_query_finds_its_nearest() {
        let query = [axis(0), axis(1)].concat();
        let half: Vec<f32> =
            axis(1).iter().zip(axis(2)).map(|(a, b)| (a + b) / 2_f32.sqrt()).collect();
        let window = [axis(0), half].concat();
        let expected = (1.0 + 1.0 / 2_f32.sqrt()) / 2.0;
        assert!((max_sim(&query, &window) - expected).abs() < 1e-6);
        assert_eq!(max_sim(&query, &query), 1.0);
        assert_eq!(max_sim(&query, &[]), NOTHING);
    }

    fn reranker() -> Reranker {
        let store = ModelStore::from_env().unwrap();
        let config = EmbedConfig::from_store(&store).unwrap();
        Reranker::late_interaction(Arc::new(Embedder::new(config)))
    }

    /// With the real model: it must lie in the model store (`make models`).
    #[tokio::test(flavor = "multi_thread")]
    async fn what_answers_comes_before_what_does_not() {
        let reranker = reranker();
        let documents = [
            "The harbour was frozen over for the whole of January.",
            "To reset a forgotten password, open the account page and choose 'send a new password'.",
            "",
            "Bread is baked every morning at six.",
        ];
        let documents: Vec<String> = documents.iter().map(|&text| text.to_owned()).collect();
        let scores = reranker.score("How do I reset my password?", documents).await.unwrap();
        let relevance = &scores.relevance;
        assert!(relevance.iter().all(|score| (0.0..=1.0).contains(score)), "{relevance:?}");
        for other in [0, 2, 3] {
            assert!(relevance[1] > relevance[other] + 0.05, "{relevance:?}");
        }
        assert_eq!(relevance[2], 0.0);
        assert!(scores.tokens > 30);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_end_of_a_long_document_counts() {
        let filler = "The committee met again and noted the report without discussion. ".repeat(80);
        let answer = "Penguins huddle together against the antarctic cold.";
        let documents = vec![filler.clone(), format!("{filler}{answer}"), answer.to_owned()];
        let scores = reranker().score("Why do penguins huddle?", documents).await.unwrap();
        let [without, with, alone] = scores.relevance[..] else { panic!() };
        assert!(with > without + 0.05 && alone >= with - 0.1, "{without} {with} {alone}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_query_without_words_is_refused() {
        let refused = reranker().score("  ", vec!["x".into()]).await.unwrap_err();
        assert_eq!(refused.param(), Some("query"));
    }

    #[tokio::test]
    async fn a_cut_is_made_between_tokens() {
        let documents = vec!["stone river winter".to_owned(), "stone".to_owned()];
        assert_eq!(reranker().cut(documents, 2).await.unwrap(), ["stone river ", "stone"]);
    }
}
