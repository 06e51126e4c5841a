//! Finds tool calls in a text that arrives in pieces.
//!
//! Two forms are read: Hermes' and Qwen's `<tool_call>{"name": …, "arguments":
//! {…}}</tool_call>`, anywhere in the text and any number of times; and Llama 3's
//! `{"name": …, "parameters": {…}}`, which is the whole text.

/// Begins a call in Hermes' form.
pub(super) const OPEN: &str = "<tool_call>";
/// Ends a call in Hermes' form.
pub(super) const CLOSE: &str = "</tool_call>";

/// How a model writes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallForm {
    /// Tagged objects with `arguments`.
    Hermes,
    /// One bare object with `parameters`.
    Llama,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text outside calls.
    Text(String),
    /// A call of this function begins.
    Call(String),
    /// More of its arguments.
    Arguments(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but white space has come; only here may a bare object begin.
    Start,
    /// Outside calls.
    Text,
    /// From the beginning of a call to its arguments.
    Head,
    /// Within the arguments.
    Arguments { depth: u32, quoted: bool, escaped: bool },
    /// From the end of the arguments to the end of the call.
    Tail,
}

/// Reads one answer.
#[derive(Debug)]
pub(super) struct Calls {
    form: CallForm,
    state: State,
    /// What cannot be judged yet.
    buffer: String,
    /// Calls whose arguments are complete.
    complete: u32,
}

impl Calls {
    pub(super) fn new(form: CallForm) -> Self {
        Self { form, state: State::Start, buffer: String::new(), complete: 0 }
    }

    /// Whether a whole call has come.
    pub(super) fn any(&self) -> bool {
        self.complete > 0
    }

    /// Takes more text.
    pub(super) fn push(&mut self, text: &str) -> Vec<Part> {
        self.buffer.push_str(text);
        let mut parts = Vec::new();
        while self.turn(&mut parts) {}
        parts
    }

    /// The rest, when no more text comes.
    pub(super) fn finish(&mut self) -> Vec<Part> {
        let rest = std::mem::take(&mut self.buffer);
        let part = match self.state {
            State::Arguments { .. } => Part::Arguments(rest),
            // White space behind a call is no text.
            State::Tail => return Vec::new(),
            State::Start | State::Text if self.any() && rest.trim().is_empty() => {
                return Vec::new();
            }
            State::Head if self.form == CallForm::Hermes => Part::Text(format!("{OPEN}{rest}")),
            State::Start | State::Text | State::Head => Part::Text(rest),
        };
        let empty = matches!(&part, Part::Text(rest) | Part::Arguments(rest) if rest.is_empty());
        if empty { Vec::new() } else { vec![part] }
    }

    /// Goes on as far as one state reaches; false when more text is needed.
    fn turn(&mut self, parts: &mut Vec<Part>) -> bool {
        match self.state {
            State::Start => self.start(),
            State::Text => self.text(parts),
            State::Head => self.head(parts),
            State::Arguments { depth, quoted, escaped } => {
                self.arguments(parts, depth, quoted, escaped)
            }
            State::Tail => self.tail(),
        }
    }

    fn start(&mut self) -> bool {
        let Some(first) = self.buffer.trim_start().chars().next() else { return false };
        let bare = self.form == CallForm::Llama && first == '{';
        self.state = if bare { State::Head } else { State::Text };
        true
    }

    fn text(&mut self, parts: &mut Vec<Part>) -> bool {
        if self.form == CallForm::Llama {
            push_text(parts, std::mem::take(&mut self.buffer));
            return false;
        }
        if let Some(at) = self.buffer.find(OPEN) {
            push_text(parts, self.buffer[..at].trim_end().to_owned());
            self.buffer.drain(..at + OPEN.len());
            self.state = State::Head;
            return true;
        }
        let keep = held(&self.buffer);
        let rest = self.buffer.split_off(self.buffer.len() - keep);
        push_text(parts, std::mem::replace(&mut self.buffer, rest));
        false
    }

