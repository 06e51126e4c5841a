use proptest::prelude::*;

use super::*;

fn allowed() -> Allowed {
    let hosts = Hosts::new(["good.org"]).unwrap_or_default();
    hosts.with_addresses_of("What does https://asked.net/page say?")
}

fn run(pieces: &[&str]) -> (String, Vec<Stripped>) {
    let mut links = Links::new(allowed());
    let mut shown: String = pieces.iter().map(|piece| links.push(piece)).collect();
    shown.push_str(&links.finish());
    (shown, links.stripped().to_vec())
}

/// What goes in and what comes out.
const CASES: [(&str, &str); 43] = [
    ("See [the page](https://evil.net/?q=1) now.", "See the page now."),
    ("![a cat](https://evil.net/c.png?d=secret)", "a cat"),
    ("![](//evil.net/x)", ""),
    ("[![alt](https://evil.net/i)](https://evil.net/l)", "alt"),
    ("[![alt](https://evil.net/i)](https://good.org/l)", "[alt](https://good.org/l)"),
    ("[t](<https://evil.net/a b> \"title\") x", "t x"),
    ("[t](https://evil.net/a(b)c 'ti)tle')", "t"),
    ("[1](https://evil.net) and [2]", "[1] and [2]"),
    ("Go to https://evil.net/x?y=z.", "Go to (link removed)."),
    ("(www.evil.net/a)", "((link removed))"),
    ("<https://evil.net/x> <mailto:a@evil.net>", "(link removed) (link removed)"),
    ("A <a href=\"https://evil.net\">word</a>, two.", "A word, two."),
    ("A <a href=https://good.org>word</a>.", "A <a href=https://good.org>word</a>."),
    ("<img alt='a > b' src='//evil.net/x'> c", "a > b c"),
    ("<IMG SRC=https://evil.net/x/>", ""),
    ("<img srcset='a.png 1x, https://evil.net/b 2x'>", ""),
    ("<div style=\"background:url(//evil.net)\">x</div>", "x</div>"),
    ("<b onclick=go()>x</b>", "x</b>"),
    ("<iframe src='/local'></iframe>", "</iframe>"),
    ("<script>x</script>", "x</script>"),
    ("[ref]: https://evil.net/x \"t\"\nText", " \"t\"\nText"),
    ("See [that][ref] and ![it][pic].", "See that and it."),
    ("[a](javascript:alert(1)) [b](data:text/html,x)", "a b"),
    ("[t](&#104;ttps://evil.net) [u](https:\\/\\/evil.net)", "t u"),
    ("<img src=//evil.net", "\u{2039} img src=//evil.net"),
    // What would make a link together stays apart.
    ("ht<img src=//evil.net>tps://evil.net/x", "ht (link removed)"),
    ("ht[tps](https://evil.net)://evil.net/x", "ht tps ://evil.net/x"),
    ("x][(//evil.net)](https://evil.net)", "x] (//evil.net)"),
    ("ww[w.evil.net](//evil.net)", "ww w.evil.net"),
    ("]<img src=//evil.net>: //evil.net/x", "] : //evil.net/x"),
    ("<img<img src=//evil.net> src=//evil.net>", "<img> src=//evil.net>"),
    // What is allowed, or no link at all, stays as it is.
    ("[t](https://good.org/x \"t\") ![i](/local.png) [s](#part)", ""),
    ("It is https://good.org/a(b), https://asked.net/page and http://www.good.org.", "*"),
    ("a[i][j] = b[0](x) [see above] [sic][1] [1][2] !", ""),
    ("[1]: Note: the tower. [note]: see below", ""),
    ("1 < 2 and a <b> c </b> Vec<String> std::vector<int> <std::string>", ""),
    ("A sentence. Another: with 3.5 m! Done?", ""),
    ("[unclosed (text", ""),
    ("Wörter — «quoted» 漢字 https", ""),
    ("x ](page) ]: y", ""),
    ("[a\n\nb](https://evil.net)", "[a\n\nb](link removed)"),
    ("a ](//evil.net/x) b ]: //evil.net c", "a ](link removed) b ]: (link removed) c"),
    ("http://[::1]/x end", "(link removed) end"),
];

fn expected<'c>(&(text, expected): &(&'c str, &'c str)) -> &'c str {
    if expected.is_empty() && !text.contains("evil") { text } else { expected }
}

