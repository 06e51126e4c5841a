//! Splits delimited text into records, strictly and with exact line numbers.
//!
//! RFC 4180 with `\n`, `\r\n` or `\r` as line end. Unlike the `csv` crate it
//! refuses what that reads leniently (a quote never closed, text after a closing
//! quote), because both shift values into other columns without a word.

#[cfg(test)]
mod tests;

use std::io::Read;

/// The largest record, in bytes; an open quote would otherwise swallow the file.
pub(super) const MAX_RECORD_BYTES: usize = 16 << 20;

const FIRST_READ_BYTES: usize = 1 << 18;

/// Why a record cannot be split. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub(super) enum SplitError {
    #[error("reading the file failed")]
    Io(#[from] std::io::Error),
    #[error("line {line}: a double quote opens a value and is never closed")]
    QuoteNeverClosed { line: u64 },
    #[error("line {line}, value {field}: text follows the closing double quote")]
    TextAfterQuote { line: u64, field: usize },
    #[error("line {line}: the row is longer than 16 MiB")]
    TooLong { line: u64 },
    #[error("line {line}: the row has more than {limit} values")]
    TooWide { line: u64, limit: usize },
}

/// Where a value lies in the buffer.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
    trimmed: bool,
    /// Whether the value lies in `unescaped` instead, its doubled quotes made single.
    unescaped: bool,
}

/// A reader of records; after [`Records::advance`] one record is held.
pub(super) struct Records<R> {
    source: R,
    buffer: Vec<u8>,
    next: usize,
    filled: usize,
    ended: bool,
    delimiter: u8,
    max_fields: usize,
    next_line: u64,
    line: u64,
    raw: (usize, usize),
    fields: Vec<Span>,
    unescaped: Vec<u8>,
}

/// What ends a value.
enum After {
    Delimiter,
    Line(usize),
    End,
    NeedMore,
}

/// How far a scan came.
enum Scan {
    Record { next: usize, lines: u64 },
    NeedMore { quoted_since: Option<u64> },
}