    fn head(&mut self, parts: &mut Vec<Part>) -> bool {
        match head(&self.buffer) {
            Head::Whole { name, length } => {
                parts.push(Part::Call(name));
                self.buffer.drain(..length);
                self.state = State::Arguments { depth: 0, quoted: false, escaped: false };
                true
            }
            Head::Partial => false,
            Head::Other => {
                if self.form == CallForm::Hermes {
                    self.buffer.insert_str(0, OPEN);
                    // One step on, or the same tag would be found again.
                    parts.push(Part::Text(self.buffer.drain(..1).collect()));
                }
                self.state = State::Text;
                true
            }
        }
    }

    fn arguments(
        &mut self,
        parts: &mut Vec<Part>,
        mut depth: u32,
        mut quoted: bool,
        mut escaped: bool,
    ) -> bool {
        let mut end = None;
        for (at, c) in self.buffer.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '{' | '[' if !quoted => depth += 1,
                '}' | ']' if !quoted => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        end = Some(at + c.len_utf8());
                        break;
                    }
                }
                _ => {}
            }
        }
        let length = end.unwrap_or(self.buffer.len());
        let text: String = self.buffer.drain(..length).collect();
        if !text.is_empty() {
            parts.push(Part::Arguments(text));
        }
        self.state = State::Arguments { depth, quoted, escaped };
        if end.is_some() {
            self.complete += 1;
            self.state = State::Tail;
        }
        end.is_some()
    }

    fn tail(&mut self) -> bool {
        let close = if self.form == CallForm::Hermes { CLOSE } else { "" };
        let mut rest = self.buffer.trim_start();
        for word in ["}", close] {
            match rest.strip_prefix(word) {
                Some(after) => rest = after.trim_start(),
                None if word.starts_with(rest) => return false,
                // Whatever else comes is text.
                None => break,
            }
        }
        self.buffer = rest.to_owned();
        self.state = State::Text;
        true
    }
}

fn push_text(parts: &mut Vec<Part>, text: String) {
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}

/// Length of the longest end of `text` that may belong to a call: white space, and
/// the beginning of a tag.
fn held(text: &str) -> usize {
    let partial = (1..OPEN.len()).rev().find(|&n| text.ends_with(&OPEN[..n])).unwrap_or(0);
    let before = &text[..text.len() - partial];
    text.len() - before.trim_end().len()
}

/// What stands at the beginning of a call.
enum Head {
    /// The function's name, and the length up to its arguments.
    Whole { name: String, length: usize },
    /// A beginning of that.
    Partial,
    /// Something else.
    Other,
}

/// Reads `{"name": "…", "arguments": ` (or `"parameters"`), with any white space,
/// up to the `{` of the arguments.
fn head(text: &str) -> Head {
    let mut scan = Scan { rest: text, partial: false };
    let found = (|| {
        scan.word("{")?;
        scan.word("\"name\"")?;
        scan.word(":")?;
        let name = scan.string()?;
        scan.word(",")?;
        scan.one_of(["\"arguments\"", "\"parameters\""])?;
        scan.word(":")?;
        scan.before("{")?;
        Some(name)
    })();
    match found {
        Some(name) => Head::Whole { name, length: text.len() - scan.rest.len() },
        None if scan.partial => Head::Partial,
        None => Head::Other,
    }
}

struct Scan<'t> {
    rest: &'t str,
    /// Whether the text ended before it could differ.
    partial: bool,
}

