use super::calls::CallForm;
use super::*;
use crate::gguf::request::Timings;

fn token(text: &str) -> Event {
    Event::Token { text: text.to_owned(), n: 1, logprobs: Vec::new() }
}

fn done(finish_reason: FinishReason, completion_tokens: u32) -> Event {
    let timings = Timings::default();
    Event::Done(Done {
        finish_reason,
        prompt_tokens: 9,
        cached_tokens: 4,
        completion_tokens,
        timings,
    })
}

fn answer(choices: u32, form: Option<CallForm>) -> Answer {
    Answer {
        writers: (0..choices).map(|_| Writer::new(form.map(Calls::new))).collect(),
        usage: ChatUsage::default(),
        left: choices,
        started: false,
    }
}

#[test]
fn several_choices_begin_and_end_once_and_count_the_prompt_once() {
    let mut answer = answer(2, None);
    let started = |cached_tokens| Event::Started { prompt_tokens: 9, cached_tokens };
    assert_eq!(answer.add(1, started(4)).len(), 1);
    assert!(answer.add(0, started(8)).is_empty());
    answer.add(0, token("a"));
    assert_eq!(
        answer.add(0, done(FinishReason::Stop, 3)),
        [ChatEvent::Finished { choice: 0, reason: FinishReason::Stop }]
    );
    assert_eq!(
        answer.add(1, done(FinishReason::Length, 5)),
        [
            ChatEvent::Finished { choice: 1, reason: FinishReason::Length },
            ChatEvent::Done(ChatUsage { prompt_tokens: 9, cached_tokens: 4, completion_tokens: 8 }),
        ]
    );
}

#[test]
fn calls_become_events_and_the_reason_says_so() {
    let mut answer = answer(1, Some(CallForm::Hermes));
    let mut events = answer.add(0, token("Let me see.\n<tool"));
    events.extend(answer.add(0, token("_call>\n{\"name\": \"f\", \"arguments\": {\"a\"")));
    events.extend(answer.add(0, token(": 1}}\n</tool_call>")));
    events.extend(answer.add(0, done(FinishReason::Stop, 20)));
    let ChatEvent::ToolCall { id, name, index: 0, .. } = &events[1] else {
        panic!("no call: {events:?}");
    };
    assert!(id.starts_with("call_") && name == "f", "{id} {name}");
    let arguments: String = events
        .iter()
        .filter_map(|event| match event {
            ChatEvent::ToolArguments { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(arguments, "{\"a\": 1}");
    assert!(events.contains(&ChatEvent::Finished { choice: 0, reason: FinishReason::ToolCalls }));
}

#[test]
fn a_call_cut_off_ends_for_its_length() {
    let mut answer = answer(1, Some(CallForm::Hermes));
    answer.add(0, token("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\""));
    let events = answer.add(0, done(FinishReason::Length, 20));
    assert_eq!(events[0], ChatEvent::Finished { choice: 0, reason: FinishReason::Length });
}

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    let format = TextFormat::JsonObject;
    let both = ChatRequest { ignore_eos: true, format, ..ChatRequest::default() };
    let tool_choice = ToolChoice::Required;
    let forced = ChatRequest { tool_choice, ..ChatRequest::default() };
    for (request, field) in [(both, "ignore_eos"), (forced, "tool_choice")] {
        assert_eq!(check(&request).err().as_ref().and_then(Error::param), Some(field));
    }
}