impl<R: Read> Records<R> {
    /// Reads records of `source`, whose byte order mark is already skipped.
    pub(super) fn new(source: R, delimiter: u8, max_fields: usize) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            next: 0,
            filled: 0,
            ended: false,
            delimiter,
            max_fields,
            next_line: 1,
            line: 0,
            raw: (0, 0),
            fields: Vec::new(),
            unescaped: Vec::new(),
        }
    }

    /// Moves to the next record that is not blank; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, SplitError> {
        loop {
            if self.next == self.filled && (self.ended || !self.fill()?) {
                return Ok(false);
            }
            match self.scan()? {
                Scan::Record { next, lines } => {
                    self.line = self.next_line;
                    self.raw = (self.next, next);
                    self.next = next;
                    self.next_line += lines;
                    if !self.is_blank() {
                        return Ok(true);
                    }
                }
                Scan::NeedMore { quoted_since } => self.more(quoted_since)?,
            }
        }
    }

    /// Number of values of the record.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The line on which the record starts, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The record's bytes as they stand in the file, quotes and line end included.
    pub(super) fn raw(&self) -> &[u8] {
        self.buffer.get(self.raw.0..self.raw.1).unwrap_or_default()
    }

    /// Value `index`, unquoted; spaces around an unquoted value are left out.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        let Some(span) = self.fields.get(index) else { return &[] };
        let bytes = if span.unescaped { &self.unescaped } else { &self.buffer };
        bytes.get(span.start..span.end).unwrap_or_default()
    }

    /// How many unquoted values of the record had spaces around them.
    pub(super) fn trimmed(&self) -> u64 {
        self.fields.iter().filter(|span| span.trimmed).count() as u64
    }

    fn is_blank(&self) -> bool {
        // Quotes make an empty line a value: a table of one column needs that.
        matches!(self.fields.as_slice(), [only] if only.start == only.end)
            && !self.raw().contains(&b'"')
    }

    fn more(&mut self, quoted_since: Option<u64>) -> Result<(), SplitError> {
        let too_long = self.filled - self.next > MAX_RECORD_BYTES;
        match quoted_since {
            Some(line) if self.ended || too_long => Err(SplitError::QuoteNeverClosed { line }),
            None if too_long => Err(SplitError::TooLong { line: self.next_line }),
            _ => {
                self.ended = !self.fill()?;
                Ok(())
            }
        }
    }

    /// Reads on, keeping the unread part; false when the source has ended.
    fn fill(&mut self) -> Result<bool, SplitError> {
        self.buffer.copy_within(self.next..self.filled, 0);
        self.filled -= self.next;
        self.next = 0;
        let wanted = (self.filled * 2).max(FIRST_READ_BYTES);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while let Some(free) = self.buffer.get_mut(self.filled..).filter(|it| !it.is_empty()) {
            match self.source.read(free) {
                Ok(0) => break,
                Ok(read) => {
                    self.filled += read;
                    return Ok(true);
                }
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        self.ended = true;
        Ok(false)
    }

    /// Splits the record at `self.next`, leaving its values in `self.fields`.
    fn scan(&mut self) -> Result<Scan, SplitError> {
        self.fields.clear();
        self.unescaped.clear();
        let mut at = self.next;
        let mut lines = 0;
        loop {
            let mut start = at;
            while start < self.filled && is_space(self.buffer[start], self.delimiter) {
                start += 1;
            }
            let end = if start < self.filled && self.buffer[start] == b'"' {
                match self.quoted(start, &mut lines)? {
                    Some(end) => end,
                    None => {
                        let line = self.next_line + self.newlines(self.next, start);
                        return Ok(Scan::NeedMore { quoted_since: Some(line) });
                    }
                }
            } else {
                self.unquoted(at)
            };
            if self.fields.len() > self.max_fields {
                let (line, limit) = (self.next_line, self.max_fields);
                return Err(SplitError::TooWide { line, limit });
            }
            match self.after(end) {
                After::Delimiter => at = end + 1,
                After::Line(next) => return Ok(Scan::Record { next, lines: lines + 1 }),
                After::End => return Ok(Scan::Record { next: end, lines }),
                After::NeedMore => return Ok(Scan::NeedMore { quoted_since: None }),
            }
        }
    }

    /// Takes the unquoted value at `start`; gives the position of what ends it.
    fn unquoted(&mut self, start: usize) -> usize {
        let delimiter = self.delimiter;
        let rest = self.buffer.get(start..self.filled).unwrap_or_default();
        let stop = |byte: &u8| *byte == delimiter || *byte == b'\n' || *byte == b'\r';
        let end = rest.iter().position(stop).map_or(self.filled, |length| start + length);
        let (mut from, mut to) = (start, end);
        while from < to && is_space(self.buffer[from], delimiter) {
            from += 1;
        }
        while from < to && is_space(self.buffer[to - 1], delimiter) {
            to -= 1;
        }
        let trimmed = (from, to) != (start, end);
        self.fields.push(Span { start: from, end: to, trimmed, unescaped: false });
        end
    }

    /// Takes the quoted value whose opening quote is at `open`; gives the position
    /// behind it, or none if it does not end in what is read so far.
    fn quoted(&mut self, open: usize, lines: &mut u64) -> Result<Option<usize>, SplitError> {
        let mut at = open + 1;
        let mut escapes = false;
        loop {
            match self.buffer.get(at..self.filled).and_then(find_quote) {
                None => return Ok(None),
                Some(offset) => at += offset + 1,
            }
            if at == self.filled && !self.ended {
                return Ok(None);
            }
            if at == self.filled || self.buffer[at] != b'"' {
                break;
            }
            escapes = true;
            at += 1;
        }
        let mut after = at;
        while after < self.filled && is_space(self.buffer[after], self.delimiter) {
            after += 1;
        }
        if after < self.filled && !is_end(self.buffer[after], self.delimiter) {
            let line = self.next_line + self.newlines(self.next, at);
            return Err(SplitError::TextAfterQuote { line, field: self.fields.len() + 1 });
        }
        if after == self.filled && !self.ended {
            return Ok(None);
        }
        *lines += self.newlines(open, at);
        let span = Span { start: open + 1, end: at - 1, trimmed: false, unescaped: false };
        let span = if escapes { self.unescape(span) } else { span };
        self.fields.push(span);
        Ok(Some(after))
    }

    /// Copies a value aside with its doubled quotes made single.
    fn unescape(&mut self, span: Span) -> Span {
        let start = self.unescaped.len();
        let mut quote_before = false;
        for byte in self.buffer.get(span.start..span.end).unwrap_or_default() {
            quote_before = *byte == b'"' && !quote_before;
            if !quote_before {
                self.unescaped.push(*byte);
            }
        }
        Span { start, end: self.unescaped.len(), unescaped: true, ..span }
    }

    /// What stands at the end of a value.
    fn after(&self, end: usize) -> After {
        match (self.buffer.get(end..self.filled).unwrap_or_default(), self.ended) {
            ([], true) => After::End,
            ([], false) | ([b'\r'], false) => After::NeedMore,
            ([b'\r', b'\n', ..], _) => After::Line(end + 2),
            ([b'\r' | b'\n', ..], _) => After::Line(end + 1),
            _ => After::Delimiter,
        }
    }

    /// Line ends within a range of the buffer.
    fn newlines(&self, from: usize, to: usize) -> u64 {
        let bytes = self.buffer.get(from..to).unwrap_or_default();
        let mut count = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let alone = *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n');
            count += u64::from(*byte == b'\n' || alone);
        }
        count
    }
}

fn is_space(byte: u8, delimiter: u8) -> bool {
    byte == b' ' || (byte == b'\t' && delimiter != b'\t')
}

fn is_end(byte: u8, delimiter: u8) -> bool {
    byte == delimiter || byte == b'\n' || byte == b'\r'
}

fn find_quote(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'"')
}
