//! The first pass: shape, encoding, header and types of a whole file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use cairn_kernel::{Error, Kind, Result, ResultExt};

use super::NULL_SPELLINGS;
use super::header::{self, ColumnEvidence, Header};
use super::infer::{Inference, Inferred};
use super::records::{Records, SplitError};
use super::sniff;
use crate::import::Cancel;
use crate::tables::MAX_COLUMNS;

const HEAD_BYTES: u64 = 1 << 18;

const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// How the bytes stand for text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Windows1252,
}

impl Encoding {
    /// The text of a value.
    pub(super) fn decode(self, bytes: &[u8]) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes),
            Self::Windows1252 => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
        }
    }
}

/// All that the second pass must know.
pub(crate) struct Survey {
    /// Column names, in file order.
    pub(crate) names: Vec<String>,
    /// Column types, in file order.
    pub(crate) types: Vec<Inferred>,
    /// What was decided, as sentences for the user.
    pub(crate) notes: Vec<String>,
    pub(super) delimiter: u8,
    pub(super) encoding: Encoding,
    pub(super) has_header: bool,
    pub(super) skip_bytes: u64,
}

/// Reads the whole file once. `name` is what the user calls it.
///
/// Fails with [`Kind::Unprocessable`] on ragged rows, broken quotes, duplicate
/// names and files without rows, [`Kind::Unsupported`] on what is no text, and
/// [`Kind::TooLarge`] above [`MAX_COLUMNS`] columns.
pub(crate) fn survey(path: &Path, name: &str, cancel: &Cancel) -> Result<Survey> {
    let mut file = File::open(path).or_internal("opening the uploaded table")?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head).or_internal("reading the table")?;
    sniff::require_text(&head, name)?;
    let skip = if head.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let complete = (head.len() as u64) < HEAD_BYTES;
    let delimiter = sniff::delimiter(head.get(skip..).unwrap_or_default(), complete);
    file.seek(SeekFrom::Start(skip as u64)).or_internal("reading the table")?;
    let mut pass = Pass::new(name, delimiter);
    pass.run(Records::new(file, delimiter, MAX_COLUMNS), cancel)?;
    pass.conclude(skip as u64)
}

/// A split failure as an error for the user.
pub(super) fn split_error(cause: SplitError, name: &str) -> Error {
    let (kind, remedy) = match &cause {
        SplitError::Io(_) => return Error::internal("reading the table").with_source(cause),
        SplitError::QuoteNeverClosed { .. } => (
            Kind::Unprocessable,
            "close the quote; a double quote inside a quoted value is written twice",
        ),
        SplitError::TextAfterQuote { .. } => (
            Kind::Unprocessable,
            "quote the whole value; a double quote inside a quoted value is written twice",
        ),
        SplitError::TooLong { .. } => {
            (Kind::TooLarge, "shorten its values, or see whether the line ends are right")
        }
        SplitError::TooWide { .. } => {
            (Kind::TooLarge, "leave out columns, or turn columns into rows")
        }
    };
    Error::new(kind, format!("'{name}', {cause}; {remedy}")).with_source(cause)
}

/// The state of the first pass.
struct Pass<'a> {
    name: &'a str,
    delimiter: u8,
    first: Vec<Vec<u8>>,
    columns: Vec<Inference>,
    recurs: Vec<bool>,
    rows_below: u64,
    trimmed: u64,
    missing: [u64; NULL_SPELLINGS.len()],
    text: TextSeen,
}

/// What the bytes say about the encoding; lines count from 1, 0 is none.
#[derive(Default)]
struct TextSeen {
    utf8_line: u64,
    other_line: u64,
    undefined_line: u64,
}

impl<'a> Pass<'a> {
    fn new(name: &'a str, delimiter: u8) -> Self {
        Self {
            name,
            delimiter,
            first: Vec::new(),
            columns: Vec::new(),
            recurs: Vec::new(),
            rows_below: 0,
            trimmed: 0,
            missing: [0; NULL_SPELLINGS.len()],
            text: TextSeen::default(),
        }
    }

