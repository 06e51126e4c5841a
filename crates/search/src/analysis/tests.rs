use std::collections::HashSet;

use super::*;

fn terms(text: &str) -> Vec<String> {
    Analyzer::default().terms(text)
}

#[test]
fn english_is_stemmed_and_function_words_are_dropped() {
    assert_eq!(terms("The wings were flying over the Airports."), ["wing", "fli", "airport"]);
    assert_eq!(terms("relational relations"), terms("Relational RELATIONS"));
    assert_eq!(terms("the company's plan"), terms("company plan"));
    assert_eq!(terms("the company\u{2019}s plan"), terms("company plan"));
}

#[test]
fn punctuation_that_means_something_stays() {
    for (text, whole) in [
        ("an x86-64 chip", "x86-64"),
        ("(C++)", "c++"),
        ("in C#.", "c#"),
        ("use UTF-8, please", "utf-8"),
        ("on 2024-05-01.", "2024-05-01"),
        ("set max_new_tokens to 5", "max_new_tokens"),
    ] {
        assert!(terms(text).contains(&whole.to_owned()), "{text}: {:?}", terms(text));
    }
    assert!(!terms("boundary-layer control").contains(&"boundary-layer".to_owned()));
    assert_eq!(terms("max_new_tokens")[..3], ["max", "new", "token"]);
}

#[test]
fn sentences_glued_by_a_full_stop_come_apart_and_numbers_do_not() {
    assert_eq!(terms("end.Next"), ["end", "next"]);
    assert_eq!(terms("version 1.2.3"), ["version", "1.2.3"]);
    assert_eq!(terms("U.S.A."), ["usa"]);
}

#[test]
fn accents_ligatures_and_scripts() {
    assert_eq!(terms("Café ﬁle"), terms("cafe file"));
    assert_eq!(terms("東京"), ["東京"]);
    assert_ne!(terms("が"), terms("か"));
    assert_eq!(terms("Москва"), ["москва"]);
    assert_eq!(terms("  \u{ad} -- !! "), Vec::<String>::new());
}

#[test]
fn scripts_without_spaces_become_pairs_in_documents_and_queries() {
    assert_eq!(terms("東京大学の図書館"), ["東京", "京大", "大学", "学の", "の図", "図書", "書館"]);
    assert_eq!(terms("人工智能 AI。水"), ["人工", "工智", "智能", "ai", "水"]);
    assert_eq!(terms("한국어를"), ["한국", "국어", "어를"]);
    assert!(terms("使用UTF-8编码").contains(&"utf-8".to_owned()));
    // The query is part of the document, and finds it.
    let document = terms("ประเทศไทยเป็นราชอาณาจักร");
    assert!(terms("ไทย").iter().all(|pair| document.contains(pair)), "{document:?}");
    // Half-width and full-width forms are the same.
    assert_eq!(terms("ﾊﾟｿｺﾝ"), terms("パソコン"));
}

#[test]
fn older_rules_take_characters_one_by_one_and_the_rest_is_the_same() {
    let old = Analyzer::of(Analysis::by_rules(Language::English, OLDEST_RULES));
    assert_eq!(old.terms("東京"), ["東", "京"]);
    assert_eq!(Analyzer::of(Analysis::by_rules(Language::Other, RULES)).terms("東京"), ["東京"]);
    for text in ["The wings were flying (C++) on 2024-05-01.", "Café ﬁle, U.S.A.", "Москва Größe"]
    {
        assert_eq!(old.terms(text), terms(text), "{text}");
    }
    assert_eq!(old.analysis(), Analysis::by_rules(Language::English, OLDEST_RULES));
    assert_eq!(Analyzer::default().analysis(), Analysis::new(Language::English));
}

#[test]
fn counts_are_sorted_and_complete() {
    let counts = Analyzer::default().counts("wing wings tail");
    assert_eq!(counts.length, 3);
    assert_eq!(counts.terms.len(), 2);
    assert!(counts.terms.is_sorted_by(|a, b| a.0 < b.0));
    assert!(counts.terms.contains(&(term_id("wing"), 2)));
}

#[test]
fn term_ids_are_stable_and_spread() {
    assert_eq!((term_id(""), term_id("wing"), term_id("x86-64")), STABLE);
    let ids: HashSet<u32> = (0..20_000).map(|n| term_id(&format!("term{n}"))).collect();
    assert!(ids.len() >= 19_998, "{} distinct ids", ids.len());
    let low = ids.iter().filter(|id| **id < u32::MAX / 2).count();
    assert!((9_500..10_500).contains(&low), "{low} in the lower half");
}

/// Changing these means that every index on disk must be rebuilt.
const STABLE: (u32, u32, u32) = (4_023_394_144, 1_940_996_098, 3_111_328_636);
