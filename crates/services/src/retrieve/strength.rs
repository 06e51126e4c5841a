//! How strongly what a search found bears on its query, whatever else there is.
//!
//! A passage's score is relative: the best of a search is near 1 however poor it is
//! ([`cairn_search::Fusion`]). The strength is absolute, 0 to 1, and one number for the whole
//! search, so that both orders are the same; what a caller is told is the product.
//!
//! Two signs are read from the best hits of each wording in each store, and the larger one counts,
//! over all of them: a question in other words than its answer is near to it, and a name or a
//! number that stands there need not be.
//!
//! - The nearest cosine, between what unrelated passages and what answers have by the embedding
//!   model ([`super::cosines`]).
//! - The greatest share of the query's words in one hit, rare words weighing more. The BM25 score
//!   would tell less: one word that is repeated makes as much of it as two words.
//!
//! Of other scripts than Latin the program's own embedding model knows little but the letters, and
//! there the words alone decide. Where a cross-encoder read
//! the hits, its probability has the same share in the strength as in the scores.

use std::collections::{BTreeSet, HashSet};

use cairn_kernel::{Result, Scope};
use cairn_search::{Analyzer, FREQUENCY_TERMS, Filter, Frequencies};

use super::Retrieve;
use super::generation::Place;
use super::order::{List, indexed_text};
use crate::embedding::EmbeddingModel;

/// Hits that are looked at, for each wording in each store.
const DEPTH: usize = 5;
/// From here on a sign is not made much stronger by the other one, which is not looked for.
pub(super) const ENOUGH: f32 = 0.95;
/// How steeply the strength rises with the share of words, and which share is even odds; as the
/// confidence of answers has it where words decide alone.
const STEEPNESS: f32 = 10.0;
const EVEN: f32 = 0.5;
/// What a share counts of the pairs of characters that stand for words where these are written
/// without spaces: in every second pair one word ends and another begins, which is said in other
/// words elsewhere.
const PAIRS: f32 = 2.0;
/// Chunks from which on a store's own counts weigh more than the assumption that all words say
/// the same: one chunk tells nothing of what is rare.
const TRUSTED_CHUNKS: f32 = 20.0;

impl Retrieve {
    /// How strongly the best hits of `list` bear on `text`, which they were found for at `place`
    /// through `filter`. 1 where nothing can be told, so that the scores stay as they are.
    ///
    /// # Errors
    /// `Unavailable` when the index cannot be asked.
    pub(super) async fn strength(
        &self,
        scope: &Scope,
        (text, place, filter): (&str, &Place, Option<&Filter>),
        list: &List,
    ) -> Result<f32> {
        let Some(nearest) = list.best(DEPTH).filter_map(|(hit, _)| hit.dense).reduce(f32::max)
        else {
            return Ok(0.0);
        };
        let index = self.projection.index();
        let analysis = index.analysis(&place.index).await?;
        let analyzer = analysis.map_or_else(Analyzer::default, Analyzer::of);
        let near = if is_read(&place.model, text) {
            match self.cosines(scope, &place.model, analyzer.language()).await {
                Some(cosines) => cosines.strength(nearest, list.chunks()),
                None => return Ok(1.0),
            }
        } else {
            0.0
        };
        if near >= ENOUGH {
            return Ok(near);
        }
        let held = Held::of(&analyzer, text, list)?;
        let words = match held.same_for_any_weights() {
            Some(share) => share,
            None => {
                let (filter, seen) = (filter.cloned(), held.seen());
                held.share(&index.frequencies(&place.index, text, filter, seen).await?)
            }
        };
        let words = if is_in_pairs(text) { (PAIRS * words).min(1.0) } else { words };
        Ok(near.max(logistic(STEEPNESS * (words - EVEN))))
    }
}

/// Whether `model` knows more of `query` than its letters. A tenant has a model of its own for its
/// own language.
fn is_read(model: &EmbeddingModel, query: &str) -> bool {
    let letters = query.chars().filter(|c| c.is_alphabetic());
    let (all, latin) = letters
        .fold((0_usize, 0_usize), |(all, latin), c| (all + 1, latin + usize::from(c < '\u{250}')));
    model.version.is_some() || latin * 2 >= all
}

