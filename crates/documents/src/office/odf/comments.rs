//! Comments in OpenDocument files: who wrote them, and what.

use crate::xml::Token;

/// A comment in the making.
#[derive(Debug, Default)]
pub(super) struct Comment {
    author: String,
    text: String,
    field: Field,
}

/// The part of a comment that is being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Other,
    Author,
    Text,
}

impl Comment {
    pub(super) fn token(&mut self, token: Token<'_>) {
        match token {
            Token::Open("dc:creator", _) => self.field = Field::Author,
            Token::Open("text:p" | "text:h", _) => self.field = Field::Text,
            Token::Open("text:s" | "text:tab" | "text:line-break", _) => self.text.push(' '),
            Token::Close("dc:creator" | "text:p" | "text:h") => {
                self.field = Field::Other;
                self.text.push(' ');
            }
            Token::Text(text) => match self.field {
                Field::Author => self.author.push_str(text),
                Field::Text => self.text.push_str(text),
                Field::Other => {}
            },
            Token::Open(..) | Token::Close(_) => {}
        }
    }

    /// The comment as it stands after what it is about; nothing for an empty one.
    pub(super) fn written(self) -> Option<String> {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let author = self.author.trim();
        let by = if author.is_empty() { String::new() } else { format!(" by {author}") };
        (!text.is_empty()).then(|| format!("[Comment{by}] {text}"))
    }
}
