//! The events of a response, in the order that OpenAI's clients expect, and the
//! finished object.

use cairn_kernel::{Error, Id, Kind};
use cairn_services::answer::Provenance;
use cairn_services::retrieve::Passage;
use cairn_wire::openai::{FileCitation, Response, ResponseExtra, ResponseUsage};
use serde_json::{Map, Value, json};

use crate::error;
use crate::openai::convert::hit;

/// Passages shown for a question that is not answered.
const NEAREST: usize = 3;

/// What happens while an answer is made.
#[derive(Debug)]
pub(super) enum Beat {
    /// The search begins.
    Searching,
    /// What it found.
    Found(Vec<Passage>),
    /// More text.
    Text(String),
    /// The end; nothing follows.
    End(Box<Ending>),
}

/// How an answer ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) text: String,
    /// Who wrote it.
    pub(super) model: String,
    /// Whether it ended at the token limit.
    pub(super) cut_off: bool,
    pub(super) annotations: Vec<FileCitation>,
    pub(super) usage: ResponseUsage,
    /// Without the nearest passages.
    pub(super) extra: ResponseExtra,
    /// How it came about.
    pub(super) provenance: Provenance,
}

/// Turns beats into events.
pub(super) struct Script {
    response: Response,
    queries: Option<Vec<String>>,
    include_results: bool,
    explain: bool,
    call_id: String,
    message_id: String,
    speaking: bool,
    nearest: Vec<Passage>,
    /// The passages that were found as results, which are kept whether they are shown or not.
    results: Value,
    /// The files of all passages that were found.
    files: Vec<String>,
    /// Characters of each delta.
    pieces: Vec<usize>,
    provenance: Option<Provenance>,
    /// Whether the response itself shows how it came about.
    proven: bool,
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
            queries,
            include_results,
            explain: false,
            call_id: Id::generate("fs_").to_string(),
            message_id: Id::generate("msg_").to_string(),
            speaking: false,
            nearest: Vec::new(),
            results: Value::Null,
            files: Vec::new(),
            pieces: Vec::new(),
            provenance: None,
            proven: false,
            next: 0,
            finished: false,
        }
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
                let mut events = self.open_message();
                self.pieces.push(text.chars().count());
                let delta = json!({"delta": text, "logprobs": []});
                events.push(self.on_part("response.output_text.delta", delta));
                events
            }
            Beat::End(ending) => self.end(*ending),
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

    /// Characters of each delta of the text so far.
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

    /// An event about the text of the message.
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
        let call = self.call("in_progress", &Value::Null);
        vec![
            self.on_item("response.output_item.added", &call),
            self.on_call("response.file_search_call.in_progress"),
            self.on_call("response.file_search_call.searching"),
        ]
    }

    fn found(&mut self, passages: Vec<Passage>) -> Vec<Value> {
        self.results =
            passages.iter().cloned().map(|passage| result(passage, self.explain)).collect();
        let results = if self.include_results { self.results.clone() } else { Value::Null };
        for passage in &passages {
            if !self.files.contains(&passage.chunk.file_id) {
                self.files.push(passage.chunk.file_id.clone());
            }
        }
        self.nearest = passages;
        self.nearest.truncate(NEAREST);
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

    fn open_message(&mut self) -> Vec<Value> {
        if std::mem::replace(&mut self.speaking, true) {
            return Vec::new();
        }
        let message = self.message("in_progress", &[]);
        vec![
            self.on_item("response.output_item.added", &message),
            self.on_part("response.content_part.added", json!({"part": part("", &[])})),
        ]
    }

    fn end(&mut self, ending: Ending) -> Vec<Value> {
        let mut events = self.open_message();
        let annotations: Vec<Value> =
            ending.annotations.iter().map(|annotation| json!(annotation)).collect();
        for (number, annotation) in annotations.iter().enumerate() {
            let fields = json!({"annotation_index": number, "annotation": annotation});
            events.push(self.on_part("response.output_text.annotation.added", fields));
        }
        let (status, last) = if ending.cut_off {
            ("incomplete", "response.incomplete")
        } else {
            ("completed", "response.completed")
        };
        let whole = part(&ending.text, &annotations);
        let said = json!({"text": ending.text, "logprobs": []});
        events.push(self.on_part("response.output_text.done", said));
        events.push(self.on_part("response.content_part.done", json!({"part": whole})));
        let message = self.message(status, &[whole]);
        events.push(self.on_item("response.output_item.done", &message));
        self.response.output.push(message);
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
