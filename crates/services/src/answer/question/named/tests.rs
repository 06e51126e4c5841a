use super::*;
use crate::answer::claims::statements::tests::passage;

fn named(question: &str) -> Named {
    Named::of(&Analyzer::default(), question)
}

/// What is missing where the sentence with `at` in it comes nearest, in one passage.
fn missing_in(question: &str, passage: &Passage, at: &str) -> Option<String> {
    let ranges = cairn_documents::sentences(&passage.chunk.text);
    let nearest = ranges.iter().find(|range| passage.chunk.text[(*range).clone()].contains(at));
    let nearest = nearest.expect("a sentence with these words");
    named(question).missing(std::slice::from_ref(passage), (passage, nearest))
}

fn missing(question: &str, text: &str, at: &str) -> Option<String> {
    missing_in(question, &passage(text), at)
}

const SALES: &str = "Sales in 2020 were 3 million euros. Sales in 2022 were 4 million euros.";

#[test]
fn years_things_and_names_are_told_from_amounts_and_titles() {
    for (question, years) in [
        ("What was the revenue in 2021?", vec!["2021"]),
        ("What was the 2021 revenue?", vec!["2021"]),
        ("Revenue 2021", vec!["2021"]),
        ("Revenue of FY2021?", vec!["2021"]),
        ("What happened in May 2021?", vec!["2021"]),
        ("How many of the 1500 students passed?", vec![]),
        ("How many of the 2000 employees left?", vec![]),
        ("What runs on Windows 2000?", vec![]),
        ("What happened after 1918?", vec![]),
        ("What has applied since the 1st of May 2020?", vec![]),
        ("What happened after the 2020 election?", vec![]),
        ("Who pays $2000?", vec![]),
        ("Was the tower built in 1920?", vec![]),
    ] {
        assert_eq!(named(question).years, years, "{question}");
    }
    let german = Named::of(&Analyzer::new(Language::German), "Wie hoch war der Umsatz 2021?");
    assert_eq!(german.years, ["2021"]);
    let versions = named("What is new in version 3.2, and what was in v2.4?");
    let numbers: Vec<&str> = versions.things.iter().map(|one| one.number.as_str()).collect();
    assert_eq!(numbers, ["3.2", "2.4"]);
    assert_eq!(named("What does Anna Berg earn in Ghent?").names, ["Anna Berg", "Ghent"]);
    assert!(named("What does the CEO earn on Monday?").is_nothing());
}

#[test]
fn a_year_that_nothing_says_is_missing_where_the_nearest_is_about_another() {
    let asked = "What were the sales in 2021?";
    assert_eq!(missing(asked, SALES, "2022").as_deref(), Some("2021"));
    let leaning = "Sales fell in 2022. They were 4 million euros.";
    assert_eq!(missing(asked, leaning, "They").as_deref(), Some("2021"));
    let rows = "| year | sales |\n| 2020 | 3 |\n| 2022 | 4 |\n| 2023 | 5 |";
    assert_eq!(missing(asked, rows, "| 2020").as_deref(), Some("2021"));
    let columns = "| item | 2020 | 2022 |\n| sales | 3 | 4 |\n| costs | 2 | 3 |";
    assert_eq!(missing(asked, columns, "| sales").as_deref(), Some("2021"));
    let mut report = passage("Sales were 4 million euros.");
    "annual_report_2020.pdf".clone_into(&mut report.chunk.filename);
    assert_eq!(missing_in(asked, &report, "Sales").as_deref(), Some("2021"));
}

