//! The straight rules that a page draws, and the grids of cells that they make.

use pdf_oxide::elements::{PathContent, PathOperation};

/// Rules this near to each other, in points, are one, or touch.
const NEAR: f32 = 2.5;
/// Pieces of one rule leave gaps of at most so many points (dots of a dotted one).
const GAP_MAX: f32 = 3.0;
/// A rule is at least this long, in points; shorter pieces are those of a picture.
const LENGTH_MIN: f32 = 5.0;
/// What is filled and at most this thick, in points, is a rule.
const THICK_MAX: f32 = 3.0;
/// A rule stands between two cells when it runs along this share of their side.
const WALL_MIN: f32 = 0.6;
/// Pages with more pieces of rules, or more rules either way, are maps and drawings.
const PIECES_MAX: usize = 40_000;
const RULES_MAX: usize = 1_500;
/// Columns and rows are wider than this, in points: less holds no text.
const SLIVER: f32 = 5.0;
/// White, which shows no edge.
const WHITE: f32 = 0.99;

/// A straight rule, in points: where it stands (the x of an upright one, the y of a level one),
/// and from where to where it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) at: f32,
    pub(super) from: f32,
    pub(super) to: f32,
}

impl Rule {
    /// Whether one that runs the other way touches it.
    fn touches(&self, other: &Self) -> bool {
        let on = |rule: &Self, at: f32| (rule.from - NEAR..=rule.to + NEAR).contains(&at);
        on(self, other.at) && on(other, self.at)
    }
}

/// The rules of a page.
#[derive(Debug, Default)]
pub(super) struct Rules {
    level: Vec<Rule>,
    upright: Vec<Rule>,
}

impl Rules {
    /// Those that `paths` draw; none where there are too many to be those of tables.
    pub(super) fn of(paths: &[PathContent]) -> Self {
        let mut rules = Self::default();
        for path in paths {
            rules.draw(path);
            if rules.level.len() + rules.upright.len() > PIECES_MAX {
                return Self::default();
            }
        }
        let (level, upright) = (whole(rules.level), whole(rules.upright));
        if level.len().max(upright.len()) > RULES_MAX {
            return Self::default();
        }
        Self { level, upright }
    }

    fn draw(&mut self, path: &PathContent) {
        let stroked = path.stroke_color.is_some();
        let shaded = path.fill_color.is_some_and(|color| color.r.min(color.g).min(color.b) < WHITE);
        if !stroked {
            for frame in frames(&path.operations) {
                self.fill(frame, shaded);
            }
            return;
        }
        let (mut start, mut last) = ((0.0, 0.0), (0.0, 0.0));
        for operation in &path.operations {
            match *operation {
                PathOperation::MoveTo(x, y) => (start, last) = ((x, y), (x, y)),
                PathOperation::LineTo(x, y) => {
                    self.stroke(last, (x, y), path.stroke_width);
                    last = (x, y);
                }
                PathOperation::CurveTo(.., x, y) => last = (x, y),
                PathOperation::Rectangle(x, y, width, height) => {
                    self.edges([x, y, x + width, y + height]);
                }
                PathOperation::ClosePath => {
                    self.stroke(last, start, path.stroke_width);
                    last = start;
                }
            }
        }
    }

    fn stroke(&mut self, a: (f32, f32), b: (f32, f32), width: f32) {
        let (across, up) = ((a.0 - b.0).abs(), (a.1 - b.1).abs());
        let middle = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
        if across.max(up) < width && width > LENGTH_MIN {
            // A short stroke as wide as a rule is long.
            let half = width / 2.0;
            let level = across < up;
            let (at, along) = if level { (middle.1, middle.0) } else { (middle.0, middle.1) };
            self.add(level, Rule { at, from: along - half, to: along + half });
        } else if up <= 1.0 {
            self.add(true, Rule { at: middle.1, from: a.0.min(b.0), to: a.0.max(b.0) });
        } else if across <= 1.0 {
            self.add(false, Rule { at: middle.0, from: a.1.min(b.1), to: a.1.max(b.1) });
        }
    }

    /// What fills a frame is a rule when it is thin; that of a shaded one has edges.
    fn fill(&mut self, frame: [f32; 4], shaded: bool) {
        let [left, bottom, right, top] = sorted(frame);
        let (width, height) = (right - left, top - bottom);
        if height <= THICK_MAX && width > height {
            self.add(true, Rule { at: (bottom + top) / 2.0, from: left, to: right });
        } else if width <= THICK_MAX {
            self.add(false, Rule { at: (left + right) / 2.0, from: bottom, to: top });
        } else if shaded {
            self.edges(frame);
        }
    }

