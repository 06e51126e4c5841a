//! What each tool takes and gives as JSON schemas: those of the arguments first.
//!
//! They are written out, in the few words that every client and model reads; a test holds them to
//! the types.

use serde_json::{Value, json};

use super::search::{RESULTS, RESULTS_MAX};

/// Arguments, result.
type Shape = (Value, Value);

fn object(required: &[&str], properties: Value) -> Value {
    let mut shape = json!({"type": "object", "required": required, "additionalProperties": false});
    shape["properties"] = properties;
    shape
}

fn list(items: Value, description: &str) -> Value {
    let mut shape = json!({"type": "array", "description": description});
    shape["items"] = items;
    shape
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn texts(description: &str) -> Value {
    list(json!({"type": "string"}), description)
}

fn passage() -> Value {
    object(
        &["id", "title", "url", "text"],
        json!({
            "id": text("What fetch takes to read the document around the passage."),
            "title": text("The file, with the page or the heading."),
            "url": text("Where a person reads it; cite this."),
            "text": text("What the passage says."),
        }),
    )
}

pub(super) fn search() -> Shape {
    let takes = json!({
        "query": text("What to look for: words or a question."),
        "store": text("Name or id of the one store to search; all stores without it."),
        "max_results": {
            "type": "integer",
            "minimum": 1,
            "maximum": RESULTS_MAX,
            "default": RESULTS,
            "description": "Most results.",
        },
        "filters": {
            "type": "object",
            "description": "Only files whose attributes match: {\"type\": \"eq\", \"key\": \
                \"year\", \"value\": 2024}, also ne, gt, gte, lt, lte, in, nin, or {\"type\": \
                \"and\" | \"or\", \"filters\": […]}.",
        },
    });
    let notes = object(&["notes"], json!({"notes": texts("What is to be known of the search.")}));
    let gives = json!({"results": list(passage(), "The best first."), "cairn": notes});
    (object(&["query"], takes), object(&["results"], gives))
}

pub(super) fn fetch() -> Shape {
    let takes = json!({"id": text("An id that search gave, or that of a file.")});
    let gives = json!({
        "id": text("As it was asked for."),
        "title": text("The file's name."),
        "text": text("The text, or of a long one the part that metadata.characters names."),
        "url": text("Where a person reads it; cite this."),
        "metadata": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "The file's attributes, its file_id, which characters of the text these \
                are, and as next the id of what follows.",
        },
    });
    (object(&["id"], takes), object(&["id", "title", "text", "url", "metadata"], gives))
}

pub(super) fn ask() -> Shape {
    let takes = json!({
        "question": text("One question, in full."),
        "stores": texts("Names or ids of the stores to ask; all stores without it."),
    });
    let citation = object(
        &["number", "id", "title", "url", "quote", "supported"],
        json!({
            "number": {"type": "integer", "description": "As it stands in the answer."},
            "id": text("What fetch takes to read the document around the quote."),
            "title": text("The file, with the page or the heading."),
            "url": text("Where a person reads it; cite this."),
            "quote": text("The words of the document."),
            "supported": {
                "type": "boolean",
                "description": "Whether they support all that they are cited for.",
            },
        }),
    );
    let gives = json!({
        "answer": text("The answer, with [1] behind what the first citation supports."),
        "answered": {
            "type": "boolean",
            "description": "Whether the documents answer the question.",
        },
        "reason": text("Why they do not."),
        "citations": list(citation, "What the answer rests on."),
        "unsupported": texts("Sentences of the answer that nothing supports."),
        "nearest": list(passage(), "Where it is not answered, the passages that come closest."),
        "notes": texts("What is to be known of how the answer came about."),
    });
    let always = ["answer", "answered", "citations", "unsupported", "nearest", "notes"];
    (object(&["question"], takes), object(&always, gives))
}

