//! The events of a response, in the order that OpenAI's clients expect, and the
//! finished object.

use std::time::Instant;

use cairn_kernel::{Error, Id, Kind};
use cairn_services::answer::Provenance;
use cairn_services::responses::Beat;
use cairn_services::retrieve::Passage;
use cairn_wire::openai::{FileCitation, Response, ResponseExtra, ResponseUsage};
use serde_json::{Map, Value, json};

use super::ending::ending;
use crate::error;
use crate::openai::convert::hit;

/// Passages shown for a question that is not answered.
pub(in crate::openai) const NEAREST: usize = 3;

/// How an answer ended.
#[derive(Debug)]
pub(in crate::openai) struct Ending {
    /// The text, where no function was called.
    pub(in crate::openai) text: String,
    /// Who wrote it.
    pub(in crate::openai) model: String,
    /// Whether it ended at the token limit.
    pub(in crate::openai) cut_off: bool,
    pub(in crate::openai) annotations: Vec<FileCitation>,
    pub(in crate::openai) usage: ResponseUsage,
    /// Without the nearest passages.
    pub(in crate::openai) extra: ResponseExtra,
    /// How it came about.
    pub(in crate::openai) provenance: Provenance,
}

/// Turns beats into events.
pub(super) struct Script {
    response: Response,
    started: Instant,
    /// Whether somebody may see the events.
    followed: bool,
    queries: Option<Vec<String>>,
    include_results: bool,
    explain: bool,
    call_id: String,
    message_id: String,
    speaking: bool,
    /// What the message says so far.
    said: String,
    /// Whether the message is one that refuses.
    refusing: bool,
    /// How many of the `pieces` are of what came before the message.
    before: usize,
    /// The call of a function that is being made.
    calling: Option<Calling>,
    /// Whether a function was called.
    called: bool,
    nearest: Vec<Passage>,
    /// The passages that were found as results, which are kept whether they are shown or not.
    results: Value,
    /// The files of all passages that were found.
    files: Vec<String>,
    /// Characters of each delta of texts and arguments, in the order of the items.
    pieces: Vec<usize>,
    provenance: Option<Provenance>,
    /// Whether the response itself shows how it came about.
    proven: bool,
    /// What of the request has no effect.
    notes: Vec<String>,
    next: u64,
    finished: bool,
}

impl Script {
    /// For `response`, which is filled in at the end; `queries` are those of the search.
    pub(super) fn new(
        response: Response,
        queries: Option<Vec<String>>,
        include_results: bool,
    ) -> Self {
        Self {
            response,
            started: Instant::now(),
            followed: true,
            queries,
            include_results,
            explain: false,
            call_id: Id::generate("fs_").to_string(),
            message_id: Id::generate("msg_").to_string(),
            speaking: false,
            said: String::new(),
            refusing: false,
            before: 0,
            calling: None,
            called: false,
            nearest: Vec::new(),
            results: Value::Null,
            files: Vec::new(),
            pieces: Vec::new(),
            provenance: None,
            proven: false,
            notes: Vec::new(),
            next: 0,
            finished: false,
        }
    }

    /// The same, of a response that was begun at `started`.
    pub(super) fn since(mut self, started: Instant) -> Self {
        self.started = started;
        self
    }

    /// The same, where nobody sees the events if not `followed`.
    pub(super) fn followed(mut self, followed: bool) -> Self {
        self.followed = followed;
        self
    }

    /// The same, where each passage says how it came to its score if `explain`.
    pub(super) fn explaining(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }

    /// The same, where the response itself shows how it came about if `proven`.
    pub(super) fn proving(mut self, proven: bool) -> Self {
        self.proven = proven;
        self
    }

