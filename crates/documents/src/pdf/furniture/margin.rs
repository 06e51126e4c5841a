//! What stands in the margins of a page, apart from its text.

use std::collections::HashMap;

use super::super::lines::{CELL_JOINT, Line, join};

/// Rows looked at on either end of a page.
const EDGE_ROWS: usize = 2;
/// The upper and the lower margin, as shares of the page's height: a line's middle lies in them.
/// Page numbers of common styles stand higher than one would think, heads lower than titles.
const TOP: f32 = 0.12;
const BOTTOM: f32 = 0.15;
/// The margins at the sides, where text runs up or down, as a share of the page's width.
const SIDE: f32 = 0.1;
/// The gap that parts a margin from the text: so many times the page's own line spacing, and
/// so many sizes of the type.
const APART: f32 = 1.7;
const SIZES: f32 = 1.5;
/// The same where lines of the text are wide apart.
const LOOSE: f32 = 1.1;
const LOOSE_SIZES: f32 = 1.2;

/// Either end of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Edge {
    Top,
    Bottom,
}

/// How far the rows of a margin stand from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Clearly further than lines of the text stand from each other.
    Wide,
    /// A little further, as under text with wide line spacing: enough for the page's number.
    Narrow,
}

impl Gap {
    /// `None` for rows as near as lines of the text. All in points.
    fn of(distance: f32, spacing: f32, size: f32) -> Option<Self> {
        let beyond = |spacings, sizes| distance > spacings * spacing && distance > sizes * size;
        if beyond(APART, SIZES) {
            return Some(Self::Wide);
        }
        beyond(LOOSE, LOOSE_SIZES).then_some(Self::Narrow)
    }
}

/// The outermost rows on an edge of a page.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) edge: Edge,
    pub(super) gap: Gap,
    pub(super) rows: Vec<Row>,
}

/// A row in a margin.
#[derive(Debug)]
pub(super) struct Row {
    /// Where its lines are among those of the page, left to right.
    pub(super) places: Vec<usize>,
    /// Its lines as one, without empty cells.
    pub(super) whole: Line,
    /// Its lines, where columns of the page part it.
    pub(super) parts: Vec<Line>,
}

impl Row {
    fn of(page: &[Line], places: &[usize]) -> Option<Self> {
        let mut lines: Vec<(usize, &Line)> =
            places.iter().filter_map(|at| Some((*at, page.get(*at)?))).collect();
        lines.sort_by(|a, b| a.1.x0.total_cmp(&b.1.x0));
        let (places, parts): (Vec<usize>, Vec<Line>) =
            lines.into_iter().map(|(at, line)| (at, line.clone())).unzip();
        let mut whole = join(&parts)?;
        whole.size = parts.iter().map(|line| line.size).fold(whole.size, f32::max);
        let cells: Vec<&str> =
            whole.text.split(CELL_JOINT).filter(|cell| !cell.is_empty()).collect();
        (whole.text, whole.cells) = (cells.join(CELL_JOINT), cells.len());
        let parts = if parts.len() > 1 { parts } else { Vec::new() };
        Some(Self { places, whole, parts })
    }

    /// What may be a running line: the row, and its parts.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.whole).chain(&self.parts)
    }
}

/// The rows on the edges of a page that a gap parts from the rest: on each edge one, or two, or
/// either of these. Those that stand far from the text come first.
pub(super) fn blocks(page: &[Line], usual: Option<f32>) -> Vec<Block> {
    let mut rows = rows(page);
    let mut blocks = of_edge(page, &rows, Edge::Top, usual);
    rows.reverse();
    blocks.extend(of_edge(page, &rows, Edge::Bottom, usual));
    blocks
}

/// The blocks on one edge, of `rows` from there on.
fn of_edge(page: &[Line], rows: &[Vec<usize>], edge: Edge, usual: Option<f32>) -> Vec<Block> {
    let block = |count: usize| {
        let (outer, inner) = rows.split_at_checked(count)?;
        let lines = || outer.iter().flatten().filter_map(|at| page.get(*at));
        if !lines().all(|line| is_in(line, edge)) {
            return None;
        }
        let height = |row: &Vec<usize>| row.first().and_then(|at| page.get(*at)).map(|line| line.y);
        let distance = (height(outer.last()?)? - height(inner.first()?)?).abs();
        let spacing = middle(gaps(page, inner)).or(usual)?;
        let size = lines().map(|line| line.size).fold(0.0, f32::max);
        let gap = Gap::of(distance, spacing, size)?;
        let rows: Option<Vec<Row>> = outer.iter().map(|places| Row::of(page, places)).collect();
        Some(Block { edge, gap, rows: rows? })
    };
    let mut blocks: Vec<Block> = (1..=EDGE_ROWS).rev().filter_map(block).collect();
    blocks.sort_by_key(|block| block.gap == Gap::Narrow);
    blocks
}

fn is_in(line: &Line, edge: Edge) -> bool {
    line.place.is_some_and(|place| {
        let middle = (place.y0 + place.y1) / 2.0;
        match edge {
            Edge::Top => middle <= TOP,
            Edge::Bottom => middle >= 1.0 - BOTTOM,
        }
    })
}

/// Whether a line runs up or down the margin at a side of the page and is alone there.
pub(super) fn is_beside(page: &[Line], at: usize) -> bool {
    let Some(line) = page.get(at).filter(|line| line.turned) else { return false };
    let beside = line.place.is_some_and(|place| {
        let upright = place.y1 - place.y0 > place.x1 - place.x0;
        upright && (place.x1 <= SIDE || place.x0 >= 1.0 - SIDE)
    });
    let near = |other: &Line| other.turned && (other.y - line.y).abs() < 3.0 * line.size;
    beside && !page.iter().enumerate().any(|(other, line)| other != at && near(line))
}

/// The usual distance between the lines of a document.
pub(super) fn usual(pages: &[Vec<Line>]) -> Option<f32> {
    middle(pages.iter().flat_map(|page| gaps(page, &rows(page))).collect())
}

/// The upright lines of a page by their base lines, top first.
fn rows(page: &[Line]) -> Vec<Vec<usize>> {
    let mut lines: Vec<(usize, &Line)> =
        page.iter().enumerate().filter(|(_, line)| !line.turned).collect();
    lines.sort_by(|a, b| b.1.y.total_cmp(&a.1.y));
    let mut rows: Vec<(f32, Vec<usize>)> = Vec::new();
    for (at, line) in lines {
        match rows.last_mut().filter(|(y, _)| y - line.y < 0.5 * line.size) {
            Some((_, row)) => row.push(at),
            None => rows.push((line.y, vec![at])),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The distances from line to line in each column.
fn gaps(page: &[Line], rows: &[Vec<usize>]) -> Vec<f32> {
    let mut last: HashMap<usize, f32> = HashMap::new();
    let mut gaps = Vec::new();
    for line in rows.iter().flatten().filter_map(|at| page.get(*at)) {
        let before = last.insert(line.column, line.y);
        let gap = before.map(|y| (y - line.y).abs());
        gaps.extend(gap.filter(|gap| *gap > 0.5 * line.size));
    }
    gaps
}

/// The median, the lower one of two.
fn middle(mut gaps: Vec<f32>) -> Option<f32> {
    gaps.sort_by(f32::total_cmp);
    gaps.get(gaps.len().checked_sub(1)? / 2).copied()
}
