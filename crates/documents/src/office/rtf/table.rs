//! Rows of a table, whose cells say only where they end: the columns are told from all rows.

use crate::write::Flow;

/// Edges of cells so near to each other are one, in twips (a twentieth of a point).
const NEAR: i32 = 60;
/// Columns that the edges of all rows may come to; more, and rows are written as they are.
const COLUMNS_MAX: usize = 64;
/// Cells of a row, and where cells of a row end, that are kept.
const CELLS_MAX: usize = 1_000;

/// The place of a row's cells: where the first begins and where each ends, in twips.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges {
    pub(super) left: i32,
    right: Vec<i32>,
}

impl Edges {
    pub(super) fn add(&mut self, right: i32) {
        if self.right.len() < CELLS_MAX {
            self.right.push(right);
        }
    }
}

#[derive(Debug, Default)]
struct Row {
    edges: Edges,
    cells: Vec<String>,
}

/// A table in the making.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    cells: Vec<String>,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.cells.is_empty()
    }

    pub(super) fn close_cell(&mut self, text: String) {
        if self.cells.len() < CELLS_MAX {
            self.cells.push(text);
        } else if let Some(last) = self.cells.last_mut() {
            *last += " ";
            *last += &text;
        }
    }

    pub(super) fn close_row(&mut self, edges: &Edges) {
        let cells = std::mem::take(&mut self.cells);
        // Others do not tell where these cells end, and a row may have many more of them.
        let fits = edges.right.len() == cells.len();
        if !cells.is_empty() {
            let edges = if fits { edges.clone() } else { Edges::default() };
            self.rows.push(Row { edges, cells });
        }
    }

    /// Writes the rows; a cell that spans columns stands in the first of them.
    pub(super) fn write(&mut self, flow: &mut Flow) {
        self.close_row(&Edges::default());
        let rows = std::mem::take(&mut self.rows);
        let columns = columns(&rows);
        for row in rows {
            let columns = columns.as_deref().filter(|_| row.edges.right.len() == row.cells.len());
            flow.open_row();
            match columns {
                Some(columns) => placed(&row, columns, flow),
                None => row.cells.iter().for_each(|cell| close_cell(flow, cell)),
            }
            flow.close_row();
        }
    }
}

fn close_cell(flow: &mut Flow, text: &str) {
    flow.text(text);
    flow.close_cell();
}

/// Where the columns of all rows end; none where the rows do not say, or differ too much.
fn columns(rows: &[Row]) -> Option<Vec<i32>> {
    let whole = rows.iter().filter(|row| row.edges.right.len() == row.cells.len());
    let mut edges: Vec<i32> = whole.clone().flat_map(|row| row.edges.right.clone()).collect();
    edges.extend(whole.clone().map(|row| row.edges.left));
    edges.sort_unstable();
    let mut found: Vec<i32> = Vec::new();
    for edge in edges {
        if found.last().is_none_or(|last| edge.saturating_sub(*last) > NEAR) {
            found.push(edge);
        }
    }
    let widest = whole.map(|row| row.cells.len()).max()?;
    let count = found.len().saturating_sub(1);
    (count <= COLUMNS_MAX && count <= widest.saturating_mul(3)).then_some(found)
}

fn placed(row: &Row, columns: &[i32], flow: &mut Flow) {
    let column = |edge: i32| columns.partition_point(|at| at.saturating_add(NEAR) < edge);
    let mut at = column(row.edges.left);
    (0..at).for_each(|_| flow.close_cell());
    for (cell, right) in row.cells.iter().zip(&row.edges.right) {
        close_cell(flow, cell);
        let end = column(*right);
        (at + 1..end).for_each(|_| flow.close_cell());
        at = end.max(at + 1);
    }
}