    fn edges(&mut self, frame: [f32; 4]) {
        let [left, bottom, right, top] = sorted(frame);
        for at in [bottom, top] {
            self.add(true, Rule { at, from: left, to: right });
        }
        for at in [left, right] {
            self.add(false, Rule { at, from: bottom, to: top });
        }
    }

    fn add(&mut self, level: bool, rule: Rule) {
        if [rule.at, rule.from, rule.to].iter().all(|value| value.is_finite()) {
            let rules = if level { &mut self.level } else { &mut self.upright };
            rules.push(rule);
        }
    }

    /// The grids that rules make that touch each other.
    pub(super) fn grids(self) -> Vec<Grid> {
        let count = self.level.len();
        let mut parents: Vec<usize> = (0..count + self.upright.len()).collect();
        for (at, level) in self.level.iter().enumerate() {
            for (other, upright) in self.upright.iter().enumerate() {
                if level.touches(upright) {
                    unite(&mut parents, at, count + other);
                }
            }
        }
        let mut parts: Vec<Rules> = Vec::new();
        let mut named: Vec<Option<usize>> = vec![None; parents.len()];
        for at in 0..parents.len() {
            let root = root(&parents, at);
            let part = *named.get(root).and_then(Option::as_ref).unwrap_or(&parts.len());
            if part == parts.len() {
                parts.push(Self::default());
            }
            if let Some(name) = named.get_mut(root) {
                *name = Some(part);
            }
            let Some(part) = parts.get_mut(part) else { continue };
            match at.checked_sub(count) {
                None => part.level.extend(self.level.get(at)),
                Some(at) => part.upright.extend(self.upright.get(at)),
            }
        }
        parts.into_iter().flat_map(|part| Grid::of(&part)).collect()
    }
}

/// The frames of an outline of rectangles only, none of any other.
fn frames(operations: &[PathOperation]) -> Vec<[f32; 4]> {
    let mut frames = Vec::new();
    let mut corners: Vec<(f32, f32)> = Vec::new();
    let close = |corners: &mut Vec<(f32, f32)>| {
        let corners = std::mem::take(corners);
        let level = corners.windows(2).all(
            |pair| matches!(pair, [a, b] if (a.0 - b.0).abs() < 0.5 || (a.1 - b.1).abs() < 0.5),
        );
        let x = corners.iter().map(|corner| corner.0);
        let y = corners.iter().map(|corner| corner.1);
        let frame = [
            x.clone().fold(f32::INFINITY, f32::min),
            y.clone().fold(f32::INFINITY, f32::min),
            x.fold(f32::NEG_INFINITY, f32::max),
            y.fold(f32::NEG_INFINITY, f32::max),
        ];
        ((4..=5).contains(&corners.len()) && level).then_some(frame)
    };
    for operation in operations {
        match *operation {
            PathOperation::MoveTo(x, y) => {
                frames.extend(close(&mut corners));
                corners.push((x, y));
            }
            PathOperation::LineTo(x, y) => corners.push((x, y)),
            PathOperation::Rectangle(x, y, width, height) => {
                frames.push([x, y, x + width, y + height]);
            }
            PathOperation::CurveTo(..) => return Vec::new(),
            PathOperation::ClosePath => {}
        }
    }
    frames.extend(close(&mut corners));
    frames
}

fn sorted([x0, y0, x1, y1]: [f32; 4]) -> [f32; 4] {
    [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)]
}

/// Whole rules of their pieces.
fn whole(mut pieces: Vec<Rule>) -> Vec<Rule> {
    pieces.sort_by(|a, b| a.at.total_cmp(&b.at));
    let mut rules = Vec::new();
    let mut rest = pieces.as_mut_slice();
    while let Some(first) = rest.first().copied() {
        let beside = rest.iter().take_while(|piece| piece.at - first.at <= NEAR).count();
        let (same, after) = rest.split_at_mut(beside);
        same.sort_by(|a, b| a.from.total_cmp(&b.from));
        let mut whole: Option<Rule> = None;
        for piece in same.iter() {
            match whole.as_mut().filter(|whole| piece.from <= whole.to + GAP_MAX) {
                Some(whole) => whole.to = whole.to.max(piece.to),
                None => rules.extend(whole.replace(*piece)),
            }
        }
        rules.extend(whole);
        rest = after;
    }
    rules.retain(|rule| rule.to - rule.from >= LENGTH_MIN);
    rules
}

