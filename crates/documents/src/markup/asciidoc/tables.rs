//! Tables between two lines `|===`.

use csv::ReaderBuilder;

use super::{Reader, aside};

/// Columns of a table, and columns that a cell may span.
const COLUMNS_MAX: usize = 200;

#[derive(Debug)]
struct Cell {
    text: String,
    /// How many columns it spans, or how often it stands.
    columns: usize,
    repeated: usize,
}

impl Reader {
    /// Writes the rows of a table whose cells begin with `sign`.
    pub(super) fn table(&mut self, lines: &[&str], style: &str, sign: char) {
        let format = attribute(style, "format");
        if sign == ',' || sign == ':' || format.is_some_and(|format| format != "psv") {
            return self.separated(lines, if sign == ':' { b':' } else { b',' });
        }
        let filled = || lines.iter().filter(|line| !line.trim().is_empty());
        let counted = attribute(style, "cols").map(columns);
        // Without a number of columns each line is a row, if each has cells.
        let apart = counted.is_none() && filled().all(|line| split(line, sign).len() > 1);
        if apart {
            for line in filled() {
                let mut cells = Vec::new();
                gather(line, sign, &mut cells);
                self.write_cells(&cells);
            }
        } else {
            let mut cells = Vec::new();
            let mut first = 0;
            for line in lines {
                gather(line, sign, &mut cells);
                if first == 0 && !line.trim().is_empty() {
                    first = cells.iter().map(|cell| cell.columns * cell.repeated).sum();
                }
            }
            let count = counted.unwrap_or(first).clamp(1, COLUMNS_MAX);
            self.write_grouped(cells, count);
        }
        self.lines.end();
    }

    fn write_grouped(&mut self, cells: Vec<Cell>, count: usize) {
        let (mut row, mut width) = (Vec::new(), 0);
        for cell in cells {
            for _ in 0..cell.repeated {
                width += cell.columns;
                row.push(Cell { text: cell.text.clone(), columns: cell.columns, repeated: 1 });
                if width >= count {
                    self.write_cells(&std::mem::take(&mut row));
                    width = 0;
                }
            }
        }
        self.write_cells(&row);
    }

    fn write_cells(&mut self, cells: &[Cell]) {
        let mut row = Vec::new();
        for cell in cells {
            row.push(self.marks.read(cell.text.trim(), &mut aside));
            row.extend(std::iter::repeat_n(String::new(), cell.columns - 1));
        }
        self.lines.row(row);
    }

    fn separated(&mut self, lines: &[&str], delimiter: u8) {
        let source = lines.join("\n");
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(source.as_bytes());
        for record in reader.records().map_while(Result::ok) {
            let cells: Vec<String> =
                record.iter().map(|cell| self.marks.read(cell.trim(), &mut aside)).collect();
            self.lines.row(cells);
        }
        self.lines.end();
    }
}

/// The value of an attribute: `cols="1,2"`, `cols=2*`.
fn attribute<'a>(style: &'a str, name: &str) -> Option<&'a str> {
    let at = style.find(&format!("{name}="))?;
    let value = style.get(at + name.len() + 1..)?;
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(',').next(),
    }
}

/// How many columns `1,2`, `3*`, `2*,1` or `3` are.
fn columns(value: &str) -> usize {
    if let Ok(count) = value.trim().parse() {
        return count;
    }
    let count = |part: &str| part.split_once('*').and_then(|(count, _)| count.trim().parse().ok());
    let counts = value.split([',', ';']).map(|part| count(part).unwrap_or(1_usize));
    counts.map(|count| count.min(COLUMNS_MAX)).sum()
}

/// A line at the signs that begin cells: none behind a backslash.
fn split(line: &str, sign: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut before) = (0, ' ');
    for (at, c) in line.char_indices() {
        if c == sign && before != '\\' {
            parts.push(line.get(from..at).unwrap_or_default());
            from = at + c.len_utf8();
        }
        before = c;
    }
    parts.push(line.get(from..).unwrap_or_default());
    parts
}

/// Adds the cells of a line; what stands before the first goes on with the last one above.
fn gather(line: &str, sign: char, cells: &mut Vec<Cell>) {
    let parts = split(line, sign);
    let last = parts.len() - 1;
    let mut given: Option<(usize, usize)> = None;
    for (at, part) in parts.into_iter().enumerate() {
        // What is said of the next cell stands right before its sign: `2+|`.
        let (text, next) = if at < last { specified(part) } else { (part, Some((1, 1))) };
        let text = text.replace(&format!("\\{sign}"), &sign.to_string());
        match given {
            None => {
                if let Some(cell) = cells.last_mut() {
                    cell.text.push(' ');
                    cell.text.push_str(&text);
                }
            }
            Some((columns, repeated)) => cells.push(Cell { text, columns, repeated }),
        }
        given = Some(next.unwrap_or((1, 1)));
    }
}

/// A text without what it says at its end of the next cell: columns that it spans, and how often
/// it stands.
fn specified(text: &str) -> (&str, Option<(usize, usize)>) {
    let start = text.rfind([' ', '\t']).map_or(0, |at| at + 1);
    let said = text.get(start..).unwrap_or_default();
    let (before, after) = said.split_at(said.find(['+', '*']).unwrap_or(0));
    let styled = after.trim_start_matches(['+', '*']);
    let aligned = styled.trim_start_matches(['<', '^', '>', '.']);
    let style = aligned.is_empty() || aligned.len() == 1 && "aehlmsdv".contains(aligned);
    let numbers = before.chars().all(|c| c.is_ascii_digit() || c == '.');
    if said.is_empty() || !style || !numbers || before.len() > 6 {
        return (text, None);
    }
    let count = before.split('.').next().and_then(|count| count.parse().ok()).unwrap_or(1);
    let count = count.clamp(1, COLUMNS_MAX);
    let given = if after.starts_with('*') { (1, count) } else { (count, 1) };
    (text.get(..start).unwrap_or_default(), Some(given))
}