#[test]
fn only_the_text_of_foreign_links_remains() {
    for case in CASES.iter().filter(|(_, expected)| *expected != "*") {
        assert_eq!(run(&[case.0]).0, expected(case), "{}", case.0);
    }
    // A host below an allowed one is another host.
    let all = CASES.iter().find(|(_, expected)| *expected == "*");
    let (shown, stripped) = run(&[all.map_or("", |case| case.0)]);
    assert_eq!(shown, "It is https://good.org/a(b), https://asked.net/page and (link removed).");
    assert_eq!(stripped.len(), 1);
}

#[test]
fn what_was_taken_out_is_told() {
    let (_, stripped) =
        run(&["See ![a cat](https://evil.net/c.png?d=secret) and [b](//evil.net)."]);
    let told: Vec<_> =
        stripped.iter().map(|one| (one.kind, one.url.as_str(), one.text.as_str())).collect();
    assert_eq!(
        told,
        [("image", "https://evil.net/c.png?d=secret", "a cat"), ("link", "//evil.net", "b")]
    );
}

#[test]
fn the_result_does_not_depend_on_where_the_pieces_were_cut() {
    for (text, _) in CASES {
        let whole = run(&[text]);
        for cut in (1..text.len()).filter(|at| text.is_char_boundary(*at)) {
            assert_eq!(run(&[&text[..cut], &text[cut..]]), whole, "{text} cut at {cut}");
        }
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(run(&letters), whole, "{text} letter by letter");
    }
}

/// Whether a page would fetch or lead anywhere: what is left must not, whatever went in.
fn leads_out(text: &str) -> bool {
    let lower = text.to_lowercase();
    let behind = |word: &str, quotes: &[char], between: &[char]| {
        lower.match_indices(word).any(|(at, _)| {
            let value = lower[at + word.len()..].trim_start();
            let value = value.strip_prefix(quotes).unwrap_or(value);
            value.trim_start_matches(between).starts_with("//evil")
        })
    };
    let named = lower.match_indices("www.evil").any(|(at, _)| {
        let before = lower[..at].chars().next_back();
        before.is_none_or(|before| before.is_whitespace() || "*_~(".contains(before))
    });
    let linked = ["](", "]:"].iter().any(|word| behind(word, &['<'], &['\\']));
    let tagged =
        ["<img src=", "<a href="].iter().any(|word| behind(word, &['"', '\''], &[' ', '\n']));
    named || linked || tagged || lower.contains("https://evil.net")
}

#[test]
fn no_bound_lets_a_link_through() {
    let long = "x".repeat(2000);
    for text in [
        format!("[{long}](https://evil.net/a)"),
        format!("[{long}](//evil.net/a)"),
        format!("![{long}](<//evil.net/a>)"),
        format!("{long}https://evil.net/{long}"),
        format!("<img alt='{long}{long}{long}' src='https://evil.net'>"),
        format!("[a](https://evil.net/{long}{long}{long})"),
    ] {
        let (shown, _) = run(&[&text]);
        assert!(!leads_out(&shown), "{shown}");
        let middle = text.len() / 2;
        assert_eq!(run(&[&text[..middle], &text[middle..]]).0, shown);
    }
}

/// Parts that make links when they come together.
fn parts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("["),
        Just("]"),
        Just("("),
        Just(")"),
        Just("!"),
        Just("<"),
        Just(">"),
        Just(" "),
        Just("a"),
        Just("."),
        Just(":"),
        Just("\\"),
        Just("\n"),
        Just("1"),
        Just("ht"),
        Just("tps://evil.net"),
        Just("https://evil.net/x"),
        Just("//evil.net"),
        Just("www."),
        Just("evil.net"),
        Just("img src="),
        Just("a href="),
        Just("</a>"),
        Just("\""),
        Just("'"),
        Just("]("),
        Just("]: "),
        Just("https://good.org"),
        Just("word"),
        Just("é"),
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_composition_leads_out(text in parts()) {
        let (shown, _) = run(&[&text]);
        prop_assert!(!leads_out(&shown), "{text:?} became {shown:?}");
    }

    #[test]
    fn no_chunking_changes_the_result(
        text in parts(),
        cuts in proptest::collection::vec(0..200_usize, 0..10),
    ) {
        let inside = |cut: usize| text.floor_char_boundary(cut.min(text.len()));
        let mut cuts: Vec<usize> = cuts.into_iter().map(inside).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        prop_assert_eq!(run(&pieces), run(&[&text]));
    }
}
