//! reStructuredText of every kind.

use super::*;
use crate::document::BlockKind;

fn document(source: &str) -> Document {
    read(source, Builder::default())
}

fn text(source: &str) -> String {
    document(source).text
}

#[test]
fn titles_have_the_level_of_their_signs() {
    let source = "=====\nGuide\n=====\n\nIntro\ntext.\n\nOne\n---\n\nDeep\n^^^^\na\n\nTwo ``x``\n---------\n\n----------\n\nEnd\n";
    let document = document(source);
    let headings: Vec<_> =
        document.headings.iter().map(|heading| (heading.level, heading.title.as_str())).collect();
    assert_eq!(headings, [(1, "Guide"), (2, "One"), (3, "Deep"), (2, "Two x")]);
    assert_eq!(document.text, "Guide\n\nIntro text.\n\nOne\n\nDeep\n\na\n\nTwo x\n\nEnd");
}

#[test]
fn lists_and_blocks_keep_their_place() {
    let source = "-\ttabbed\n\n- a\n  more\n\n  second\n\n  1. b\n  2. c\n* d\n\nterm\n    What it is.\n\n:Author: Ann\n\nSee::\n\n  code\n    here\n\nA. Einstein was\nborn.\n\n| one\n| two\n\n>>> x\n1\n\n  quoted\n\n#. auto\n";
    assert_eq!(
        text(source),
        "- tabbed\n- a more\n\nsecond\n\n  1. b\n  2. c\n- d\n\nterm\n\nWhat it is.\n\nAuthor: Ann\n\nSee:\n\ncode\n  here\n\nA. Einstein was born.\n\n\
         one\ntwo\n\n>>> x\n1\n\nquoted\n\n#. auto"
    );
}

#[test]
fn marks_go_and_words_stay() {
    let source = ".. _Python: http://p\n.. |v| replace:: 1.2\n\n*One* **two** ``a*b_c`` `link <http://x>`_ and `other`__, :func:`~a.b.c` :ref:`Text <t>`, Python_ |v| [1]_ [#n]_ [#]_, H\\ :sub:`2`\\ O, 2*3*4, foo_bar_ |x| a\\*b :math:`\\frac{a}{b}`.\n\n.. [1] The note.\n.. [#n] Named\n   on.\n.. [#] Counted.\n\n__ http://y\n";
    assert_eq!(
        text(source),
        "One two a*b_c link and other, c Text, Python 1.2 [1] [n] [1], H2O, 2*3*4, foo_bar_ |x| a*b a/b.\n\n[1] The note.\n\n[n] Named on.\n\n[1] Counted."
    );
}

#[test]
fn directives_show_what_they_hold() {
    let source = ".. comment\n   of mine\n\n.. note:: Mind\n   this.\n\n.. code:: sh\n   :number-lines:\n\n   ls\n     -l\n\n.. code::\n\n   pwd\n\n.. image:: a.png\n   :alt: A cat\n\n.. figure:: b.png\n\n   Its *caption*.\n\n.. function:: f(a, b)\n\n   Adds.\n\n.. include:: other.rst\n\n.. contents::\n\n.. math:: x_{1}\n\n.. versionadded:: 3.1\n\nEnd\n";
    let document = document(source);
    assert_eq!(
        document.text,
        "Note: Mind this.\n\nls\n  -l\n\npwd\n\nA cat\n\nIts caption.\n\nf(a, b)\n\nAdds.\n\nx_1\n\nNew in version 3.1\n\nEnd"
    );
    let codes = document.blocks.iter().filter(|block| block.kind == BlockKind::Code).count();
    assert_eq!(codes, 2);
    assert_eq!(document.notes, ["files that the text takes in were not read: 'other.rst'"]);
}

#[test]
fn tables_of_all_kinds_are_rows() {
    let grid = "+-----+-----+\n| a   | b   |\n+=====+=====+\n| one | two |\n| on  |     |\n+-----+-----+\n| spanning  |\n+-----+-----+\n| c   | d   |\n|     +-----+\n|     | e   |\n+-----+-----+\n";
    assert_eq!(text(grid), "| a | b |\n| one on | two |\n| spanning |  |\n| c | d |\n|  | e |");
    let simple = "===  =====\nA    B\n===  =====\n1    two\n     more\n2\n===  =====\n\nEnd";
    assert_eq!(text(simple), "| A | B |\n| 1 | two more |\n| 2 |  |\n\nEnd");
    let listed = ".. list-table:: Title\n   :header-rows: 1\n\n   * - a\n     - b\n   * - 1\n     - 2\n       on\n\n.. csv-table::\n   :header: \"x\", \"y\"\n\n   1,\"2, 3\"\n";
    assert_eq!(text(listed), "Title\n\n| a | b |\n| 1 | 2 on |\n| x | y |\n| 1 | 2, 3 |");
}

#[test]
fn nesting_without_end_is_read() {
    let deep: String = (0..300).map(|at| format!("{}- x\n\n", " ".repeat(at * 2))).collect();
    assert_eq!(text(&deep).matches('x').count(), 300);
}