fn root(parents: &[usize], mut at: usize) -> usize {
    while let Some(parent) = parents.get(at).filter(|parent| **parent != at) {
        at = *parent;
    }
    at
}

/// Puts two into one set, named by its least member.
fn unite(parents: &mut [usize], a: usize, b: usize) {
    let least = root(parents, a).min(root(parents, b));
    // Short ways to the root keep this fast.
    for mut at in [a, b] {
        while let Some(parent) = parents.get_mut(at).filter(|parent| **parent != least) {
            at = std::mem::replace(parent, least);
        }
    }
}

/// Cells in rows and columns, of which some are one.
#[derive(Debug)]
pub(super) struct Grid {
    /// Where columns begin and end, left to right, in points: one more than there are columns.
    pub(super) xs: Vec<f32>,
    /// Where rows begin and end, top first, in points.
    pub(super) ys: Vec<f32>,
    /// The cell that each place belongs to, row by row: its own number or that of the place where
    /// its cell begins.
    cells: Vec<usize>,
}

/// Which sides of the places of a grid have a rule.
struct Walls {
    /// Right of each place but those of the last column.
    right: Vec<Vec<bool>>,
    /// Below each place but those of the last row.
    below: Vec<Vec<bool>>,
}

impl Grid {
    /// The grids of rules that touch each other: more than one where the columns change for good.
    fn of(rules: &Rules) -> Vec<Self> {
        let xs = edges(&rules.upright, &rules.level);
        let mut ys = edges(&rules.level, &rules.upright);
        ys.reverse();
        if xs.len() < 3 || ys.len() < 2 {
            return Vec::new();
        }
        let walls = Walls::of(rules, &xs, &ys);
        let mut grids = Vec::new();
        let (mut from, mut columns) = (0, Vec::new());
        for (row, right) in walls.right.iter().enumerate() {
            let within = |a: &[bool], b: &[bool]| a.iter().zip(b).all(|(a, b)| !a || *b);
            let above = row.checked_sub(1).and_then(|above| walls.below.get(above));
            let parted = above.is_some_and(|walls| walls.iter().all(|wall| *wall));
            if parted && !within(&columns, right) && !within(right, &columns) {
                grids.extend(Self::band(&xs, &ys, &walls, from..row, &columns));
                (from, columns) = (row, Vec::new());
            }
            if columns.is_empty() {
                columns.clone_from(right);
            }
            for (column, wall) in columns.iter_mut().zip(right) {
                *column |= wall;
            }
        }
        grids.extend(Self::band(&xs, &ys, &walls, from..ys.len() - 1, &columns));
        grids
    }

    /// The grid of some rows, with those columns only that a rule parts in one of them.
    fn band(
        xs: &[f32],
        ys: &[f32],
        walls: &Walls,
        rows: std::ops::Range<usize>,
        columns: &[bool],
    ) -> Option<Self> {
        let kept: Vec<usize> =
            (0..xs.len() - 1).filter(|at| columns.get(*at).copied().unwrap_or(true)).collect();
        let starts = std::iter::once(0).chain(kept.iter().map(|at| at + 1));
        let xs: Vec<f32> = starts.clone().filter_map(|at| xs.get(at)).copied().collect();
        let firsts: Vec<usize> = starts.take(kept.len()).collect();
        let ys = ys.get(rows.start..=rows.end)?.to_vec();
        let count = kept.len();
        if count < 2 {
            return None;
        }
        let mut cells: Vec<usize> = (0..count * rows.len()).collect();
        for (row, place) in rows.clone().zip((0..).step_by(count)) {
            let wall = |walls: &[Vec<bool>], column: usize| {
                walls.get(row).and_then(|walls| walls.get(column)).copied().unwrap_or(true)
            };
            for (column, (first, last)) in firsts.iter().zip(&kept).enumerate() {
                if !wall(&walls.right, *last) {
                    unite(&mut cells, place + column, place + column + 1);
                }
                let open = !(*first..=*last).all(|at| wall(&walls.below, at));
                if open && row + 1 < rows.end {
                    unite(&mut cells, place + column, place + column + count);
                }
            }
        }
        // A parent comes before what it is the parent of.
        for at in 0..cells.len() {
            let root = cells.get(at).and_then(|parent| cells.get(*parent)).copied();
            if let (Some(root), Some(cell)) = (root, cells.get_mut(at)) {
                *cell = root;
            }
        }
        Some(Self { xs, ys, cells })
    }

