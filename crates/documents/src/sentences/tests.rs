//! Sentences of several languages, and what only looks like their ends.

use super::*;
use proptest::prelude::*;

fn split(text: &str) -> Vec<&str> {
    sentences(text).into_iter().map(|range| &text[range]).collect()
}

#[test]
fn abbreviations_and_numbers_do_not_end_a_sentence() {
    let text = "Dr. Smith uses v1.2, e.g. 3.14 cm vs. Prof. Lee's 2.0. It works! \u{201c}Really?\u{201d} he \
                asked. See Fig. 3 and No. 7. J. Doe agreed, etc. Then they left at 5 p.m. in May. The end";
    assert_eq!(
        split(text),
        [
            "Dr. Smith uses v1.2, e.g. 3.14 cm vs. Prof. Lee's 2.0.",
            "It works!",
            "\u{201c}Really?\u{201d} he asked.",
            "See Fig. 3 and No. 7.",
            "J. Doe agreed, etc.",
            "Then they left at 5 p.m. in May.",
            "The end",
        ]
    );
    assert_eq!(split("He said no. She left."), ["He said no.", "She left."]);
    assert_eq!(
        split("Use foo.bar() now. Done (really.) Yes."),
        ["Use foo.bar() now.", "Done (really.)", "Yes."]
    );
}

#[test]
fn structure_ends_sentences_and_soft_breaks_do_not() {
    let text = "A title\n\nOne line\nand the next. Two\n\n- first item\n- second\n1. third\n| a | b |\n| c | d |";
    assert_eq!(
        split(text),
        [
            "A title",
            "One line\nand the next.",
            "Two",
            "- first item",
            "- second",
            "1. third",
            "| a | b |",
            "| c | d |"
        ]
    );
}

#[test]
fn clauses_of_a_list_are_sentences_with_their_markers() {
    let text = "4.1 The first\n4.2 The second\n(a) red\n(b) green\niv. Done here. Yes.\nb) last";
    assert_eq!(
        split(text),
        [
            "4.1 The first",
            "4.2 The second",
            "(a) red",
            "(b) green",
            "iv. Done here.",
            "Yes.",
            "b) last"
        ]
    );
    assert_eq!(
        split("It rose by\n4.2 percent in\n(all) years"),
        ["It rose by\n4.2 percent in\n(all) years"]
    );
}

#[test]
fn other_scripts_end_without_a_space() {
    assert_eq!(split("これは文です。次の文！終わり"), ["これは文です。", "次の文！", "終わり"]);
    assert_eq!(
        split("Das gilt z.B. bzw. d.h. immer. Ende."),
        ["Das gilt z.B. bzw. d.h. immer.", "Ende."]
    );
}

/// Checks texts in which `|` marks the ends of sentences that others follow.
fn check(texts: &[&str]) {
    for marked in texts {
        let text = marked.replace('|', "");
        let expected: Vec<&str> = marked.split('|').map(str::trim).collect();
        assert_eq!(split(&text), expected);
    }
}

#[test]
fn german_ordinals_dates_and_abbreviations() {
    check(&[
        "Die Wiese ist vom 1. Maerz bis zum 15. Juli waehrend der Brutzeit gesperrt.| Danach nicht.",
        "Das Haus stammt aus dem 19. Jahrhundert.| Es wurde 1989 saniert.| Der Turm blieb.",
        "Er hat 3.| Danach kamen noch 12.| Das waren alle.",
        "Siehe Abb. 3 und S. 12, z. B. Kapitel 4, d. h. Teil B, bzw. Nr. 5.| Ende.",
        "Es gibt Birnen usw.| Im Winter gibt es sie nicht.",
        "Die Anlage kostete 5 Mio. Euro, dann 3 Mio.| Danach stieg der Preis.",
        "Am 3. Oktober ist der 2. und 3. Stock zu.| Prof. Dr. Lee wohnt i. d. R. im 1. Stock.",
        "Am 5. 3. 2024 kam er an.| Seit dem 20. April 2024 ist er da.| Er starb 44 v. Chr. in Rom.",
        "Er wohnt in Zimmer 12.| Peter wohnt im XIX. Jahrhundert und ist von gestern.",
        "Offen ist vom 1. März bis zum\n15. Juli und im\n19. Jahrhundert auch.| Ende.",
    ]);
}