impl Scan<'_> {
    fn word(&mut self, word: &str) -> Option<()> {
        self.before(word)?;
        self.rest = &self.rest[word.len()..];
        Some(())
    }

    fn before(&mut self, word: &str) -> Option<()> {
        self.rest = self.rest.trim_start();
        self.partial = word.starts_with(self.rest);
        self.rest.starts_with(word).then_some(())
    }

    fn one_of(&mut self, words: [&str; 2]) -> Option<()> {
        if self.word(words[0]).is_some() {
            return Some(());
        }
        let partial = self.partial;
        let found = self.word(words[1]);
        self.partial |= partial;
        found
    }

    fn string(&mut self) -> Option<String> {
        self.before("\"")?;
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|&(_, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        self.partial = end.is_none();
        let (quoted, rest) = self.rest.split_at(end?.0 + 1);
        self.rest = rest;
        serde_json::from_str(quoted).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All parts, neighbours of one kind put together.
    fn read(form: CallForm, pieces: impl IntoIterator<Item = String>) -> (Vec<Part>, bool) {
        let mut calls = Calls::new(form);
        let mut all: Vec<Part> = Vec::new();
        let mut add = |parts: Vec<Part>| {
            for part in parts {
                match (all.last_mut(), part) {
                    (Some(Part::Text(so_far)), Part::Text(more))
                    | (Some(Part::Arguments(so_far)), Part::Arguments(more)) => {
                        so_far.push_str(&more);
                    }
                    (_, part) => all.push(part),
                }
            }
        };
        for piece in pieces {
            add(calls.push(&piece));
        }
        add(calls.finish());
        (all, calls.any())
    }

    fn whole(form: CallForm, text: &str) -> (Vec<Part>, bool) {
        let at_once = read(form, [text.to_owned()]);
        let by_character = read(form, text.chars().map(String::from));
        assert_eq!(at_once, by_character, "{text}");
        let chars: Vec<char> = text.chars().collect();
        for size in [2, 3, 7] {
            let pieces = chars.chunks(size).map(|piece| piece.iter().collect());
            assert_eq!(read(form, pieces), at_once, "{text} in pieces of {size}");
        }
        at_once
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    fn call(name: &str, arguments: &str) -> [Part; 2] {
        [Part::Call(name.to_owned()), Part::Arguments(arguments.to_owned())]
    }

    #[test]
    fn a_tagged_call_is_found_however_it_is_split() {
        let (parts, any) = whole(
            CallForm::Hermes,
            "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, {}], \"b\": \"}\\\"</\"}}\n</tool_call>",
        );
        assert_eq!(parts, call("f", "{\"a\": [1, {}], \"b\": \"}\\\"</\"}"));
        assert!(any);
    }

    #[test]
    fn text_and_several_calls_keep_their_order() {
        let (parts, _) = whole(
            CallForm::Hermes,
            "I look.\n<tool_call>\n{\"name\": \"a\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\":\"b\",\"arguments\":{\"x\":1}}\n</tool_call>\n",
        );
        let expected: Vec<Part> = [text("I look.")]
            .into_iter()
            .chain(call("a", "{}"))
            .chain(call("b", "{\"x\":1}"))
            .collect();
        assert_eq!(parts, expected);
    }

    #[test]
    fn what_only_resembles_a_call_stays_text() {
        for plain in ["a <tool_cal b", "1 < 2\n", "<tool_call", "<tool_call>no</tool_call>", "{}"] {
            assert_eq!(whole(CallForm::Hermes, plain), (vec![text(plain)], false), "{plain}");
        }
        assert_eq!(whole(CallForm::Hermes, ""), (Vec::new(), false));
    }

    #[test]
    fn a_call_that_is_cut_off_is_not_complete() {
        let (parts, any) =
            whole(CallForm::Hermes, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"x");
        assert_eq!(parts, call("f", "{\"a\": \"x"));
        assert!(!any);
        let (parts, any) = whole(CallForm::Hermes, "<tool_call>\n{\"name\": \"f");
        assert_eq!((parts, any), (vec![text("<tool_call>\n{\"name\": \"f")], false));
    }

    #[test]
    fn llamas_bare_object_is_a_call_only_at_the_start() {
        let (parts, any) =
            whole(CallForm::Llama, "{\"name\": \"f\", \"parameters\": {\"city\": \"Oslo\"}}");
        assert_eq!((parts, any), (call("f", "{\"city\": \"Oslo\"}").to_vec(), true));
        let later = "See {\"name\": \"f\", \"parameters\": {}}";
        assert_eq!(whole(CallForm::Llama, later), (vec![text(later)], false));
        let other = "{\"answer\": 4}";
        assert_eq!(whole(CallForm::Llama, other), (vec![text(other)], false));
    }
}
