//! `cairn ask`: a question over a store, answered with citations.

use cairn_kernel::{Error, Result};
use serde_json::{Value, json};

use super::{Outcome, items, store_id, text};
use crate::cli::{Ask, filter};
use crate::client::Client;
use crate::output;

/// Asks and prints the answer.
///
/// # Errors
/// `NotFound` for an unknown store, and what the server says.
pub(super) async fn run(client: &Client, asked: &Ask) -> Result<Outcome> {
    let store = store_id(client, &asked.store).await?;
    let response = client.post(&["v1", "responses"], &body(asked, &store)).await;
    let response = response.map_err(|error| flagged(asked, error))?;
    let answer = Answer::of(&response);
    if asked.json.json {
        output::json(&answer.json(&response))?;
    } else {
        output::line(answer.text())?;
        output::note(format_args!("(ask on with --follow {})", text(&response, "/id")));
    }
    Ok(Outcome::Done)
}

/// The question as the server takes it.
fn body(asked: &Ask, store: &str) -> Value {
    let mut search = json!({"type": "file_search", "vector_store_ids": [store]});
    if let Some(filter) = filter::all(&asked.filters) {
        search["filters"] = filter;
    }
    if let Some(limit) = asked.limit {
        search["max_num_results"] = limit.into();
    }
    let model = asked.model.as_deref().unwrap_or("cairn");
    let mut body = json!({"model": model, "input": asked.question, "tools": [search]});
    if let Some(earlier) = &asked.follow {
        body["previous_response_id"] = earlier.as_str().into();
    }
    body
}

/// What the server says of a parameter, said of the flag that it came from.
fn flagged(asked: &Ask, error: Error) -> Error {
    let said = |flag: &str, remedy: &str| {
        Error::new(error.kind(), format!("{flag}: {} ({remedy})", error.message()))
    };
    match (error.param(), &asked.model, &asked.follow) {
        (Some("model"), Some(name), _) => {
            said(&format!("--model {name}"), "`cairn models list` shows the models there are")
        }
        (Some("previous_response_id"), _, Some(id)) => said(
            &format!("--follow {id}"),
            "take the id that `cairn ask` tells below an answer, or leave --follow out",
        ),
        _ => error,
    }
}

/// What a response says, with its citations numbered.
struct Answer<'a> {
    text: &'a str,
    /// Each place once, in the order of the answer.
    places: Vec<&'a Value>,
    /// Where the numbers stand: character of the answer and place, from 1.
    marks: Vec<(usize, usize)>,
    extra: &'a Value,
}

impl<'a> Answer<'a> {
    fn of(response: &'a Value) -> Self {
        let message =
            items(response, "/output").iter().find(|item| text(item, "/type") == "message");
        let part = message
            .and_then(|message| {
                items(message, "/content").iter().find(|part| text(part, "/type") == "output_text")
            })
            .unwrap_or(&Value::Null);
        let (mut places, mut marks) = (Vec::<&Value>::new(), Vec::new());
        for citation in items(part, "/annotations") {
            let known = places.iter().position(|place| is_same_place(place, citation));
            let number = known.map_or_else(
                || {
                    places.push(citation);
                    places.len()
                },
                |at| at + 1,
            );
            let at = citation.get("index").and_then(Value::as_u64).unwrap_or(u64::MAX);
            marks.push((usize::try_from(at).unwrap_or(usize::MAX), number));
        }
        marks.sort_unstable();
        marks.dedup();
        let extra = response.get("cairn").unwrap_or(&Value::Null);
        Self { text: text(part, "/text"), places, marks, extra }
    }

    fn refused(&self) -> bool {
        self.extra.get("refused").and_then(Value::as_bool).unwrap_or(false)
    }