#[test]
fn a_year_that_may_be_said_is_not_missing() {
    let asked = "What were the sales in 2021?";
    for text in [
        "Sales in 2022 were 4 million, and 3 million in the previous year.",
        "Sales in FY21 were 3 million. Sales in 2022 were 4 million.",
        "Sales from 2019 to 2022 were 4 million a year.",
        "Sales were 4 million, more than in 2020.",
        "Since 2019 sales are 4 million a year.",
        "Sales are 4 million a year. It has another site since 2019.",
        "Since 1 January 2019 sales are 4 million a year.",
        "Sales are 4 million a year, of 1950 bicycles.",
    ] {
        assert_eq!(missing(asked, text, "4 million"), None, "{text}");
    }
    for ahead in ["Annual report 2021", "2021"] {
        let mut below = passage("Sales rose to 4 million euros, after 3 million in 2020.");
        below.headings.push(ahead.to_owned());
        assert_eq!(missing_in(asked, &below, "Sales"), None, "{ahead}");
    }
    let mut attributed = passage(SALES);
    attributed.chunk.attributes = "{\"year\":2021}".into();
    assert_eq!(missing_in(asked, &attributed, "2022"), None);
    let mut statute = passage("The dog tax is 96 euros a year.");
    "Statute of 2019".clone_into(&mut statute.chunk.label);
    assert_eq!(missing_in("How high is the dog tax in 2024?", &statute, "tax"), None);
    assert_eq!(missing("Were the sales 4 million in 2021?", SALES, "2022"), None);
    assert_eq!(missing("Compare the sales in 2021 and 2022.", SALES, "2022"), None);
    assert_eq!(missing("What were the sales?", SALES, "2022"), None);
}

#[test]
fn a_number_of_a_kind_is_missing_where_the_nearest_has_another() {
    let text = "Chapter 4 is about pumps. Chapter 5 is about fans.";
    let asked = |number: &str| format!("What is chapter {number} about?");
    assert_eq!(missing(&asked("9"), text, "pumps").as_deref(), Some("chapter 9"));
    assert_eq!(missing(&asked("5"), text, "pumps"), None);
    for said in [" The ninth is about belts.", " Chapter IX is short.", " See 9.1 for belts."] {
        assert_eq!(missing(&asked("9"), &format!("{text}{said}"), "pumps"), None, "{said}");
    }
    let other = "The pumps are explained at the end.";
    assert_eq!(missing(&asked("9"), other, "pumps"), None, "none of its kind is named");
    for row in ["From level 3 on there is a car.", "Level 3 and above have a car, or a bike."] {
        assert_eq!(missing("What is there at level 5?", row, "car"), None, "{row}");
    }
    let new = "What is new in version 3.2?";
    let versions = "Version 3.1 has new search. Version 4.0 has new charts.";
    assert_eq!(missing(new, versions, "search").as_deref(), Some("version 3.2"));
    assert_eq!(missing(new, "Version 3 has new search. Version 4.0 has none.", "search"), None);
}

/// What speaks against quoting the first sentence of the first of these texts.
fn doubt(question: &str, texts: &[&str]) -> Option<String> {
    let passages: Vec<Passage> = texts.iter().map(|text| passage(text)).collect();
    let named = named(question);
    let first = cairn_documents::sentences(texts[0]).remove(0);
    named.doubts(&passages).of(0, &first).map(|doubt| doubt.to_string())
}

#[test]
fn a_sentence_that_does_not_say_what_is_named_is_doubted() {
    let sales = "What were the sales in 2021?";
    let said = "the quote is not about 2021";
    assert_eq!(doubt(sales, &[SALES, "It rained in 2021."]).as_deref(), Some(said));
    assert_eq!(doubt(sales, &["Sales are 4 million.", SALES]).as_deref(), Some(said));
    assert_eq!(doubt(sales, &["Sales were 4 million. So it was in 2021."]), None);
    assert_eq!(doubt("What were the sales?", &[SALES]), None);
    let earns = "What does Anna Berg earn?";
    let nobody = "the passage does not name Anna Berg";
    assert_eq!(doubt(earns, &["Carl Dietz earns 10 euros."]).as_deref(), Some(nobody));
    assert_eq!(doubt(earns, &["She earns 10 euros.", "Mrs Berg is a clerk."]), None);
    assert_eq!(doubt("What is grown in Germany?", &["The German fields grow hops."]), None);
}
