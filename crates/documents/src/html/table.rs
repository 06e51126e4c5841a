//! Where the cells of a table stand when some of them span several columns or rows.

/// Columns that spans are followed through; HTML lets no cell span more.
const COLUMNS_MAX: usize = 1_000;
/// Rows are filled up with empty cells to the width of those before, up to this one.
const PADDED_MAX: usize = 64;

/// The present row of a table, and how far cells of earlier rows reach into it.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    /// By column, in how many of the rows to come a cell from above still stands.
    covered: Vec<u32>,
    column: usize,
    /// Whether a row of several cells was seen.
    columns_seen: bool,
    /// Whether the present row is one cell above all columns: a title.
    title: bool,
    /// Whether the present row has one cell of its own, and whether a cell reaches into rows below
    /// from it or above.
    single: bool,
    reaching: bool,
    /// Columns of the widest row of several cells until now.
    widest: usize,
}

impl Grid {
    /// A row of so many cells of its own begins.
    pub(crate) fn open_row(&mut self, cells: usize) {
        self.column = 0;
        let free = self.covered.iter().all(|&rows| rows == 0);
        self.columns_seen |= cells > 1 || !free;
        self.title = cells == 1 && !self.columns_seen;
        self.single = cells == 1;
        self.reaching = !free;
    }

    /// Whether a row of several cells was seen.
    pub(crate) fn has_columns(&self) -> bool {
        self.columns_seen
    }

    /// How many empty cells stand before the next cell of the row.
    pub(crate) fn open_cell(&mut self) -> usize {
        let from = self.column;
        while let Some(rows) = self.covered.get_mut(self.column).filter(|rows| **rows > 0) {
            *rows -= 1;
            self.column += 1;
        }
        self.column - from
    }

    /// A cell ends that spans `columns` and `rows` (0: the rest of the row group).
    /// How many empty cells follow it for the columns that it also stands above.
    pub(crate) fn close_cell(&mut self, columns: usize, rows: u32) -> usize {
        let below = if rows == 0 { u32::MAX } else { rows - 1 };
        self.reaching |= below > 0;
        let end = self.column + columns.clamp(1, COLUMNS_MAX);
        for column in self.column..end.min(COLUMNS_MAX) {
            if below > 0 && self.covered.len() <= column {
                self.covered.resize(column + 1, 0);
            }
            if let Some(left) = self.covered.get_mut(column) {
                *left = left.saturating_sub(1).max(below);
            }
        }
        let mut filled = end - self.column - 1;
        if self.single {
            // Often it is said to span more columns than there are.
            filled = filled.min(self.widest.saturating_sub(self.column + 1));
        }
        self.column = end;
        if self.title { 0 } else { filled }
    }

    /// How many empty cells end the row: below cells of earlier rows, and up to the widest of these.
    pub(crate) fn close_row(&mut self) -> usize {
        let mut empty = 0;
        for (column, rows) in self.covered.iter_mut().enumerate().skip(self.column) {
            if *rows > 0 {
                *rows -= 1;
                empty = column + 1 - self.column;
            }
        }
        if self.single && !self.reaching {
            return empty;
        }
        let missing = self.widest.min(PADDED_MAX).saturating_sub(self.column);
        if !self.single {
            self.widest = self.widest.max(self.column + empty);
        }
        empty.max(missing)
    }

    /// A group of rows begins or ends: no cell reaches over that.
    pub(crate) fn end_group(&mut self) {
        self.covered.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_leave_their_places_empty() {
        let mut grid = Grid::default();
        grid.open_row(2);
        assert_eq!((grid.open_cell(), grid.close_cell(2, 2)), (0, 1));
        assert_eq!((grid.open_cell(), grid.close_cell(1, 1), grid.close_row()), (0, 0, 0));
        grid.open_row(1);
        assert_eq!((grid.open_cell(), grid.close_cell(1, 1), grid.close_row()), (2, 0, 0));
        grid.open_row(2);
        assert_eq!((grid.open_cell(), grid.close_cell(1, 1)), (0, 0));
    }

    #[test]
    fn a_cell_above_all_columns_makes_no_more_of_them() {
        let mut grid = Grid::default();
        grid.open_row(3);
        for _ in 0..3 {
            grid.open_cell();
            grid.close_cell(1, 1);
        }
        grid.close_row();
        grid.open_row(1);
        assert_eq!((grid.open_cell(), grid.close_cell(100, 1), grid.close_row()), (0, 2, 0));
    }

    #[test]
    fn a_short_row_is_as_wide_as_those_before() {
        let mut grid = Grid::default();
        let mut row = |cells: usize, rows: u32| {
            grid.open_row(cells);
            for _ in 0..cells {
                grid.open_cell();
                grid.close_cell(1, rows);
            }
            grid.close_row()
        };
        assert_eq!([row(4, 1), row(2, 1), row(1, 1)], [0, 2, 0]);
        assert_eq!([row(1, 3), row(3, 1), row(1, 1)], [3, 0, 2]);
    }

    #[test]
    fn a_span_to_the_end_ends_with_its_group() {
        let mut grid = Grid::default();
        grid.open_row(2);
        grid.open_cell();
        grid.close_cell(1, 1);
        grid.open_cell();
        grid.close_cell(1, 0);
        for _ in 0..3 {
            grid.open_row(1);
            assert_eq!((grid.open_cell(), grid.close_cell(1, 1), grid.close_row()), (0, 0, 1));
        }
        grid.end_group();
        grid.open_row(1);
        assert_eq!((grid.open_cell(), grid.close_cell(1, 1), grid.close_row()), (0, 0, 0));
    }

    #[test]
    fn hostile_spans_are_bounded() {
        let mut grid = Grid::default();
        grid.open_row(3);
        for _ in 0..3 {
            grid.open_cell();
            assert!(grid.close_cell(usize::MAX, u32::MAX) < COLUMNS_MAX);
        }
        assert_eq!(grid.covered.len(), COLUMNS_MAX);
    }
}