    fn json(&self, response: &Value) -> Value {
        let citations: Vec<Value> = self
            .places
            .iter()
            .enumerate()
            .map(|(at, place)| {
                json!({
                    "number": at + 1,
                    "file_id": place["file_id"],
                    "filename": place["filename"],
                    "page": place.pointer("/cairn/page"),
                    "heading": place.pointer("/cairn/heading"),
                    "quote": place.pointer("/cairn/quote"),
                    "supported": place.pointer("/cairn/supported"),
                })
            })
            .collect();
        json!({
            "answer": self.text,
            "citations": citations,
            "refused": self.refused(),
            "reason": self.extra.get("reason"),
            "response": response,
        })
    }

    fn text(&self) -> String {
        if self.refused() {
            return self.refusal();
        }
        let mut lines = vec![self.numbered()];
        if !self.places.is_empty() {
            lines.push(String::new());
        }
        for (at, place) in self.places.iter().enumerate() {
            lines.push(format!("[{}] {}", at + 1, place_name(place)));
            let quote = text(place, "/cairn/quote");
            if !quote.is_empty() {
                lines.push(format!("    \u{201c}{}\u{201d}", one_line(quote)));
            }
        }
        lines.join("\n")
    }

    fn refusal(&self) -> String {
        let mut lines = vec![format!("Not answered: {}", self.reason())];
        let nearest = items(self.extra, "/nearest");
        if !nearest.is_empty() {
            lines.push("The nearest passages:".to_owned());
        }
        for passage in nearest.iter().take(3) {
            lines.push(format!("  {}", place_name(passage)));
            lines.push(format!("    {}", shortened(text(passage, "/content/0/text"), 160)));
        }
        lines.join("\n")
    }

    fn reason(&self) -> &str {
        match text(self.extra, "/reason") {
            "" if self.text.is_empty() => "the documents do not answer this",
            "" => self.text,
            reason => reason,
        }
    }

    /// The answer with `[1]` where a citation stands.
    fn numbered(&self) -> String {
        let mut marks = self.marks.iter().peekable();
        let mut out = String::with_capacity(self.text.len() + 4 * self.marks.len());
        for (at, char) in self.text.chars().enumerate() {
            while let Some((_, number)) = marks.next_if(|(mark, _)| *mark <= at) {
                out.push_str(&format!("[{number}]"));
            }
            out.push(char);
        }
        for (_, number) in marks {
            out.push_str(&format!("[{number}]"));
        }
        out
    }
}

fn is_same_place(one: &Value, other: &Value) -> bool {
    let place = |value: &Value| {
        let part = |pointer: &str| value.pointer(pointer).cloned();
        (part("/file_id"), part("/cairn/char_start"), part("/cairn/char_end"))
    };
    place(one) == place(other)
}

/// The file, and the page or the heading.
pub(super) fn place_name(passage: &Value) -> String {
    let file = text(passage, "/filename");
    match passage.pointer("/cairn/page").and_then(Value::as_i64) {
        Some(page) => format!("{file}, page {page}"),
        None => match text(passage, "/cairn/heading") {
            "" => file.to_owned(),
            heading => format!("{file}, \u{201c}{heading}\u{201d}"),
        },
    }
}

