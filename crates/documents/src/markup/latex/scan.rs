//! LaTeX source as pieces, and the arguments of its commands.

/// Longest optional argument that is looked for, in bytes.
const OPTION_BYTES_MAX: usize = 4_000;
/// Longest group in braces that is looked for, in bytes.
const GROUP_BYTES_MAX: usize = 1 << 18;

/// Units of lengths.
const UNITS: [&str; 10] = ["pt", "em", "ex", "in", "cm", "mm", "pc", "sp", "bp", "mu"];

/// One piece of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'s> {
    Text(&'s str),
    /// A command by its name, without the backslash.
    Command(&'s str),
    /// What stands between dollar signs, and whether on lines of its own.
    Math(&'s str, bool),
    /// `^` or `_` in mathematics.
    Script(char),
    /// The border between two cells.
    Cell,
    /// A space at which no line breaks.
    Gap,
    /// A blank line.
    Paragraph,
    Open,
    Close,
}

/// A source from where it is not yet read.
#[derive(Debug)]
pub(super) struct Scan<'s> {
    rest: &'s str,
    math: bool,
}

impl<'s> Scan<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { rest: source, math: false }
    }

    /// As [`Self::new`], of a formula.
    pub(super) fn math(source: &'s str) -> Self {
        Self { rest: source, math: true }
    }

    /// The next piece; comments are passed over.
    pub(super) fn piece(&mut self) -> Option<Piece<'s>> {
        loop {
            let first = self.rest.chars().next()?;
            return Some(match first {
                '%' => match self.comment() {
                    true => Piece::Paragraph,
                    false => continue,
                },
                '\\' => self.command(),
                '$' => self.dollars(),
                '\n' => self.line_end(),
                '{' => self.one(Piece::Open),
                '}' => self.one(Piece::Close),
                '&' => self.one(Piece::Cell),
                '~' => self.one(Piece::Gap),
                '^' | '_' if self.math => self.one(Piece::Script(first)),
                _ => {
                    let special = |c: char| {
                        matches!(c, '%' | '\\' | '$' | '\n' | '{' | '}' | '&' | '~')
                            || self.math && matches!(c, '^' | '_')
                    };
                    let end = self.rest.find(special).unwrap_or(self.rest.len());
                    Piece::Text(self.take(end))
                }
            });
        }
    }

    /// Takes a star that marks a variant of a command.
    pub(super) fn star(&mut self) {
        self.rest = self.rest.strip_prefix('*').unwrap_or(self.rest);
    }

    /// Takes a full stop, which stands for a bracket that is not shown.
    pub(super) fn stop(&mut self) {
        self.rest = self.rest.strip_prefix('.').unwrap_or(self.rest);
    }

    /// Takes the spaces up to the next sign on the line.
    pub(super) fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Takes white space up to the next line that is not blank.
    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// The optional argument that begins right here.
    pub(super) fn option(&mut self) -> Option<&'s str> {
        let inner = self.rest.strip_prefix('[')?;
        let (mut braces, mut brackets) = (0_usize, 0_usize);
        let mut escaped = false;
        for (at, byte) in inner.bytes().enumerate().take(OPTION_BYTES_MAX) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'{' => braces += 1,
                b'}' => braces = braces.checked_sub(1)?,
                b'[' => brackets += 1,
                b']' if braces == 0 && brackets == 0 => {
                    self.rest = inner.get(at + 1..).unwrap_or_default();
                    return inner.get(..at);
                }
                b']' => brackets = brackets.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    /// Takes what stands in parentheses right here.
    pub(super) fn parenthesis(&mut self) {
        let inner = self.rest.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        self.rest = inner.map_or(self.rest, |(_, after)| after);
    }

    /// All optional arguments that begin right here.
    pub(super) fn options(&mut self) {
        while self.option().is_some() {}
    }

    /// The next group, without its braces.
    pub(super) fn group(&mut self) -> Option<&'s str> {
        let start = self.rest;
        self.pass();
        let found = self.braced(true);
        if found.is_none() {
            self.rest = start;
        }
        found
    }

    /// The group that begins right here, without its braces.
    pub(super) fn adjacent_group(&mut self) -> Option<&'s str> {
        self.braced(true)
    }

    /// As [`Self::group`], of an address, in which `%` is a sign like others.
    pub(super) fn address(&mut self) -> Option<&'s str> {
        self.spaces();
        self.braced(false)
    }

    /// The next argument: a group, a command with its backslash, or one sign.
    pub(super) fn argument(&mut self) -> Option<&'s str> {
        self.pass();
        if self.rest.starts_with('{') {
            return self.braced(true);
        }
        let before = self.rest;
        match before.chars().next()? {
            '}' | '&' | '$' => None,
            '\\' => {
                self.command();
                before.get(..before.len() - self.rest.len())
            }
            one => Some(self.take(one.len_utf8())),
        }
    }

    /// The name that a definition defines: `{\name}` or `\name`.
    pub(super) fn defined(&mut self) -> Option<&'s str> {
        self.argument().map(|name| name.trim().trim_start_matches('\\'))
    }

    /// What stands before `end`, which is passed over; all that is left where there is none.
    pub(super) fn until(&mut self, end: &str) -> &'s str {
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        let found = self.take(at);
        self.rest = self.rest.strip_prefix(end).unwrap_or(self.rest);
        found
    }

    /// What stands before the command `name`, which is passed over; none where there is none.
    pub(super) fn until_command(&mut self, name: &str) -> Option<&'s str> {
        let command = format!("\\{name}");
        let mut from = 0;
        while let Some(found) = self.rest.get(from..).and_then(|rest| rest.find(&command)) {
            let end = from + found + command.len();
            let after = self.rest.get(end..).unwrap_or_default();
            if !after.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let inner = self.rest.get(..from + found);
                self.rest = after;
                return inner;
            }
            from = end;
        }
        None
    }

    /// What stands between two of the sign that is next, on one line.
    pub(super) fn between(&mut self) -> &'s str {
        if self.rest.starts_with('{') {
            return self.braced(false).unwrap_or_default();
        }
        let Some(sign) = self.rest.chars().next() else { return "" };
        let after = self.rest.get(sign.len_utf8()..).unwrap_or_default();
        let line = after.split('\n').next().unwrap_or_default();
        let Some(end) = line.find(sign) else { return "" };
        self.rest = after.get(end + sign.len_utf8()..).unwrap_or_default();
        line.get(..end).unwrap_or_default()
    }

    /// Takes a length: `=-1.5em plus 2pt`, or that of another length.
    pub(super) fn length(&mut self) {
        while self.one_length() {}
    }

    /// Takes one length; whether another has to follow it.
    fn one_length(&mut self) -> bool {
        let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+' | '=' | ' ');
        let after = self.rest.trim_start_matches(number);
        let taken = self.rest.len() - after.len();
        let has_number = self.rest.bytes().take(taken).any(|byte| byte.is_ascii_digit());
        if after.starts_with('\\') {
            self.rest = after;
            self.command();
            return false;
        }
        let unit = UNITS.iter().find_map(|unit| after.strip_prefix(unit));
        if !has_number {
            return false;
        }
        self.rest = unit.unwrap_or(after);
        for more in [" plus", " minus", "plus", "minus"] {
            if let Some(rest) = self.rest.strip_prefix(more) {
                self.rest = rest;
                return true;
            }
        }
        false
    }

    /// The parameters of a plain definition, up to its body; none when they are no plain row.
    pub(super) fn parameters(&mut self) -> Option<usize> {
        let end = self.rest.find('{')?;
        let row = self.take(end).trim();
        let plain = row.bytes().enumerate().all(|(at, byte)| match at % 2 {
            0 => byte == b'#',
            _ => byte.is_ascii_digit(),
        });
        plain.then_some(row.len() / 2)
    }

    fn take(&mut self, bytes: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn one(&mut self, piece: Piece<'s>) -> Piece<'s> {
        self.take(1);
        piece
    }

    /// Passes over white space and comments, but for blank lines.
    fn pass(&mut self) {
        loop {
            let trimmed = self.rest.trim_start();
            let space = self.rest.get(..self.rest.len() - trimmed.len()).unwrap_or_default();
            if space.matches('\n').count() > 1 {
                return;
            }
            self.rest = trimmed;
            if !trimmed.starts_with('%') || self.comment() {
                return;
            }
        }
    }

    /// Passes over a comment with the end of its line; whether a blank line follows.
    fn comment(&mut self) -> bool {
        self.until("\n");
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let blank = self.rest.starts_with('\n');
        if blank {
            self.spaces();
        }
        blank
    }

    fn line_end(&mut self) -> Piece<'s> {
        let line = self.take(1);
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if self.rest.starts_with('\n') {
            self.spaces();
            return Piece::Paragraph;
        }
        Piece::Text(line)
    }

    fn command(&mut self) -> Piece<'s> {
        let after = self.rest.strip_prefix('\\').unwrap_or(self.rest);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let one = after.chars().next().map_or(0, char::len_utf8);
        let (name, rest) = after.split_at_checked(letters.max(one)).unwrap_or((after, ""));
        self.rest = rest;
        Piece::Command(name)
    }

    /// A formula; a dollar sign that is not closed within the paragraph is only that.
    fn dollars(&mut self) -> Piece<'s> {
        let mark = if self.rest.starts_with("$$") { "$$" } else { "$" };
        let inner = self.rest.get(mark.len()..).unwrap_or_default();
        let mut escaped = false;
        let mut line_end = false;
        for (at, byte) in inner.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'\n' if line_end => break,
                b'\n' => {
                    line_end = true;
                    continue;
                }
                b'$' if inner.get(at..).is_some_and(|rest| rest.starts_with(mark)) => {
                    self.rest = inner.get(at + mark.len()..).unwrap_or_default();
                    return Piece::Math(inner.get(..at).unwrap_or_default(), mark.len() == 2);
                }
                _ => {}
            }
            line_end &= byte.is_ascii_whitespace();
        }
        Piece::Text(self.take(1))
    }

    /// The group that begins right here; `comments` may hold braces that do not count.
    fn braced(&mut self, comments: bool) -> Option<&'s str> {
        let inner = self.rest.strip_prefix('{')?;
        let mut depth = 0_usize;
        let (mut escaped, mut comment) = (false, false);
        for (at, byte) in inner.bytes().enumerate().take(GROUP_BYTES_MAX) {
            match byte {
                b'\n' => (escaped, comment) = (false, false),
                _ if comment => {}
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'%' if comments => comment = true,
                b'{' => depth += 1,
                b'}' if depth == 0 => {
                    self.rest = inner.get(at + 1..).unwrap_or_default();
                    return inner.get(..at);
                }
                b'}' => depth -= 1,
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(source: &str) -> Vec<Piece<'_>> {
        let mut scan = Scan::new(source);
        std::iter::from_fn(|| scan.piece()).collect()
    }

    #[test]
    fn a_source_falls_into_pieces() {
        use Piece::{Cell, Close, Command, Gap, Math, Open, Paragraph, Text};
        assert_eq!(
            pieces("a~b\\x1 & {c} $y$ 5\\% % gone\n\nd"),
            [
                Text("a"),
                Gap,
                Text("b"),
                Command("x"),
                Text("1 "),
                Cell,
                Text(" "),
                Open,
                Text("c"),
                Close,
                Text(" "),
                Math("y", false),
                Text(" 5"),
                Command("%"),
                Text(" "),
                Paragraph,
                Text("d"),
            ]
        );
        assert_eq!(pieces("a%\n  b"), [Text("a"), Text("b")]);
        assert_eq!(pieces("a \n \n b"), [Text("a "), Paragraph, Text("b")]);
        assert_eq!(pieces("$$x$$"), [Math("x", true)]);
        assert_eq!(pieces("$5\n\nb"), [Text("$"), Text("5"), Paragraph, Text("b")]);
    }

    #[test]
    fn arguments_end_where_they_do() {
        let mut scan = Scan::new("[a{]}]{b{\\}}% }\n}\\cd e{f%g}");
        assert_eq!(scan.option(), Some("a{]}"));
        assert_eq!(scan.option(), None);
        assert_eq!(scan.group(), Some("b{\\}}% }\n"));
        assert_eq!(scan.argument(), Some("\\cd"));
        assert_eq!(scan.argument(), Some("e"));
        assert_eq!(scan.address(), Some("f%g"));
        assert_eq!(scan.group(), None);
        let mut scan = Scan::new("-1.5em plus 2pt minus 1pt after");
        scan.length();
        assert_eq!(scan.piece(), Some(Piece::Text(" after")));
        let mut scan = Scan::new(" inside");
        scan.length();
        assert_eq!(scan.piece(), Some(Piece::Text(" inside")));
        let mut scan = Scan::new("x\\eqs\\eq y");
        assert_eq!(scan.until_command("eq"), Some("x\\eqs"));
        assert_eq!(scan.until_command("eq"), None);
    }
}
