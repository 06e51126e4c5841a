//! Which chunks stand for a file: its opening, the first below each of its top headings, and those
//! nearest to the middle of its vectors that are unlike each other.

use std::collections::{HashMap, HashSet};

use cairn_store::records::OutlineRow;

/// Chunks of a file whose vectors are compared, at most; of more, some at even distances.
const COMPARED: usize = 1000;
/// How much nearness to the middle counts beside unlikeness to what is chosen (maximal marginal
/// relevance, Carbonell and Goldstein, SIGIR 1998).
const TRADE_OFF: f32 = 0.5;

/// Vectors of chunks by their point.
type Vectors = HashMap<i64, Vec<f32>>;

/// A chunk that stands for its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Chosen {
    /// The point.
    pub(super) seq: i64,
    /// Its cosine with the middle of the file, 0 to 1.
    pub(super) centrality: f32,
}

/// The chunks of a file in reading order.
pub(super) struct Outline {
    /// Their points.
    seqs: Vec<i64>,
    /// The first below each of the top headings.
    firsts: Vec<i64>,
}

impl Outline {
    /// Reads the headings.
    pub(super) fn read(rows: &[OutlineRow]) -> Self {
        Self { seqs: rows.iter().map(|row| row.seq).collect(), firsts: firsts(rows) }
    }

    /// The points of the file whose vectors are wanted.
    pub(super) fn looked_at(&self) -> Vec<i64> {
        let step = self.seqs.len().div_ceil(COMPARED).max(1);
        let firsts: HashSet<i64> = self.firsts.iter().take(COMPARED).copied().collect();
        let points = self.seqs.iter().enumerate();
        let wanted = points.filter(|(at, seq)| at % step == 0 || firsts.contains(*seq));
        wanted.map(|(_, seq)| *seq).collect()
    }

    /// The `most` chunks that stand for the file, by the vectors of some; the opening comes first.
    pub(super) fn standing_for(&self, vectors: &Vectors, most: usize) -> Vec<Chosen> {
        let Some(opening) = self.seqs.first().copied() else { return Vec::new() };
        // In order, so that the sums are the same each time.
        let middle = middle(self.seqs.iter().filter_map(|seq| vectors.get(seq)));
        let mut chosen = vec![opening];
        // What is chosen already is not added again.
        add(&mut chosen, &self.firsts, (vectors, &middle), most.div_ceil(2));
        add(&mut chosen, &self.seqs, (vectors, &middle), most);
        let centrality = |seq: i64| {
            vectors.get(&seq).map_or(0.0, |vector| cosine(vector, &middle).clamp(0.0, 1.0))
        };
        chosen.into_iter().map(|seq| Chosen { seq, centrality: centrality(seq) }).collect()
    }
}

/// The `most` of these points that are near to the middle of all and unlike each other; the first
/// of them where none has a vector.
pub(super) fn unlike(points: &[i64], vectors: &Vectors, most: usize) -> Vec<i64> {
    let middle = middle(points.iter().filter_map(|point| vectors.get(point)));
    let mut chosen = Vec::new();
    add(&mut chosen, points, (vectors, &middle), most);
    let more = points.iter().filter(|point| !vectors.contains_key(point));
    let more = more.take(most - chosen.len().min(most)).copied().collect::<Vec<_>>();
    chosen.extend(more);
    chosen
}

/// Adds to what is chosen the best of `candidates`, until there are `most`.
fn add(
    chosen: &mut Vec<i64>,
    candidates: &[i64],
    (vectors, middle): (&Vectors, &[f32]),
    most: usize,
) {
    let likeness = |one: &[f32], seq: &i64| vectors.get(seq).map_or(0.0, |held| cosine(one, held));
    // Each with its nearness to the middle, and to what is chosen.
    let mut left: Vec<(i64, f32, f32)> = Vec::new();
    for seq in candidates.iter().filter(|seq| !chosen.contains(seq)) {
        let Some(vector) = vectors.get(seq) else { continue };
        let near = chosen.iter().map(|held| likeness(vector, held)).fold(0.0, f32::max);
        left.push((*seq, cosine(vector, middle), near));
    }
    while chosen.len() < most {
        let worth =
            |(_, central, near): &(i64, f32, f32)| TRADE_OFF * central - (1.0 - TRADE_OFF) * near;
        // The first of equals.
        let best =
            (0..left.len()).reduce(|a, b| if worth(&left[b]) > worth(&left[a]) { b } else { a });
        let Some(best) = best else { return };
        let (seq, _, _) = left.remove(best);
        let Some(vector) = vectors.get(&seq) else { return };
        for (other, _, near) in &mut left {
            *near = near.max(likeness(vector, other));
        }
        chosen.push(seq);
    }
}

