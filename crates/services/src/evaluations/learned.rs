//! What a run learned, in its report.

use std::fmt::Write as _;

use super::plan::Configuration;
use super::plots::escape;
use super::summary::{StoreChange, ThresholdTuning, Tuning};
use crate::chunking::Strategy;

/// What was learned of ranking and of when to answer.
pub(super) fn tuning(held: &Tuning) -> String {
    let mut html = "<h2>Ranking learned</h2>".to_owned();
    if let Some(why) = &held.refused {
        let _ = write!(html, "<p>{}</p>", escape(why));
    } else if let (Some(ranking), Some(quality)) = (held.ranking, held.quality) {
        let _ = write!(
            html,
            "<p>From {} judged questions: dense {}, spread {}, late {}. nDCG@10 on questions it was not \
             learned from {:.3}; the default ranking {:.3}, vectors alone {:.3}, words alone {:.3}. The \
             figures above were measured before.</p>",
            held.questions,
            ranking.dense_weight,
            ranking.spread,
            ranking.late,
            quality.learned,
            quality.default,
            quality.dense,
            quality.words
        );
    }
    html.push_str(&held.threshold.as_ref().map_or_else(String::new, threshold));
    html
}

fn threshold(held: &ThresholdTuning) -> String {
    let mut html = "<h2>Threshold learned</h2>".to_owned();
    if let Some(why) = &held.refused {
        let _ = write!(html, "<p>{}</p>", escape(why));
    } else if let (Some(threshold), Some(quality)) = (held.threshold, held.quality) {
        let _ = write!(
            html,
            "<p>From {} questions with an answer and {} without: below a confidence of {threshold:.3} the \
             answer is that the documents do not say ({}). Refusal F1 on questions it was not learned \
             from {:.3}, with the program's own threshold {:.3}; difference [{:+.3}, {:+.3}]. Of what \
             can be answered {:.0} % is refused, by the program's own {:.0} %.</p>",
            held.answerable,
            held.unanswerable,
            if held.applied { "learned" } else { "the program's own: no other is surely better" },
            quality.learned,
            quality.default,
            quality.low,
            quality.high,
            quality.refused * 100.0,
            quality.refused_by_default * 100.0,
        );
    }
    html
}

/// Whether the store was changed to a configuration.
pub(super) fn change(held: &StoreChange) -> String {
    let mut html = "<h2>Cut or embedded anew</h2>".to_owned();
    let _ = write!(
        html,
        "<p>The store {} {}: {}</p>",
        if held.applied { "is now as" } else { "was not changed to" },
        escape(&held.configuration),
        escape(&held.reason),
    );
    html
}

/// The questions that were left out since their judgements are lost.
pub(super) fn lost(questions: &[String]) -> String {
    if questions.is_empty() {
        return String::new();
    }
    let mut html =
        "<h2>Not judged any more</h2><p class=\"soft\">The documents do not have the words \
                    that these questions' judgements point at.</p><ul>"
            .to_owned();
    for question in questions {
        let _ = write!(html, "<li>{}</li>", escape(question));
    }
    html.push_str("</ul>");
    html
}

/// How a configuration cuts the documents, in words.
pub(super) fn cut(settings: &Configuration) -> String {
    match settings.chunking {
        None => String::new(),
        Some(Strategy::Static { max_tokens, overlap_tokens }) => {
            format!("{max_tokens} tokens, {overlap_tokens} shared")
        }
        Some(Strategy::Structure { max_tokens, .. }) => format!("structure, {max_tokens} tokens"),
        Some(Strategy::ParentChild { child_tokens, parent_tokens, .. }) => {
            format!("{child_tokens} tokens in {parent_tokens}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rankings::ThresholdQuality;

    #[test]
    fn what_was_learned_and_changed_is_told() {
        let learned = ThresholdTuning {
            applied: true,
            answerable: 30,
            unanswerable: 25,
            threshold: Some(0.5),
            quality: Some(ThresholdQuality { learned: 0.9, default: 0.7, ..Default::default() }),
            ..ThresholdTuning::default()
        };
        let html = threshold(&learned);
        assert!(html.contains("below a confidence of 0.500"), "{html}");
        assert!(html.contains("0.900") && html.contains("0.700"), "{html}");
        let refused = ThresholdTuning { refused: Some("<few>".into()), ..Default::default() };
        assert!(threshold(&refused).contains("&lt;few&gt;"));
        let held = StoreChange {
            configuration: "a <b>".into(),
            applied: false,
            reason: "no figure is surely better".into(),
            questions: 40,
        };
        assert!(change(&held).contains("was not changed to a &lt;b&gt;"), "{}", change(&held));
    }

    #[test]
    fn ways_of_cutting_are_told_in_words() {
        let of = |chunking| cut(&Configuration { chunking, ..Configuration::default() });
        assert_eq!(of(None), "");
        let parents =
            Strategy::ParentChild { child_tokens: 64, parent_tokens: 800, heading_context: true };
        assert_eq!(of(Some(parents)), "64 tokens in 800");
        assert_eq!(of(Some(Strategy::default())), "800 tokens, 400 shared");
    }
}