    pub(super) fn columns(&self) -> usize {
        self.xs.len() - 1
    }

    pub(super) fn rows(&self) -> usize {
        self.ys.len() - 1
    }

    /// How many cells it has.
    pub(super) fn count(&self) -> usize {
        self.cells.iter().zip(0..).filter(|(cell, at)| **cell == *at).count()
    }

    /// The first column past the cell that begins at a place.
    fn end(&self, row: usize, column: usize) -> usize {
        let place = |column: usize| self.cells.get(row * self.columns() + column);
        let cell = place(column);
        column + (column..self.columns()).take_while(|at| place(*at) == cell).count()
    }

    /// Where the cell ends to the right that begins at a place, in points.
    pub(super) fn right(&self, row: usize, column: usize) -> f32 {
        self.xs.get(self.end(row, column)).copied().unwrap_or(f32::INFINITY)
    }

    /// Where columns part that the cell stands over that begins at a place, in points.
    pub(super) fn edges_within(&self, row: usize, column: usize) -> &[f32] {
        self.xs.get(column + 1..self.end(row, column)).unwrap_or_default()
    }

    /// The column around `x`; the nearest one beside all.
    pub(super) fn column(&self, x: f32) -> usize {
        let edges = self.xs.partition_point(|edge| *edge <= x);
        edges.saturating_sub(1).min(self.columns() - 1)
    }

    /// The cell around a point, by where it begins: row and column.
    pub(super) fn cell(&self, x: f32, y: f32) -> Option<(usize, usize)> {
        let row = self.ys.partition_point(|edge| *edge >= y).checked_sub(1)?;
        let column = self.xs.partition_point(|edge| *edge <= x).checked_sub(1)?;
        if column >= self.columns() || row >= self.rows() {
            return None;
        }
        let cell = self.cells.get(row * self.columns() + column)?;
        Some((cell / self.columns(), cell % self.columns()))
    }
}

impl Walls {
    fn of(rules: &Rules, xs: &[f32], ys: &[f32]) -> Self {
        let (columns, rows) = (xs.len() - 1, ys.len() - 1);
        let mut right = vec![vec![false; columns - 1]; rows];
        let mut below = vec![vec![false; columns]; rows.saturating_sub(1)];
        for rule in &rules.upright {
            let Some(at) = nearest(xs, rule.at).checked_sub(1) else { continue };
            for (walls, span) in right.iter_mut().zip(ys.windows(2)) {
                if let ([top, bottom], Some(wall)) = (span, walls.get_mut(at)) {
                    *wall |= runs_along(rule, *bottom, *top);
                }
            }
        }
        for rule in &rules.level {
            let at = nearest(ys, rule.at).checked_sub(1).and_then(|at| below.get_mut(at));
            for (wall, span) in at.into_iter().flatten().zip(xs.windows(2)) {
                if let [left, right] = span {
                    *wall |= runs_along(rule, *left, *right);
                }
            }
        }
        Self { right, below }
    }
}

fn runs_along(rule: &Rule, from: f32, to: f32) -> bool {
    rule.to.min(to) - rule.from.max(from) >= WALL_MIN * (to - from)
}

fn nearest(edges: &[f32], at: f32) -> usize {
    let apart = edges.iter().map(|edge| (edge - at).abs());
    apart.zip(0..).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |(_, at)| at)
}

/// Where the rules of one way stand, and, past them, where at least two of those `across` end.
fn edges(rules: &[Rule], across: &[Rule]) -> Vec<f32> {
    let mut edges: Vec<f32> = rules.iter().map(|rule| rule.at).collect();
    edges.sort_by(f32::total_cmp);
    edges.dedup_by(|next, last| *next - *last <= SLIVER);
    let (Some(first), Some(last)) = (edges.first().copied(), edges.last().copied()) else {
        return edges;
    };
    let least = across.iter().map(|rule| rule.from).fold(f32::INFINITY, f32::min);
    let most = across.iter().map(|rule| rule.to).fold(f32::NEG_INFINITY, f32::max);
    let share = |at: f32, end: fn(&Rule) -> f32| {
        across.iter().filter(|rule| (end(rule) - at).abs() <= 2.0 * NEAR).count() > 1
    };
    if first - least > LENGTH_MIN && share(least, |rule| rule.from) {
        edges.insert(0, least);
    }
    if most - last > LENGTH_MIN && share(most, |rule| rule.to) {
        edges.push(most);
    }
    edges
}