/// The first chunk below each of the top headings: those where the document first has several.
fn firsts(outline: &[OutlineRow]) -> Vec<i64> {
    let paths: Vec<Vec<String>> =
        outline.iter().map(|row| serde_json::from_str(&row.heading).unwrap_or_default()).collect();
    let deepest = paths.iter().map(Vec::len).max().unwrap_or(0);
    for depth in 1..=deepest {
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        for (row, path) in outline.iter().zip(&paths) {
            if let Some(path) = path.get(..depth)
                && seen.insert(path)
            {
                found.push(row.seq);
            }
        }
        if found.len() > 1 {
            return found;
        }
    }
    Vec::new()
}

/// The mean of vectors of one length; those of another are left out.
fn middle<'v>(vectors: impl Iterator<Item = &'v Vec<f32>>) -> Vec<f32> {
    let mut sum: Vec<f32> = Vec::new();
    for vector in vectors {
        if sum.is_empty() {
            sum.clone_from(vector);
        } else if sum.len() == vector.len() {
            sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        }
    }
    sum
}

/// 0 for vectors of two lengths, which are of two models.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return 0.0;
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(headings: &[&[&str]]) -> Vec<OutlineRow> {
        let row = |(at, path): (i64, &&[&str])| OutlineRow {
            seq: 10 + at,
            ordinal: at,
            heading: serde_json::to_string(path).unwrap_or_default(),
        };
        (0..).zip(headings).map(row).collect()
    }

    fn seqs(chosen: &[Chosen]) -> Vec<i64> {
        chosen.iter().map(|chosen| chosen.seq).collect()
    }

    #[test]
    fn top_headings_are_those_where_the_document_divides() {
        let below: &[&[&str]] =
            &[&["T"], &["T", "A"], &["T", "A", "x"], &["T", "B"], &["T", "A"], &["T", "C"]];
        assert_eq!(firsts(&outline(below)), [11, 13, 15]);
        let flat: &[&[&str]] = &[&["A"], &["A"], &["B"]];
        assert_eq!(firsts(&outline(flat)), [10, 12]);
        assert!(firsts(&outline(&[&[], &[]])).is_empty());
    }

    #[test]
    fn the_opening_comes_first_then_sections_then_what_is_central_and_unlike() {
        let rows = outline(&[&["T"], &["T", "A"], &["T", "A"], &["T", "B"], &["T", "B"]]);
        let read = Outline::read(&rows);
        let vectors: Vectors = [
            (10, vec![0.0, 0.0, 1.0]),
            (11, vec![1.0, 0.1, 0.0]),
            (12, vec![1.0, 0.1, 0.0]),
            (13, vec![0.9, 0.4, 0.0]),
            (14, vec![0.0, 1.0, 0.0]),
        ]
        .into();
        let chosen = read.standing_for(&vectors, 4);
        assert_eq!(seqs(&chosen)[0], 10);
        assert!([11, 13].contains(&chosen[1].seq), "the first of a section: {chosen:?}");
        assert!(!seqs(&chosen).contains(&12), "a copy of another: {chosen:?}");
        assert!(chosen.iter().all(|one| (0.0..=1.0).contains(&one.centrality)));
        assert_eq!(seqs(&read.standing_for(&vectors, 1)), [10]);
        assert_eq!(seqs(&read.standing_for(&HashMap::new(), 4)), [10]);
        assert!(Outline::read(&[]).standing_for(&vectors, 4).is_empty());
    }

    #[test]
    fn of_many_files_some_are_taken_that_differ() {
        let vectors: Vectors =
            [(1, vec![1.0, 0.0]), (2, vec![1.0, 0.0]), (3, vec![0.6, 0.8]), (4, vec![1.0])].into();
        assert_eq!(unlike(&[1, 2, 3], &vectors, 2).len(), 2);
        assert!(unlike(&[1, 2, 3], &vectors, 2).contains(&3));
        assert_eq!(unlike(&[7, 8, 9], &HashMap::new(), 2), [7, 8]);
        assert_eq!(unlike(&[1, 4], &vectors, 5).len(), 2, "of another model");
    }

    #[test]
    fn of_a_long_file_chunks_at_even_distances_are_compared() {
        let none: Vec<&[&str]> = vec![&[]; 2500];
        let seen = Outline::read(&outline(&none)).looked_at();
        assert_eq!((seen.len(), seen[0], seen[1]), (834, 10, 13));
    }
}
