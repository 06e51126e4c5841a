//! The user's own questions, read and checked.

use cairn_kernel::{Error, Id, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Form, Origin, QUESTIONS_MAX, Question, Relevant};

/// Longest question, in characters.
const QUESTION_CHARS: usize = 2000;
/// Longest quote and answer, in characters.
const QUOTE_CHARS: usize = 10_000;
/// Most places and answers of one question.
const PLACES_MAX: usize = 100;

/// A question as it is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    question: String,
    /// Files by id or name, or objects with a quote or characters beside it.
    #[serde(default)]
    relevant: Vec<SentPlace>,
    /// A right answer, or several.
    expected_answer: Option<OneOrMany>,
    #[serde(default = "yes")]
    answerable: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SentPlace {
    File(String),
    Place(SentRange),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SentRange {
    file: String,
    quote: Option<String>,
    char_start: Option<i64>,
    char_end: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Questions out of the lines of a JSONL text; empty lines are passed over.
///
/// # Errors
/// `Invalid` naming the line at fault.
pub fn parse_lines(text: &[u8]) -> Result<Vec<Question>> {
    let text = std::str::from_utf8(text)
        .map_err(|fault| Error::invalid(format!("the questions are not UTF-8: {fault}")))?;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value = serde_json::from_str(line)
            .map_err(|fault| Error::invalid(format!("line {} is not JSON: {fault}", number + 1)))?;
        found.push(value);
    }
    parse_list(found)
}

/// Questions out of JSON objects.
///
/// # Errors
/// `Invalid` naming the question at fault.
pub fn parse_list(values: Vec<Value>) -> Result<Vec<Question>> {
    if values.is_empty() || values.len() > QUESTIONS_MAX {
        return Err(Error::invalid(format!(
            "there are {} questions; send between 1 and {QUESTIONS_MAX}",
            values.len()
        ))
        .with_param("questions"));
    }
    values.into_iter().enumerate().map(|(number, value)| parse(number, value)).collect()
}

fn parse(number: usize, value: Value) -> Result<Question> {
    let fault = |message: String| {
        Error::invalid(format!("question {}: {message}", number + 1))
            .with_param(format!("questions[{number}]"))
    };
    let sent: Sent = serde_json::from_value(value).map_err(|cause| {
        fault(format!(
            "{cause}; a question has 'question', 'relevant' (file ids or names, or objects with \
             'file' and 'quote' or 'char_start' and 'char_end'), 'expected_answer' and 'answerable'"
        ))
    })?;
    let length = sent.question.chars().count();
    if sent.question.trim().is_empty() || length > QUESTION_CHARS {
        return Err(fault(format!(
            "it has {length} characters; ask something in up to {QUESTION_CHARS}"
        )));
    }
    let expected = match sent.expected_answer {
        None => Vec::new(),
        Some(OneOrMany::One(answer)) => vec![answer],
        Some(OneOrMany::Many(answers)) => answers,
    };
    let bad = |text: &String| text.trim().is_empty() || text.chars().count() > QUOTE_CHARS;
    if expected.len() > PLACES_MAX || expected.iter().any(bad) {
        return Err(fault(format!(
            "expected_answer takes up to {PLACES_MAX} texts of 1 to {QUOTE_CHARS} characters"
        )));
    }
    let relevant: Vec<Relevant> = sent.relevant.into_iter().map(place).collect();
    if relevant.len() > PLACES_MAX || !relevant.iter().all(is_place) {
        return Err(fault(format!(
            "relevant takes up to {PLACES_MAX} files, each with nothing, a quote, or char_start \
             below char_end"
        )));
    }
    if sent.answerable && relevant.is_empty() {
        return Err(fault(
            "it names no relevant file; name those that answer it, or send \
             \"answerable\": false if none does"
                .to_owned(),
        ));
    }
    let judged = !relevant.is_empty() || !expected.is_empty();
    if judged && !sent.answerable {
        return Err(fault(
            "it is not answerable, so it can have neither relevant files nor an expected answer"
                .to_owned(),
        ));
    }
    Ok(Question {
        id: Id::generate("q_").to_string(),
        text: sent.question,
        origin: Origin::User,
        form: Form::Question,
        answerable: sent.answerable,
        relevant,
        expected,
        source_file: None,
    })
}

fn place(sent: SentPlace) -> Relevant {
    match sent {
        SentPlace::File(file) => {
            Relevant { file, quote: None, char_start: None, char_end: None, text_version: None }
        }
        SentPlace::Place(SentRange { file, quote, char_start, char_end }) => {
            Relevant { file, quote, char_start, char_end, text_version: None }
        }
    }
}

fn is_place(relevant: &Relevant) -> bool {
    let quoted = relevant
        .quote
        .as_ref()
        .is_none_or(|quote| !quote.trim().is_empty() && quote.chars().count() <= QUOTE_CHARS);
    let ranged = match (relevant.char_start, relevant.char_end) {
        (None, None) => true,
        (Some(start), Some(end)) => 0 <= start && start < end && relevant.quote.is_none(),
        _ => false,
    };
    !relevant.file.is_empty() && quoted && ranged
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_is_read_with_its_places() -> Result<()> {
        let read = parse_list(vec![
            json!({"question": "Who?", "relevant": ["a.md", {"file": "file-1", "quote": "Ida"}],
                "expected_answer": ["Ida", "Ida Thorvald"]}),
            json!({"question": "When?", "relevant": [{"file": "b", "char_start": 0, "char_end": 4}],
                "expected_answer": "1989"}),
            json!({"question": "How high is the moon?", "answerable": false}),
        ])?;
        assert_eq!(read[0].relevant[0].file, "a.md");
        assert_eq!(read[0].relevant[1].quote.as_deref(), Some("Ida"));
        assert_eq!(read[0].expected, ["Ida", "Ida Thorvald"]);
        assert_eq!(read[1].relevant[0].char_end, Some(4));
        assert!(read[0].answerable && !read[2].answerable);
        assert!(read.iter().all(|q| q.origin == Origin::User && q.asks()));
        assert!(read.is_sorted_by(|a, b| a.id < b.id));
        Ok(())
    }

    #[test]
    fn what_cannot_be_judged_is_refused_with_its_number() {
        for wrong in [
            json!({"question": " ", "relevant": ["a"]}),
            json!({"question": "Who?"}),
            json!({"question": "Who?", "answerable": false, "relevant": ["a"]}),
            json!({"question": "Who?", "answerable": false, "expected_answer": "x"}),
            json!({"question": "Who?", "relevant": [{"file": "a", "char_start": 4, "char_end": 4}]}),
            json!({"question": "Who?", "relevant": [{"file": "a", "char_start": 4}]}),
            json!({"question": "Who?", "relevant": [{"file": "a", "quote": " "}]}),
            json!({"question": "Who?", "relevant": ["a"], "expected_answer": ""}),
            json!({"question": "Who?", "relevant": ["a"], "answer": "x"}),
            json!("Who?"),
        ] {
            let right = json!({"question": "Who?", "relevant": ["a"]});
            let refused = parse_list(vec![right, wrong.clone()]).unwrap_err();
            assert_eq!(refused.param(), Some("questions[1]"), "{wrong}");
            assert!(refused.message().starts_with("question 2"), "{refused}");
        }
        assert!(parse_list(Vec::new()).is_err());
        assert!(parse_lines(b"\xff").is_err());
        let broken = parse_lines(b"\n{\"question\": ").unwrap_err();
        assert!(broken.message().starts_with("line 2"), "{broken}");
    }
}
