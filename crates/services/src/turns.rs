//! Which turns of a conversation fit the context of a model.
//!
//! A turn is what a user says with the answers to it. The latest turns are kept whole, older
//! ones are left out from the front; what systems say and the question itself always stay, with
//! what functions gave to answer it. A conversation that fits is not touched.

use cairn_kernel::Result;
use cairn_serving::chat::ChatModel;
use cairn_serving::gguf::ChatMessage;

/// Tokens of prompt and answer together, of a model whose provider does not say it.
const UNKNOWN_CONTEXT: u32 = 32_768;
/// Tokens that are kept free for an answer at least.
const LEAST_ANSWER: u32 = 64;
/// Bytes of a token, where only the provider can count: few, so that the guess is rather too
/// high. English has some 4, a character of Chinese 3.
const TOKEN_BYTES: usize = 3;
/// Tokens that a chat template puts around a message, rather too many.
const AROUND: usize = 8;
/// Text with more bytes for each token of room is too long without being counted.
const MOST_TOKEN_BYTES: usize = 16;

/// Leaves out the oldest turns of `messages` that do not fit `model` beside the rest and an
/// answer of `answer_tokens` (a quarter of the context when absent); how many. The last message
/// of a user is the question. Where it does not fit even without all turns before it, the model
/// says so when it is asked.
///
/// # Errors
/// `Unavailable` when a local model cannot be asked how long the messages are, `Invalid` when
/// its template rejects them.
pub(crate) async fn fit(
    model: &dyn ChatModel,
    messages: &mut Vec<ChatMessage>,
    answer_tokens: Option<u32>,
) -> Result<usize> {
    fit_beside(model, messages, answer_tokens, 0).await
}

/// The same beside `more` bytes that are put to the model with the messages.
///
/// # Errors
/// As [`fit`].
pub(crate) async fn fit_beside(
    model: &dyn ChatModel,
    messages: &mut Vec<ChatMessage>,
    answer_tokens: Option<u32>,
    more: usize,
) -> Result<usize> {
    let (first, starts) = starts(messages);
    let last = question(messages);
    if starts.is_empty() {
        return Ok(0);
    }
    let context = model.context_tokens().unwrap_or(UNKNOWN_CONTEXT);
    let answer = answer_tokens.unwrap_or(context / 4).max(LEAST_ANSWER);
    let room = usize::try_from(context.saturating_sub(answer)).unwrap_or(usize::MAX);
    let room = room.saturating_sub(more.div_ceil(TOKEN_BYTES));
    let after = |dropped: usize| starts.get(dropped).copied().unwrap_or(last);
    if fits(model, messages, first..first, room).await? {
        return Ok(0);
    }
    // Between `low` turns, with which it does not fit, and `high`, with which there is nothing
    // more to leave out.
    let (mut low, mut high) = (0, starts.len());
    while high - low > 1 {
        let middle = low.midpoint(high);
        match fits(model, messages, first..after(middle), room).await? {
            true => high = middle,
            false => low = middle,
        }
    }
    messages.drain(first..after(high));
    Ok(high)
}

/// Where the question stands: behind it only calls of functions and what came of them.
fn question(messages: &[ChatMessage]) -> usize {
    let asked = messages.iter().rposition(|message| message.role == "user");
    asked.unwrap_or(messages.len().saturating_sub(1))
}

/// Where the first message after those of systems stands, and where each turn before the
/// question begins.
fn starts(messages: &[ChatMessage]) -> (usize, Vec<usize>) {
    let first = messages.iter().take_while(|message| message.role == "system").count();
    let last = question(messages);
    let mut starts = Vec::new();
    let mut before = "";
    for (at, message) in messages.iter().enumerate().skip(first) {
        let begins = message.role == "user" && before != "user";
        if at < last && (at == first || begins) {
            starts.push(at);
        }
        before = &message.role;
    }
    (first, starts)
}

/// Whether `messages` without those in `gap` have no more than `room` tokens.
async fn fits(
    model: &dyn ChatModel,
    messages: &[ChatMessage],
    gap: std::ops::Range<usize>,
    room: usize,
) -> Result<bool> {
    let left = messages.iter().enumerate().filter(|(at, _)| !gap.contains(at));
    let left: Vec<ChatMessage> = left.map(|(_, message)| message.clone()).collect();
    let bytes: usize = left.iter().map(size).sum();
    let around = left.len() * AROUND;
    // No token is of less than a byte, so these need not be counted.
    if bytes + around <= room {
        return Ok(true);
    }
    if bytes / MOST_TOKEN_BYTES > room {
        return Ok(false);
    }
    let tokens = match model.prompt_tokens(&left).await? {
        Some(counted) => counted,
        None => bytes.div_ceil(TOKEN_BYTES) + around,
    };
    Ok(tokens <= room)
}