/// Whether most letters of `query` are of a script without spaces between words: Thai, Lao,
/// Burmese, Khmer, Japanese, Chinese or Korean.
fn is_in_pairs(query: &str) -> bool {
    let runs_on = |c: char| {
        matches!(c,
            '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
            | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
            | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
    };
    let letters: Vec<char> = query.chars().filter(|c| c.is_alphabetic()).collect();
    letters.iter().filter(|c| runs_on(**c)).count() * 2 > letters.len()
}

/// Which words of a query stand in each of the best hits.
struct Held {
    /// The words of the query.
    words: BTreeSet<String>,
    /// For each hit those of them that it has.
    hits: Vec<HashSet<String>>,
}

impl Held {
    fn of(analyzer: &Analyzer, query: &str, list: &List) -> Result<Self> {
        let mut words = BTreeSet::new();
        for term in analyzer.terms(query) {
            if words.len() < FREQUENCY_TERMS {
                words.insert(term);
            }
        }
        let mut hits = Vec::new();
        for (hit, row) in list.best(DEPTH) {
            // Without a score it has none of them.
            if hit.bm25.is_some_and(|score| score <= 0.0) {
                continue;
            }
            let terms = analyzer.terms(&indexed_text(row)?).into_iter();
            let held: HashSet<String> = terms.filter(|term| words.contains(term)).collect();
            let whole = held.len() == words.len();
            hits.push(held);
            if whole {
                break;
            }
        }
        Ok(Self { words, hits })
    }

    /// The words that stand in hits, which the caller may read.
    fn seen(&self) -> HashSet<String> {
        self.hits.iter().flatten().cloned().collect()
    }

    /// The share of words in the hit that has most, where it does not matter how much each says.
    fn same_for_any_weights(&self) -> Option<f32> {
        let most = self.hits.iter().map(HashSet::len).max().unwrap_or(0);
        match most {
            0 => Some(0.0),
            most if most == self.words.len() => Some(1.0),
            _ => None,
        }
    }

    /// The same where rare words weigh more: between the inverse document frequency, as a share of
    /// the greatest there can be, and 1, the nearer to the former the more chunks were counted.
    fn share(&self, counted: &Frequencies) -> f32 {
        let chunks = u16::try_from(counted.points).map_or(f32::from(u16::MAX), f32::from);
        let (rarest, trust) = (counted.idf_of_none(), chunks / (chunks + TRUSTED_CHUNKS));
        let weight = |word: &String| match counted.idf(word) {
            Some(idf) => trust * idf / rarest + (1.0 - trust),
            None => 1.0,
        };
        let all: f32 = self.words.iter().map(weight).sum();
        let most = |words: &HashSet<String>| words.iter().map(weight).sum::<f32>();
        self.hits.iter().map(most).fold(0.0, f32::max) / all.max(f32::MIN_POSITIVE)
    }
}

/// From odds on a logarithmic scale to a number between 0 and 1.
pub(super) fn logistic(odds: f32) -> f32 {
    1.0 / (1.0 + (-odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(words: &[&str], hits: &[&[&str]]) -> Held {
        let owned = |word: &&str| (*word).to_owned();
        Held {
            words: words.iter().map(owned).collect(),
            hits: hits.iter().map(|hit| hit.iter().map(owned).collect()).collect(),
        }
    }

    #[test]
    fn the_programs_own_model_reads_latin_script() {
        let own = EmbeddingModel { name: "own".to_owned(), version: None };
        let theirs = EmbeddingModel { version: Some(1), ..own.clone() };
        for (query, read) in [
            ("How high is it?", true),
            ("Jak wysoka jest wie\u{17c}a?", true),
            ("1974?", true),
            ("Какова высота башни?", false),
            ("塔の高さは？", false),
        ] {
            assert_eq!(is_read(&own, query), read, "{query}");
            assert!(is_read(&theirs, query));
        }
    }

    #[test]
    fn all_words_in_one_hit_or_none_in_any_need_no_weights() {
        let words = ["height", "tower"];
        assert_eq!(held(&words, &[&["height"], &words]).same_for_any_weights(), Some(1.0));
        assert_eq!(held(&words, &[&[], &[]]).same_for_any_weights(), Some(0.0));
        assert_eq!(held(&words, &[&["height"], &["tower"]]).same_for_any_weights(), None);
        assert_eq!(held(&[], &[&[]]).same_for_any_weights(), Some(0.0), "a query without words");
    }

    #[test]
    fn a_rare_word_is_a_larger_share_than_a_common_one() {
        let counts = [("height".to_owned(), 800.0), ("lune".to_owned(), 2.0)];
        let counted = Frequencies { points: 1_000, terms: counts.into() };
        let share = |hit: &[&str]| held(&["height", "lune"], &[hit]).share(&counted);
        assert!(share(&["height"]) < 0.1 && share(&["lune"]) > 0.9);
        // Of one chunk nothing is learned.
        let counts = [("height".to_owned(), 1.0), ("lune".to_owned(), 0.0)];
        let counted = Frequencies { points: 1, terms: counts.into() };
        let share = held(&["height", "lune"], &[&["height"]]).share(&counted);
        assert!((share - 0.5).abs() < 0.05, "{share}");
    }

    #[test]
    fn words_without_spaces_are_told() {
        for (query, pairs) in [
            ("塔の高さは？", true),
            ("埃菲尔铁塔有多高", true),
            ("탑의 높이는", true),
            ("ประภาคารสูงเท่าไร", true),
            ("Какова высота?", false),
            ("How high is the 塔?", false),
            ("1974", false),
        ] {
            assert_eq!(is_in_pairs(query), pairs, "{query}");
        }
    }

    #[test]
    fn few_words_are_weak_and_most_are_strong() {
        let strength = |share: f32| logistic(STEEPNESS * (share - EVEN));
        assert!(strength(0.0) < 0.01 && strength(0.33) < 0.2);
        assert!(strength(0.7) > 0.8 && strength(1.0) > 0.99);
    }
}