    /// The same, where the response says at its end what of the request has no effect.
    pub(super) fn noting(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    /// The first events.
    pub(super) fn begin(&mut self) -> Vec<Value> {
        let mut events = vec![self.lifecycle("response.created")];
        if self.response.background {
            events.push(self.lifecycle("response.queued"));
            self.response.status = "in_progress";
        }
        events.push(self.lifecycle("response.in_progress"));
        events
    }

    /// The events of a beat.
    pub(super) fn step(&mut self, beat: Beat) -> Vec<Value> {
        match beat {
            Beat::Searching => self.searching(),
            Beat::Found(passages) => self.found(passages),
            Beat::Text(text) => {
                let mut events = self.close_call("completed");
                events.extend(self.open_message());
                self.pieces.push(text.chars().count());
                self.said.push_str(&text);
                let delta = json!({"delta": text, "logprobs": []});
                events.push(self.on_part("response.output_text.delta", delta));
                events
            }
            Beat::Refusal(text) => self.refuse(&text),
            Beat::Call { id, name } => {
                let mut events = self.close_call("completed");
                if self.speaking {
                    let said = std::mem::take(&mut self.said);
                    events.extend(self.close_message("completed", &said, &[]));
                }
                events.extend(self.open_call(id, name));
                events
            }
            Beat::Arguments(text) => self.on_arguments(&text).into_iter().collect(),
            Beat::End(ended) => self.end(ending(*ended, self.started)),
        }
    }

    /// The response, once it is finished.
    pub(super) fn finished(&self) -> Option<&Response> {
        self.finished.then_some(&self.response)
    }

    /// The response as it stands.
    pub(super) fn response(&self) -> &Response {
        &self.response
    }

    /// The items of the response as they are kept: with the results of the search.
    pub(super) fn kept_output(&self) -> Vec<Value> {
        let mut output = self.response.output.clone();
        for item in output.iter_mut().filter(|item| item["type"] == "file_search_call") {
            item["results"] = self.results.clone();
        }
        output
    }

    /// How the answer came about, once it is finished.
    pub(super) fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_ref()
    }

    /// The files of all passages that were found, whether the answer names them or not.
    pub(super) fn files(&self) -> &[String] {
        &self.files
    }

    /// Characters of each delta so far.
    pub(super) fn pieces(&self) -> &[usize] {
        &self.pieces
    }

    /// Ends a response that nobody waits for, and the event of it.
    pub(super) fn fail(&mut self, failure: &Error) -> Value {
        let code = match failure.kind() {
            Kind::Exhausted => "rate_limit_exceeded",
            Kind::Invalid | Kind::TooLarge => "invalid_prompt",
            _ => "server_error",
        };
        // What was written may be what could not be kept, for its document is gone.
        self.response.output.clear();
        self.results = Value::Null;
        self.response.cairn = None;
        self.provenance = None;
        self.finished = false;
        self.response.status = "failed";
        self.response.error = Some(json!({"code": code, "message": error::message(failure)}));
        self.lifecycle("response.failed")
    }

    /// The event of a failure after the first event was sent. It has the fields of
    /// OpenAI's `error` event, and the key `error`, at which clients raise.
    pub(super) fn failed(&mut self, failure: &Error) -> Value {
        let event = self::failure(self.next, failure);
        self.next += 1;
        event
    }

    fn event(&mut self, kind: &str, fields: Value) -> Value {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        event.insert("sequence_number".to_owned(), self.next.into());
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        self.next += 1;
        Value::Object(event)
    }

    fn lifecycle(&mut self, kind: &str) -> Value {
        let fields = json!({"response": self.response});
        self.event(kind, fields)
    }

    /// An event about the item that is being made.
    fn on_item(&mut self, kind: &str, item: &Value) -> Value {
        let fields = json!({"output_index": self.response.output.len(), "item": item});
        self.event(kind, fields)
    }

    fn on_call(&mut self, kind: &str) -> Value {
        let index = self.response.output.len();
        let fields = json!({"output_index": index, "item_id": self.call_id});
        self.event(kind, fields)
    }

    /// An event about the text of the message, which is its only part.
    fn on_part(&mut self, kind: &str, mut fields: Value) -> Value {
        fields["item_id"] = self.message_id.as_str().into();
        fields["output_index"] = self.response.output.len().into();
        fields["content_index"] = 0.into();
        self.event(kind, fields)
    }

    fn call(&self, status: &str, results: &Value) -> Value {
        json!({
            "id": self.call_id,
            "type": "file_search_call",
            "status": status,
            "queries": self.queries.as_deref().unwrap_or_default(),
            "results": results,
        })
    }

    fn searching(&mut self) -> Vec<Value> {
        // Files that stand in the question are no search of stores.
        if self.queries.is_none() {
            return Vec::new();
        }
        let call = self.call("in_progress", &Value::Null);
        vec![
            self.on_item("response.output_item.added", &call),
            self.on_call("response.file_search_call.in_progress"),
            self.on_call("response.file_search_call.searching"),
        ]
    }