/// Bytes of a message, with the calls in it.
fn size(message: &ChatMessage) -> usize {
    let calls = message.tool_calls.as_ref().map_or(0, |calls| calls.to_string().len());
    message.content.len() + calls
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use cairn_serving::chat::{ChatRequest, ChatStream};

    use super::*;

    /// A model that reads words, or does not say how many it reads.
    struct Reader {
        context: Option<u32>,
        counts: bool,
    }

    #[async_trait]
    impl ChatModel for Reader {
        fn name(&self) -> &'static str {
            "reader"
        }

        fn identity(&self) -> &'static str {
            "reader"
        }

        fn context_tokens(&self) -> Option<u32> {
            self.context
        }

        async fn prompt_tokens(&self, messages: &[ChatMessage]) -> Result<Option<usize>> {
            let words = |message: &ChatMessage| message.content.split_whitespace().count();
            Ok(self.counts.then(|| messages.iter().map(words).sum()))
        }

        async fn chat(&self, _: ChatRequest) -> Result<ChatStream> {
            Ok(Box::pin(futures::stream::empty()))
        }
    }

    /// A conversation of `turns` turns of 20 words, and a question of 10.
    fn talk(turns: usize) -> Vec<ChatMessage> {
        let mut messages = vec![ChatMessage::new("system", "Be brief and be polite.")];
        for turn in 0..turns {
            messages.push(ChatMessage::new("user", format!("{turn} {}", "asked ".repeat(9))));
            messages.push(ChatMessage::new("assistant", format!("{turn} {}", "said ".repeat(9))));
        }
        messages.push(ChatMessage::new("user", "why ".repeat(10)));
        messages
    }

    #[tokio::test]
    async fn a_conversation_that_fits_is_not_touched() -> Result<()> {
        for (context, turns) in [(4096, 0), (4096, 3), (4096, 100), (64 + 35, 1)] {
            let model = Reader { context: Some(context), counts: true };
            let mut messages = talk(turns);
            assert_eq!(fit(&model, &mut messages, Some(64)).await?, 0, "{context} {turns}");
            assert_eq!(messages, talk(turns));
        }
        Ok(())
    }

    #[tokio::test]
    async fn the_latest_turns_are_kept_whole() -> Result<()> {
        // 15 words beside the turns and 64 for the answer leave room for three turns and a half.
        let model = Reader { context: Some(64 + 15 + 70), counts: true };
        let whole = talk(200);
        let mut messages = whole.clone();
        assert_eq!(fit(&model, &mut messages, Some(10)).await?, 197);
        let (system, kept) = (&messages[..1], &messages[1..]);
        assert_eq!(system, &whole[..1]);
        assert_eq!(kept, &whole[whole.len() - 7..]);
        assert_eq!(kept[0].role, "user");
        Ok(())
    }

    #[tokio::test]
    async fn the_question_stays_even_where_it_does_not_fit() -> Result<()> {
        let model = Reader { context: Some(70), counts: true };
        let mut messages = talk(3);
        assert_eq!(fit(&model, &mut messages, Some(64)).await?, 3);
        assert_eq!(messages, talk(0));
        Ok(())
    }

    #[tokio::test]
    async fn what_cannot_be_counted_is_guessed() -> Result<()> {
        let model = Reader { context: None, counts: false };
        let mut short = talk(40);
        assert_eq!(fit(&model, &mut short, Some(300)).await?, 0);
        let mut endless = talk(5000);
        let left_out = fit(&model, &mut endless, Some(300)).await?;
        assert!(left_out > 0 && endless.len() == 2 * (5000 - left_out) + 2, "{left_out}");
        let bytes: usize = endless.iter().map(|message| message.content.len()).sum();
        assert!(bytes / TOKEN_BYTES < 32_768 && bytes > 32_768, "{bytes}");
        Ok(())
    }

    #[tokio::test]
    async fn what_functions_gave_for_the_question_stays_with_it() -> Result<()> {
        let model = Reader { context: Some(64 + 15 + 10), counts: true };
        let mut messages = talk(3);
        let mut called = ChatMessage::new("assistant", "");
        called.tool_calls = Some(serde_json::json!([{"id": "call_1"}]));
        messages.extend([called, ChatMessage::new("tool", "8 degrees")]);
        let question = messages[7..].to_vec();
        assert_eq!(fit(&model, &mut messages, Some(64)).await?, 3);
        assert_eq!(messages[1..], question);
        // What else is read takes room too.
        let mut messages = talk(3);
        let wide = Reader { context: Some(64 + 15 + 130), counts: true };
        assert_eq!(fit(&wide, &mut messages.clone(), Some(64)).await?, 0);
        assert_eq!(fit_beside(&wide, &mut messages, Some(64), 330).await?, 2);
        Ok(())
    }

    #[test]
    fn a_turn_begins_with_what_a_user_says_after_an_answer() {
        let roles = ["system", "assistant", "user", "user", "assistant", "user", "user"];
        let messages: Vec<ChatMessage> =
            roles.iter().map(|role| ChatMessage::new(*role, "x")).collect();
        assert_eq!(starts(&messages), (1, vec![1, 2, 5]));
        assert_eq!(starts(&messages[..1]), (1, Vec::new()));
        assert_eq!(starts(&[]), (0, Vec::new()));
    }
}
