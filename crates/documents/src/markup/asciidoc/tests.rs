//! AsciiDoc of every kind.

use super::*;
use crate::document::BlockKind;

fn text(source: &str) -> String {
    read(source, Builder::default()).text
}

#[test]
fn titles_attributes_and_comments() {
    let source = "// no text\n:product: Cairn\n= The Guide\nAnn <a@b>\n\n[abstract]\nAbout {product} and {other}.\n\n[[id]]\n== One *bold*\n.A title\n[source,sh]\n----\nls <1>\n  -l\n----\n<1> Lists.\n\n////\ngone\n////\nTwo\n---\n\n'''''\n\n=== Deep ===\nEnd +\nof it\n";
    let document = read(source, Builder::default());
    assert_eq!(
        document.text,
        "The Guide\n\nAnn <a@b>\n\nAbout Cairn and {other}.\n\nOne bold\n\nA title\n\nls\n  -l\n\n1. Lists.\n\nTwo\n\nDeep\n\nEnd\nof it"
    );
    let levels: Vec<u8> = document.headings.iter().map(|heading| heading.level).collect();
    assert_eq!(levels, [1, 2, 2, 3]);
    assert_eq!(document.title.as_deref(), Some("The Guide"));
}

#[test]
fn lists_nest_by_their_markers() {
    let source = "* a\n** b\nmore\n* c\n  1. d\n  2. e\n+\nNOTE: tied\n* f\n\nApart.\n\n[loweralpha,start=3]\n. one\n. two\n.. deep\n. three\n\n.Parts\nCPU:: Brain\nof it\nRAM::\n  Memory\n\nText\n- dash\n";
    assert_eq!(
        text(source),
        "- a\n  - b more\n- c\n  1. d\n  2. e\n\nNOTE: tied\n\n- f\n\nApart.\n\nc. one\nd. two\n  1. deep\ne. three\n\nParts\n\n- CPU: Brain of it\n- RAM: Memory\n\nText\n\n- dash"
    );
}

#[test]
fn marks_go_and_words_stay() {
    let source = "*One\nmore* _two_ `co_d_e` `++x++` **b**old H~2~O 10^3^, link:a.html[Words] https://x.y[site^] https://z.w, <<id,there>>, <<other>>, kbd:[Ctrl+C], a_b_c C++ ++a*b*c++ 2 * 3 * 4 \\*x* image:i.png[Cat] said.footnote:[A *note*.]\n";
    assert_eq!(
        text(source),
        "One more two co_d_e x bold H2O 10³, Words site https://z.w, there, other, Ctrl+C, a_b_c C++ a*b*c 2 * 3 * 4 *x* Cat said.[1]\n\n[1] A note."
    );
}

#[test]
fn tables_are_rows() {
    let lined = "|===\n|a |b\n|1 |*2*\n|===\n";
    assert_eq!(text(lined), "| a | b |\n| 1 | 2 |");
    let grouped =
        "[cols=\"1,^.^2a\", options=header]\n|===\n^.^h|a\n2+| b | c\n\n|d\ngoes on\n|e\n|===\n";
    assert_eq!(text(grouped), "| a | b |  |\n| c | d goes on |\n\ne");
    let paths = "|===\n|C:\\dir |a \\| b\n|===\n\n== Of C#\n";
    assert_eq!(text(paths), "| C:\\dir | a | b |\n\nOf C#");
    let separated = ",===\na,\"b, c\"\n,===\n";
    assert_eq!(text(separated), "| a | b, c |");
    let bare = "Text.\n\n|a|b|\n|s |x |\n\nEnd";
    assert_eq!(text(bare), "Text.\n\n| a | b |\n| s | x |\n\nEnd");
}

#[test]
fn boxes_and_files_within() {
    let source = "[WARNING]\n====\nMind\n\n* this\n====\n\n[NOTE]\nOne.\n\n....\n as is\n....\n\n```rust\nfn x() {}\n```\n\n literal\n  too\n\nimage::a.png[A cat, 20]\ninclude::other.adoc[]\n\n____\nSaid.\n____\n";
    let document = read(source, Builder::default());
    assert_eq!(
        document.text,
        "Warning: Mind\n\n- this\n\nNote: One.\n\nas is\n\nfn x() {}\n\nliteral\n too\n\nA cat\n\nSaid."
    );
    assert_eq!(document.notes, ["files that the text takes in were not read: 'other.adoc'"]);
    let codes = document.blocks.iter().filter(|block| block.kind == BlockKind::Code).count();
    assert_eq!(codes, 3);
}