    fn found(&mut self, passages: Vec<Passage>) -> Vec<Value> {
        let of_stores = || passages.iter().filter(|passage| !passage.is_attached());
        self.results = of_stores().cloned().map(|passage| result(passage, self.explain)).collect();
        let results = if self.include_results { self.results.clone() } else { Value::Null };
        // What stands in the question is what it rests on by itself.
        for passage in of_stores() {
            if !self.files.contains(&passage.chunk.file_id) {
                self.files.push(passage.chunk.file_id.clone());
            }
        }
        self.nearest = passages;
        self.nearest.truncate(NEAREST);
        if self.queries.is_none() {
            return Vec::new();
        }
        let call = self.call("completed", &results);
        let events = vec![
            self.on_call("response.file_search_call.completed"),
            self.on_item("response.output_item.done", &call),
        ];
        self.response.output.push(call);
        events
    }

    fn message(&self, status: &str, content: &[Value]) -> Value {
        json!({
            "id": self.message_id,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        })
    }

    /// The event of a new message.
    fn begin_message(&mut self) -> Value {
        self.speaking = true;
        self.before = self.pieces.len();
        let message = self.message("in_progress", &[]);
        self.on_item("response.output_item.added", &message)
    }

    fn open_message(&mut self) -> Vec<Value> {
        if self.speaking {
            return Vec::new();
        }
        vec![
            self.begin_message(),
            self.on_part("response.content_part.added", json!({"part": part("", &[])})),
        ]
    }

    /// Opens a message that refuses, behind what was said before it and is taken back.
    fn refuse(&mut self, text: &str) -> Vec<Value> {
        let mut events = self.take_back();
        self.refusing = true;
        events.push(self.begin_message());
        self.pieces.push(text.chars().count());
        let part = json!({"part": {"type": "refusal", "refusal": ""}});
        events.push(self.on_part("response.content_part.added", part));
        events.push(self.on_part("response.refusal.delta", json!({"delta": text})));
        events
    }

    /// Ends the message that is open without its words, so that what follows has the same place
    /// here, in the finished response and when it is played again; where nobody has seen it, there
    /// was none. There is no `response.output_text.done`: OpenAI's client reads the text of that as
    /// the JSON that was asked for, and would raise in front of the refusal.
    fn take_back(&mut self) -> Vec<Value> {
        if !self.speaking {
            return Vec::new();
        }
        self.said.clear();
        self.pieces.truncate(self.before);
        if !self.followed {
            self.speaking = false;
            return Vec::new();
        }
        let empty = json!({"part": part("", &[])});
        let mut events = vec![self.on_part("response.content_part.done", empty)];
        events.push(self.end_message("incomplete", &[]));
        events
    }

    /// Ends the message that is open.
    fn close_message(&mut self, status: &str, text: &str, annotations: &[Value]) -> Vec<Value> {
        let (whole, kind, said) = if self.refusing {
            let whole = json!({"type": "refusal", "refusal": text});
            (whole, "response.refusal.done", json!({"refusal": text}))
        } else {
            let said = json!({"text": text, "logprobs": []});
            (part(text, annotations), "response.output_text.done", said)
        };
        let mut events = vec![
            self.on_part(kind, said),
            self.on_part("response.content_part.done", json!({"part": whole})),
        ];
        events.push(self.end_message(status, &[whole]));
        events
    }

    /// The event of the end of the message, which is of these parts.
    fn end_message(&mut self, status: &str, parts: &[Value]) -> Value {
        let message = self.message(status, parts);
        let event = self.on_item("response.output_item.done", &message);
        self.response.output.push(message);
        self.speaking = false;
        // Another one is another item.
        self.message_id = Id::generate("msg_").to_string();
        event
    }

    fn open_call(&mut self, call_id: String, name: String) -> Vec<Value> {
        let calling = Calling {
            id: Id::generate("fc_").to_string(),
            call_id,
            name,
            arguments: String::new(),
        };
        let item = calling.item("in_progress");
        self.calling = Some(calling);
        self.called = true;
        vec![self.on_item("response.output_item.added", &item)]
    }