#[test]
fn english_prose_ends_where_it_did() {
    check(&[
        "It was built in 1989.| The tower is 12 m high.| He scored 15.| March was cold.| It ended.",
        "She was in room 5.| Peter was in 6.| The rest of them went home in May 2024.| I stayed.",
        "We saw J. R. R. Tolkien and J.-P. Sartre.| They met approx. 3 times, ca. 1950.| Once.",
        "He said no.| She was ill.| The light was lit.| It took 50 kb.| They left the U.S.A.| Good.",
        "That is my plan b.| The board was 5 in.| It was option c.| All is well, it's ok.| Now go.",
        "He had 7.| 12 people came.| See Fig. 3, vol. 2, p. 12.| Then stop.",
        "It is due on 15. March 2024 at 5 p.m. in Rome.| The fee, the tax, etc.| Both are due.",
    ]);
}

#[test]
fn romance_titles_and_references() {
    check(&[
        "Mme. Leroy et M. Dupont vivent p. ex. Paris, art. 5, fig. 2, p. 12.| Ils partent en 1989.| Oui.",
        "Il est mort en 44 av. J.-C.| Les ponts, les tours, etc.| Les autres suivent.",
        "El Sr. Pérez y la Sra. García leen la pág. 12.| Véase p. ej. Madrid, aprox. 5 casas.| Fin.",
        "Il Sig. Rossi e il Dott. Bianchi leggono pag. 4, vol. 2, ecc.| Poi escono nel 1989.| Fine.",
        "A Dra. Silva está na pág. 3.| Ela chegou.",
    ]);
}

#[test]
fn northern_and_eastern_dates_and_abbreviations() {
    check(&[
        "Dhr. Jansen en mevr. De Vries wonen bijv. in Den Haag.| Daarna gingen zij weg.",
        "Mødet er 1. juli kl. 10, f.eks. Oslo osv.| Derefter går vi.| Den 5. Juli er vi her.",
        "Spotkanie jest 1. maja przy ul. Długiej 5.| Zob. rys. 3, np. Kraków, m. in. Gdańsk itd.| Koniec.",
        "Był tu w 2020 r.| Potem wyjechał.| Urodzony r. 1939 w lesie.",
        "Schůze je 5. května, např. Praha, č. 5.| Potom domů.| Dne 5. Května 2024 nic.",
        "A bolt 2024. március 15. óta zárva.| Lásd pl. Pest, 2024. 03. 15. és stb.| Vége.",
        "Kokous on 15. huhtikuuta, esim. Espoo jne.| Sitten lähdemme.",
    ]);
}

#[test]
fn a_long_run_of_dots_is_looked_through_once() {
    let dots = ".".repeat(100_000);
    let leader = format!("Chapter{dots}seven. Then go.");
    assert_eq!(split(&leader), [&format!("Chapter{dots}seven."), "Then go."]);
    assert_eq!(split(&format!("So{dots} Then go.")).len(), 2);
    assert_eq!(split(&format!("1{dots} Then go.")).len(), 1);
}

#[test]
fn a_period_behind_a_closed_abbreviation_ends_the_sentence() {
    check(&["It was so (Smith et al.).| We agree (from 5 p.m.).| That is all."]);
}

proptest! {
    #[test]
    fn every_visible_char_is_in_exactly_one_sentence(text in "([a-zA-Z0-9.!? \n\"'é。-]|\\PC){0,200}") {
        let mut at = 0;
        for range in sentences(&text) {
            prop_assert!(range.start >= at && range.end > range.start);
            prop_assert!(text[at..range.start].trim().is_empty());
            prop_assert_eq!(text[range.clone()].trim(), &text[range.clone()]);
            at = range.end;
        }
        prop_assert!(text[at..].trim().is_empty());
    }
}