pub(super) fn list_stores() -> Shape {
    let store = object(
        &["id", "name", "files"],
        json!({
            "id": text("What search and ask take."),
            "name": text("The same, where it is not empty and no other store has it."),
            "description": text("What its owner says of it."),
            "files": {"type": "integer", "description": "Files that can be searched."},
        }),
    );
    let gives = json!({
        "stores": list(store, "The newest first."),
        "has_more": {"type": "boolean", "description": "Whether there are more."},
    });
    (object(&[], json!({})), object(&["stores", "has_more"], gives))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cairn_wire::mcp::{
        McpAnswer, McpCitation, McpFetched, McpFound, McpNotes, McpPassage, McpStore, McpStores,
    };

    use super::*;

    /// Where `value` has other fields than `schema`, which knows what all of them are.
    fn differs(schema: &Value, value: &Value, place: &str) -> Option<String> {
        match (schema["type"].as_str(), value) {
            (Some("object"), Value::Object(fields)) => {
                let Some(known) = schema["properties"].as_object() else {
                    let each = &schema["additionalProperties"];
                    return fields.values().find_map(|field| differs(each, field, place));
                };
                let required = schema["required"].as_array().into_iter().flatten();
                let mut required = required.filter_map(Value::as_str);
                if let Some(gone) = required.find(|name| !fields.contains_key(*name)) {
                    return Some(format!("{place} has no {gone}"));
                }
                // All that may be there is there.
                if let Some(gone) = known.keys().find(|name| !fields.contains_key(*name)) {
                    return Some(format!("{place} never has {gone}"));
                }
                fields.iter().find_map(|(name, field)| match known.get(name) {
                    Some(schema) => differs(schema, field, &format!("{place}.{name}")),
                    None => Some(format!("{place} has {name}, which is not known")),
                })
            }
            (Some("array"), Value::Array(items)) if !items.is_empty() => {
                items.iter().find_map(|item| differs(&schema["items"], item, place))
            }
            (Some("string"), Value::String(_))
            | (Some("boolean"), Value::Bool(_))
            | (Some("integer"), Value::Number(_)) => None,
            _ => Some(format!("{place} is {value} and shall be {schema}")),
        }
    }

    fn fit(shape: &Shape, takes: &Value, gives: &Value) {
        assert_eq!(differs(&shape.0, takes, "takes"), None);
        assert_eq!(differs(&shape.1, gives, "gives"), None);
    }

    #[test]
    fn schemas_are_those_of_the_types() {
        let word = || "x".to_owned();
        let passage = || McpPassage { id: word(), title: word(), url: word(), text: word() };
        let takes = json!({"query": "x", "store": "x", "max_results": 5, "filters": {}});
        let notes = Some(McpNotes { notes: vec![word()] });
        fit(&search(), &takes, &json!(McpFound { results: vec![passage()], cairn: notes }));
        let metadata = BTreeMap::from([(word(), word())]);
        let (id, title, text, url) = (word(), word(), word(), word());
        let fetched = McpFetched { id, title, text, url, metadata };
        fit(&fetch(), &json!({"id": "x"}), &json!(fetched));
        let citation = McpCitation {
            number: 1,
            id: word(),
            title: word(),
            url: word(),
            quote: word(),
            supported: true,
        };
        let answer = McpAnswer {
            answer: word(),
            answered: true,
            reason: Some(word()),
            citations: vec![citation],
            unsupported: vec![word()],
            nearest: vec![passage()],
            notes: vec![word()],
        };
        fit(&ask(), &json!({"question": "x", "stores": ["x"]}), &json!(answer));
        let store = McpStore { id: word(), name: word(), description: Some(word()), files: 1 };
        let stores = McpStores { stores: vec![store], has_more: false };
        fit(&list_stores(), &json!({}), &json!(stores));
    }

    #[test]
    fn arguments_of_the_schemas_are_read() {
        let search: Result<cairn_wire::mcp::McpSearch, _> = serde_json::from_value(
            json!({"query": "x", "store": "x", "max_results": 5, "filters": {}}),
        );
        assert!(search.is_ok());
        let other: Result<cairn_wire::mcp::McpFetch, _> =
            serde_json::from_value(json!({"id": "x", "more": 1}));
        assert!(other.is_err());
    }
}