    fn run(&mut self, mut records: Records<File>, cancel: &Cancel) -> Result<()> {
        while records.advance().map_err(|cause| split_error(cause, self.name))? {
            self.text.look(records.raw(), records.line());
            self.trimmed += records.trimmed();
            if self.columns.is_empty() {
                self.begin(&records);
                continue;
            }
            if records.len() != self.columns.len() {
                return Err(self.ragged(&records));
            }
            self.observe(&records);
            self.rows_below += 1;
            if self.rows_below.is_multiple_of(4096) {
                cancel.check()?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, records: &Records<File>) {
        let comma = sniff::admits_decimal_comma(self.delimiter);
        self.first = (0..records.len()).map(|at| records.field(at).to_vec()).collect();
        self.columns = vec![Inference::new(comma); records.len()];
        self.recurs = vec![false; records.len()];
    }

    fn observe(&mut self, records: &Records<File>) {
        for (at, column) in self.columns.iter_mut().enumerate() {
            let value = records.field(at);
            if let Some(count) = column.observe(value).and_then(|at| self.missing.get_mut(at)) {
                *count += 1;
            }
            self.recurs[at] = self.recurs[at] || self.first[at] == value;
        }
    }

    fn ragged(&self, records: &Records<File>) -> Error {
        let (found, expected) = (records.len(), self.columns.len());
        let remedy = match found > expected {
            true => "put values that contain the delimiter in double quotes",
            false => "add the missing values (nothing between two delimiters is a missing value)",
        };
        Error::new(
            Kind::Unprocessable,
            format!(
                "'{}', line {}: expected {expected} values as in the first row, and found {found} \
                 (separated by {}); {remedy}, and upload the file again. Nothing was stored",
                self.name,
                records.line(),
                sniff::delimiter_name(self.delimiter),
            ),
        )
    }

    fn conclude(mut self, skip_bytes: u64) -> Result<Survey> {
        if self.columns.is_empty() {
            return Err(self.unprocessable("is empty; it needs a row of column names and data"));
        }
        let mut notes = Vec::new();
        let encoding = self.encoding(&mut notes)?;
        let header = self.header();
        if header != Header::Absent && self.rows_below == 0 {
            return Err(self.unprocessable("has a header row and no data rows below it; add some"));
        }
        let names = match header {
            Header::Absent => self.take_first_as_data(&mut notes),
            _ => self.take_names(encoding, &mut notes)?,
        };
        if header == Header::Presumed {
            notes.push("The first row was taken as column names, as it differs from the rows below it; all columns are text.".into());
        }
        let types: Vec<_> = self.columns.iter().map(Inference::result).collect();
        self.note_values(&names, &types, &mut notes);
        let (delimiter, has_header) = (self.delimiter, header != Header::Absent);
        Ok(Survey { names, types, notes, delimiter, encoding, has_header, skip_bytes })
    }

    fn unprocessable(&self, what: &str) -> Error {
        Error::new(Kind::Unprocessable, format!("'{}' {what}", self.name))
    }

    fn encoding(&self, notes: &mut Vec<String>) -> Result<Encoding> {
        let TextSeen { utf8_line, other_line, undefined_line } = self.text;
        if other_line == 0 {
            return Ok(Encoding::Utf8);
        }
        if undefined_line > 0 || utf8_line > 0 {
            let line = if undefined_line > 0 { undefined_line } else { other_line };
            let what = format!(
                "is neither UTF-8 nor Windows-1252 text (see line {line}); save it as UTF-8"
            );
            return Err(self.unprocessable(&what));
        }
        notes.push(format!(
            "The file is not UTF-8 (see line {other_line}) and was read as Windows-1252; if words look wrong, save it as UTF-8."
        ));
        Ok(Encoding::Windows1252)
    }

    fn header(&self) -> Header {
        let evidence: Vec<_> = self
            .columns
            .iter()
            .zip(&self.first)
            .zip(&self.recurs)
            .map(|((below, first), recurs)| {
                let below = below.result();
                ColumnEvidence { first, below, recurs: *recurs }
            })
            .collect();
        header::decide(&evidence, sniff::admits_decimal_comma(self.delimiter))
    }

    fn take_first_as_data(&mut self, notes: &mut Vec<String>) -> Vec<String> {
        for (column, value) in self.columns.iter_mut().zip(&self.first) {
            if let Some(count) = column.observe(value).and_then(|at| self.missing.get_mut(at)) {
                *count += 1;
            }
        }
        let names: Vec<_> = (0..self.columns.len()).map(header::generated).collect();
        notes.push(match names.as_slice() {
            [only] => format!("The first row holds data, so the column is named {only}."),
            [first, .., last] => {
                format!("The first row holds data, so the columns are named {first} to {last}.")
            }
            [] => String::new(),
        });
        names
    }

    fn take_names(&self, encoding: Encoding, notes: &mut Vec<String>) -> Result<Vec<String>> {
        let cells = self.first.iter().map(|cell| encoding.decode(cell).into_owned()).collect();
        let (names, unnamed) = header::names(cells, self.name)?;
        for place in unnamed {
            notes.push(format!("Column {place} has no name and is called column_{place}."));
        }
        Ok(names)
    }

    fn note_values(&self, names: &[String], types: &[Inferred], notes: &mut Vec<String>) {
        if self.delimiter != b',' {
            let delimiter = sniff::delimiter_name(self.delimiter);
            notes.push(format!("Values are separated by {delimiter}."));
        }
        if self.trimmed > 0 {
            notes.push(format!("Spaces around {} unquoted values were left out.", self.trimmed));
        }
        let spelled = NULL_SPELLINGS.iter().zip(self.missing).skip(1);
        let spelled: Vec<_> = spelled
            .filter(|(_, count)| *count > 0)
            .map(|(text, count)| format!("'{text}' ({count} values)"))
            .collect();
        if !spelled.is_empty() {
            notes.push(format!("Read as missing: {}.", spelled.join(", ")));
        }
        let mut say = |what: &str, which: fn(&Inferred) -> bool| {
            let chosen = names.iter().zip(types).filter(|(_, kind)| which(kind));
            let chosen: Vec<_> = chosen.map(|(name, _)| name.as_str()).collect();
            if !chosen.is_empty() {
                notes.push(format!("{what}: {}.", chosen.join(", ")));
            }
        };
        say("Without any value, stored as text", |it| it.empty);
        say("Decimal commas were read as points", |it| it.comma);
        say("Times with a zone were converted to UTC", |it| it.zoned);
        say("Times were cut to microseconds", |it| it.cut);
    }
}

impl TextSeen {
    fn look(&mut self, record: &[u8], line: u64) {
        if record.is_ascii() {
            return;
        }
        let seen = match std::str::from_utf8(record) {
            Ok(_) => &mut self.utf8_line,
            Err(_) => &mut self.other_line,
        };
        *seen = if *seen == 0 { line } else { *seen };
        let undefined = |byte: &u8| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d);
        if self.undefined_line == 0 && self.other_line > 0 && record.iter().any(undefined) {
            self.undefined_line = line;
        }
    }
}