/// Text without line breaks and runs of spaces.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One line of at most `most` characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let line = one_line(text);
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn citation(index: u64, file: &str, start: u64, cairn: &Value) -> Value {
        let mut place = json!({"char_start": start, "char_end": start + 9, "supported": true});
        place.as_object_mut().unwrap().extend(cairn.as_object().unwrap().clone());
        json!({"type": "file_citation", "index": index, "file_id": file, "filename": file, "cairn": place})
    }

    fn response() -> Value {
        json!({
            "id": "resp_1",
            "output": [
                {"type": "file_search_call"},
                {"type": "message", "content": [{
                    "type": "output_text",
                    "text": "Höhe ist 5 m. Breite ist 2 m.",
                    "annotations": [
                        citation(13, "a.pdf", 10, &json!({"page": 3, "quote": "5 m\nhigh"})),
                        citation(29, "b.md", 0, &json!({"heading": "Sizes", "quote": "2 m wide"})),
                        citation(29, "a.pdf", 10, &json!({"page": 3, "quote": "5 m\nhigh"})),
                    ],
                }]},
            ],
            "cairn": {"refused": false, "reason": null, "mode": "generative"},
        })
    }

    fn asked(line: &str) -> Ask {
        let words = ["cairn", "ask", "why", "--store", "s"].into_iter().chain(line.split(' '));
        match Cli::try_parse_from(words.filter(|word| !word.is_empty())).unwrap().command {
            Command::Ask(ask) => ask,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_question_is_asked_as_the_flags_say() {
        let tool = json!({"type": "file_search", "vector_store_ids": ["vs_1"]});
        let plain = json!({"model": "cairn", "input": "why", "tools": [tool]});
        assert_eq!(body(&asked(""), "vs_1"), plain);
        let line = "--filter year>=2024 --filter draft=false --model m@2 --follow resp_1 --limit 3";
        let year = json!({"type": "gte", "key": "year", "value": 2024});
        let draft = json!({"type": "eq", "key": "draft", "value": false});
        let body = body(&asked(line), "vs_1");
        assert_eq!(body["tools"][0]["filters"], json!({"type": "and", "filters": [year, draft]}));
        assert_eq!(body["tools"][0]["max_num_results"], 3);
        assert_eq!(
            (&body["model"], &body["previous_response_id"]),
            (&json!("m@2"), &json!("resp_1"))
        );
    }

    #[test]
    fn a_refusal_names_the_flag_and_the_remedy() {
        let asked = asked("--model no --follow resp_0");
        let said = |param: &str| flagged(&asked, Error::not_found("it").with_param(param));
        let model = said("model");
        assert!(model.message().starts_with("--model no: "), "{model}");
        assert!(model.message().contains("cairn models list"), "{model}");
        let follow = said("previous_response_id");
        assert!(follow.message().starts_with("--follow resp_0: "), "{follow}");
        assert_eq!(said("input").message(), Error::not_found("it").message());
    }

    #[test]
    fn an_answer_reads_with_its_citations() {
        let response = response();
        let text = Answer::of(&response).text();
        assert_eq!(
            text,
            "Höhe ist 5 m.[1] Breite ist 2 m.[1][2]\n\n\
             [1] a.pdf, page 3\n    \u{201c}5 m high\u{201d}\n\
             [2] b.md, \u{201c}Sizes\u{201d}\n    \u{201c}2 m wide\u{201d}"
        );
    }

    #[test]
    fn programs_get_the_same() {
        let response = response();
        let json = Answer::of(&response).json(&response);
        assert_eq!(json["answer"], "Höhe ist 5 m. Breite ist 2 m.");
        assert_eq!(json["refused"], false);
        assert_eq!(json["citations"].as_array().unwrap().len(), 2);
        assert_eq!(json["citations"][1]["heading"], "Sizes");
        assert_eq!(json["response"]["id"], "resp_1");
    }

    #[test]
    fn a_refusal_is_said_with_what_is_near() {
        let response = json!({
            "output": [{"type": "message", "content": [
                {"type": "output_text", "text": "I cannot answer.", "annotations": []}]}],
            "cairn": {"refused": true, "reason": "no passage covers it", "nearest": [
                {"filename": "a.pdf", "content": [{"type": "text", "text": "some\nwords"}],
                 "cairn": {"page": 1}}]},
        });
        let answer = Answer::of(&response);
        assert_eq!(
            answer.text(),
            "Not answered: no passage covers it\nThe nearest passages:\n  a.pdf, page 1\n    some words"
        );
        assert_eq!(answer.json(&response)["refused"], true);
        assert_eq!(answer.json(&response)["reason"], "no passage covers it");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(shortened("ä b\n c", 3), "ä b…");
        assert_eq!(shortened("ab", 3), "ab");
    }
}
