//! What a version's owner says of how it makes vectors: what its file or its provider cannot say.
//!
//! It belongs to the version, which is never changed. An index pins a version, so it is asked
//! with the prefix that its documents were read behind.

use cairn_kernel::{Error, Result, ResultExt as _};
use cairn_serving::gguf::Pooling;
use cairn_store::records::ModelVersionRow;
use serde::{Deserialize, Serialize};

/// Most characters of a prefix. Each text has it in front, and it takes of the model's window.
const PREFIX_CHARS: usize = 1000;
/// Longest vectors that may be asked for.
const DIMENSIONS_MAX: u32 = 16_384;

/// What a text is to an embedding model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InputType {
    /// Nothing in particular: it is read as it is.
    #[default]
    Plain,
    /// What is searched for.
    Query,
    /// What is searched.
    Document,
}

impl InputType {
    /// The type by the name that Cohere, Voyage AI and NVIDIA give it in their APIs.
    ///
    /// # Errors
    /// `Invalid`, naming the field `input_type`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "query" | "search_query" => Ok(Self::Query),
            "document" | "passage" | "search_document" => Ok(Self::Document),
            _ => Err(Error::invalid(format!("input_type is '{name}'; use query or document"))
                .with_param("input_type")),
        }
    }
}

/// How a version makes vectors, as far as its owner says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Encoding {
    /// What is put in front of a query, white space and all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query_prefix: String,
    /// What is put in front of a document's text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub document_prefix: String,
    /// How a file's vectors of tokens become one, where the file does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// The length of the vectors, of a provider's model that makes several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
}

impl Encoding {
    /// What the records say of a version.
    ///
    /// # Errors
    /// `Internal` for a record that this program does not understand.
    pub fn read(row: &ModelVersionRow) -> Result<Self> {
        serde_json::from_str(&row.encoding).or_internal("reading how a model makes vectors")
    }

    pub(super) fn written(&self) -> Result<String> {
        serde_json::to_string(self).or_internal("writing how a model makes vectors")
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A text as the model is to read it.
    pub fn text(&self, of: InputType, text: String) -> String {
        let prefix = match of {
            InputType::Plain => "",
            InputType::Query => &self.query_prefix,
            InputType::Document => &self.document_prefix,
        };
        if prefix.is_empty() { text } else { format!("{prefix}{text}") }
    }

    /// How `name` says that token vectors become one.
    ///
    /// # Errors
    /// `Invalid`, naming the field `pooling`.
    pub fn parse_pooling(name: &str) -> Result<Pooling> {
        match name {
            "mean" => Ok(Pooling::Mean),
            "cls" => Ok(Pooling::Cls),
            "last" => Ok(Pooling::Last),
            _ => Err(Error::invalid(format!("pooling is '{name}'; use mean, cls or last"))
                .with_param("pooling")),
        }
    }

    /// Whether it can be followed.
    pub(super) fn check(&self) -> Result<()> {
        for (field, prefix) in
            [("query_prefix", &self.query_prefix), ("document_prefix", &self.document_prefix)]
        {
            let length = prefix.chars().count();
            if length > PREFIX_CHARS {
                return Err(Error::invalid(format!(
                    "{field} has {length} characters; {PREFIX_CHARS} are allowed"
                ))
                .with_param(field));
            }
            if prefix.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
                let text = format!("{field} has a control character; use text and line ends");
                return Err(Error::invalid(text).with_param(field));
            }
        }
        match self.dimensions {
            Some(length) if !(2..=DIMENSIONS_MAX).contains(&length) => Err(Error::invalid(
                format!("dimensions is {length}; it must be between 2 and {DIMENSIONS_MAX}"),
            )
            .with_param("dimensions")),
            _ => Ok(()),
        }
    }

    /// Fails where anything is said of a version that makes no vectors.
    pub(super) fn none_for(&self, what: &str) -> Result<()> {
        let given = [
            ("query_prefix", !self.query_prefix.is_empty()),
            ("document_prefix", !self.document_prefix.is_empty()),
            ("pooling", self.pooling.is_some()),
            ("dimensions", self.dimensions.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(unfit(field, what)),
            None => Ok(()),
        }
    }
}

/// The refusal of a field that says nothing of `what`.
pub(super) fn unfit(field: &'static str, what: &str) -> Error {
    Error::invalid(format!("{field} says nothing of {what}; leave it out")).with_param(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e5() -> Encoding {
        Encoding {
            query_prefix: "query: ".to_owned(),
            document_prefix: "passage: ".to_owned(),
            ..Encoding::default()
        }
    }

    #[test]
    fn each_kind_of_text_gets_its_prefix() {
        let read = |of| e5().text(of, "a lamp".to_owned());
        assert_eq!(read(InputType::Plain), "a lamp");
        assert_eq!(read(InputType::Query), "query: a lamp");
        assert_eq!(read(InputType::Document), "passage: a lamp");
        assert_eq!(Encoding::default().text(InputType::Query, "a".to_owned()), "a");
    }

    #[test]
    fn it_is_written_as_it_was_and_nothing_is_an_empty_object() {
        // Versions from before there was any have this text.
        assert_eq!(Encoding::default().written().unwrap(), "{}");
        assert!(serde_json::from_str::<Encoding>("{}").unwrap().is_empty());
        let all = Encoding { pooling: Some(Pooling::Cls), dimensions: Some(256), ..e5() };
        let written = all.written().unwrap();
        assert!(written.contains(r#""pooling":"cls""#), "{written}");
        assert_eq!(serde_json::from_str::<Encoding>(&written).unwrap(), all);
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_its_field() {
        assert!(e5().check().is_ok());
        let lines = "Instruct: Find passages\nQuery: ".to_owned();
        assert!(Encoding { query_prefix: lines, ..e5() }.check().is_ok());
        let field = |wrong: Encoding| wrong.check().unwrap_err().param().map(str::to_owned);
        let long = Encoding { query_prefix: "x".repeat(1001), ..e5() };
        assert_eq!(field(long).as_deref(), Some("query_prefix"));
        let odd = Encoding { document_prefix: "a\u{0}".to_owned(), ..e5() };
        assert_eq!(field(odd).as_deref(), Some("document_prefix"));
        for length in [0, 1, 16_385] {
            let wrong = Encoding { dimensions: Some(length), ..e5() };
            assert_eq!(field(wrong).as_deref(), Some("dimensions"), "{length}");
        }
        let refused = e5().none_for("a language model").unwrap_err();
        assert_eq!(refused.param(), Some("query_prefix"));
        assert!(Encoding::default().none_for("a language model").is_ok());
    }

    #[test]
    fn names_of_other_interfaces_are_understood() {
        assert_eq!(InputType::parse("search_query").ok(), Some(InputType::Query));
        assert_eq!(InputType::parse("passage").ok(), Some(InputType::Document));
        assert_eq!(InputType::parse("Query").unwrap_err().param(), Some("input_type"));
        assert_eq!(Encoding::parse_pooling("cls").ok(), Some(Pooling::Cls));
        assert_eq!(Encoding::parse_pooling("rank").unwrap_err().param(), Some("pooling"));
    }
}