    fn on_arguments(&mut self, text: &str) -> Option<Value> {
        let calling = self.calling.as_mut()?;
        calling.arguments.push_str(text);
        let id = calling.id.clone();
        self.pieces.push(text.chars().count());
        Some(self.on_function(&id, "delta", json!({"delta": text})))
    }

    /// An event about the arguments of the call `id`.
    fn on_function(&mut self, id: &str, what: &str, mut fields: Value) -> Value {
        fields["item_id"] = id.into();
        fields["output_index"] = self.response.output.len().into();
        self.event(&format!("response.function_call_arguments.{what}"), fields)
    }

    /// Ends the call that is open, if one is.
    fn close_call(&mut self, status: &str) -> Vec<Value> {
        let mut events = Vec::new();
        if status == "completed" && self.calling.as_ref().is_some_and(Calling::is_silent) {
            // Arguments are JSON, also where there are none.
            events.extend(self.on_arguments("{}"));
        }
        let Some(calling) = self.calling.take() else { return events };
        let done = json!({"name": calling.name, "arguments": calling.arguments});
        events.push(self.on_function(&calling.id, "done", done));
        let item = calling.item(status);
        events.push(self.on_item("response.output_item.done", &item));
        self.response.output.push(item);
        events
    }

    fn end(&mut self, ending: Ending) -> Vec<Value> {
        let (status, last) = if ending.cut_off {
            ("incomplete", "response.incomplete")
        } else {
            ("completed", "response.completed")
        };
        let mut events = self.close_call(status);
        if self.speaking || !self.called {
            let said = std::mem::take(&mut self.said);
            let text = if self.called { said } else { ending.text };
            events.extend(self.open_message());
            let annotations: Vec<Value> =
                ending.annotations.iter().map(|annotation| json!(annotation)).collect();
            for (number, annotation) in annotations.iter().enumerate() {
                let fields = json!({"annotation_index": number, "annotation": annotation});
                events.push(self.on_part("response.output_text.annotation.added", fields));
            }
            events.extend(self.close_message(status, &text, &annotations));
        }
        self.response.status = status;
        if ending.cut_off {
            self.response.incomplete_details = Some(json!({"reason": "max_output_tokens"}));
        }
        self.response.model = ending.model;
        self.response.usage = Some(ending.usage);
        let mut extra = ending.extra;
        if self.proven {
            extra.provenance = shown(&ending.provenance);
        }
        self.provenance = Some(ending.provenance);
        extra.took = extra.took.filter(|_| self.explain);
        extra.notes.append(&mut self.notes);
        if extra.refused {
            let nearest = std::mem::take(&mut self.nearest).into_iter();
            extra.nearest = nearest.map(|passage| hit(passage, self.explain)).collect();
        }
        self.response.cairn = Some(extra);
        self.finished = true;
        events.push(self.lifecycle(last));
        events
    }
}

/// A call of a function that is being made.
struct Calling {
    /// `fc_…`
    id: String,
    call_id: String,
    name: String,
    arguments: String,
}

impl Calling {
    fn item(&self, status: &str) -> Value {
        json!({
            "id": self.id,
            "type": "function_call",
            "call_id": self.call_id,
            "name": self.name,
            "arguments": self.arguments,
            "status": status,
        })
    }

    fn is_silent(&self) -> bool {
        self.arguments.trim().is_empty()
    }
}

/// How an answer came about, in the numbers that are kept: widened, they would have more digits.
fn shown(provenance: &Provenance) -> Option<Value> {
    let text = serde_json::to_string(provenance).ok()?;
    serde_json::from_str(&text).ok()
}

/// The `error` event of that number.
pub(super) fn failure(number: u64, failure: &Error) -> Value {
    let body = error::body(failure).error;
    json!({
        "type": "error",
        "sequence_number": number,
        "code": body.code.as_deref().unwrap_or(body.kind),
        "message": body.message,
        "param": body.param,
        "error": body,
    })
}

fn part(text: &str, annotations: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": []})
}

/// A passage as a result of the `file_search_call`, with its place under `cairn`.
fn result(passage: Passage, explain: bool) -> Value {
    let text = passage.chunk.text.clone();
    let hit = hit(passage, explain);
    json!({
        "file_id": hit.file_id,
        "filename": hit.filename,
        "score": hit.score,
        "text": text,
        "attributes": hit.attributes,
        "cairn": hit.cairn,
    })
}

#[cfg(test)]
mod tests;
