//! In how many chunks of a store the words of a text occur: how much each says.

use std::collections::BTreeMap;

/// How often the terms of a text occur in the chunks that may be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frequencies {
    /// Chunks in all.
    pub points: u64,
    /// For each term in how many chunks it occurs, 0 for one that occurs in none. Worked out
    /// from weights, so it need not be whole; chunks removed since the index was last rebuilt
    /// may still count.
    pub terms: BTreeMap<String, f64>,
}

impl Frequencies {
    /// The inverse document frequency `ln(1 + (n−df+½)/(df+½))` of a term, above 0; none of one
    /// that was not looked up.
    pub fn idf(&self, term: &str) -> Option<f32> {
        self.terms.get(term).map(|holding| self.idf_at(*holding))
    }

    /// The inverse document frequency of a term that occurs nowhere: there is no greater one.
    pub fn idf_of_none(&self) -> f32 {
        self.idf_at(0.0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a count")]
    fn idf_at(&self, holding: f64) -> f32 {
        let points = real(self.points);
        let holding = holding.clamp(0.0, points);
        (1.0 + (points - holding + 0.5) / (holding + 0.5)).ln() as f32
    }

    /// Whether the term was looked up and occurs in no chunk.
    pub fn is_absent(&self, term: &str) -> bool {
        self.terms.get(term).is_some_and(|holding| *holding <= 0.0)
    }

    /// Adds what another store holds.
    pub fn add(&mut self, other: Self) {
        self.points = self.points.saturating_add(other.points);
        for (term, holding) in other.terms {
            *self.terms.entry(term).or_default() += holding;
        }
    }
}

/// In how many of `points` chunks a term of this inverse document frequency occurs.
pub(crate) fn holding(points: u64, idf: f64) -> f64 {
    let points = real(points);
    ((points + 1.0) / idf.exp() - 0.5).clamp(1.0, points.max(1.0))
}

#[expect(clippy::cast_precision_loss, reason = "a store has far fewer than 2^53 chunks")]
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(points: u64, terms: &[(&str, f64)]) -> Frequencies {
        let terms = terms.iter().map(|(term, count)| ((*term).to_owned(), *count)).collect();
        Frequencies { points, terms }
    }

    #[test]
    fn the_count_comes_back_from_the_weight() {
        for (points, count) in [(1, 1.0), (50, 1.0), (50, 49.0), (100_000, 31.0)] {
            let held = of(points, &[("word", count)]);
            let idf = f64::from(held.idf("word").unwrap());
            assert!((holding(points, idf) - count).abs() < 0.01 * count, "{points} {count}");
        }
    }

    #[test]
    fn rare_says_more_than_common_and_absent_most() {
        let held = of(100, &[("common", 80.0), ("rare", 2.0), ("absent", 0.0)]);
        let idf = |term: &str| held.idf(term).unwrap();
        assert!(idf("common") > 0.0 && idf("rare") > idf("common") && idf("absent") > idf("rare"));
        assert!((held.idf_of_none() - idf("absent")).abs() < f32::EPSILON);
        assert!(held.is_absent("absent") && !held.is_absent("rare"));
        assert!(held.idf("unheard").is_none() && !held.is_absent("unheard"));
    }

    #[test]
    fn two_stores_are_as_one() {
        let mut both = of(10, &[("a", 3.0), ("b", 0.0)]);
        both.add(of(30, &[("a", 1.0), ("b", 2.0)]));
        assert_eq!(both, of(40, &[("a", 4.0), ("b", 2.0)]));
    }
}
