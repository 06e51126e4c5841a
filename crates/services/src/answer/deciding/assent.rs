//! Whether a model that runs here finds the answer in its sources, asked before it writes.
//!
//! A question may be about something that is in the documents, and still not be answered by
//! them: by words and nearness nobody can tell. A model can, by how likely its next word is
//! "yes" when it is asked, if it is large enough: in a passage's best sentences a model of 1.5
//! billion weights tells them apart with an area under the ROC curve of 0.8, one of half a
//! billion with 0.6, which is of no use. How likely "yes" must be differs from model to model,
//! so it is known of those that were measured (`cairn-bench assent`), and others are not asked.
//! The prompt is that of the answer but for its last words, so that nothing is read twice.
//!
//! What is itself answered by yes or no it is not asked about: of made-up questions whose answer in
//! the sources is "no", that model says as of those without an answer that they are not answered
//! (area 0.6, whatever the wording), and would have refused two of three.

use cairn_kernel::Result;
use cairn_search::Language;
use cairn_serving::chat::{ChatEvent, ChatModel, ChatRequest, ChatUsage};
use cairn_serving::gguf::{ChatMessage, Sampling};
use futures::StreamExt;

use crate::answer::question::kind;
use crate::answer::writing::prompt::Prompt;

/// What is asked instead of the answer.
const ASKED: &str = "Do the sources say the answer to exactly this question? Reply yes or no.";
/// Likeliest words that are looked through.
const WORDS: u8 = 20;

/// What a model said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Assent {
    /// How likely "yes" was, where the answer is yes or no: 0 to 1.
    pub(crate) share: f32,
    /// What it took to ask.
    pub(crate) usage: ChatUsage,
}

/// How likely "yes" must be for this model to be trusted with a question, unless that
/// [wants yes or no](kind::wants_yes_or_no) itself. Nothing for a model that was not measured, or
/// not in this language.
pub(crate) fn needed(language: Language, identity: &str) -> Option<f32> {
    let assets = cairn_serving::models::assets().ok()?;
    let asset = assets.iter().find(|asset| asset.sha256 == identity)?;
    asset.assent.filter(|_| language == Language::English)
}

/// The turns of a prompt that asks for an answer in its last line, asking that instead.
fn question(prompt: &[ChatMessage]) -> Vec<ChatMessage> {
    let mut turns = prompt.to_vec();
    if let Some(last) = turns.last_mut() {
        let kept = last.content.rfind('\n').map_or(0, |end| end + 1);
        last.content.replace_range(kept.., ASKED);
    }
    turns
}

/// Asks `writer` about `asked`. Nothing where that wants yes or no, or the model says neither.
///
/// # Errors
/// As [`ChatModel::chat`].
pub(crate) async fn ask(
    writer: &dyn ChatModel,
    (asked, prompt): (&str, &Prompt),
    (owner, trace): (&str, &str),
) -> Result<Option<Assent>> {
    if kind::wants_yes_or_no(asked) {
        return Ok(None);
    }
    let request = ChatRequest {
        messages: question(&prompt.messages),
        max_tokens: Some(1),
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        logprobs: Some(WORDS),
        choices: 1,
        owner: owner.to_owned(),
        trace: trace.to_owned(),
        ..ChatRequest::default()
    };
    let mut events = writer.chat(request).await?;
    let (mut said, mut usage) = (None, ChatUsage::default());
    while let Some(event) = events.next().await {
        match event? {
            ChatEvent::Text { logprobs, .. } if said.is_none() => {
                said = logprobs.first().and_then(|token| {
                    share(token.top.iter().map(|(word, _, logprob)| (word.as_str(), *logprob)))
                });
            }
            ChatEvent::Done(spent) => usage = spent,
            _ => {}
        }
    }
    Ok(said.map(|share| Assent { share, usage }))
}

/// The share of "yes" in what is yes or no among words with the logarithms of their
/// probabilities.
fn share<'w>(words: impl Iterator<Item = (&'w str, f32)>) -> Option<f32> {
    let (mut yes, mut no) = (0.0_f32, 0.0_f32);
    for (word, logprob) in words {
        match word.trim().to_ascii_lowercase().as_str() {
            "yes" => yes += logprob.exp(),
            "no" => no += logprob.exp(),
            _ => {}
        }
    }
    (yes + no > 0.0).then(|| yes / (yes + no))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_are_weighed_however_they_are_written() {
        let words =
            [("Yes", 0.3_f32.ln()), ("no", 0.15_f32.ln()), (" yes", 0.15_f32.ln()), ("It", -1.0)];
        let share = share(words.into_iter());
        assert!(share.is_some_and(|share| (share - 0.75).abs() < 1e-4), "{share:?}");
        assert_eq!(super::share([("Perhaps", -0.1)].into_iter()), None);
    }

    #[test]
    fn only_the_last_words_of_a_prompt_change() {
        let prompt = [
            ChatMessage::new("system", "Answer."),
            ChatMessage::new("user", "Sources:\n\nQuestion: Why?\nBriefly."),
        ];
        let turns = question(&prompt);
        assert_eq!(turns[0], prompt[0]);
        assert_eq!(turns[1].content, format!("Sources:\n\nQuestion: Why?\n{ASKED}"));
    }

    #[test]
    fn a_model_that_was_not_measured_is_not_asked() {
        assert_eq!(needed(Language::English, "openai/gpt"), None);
        let measured = cairn_serving::models::assets().expect("the lock file");
        let measured = measured.iter().find(|asset| asset.assent.is_some()).expect("one");
        assert_eq!(needed(Language::English, &measured.sha256), measured.assent);
        assert_eq!(needed(Language::German, &measured.sha256), None);
    }
}
