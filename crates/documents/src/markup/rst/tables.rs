//! Tables: drawn as a grid, with columns of equal signs, and in directives.

use csv::ReaderBuilder;

use super::directives::Directive;
use super::{Reader, lines};

/// Columns of a table; more are no table that someone has drawn.
const COLUMNS_MAX: usize = 200;

impl Reader {
    /// A table that begins with the first of the lines; how many lines it has.
    pub(super) fn table(&mut self, rest: &[&str]) -> Option<usize> {
        let first = rest.first().copied()?;
        if first.starts_with("+-") || first.starts_with("+=") {
            return self.grid(rest);
        }
        let ruled = first.starts_with('=') && first.contains("= ") && is_rule(first);
        if ruled { self.simple(rest) } else { None }
    }

    fn grid(&mut self, rest: &[&str]) -> Option<usize> {
        let is_line = |line: &&&str| line.starts_with(['+', '|']) && line.ends_with(['+', '|']);
        let length = rest.iter().take_while(is_line).count();
        let lines: Vec<Vec<char>> =
            rest.get(..length)?.iter().map(|line| line.chars().collect()).collect();
        // Where a column may begin or end: a plus on any line between rows.
        let width = lines.first()?.len();
        let is_rule = |line: &Vec<char>| line.iter().all(|c| "+-=".contains(*c));
        let mut plus = vec![false; width];
        for line in lines.iter().filter(|line| line.first() == Some(&'+')) {
            for (is_plus, sign) in plus.iter_mut().zip(line) {
                *is_plus |= *sign == '+';
            }
        }
        let edges: Vec<usize> = (0..width).filter(|at| plus.get(*at) == Some(&true)).collect();
        if length < 3 || !is_rule(lines.first()?) || edges.len() > COLUMNS_MAX {
            return None;
        }
        self.lines.end();
        let mut cells: Vec<String> = vec![String::new(); edges.len().saturating_sub(1)];
        for line in lines.iter().skip(1) {
            if line.first() == Some(&'+') && is_rule(line) {
                self.write_row(&mut cells);
                continue;
            }
            let found = parts(line, &edges);
            let rule = |text: &str| text.chars().all(|c| "+-=".contains(c));
            // Below some of the cells a line: those beside it span rows.
            if found.iter().any(|(_, text)| rule(text)) {
                self.write_row(&mut cells);
            }
            for (at, text) in found.iter().filter(|(_, text)| !rule(text)) {
                if let Some(cell) = cells.get_mut(*at) {
                    cell.push(' ');
                    cell.push_str(text.trim());
                }
            }
        }
        self.write_row(&mut cells);
        self.lines.end();
        Some(length)
    }

    fn simple(&mut self, rest: &[&str]) -> Option<usize> {
        let first = rest.first()?;
        let rules: Vec<usize> = rest
            .iter()
            .enumerate()
            .filter(|(_, line)| line.starts_with('=') && is_rule(line))
            .map(|(at, _)| at)
            .take(3)
            .collect();
        // It ends with the second rule, or the third where the first rows are a head.
        let ends = |at: &usize| rest.get(at + 1).is_none_or(|line| line.is_empty());
        let end = rules.iter().skip(1).copied().find(ends)?;
        let starts = columns(first);
        self.lines.end();
        let mut cells: Vec<String> = vec![String::new(); starts.len()];
        for line in rest.get(1..end)? {
            if is_rule(line) && line.starts_with(['=', '-']) {
                self.write_row(&mut cells);
                continue;
            }
            let row = cut(line, &starts);
            // A line without a first cell goes on with the row above.
            if row.first().is_some_and(|cell| !cell.is_empty()) {
                self.write_row(&mut cells);
            }
            for (cell, more) in cells.iter_mut().zip(row) {
                cell.push(' ');
                cell.push_str(&more);
            }
        }
        self.write_row(&mut cells);
        self.lines.end();
        Some(end + 1)
    }

    fn write_row(&mut self, cells: &mut [String]) {
        let row: Vec<String> =
            cells.iter_mut().map(|cell| self.marks.read(std::mem::take(cell).trim())).collect();
        self.lines.row(row);
    }

    pub(super) fn table_directive(&mut self, name: &str, directive: &Directive<'_>) {
        if let Some(file) = directive.option("file").or_else(|| directive.option("url")) {
            self.lines.file(file);
        }
        let title = self.marks.read(directive.argument.trim());
        self.lines.paragraph(&title);
        if name == "csv-table" {
            self.csv(directive.option("header").unwrap_or_default());
            self.csv(&directive.body.join("\n"));
        } else {
            self.list_rows(&directive.body);
        }
        self.lines.end();
    }

    fn csv(&mut self, source: &str) {
        // White space before a quote is none of the cell.
        let source = source.replace(", \"", ",\"");
        let mut reader =
            ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source.as_bytes());
        for record in reader.records().map_while(Result::ok) {
            let mut cells: Vec<String> = record.iter().map(str::to_owned).collect();
            self.write_row(&mut cells);
        }
    }

    /// Rows that are items of a list, whose cells are items of a list within it.
    fn list_rows(&mut self, body: &[&str]) {
        let mut cells: Vec<String> = Vec::new();
        for line in body {
            let mut text = *line;
            if let Some(after) =
                text.strip_prefix(['*', '-']).filter(|after| after.starts_with(' '))
            {
                self.write_row(&mut cells);
                cells.clear();
                text = after;
            }
            let begins = lines::indent(text) <= 4;
            let cell = text.trim_start().strip_prefix(['-', '*']);
            match cell.filter(|cell| begins && (cell.is_empty() || cell.starts_with(' '))) {
                Some(cell) => cells.push(cell.trim().to_owned()),
                None => {
                    if let Some(last) = cells.last_mut() {
                        last.push(' ');
                        last.push_str(text.trim());
                    }
                }
            }
        }
        self.write_row(&mut cells);
    }
}

/// What stands between the edges of a line of a grid: the number of the column and the text. A
/// cell that spans columns is in the first of them.
fn parts(line: &[char], edges: &[usize]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut from = 0;
    for (at, end) in edges.iter().enumerate().skip(1) {
        if line.get(*end).is_some_and(|sign| "|+".contains(*sign)) {
            let start = edges.get(from).map_or(0, |edge| edge + 1);
            let text: String = line.get(start..*end).unwrap_or_default().iter().collect();
            if !text.is_empty() {
                found.push((from, text));
            }
            from = at;
        }
    }
    found
}

/// Whether a line draws the columns of a table.
fn is_rule(line: &str) -> bool {
    let sign = line.chars().next().unwrap_or(' ');
    line.chars().all(|c| c == sign || c == ' ') && line.len() >= 2
}

/// Where the columns begin, by a line of equal signs.
fn columns(rule: &str) -> Vec<usize> {
    let signs: Vec<char> = rule.chars().collect();
    let begins =
        |at: &usize| signs.get(*at) == Some(&'=') && (*at == 0 || signs.get(at - 1) == Some(&' '));
    (0..signs.len()).filter(begins).take(COLUMNS_MAX).collect()
}

fn cut(line: &str, starts: &[usize]) -> Vec<String> {
    let signs: Vec<char> = line.chars().collect();
    let mut cells = Vec::with_capacity(starts.len());
    for (at, start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(signs.len()).min(signs.len());
        let cell: String = signs.get((*start).min(end)..end).unwrap_or_default().iter().collect();
        cells.push(cell.trim().to_owned());
    }
    cells
}
