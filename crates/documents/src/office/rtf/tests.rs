//! Rich texts of each origin, whole and broken.

use super::*;
use crate::document::BlockKind;

fn read_own(rtf: &str) -> (Origin, Document) {
    read(rtf.as_bytes(), Builder::default()).unwrap()
}

fn text(rtf: &str) -> (Origin, String) {
    let (origin, document) = read_own(rtf);
    (origin, document.text)
}

#[test]
fn the_page_within_is_found() {
    let rtf = r#"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}
{\f1\fswiss\fcharset204 Arial Cyr;}}{\colortbl\red0\green0\blue0;}{\stylesheet{\s1 heading 1;}}{\*\generator x;}
{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Gr\'fc\'dfe {\f1 \'cf\'f0} an{\*\htmltag84 &nbsp;}\u8364 ?5{\*\htmltag116 <br>}\htmlrtf\line\htmlrtf0 Ende\htmlrtf\par}\htmlrtf0 {\*\htmltag72 </p>}{\*\mhtmltag64 <x>}
{\*\htmltag0 <table><tr><td>}a{\*\htmltag0 </td><td>}b{\*\htmltag0 </td></tr></table>}}"#;
    assert_eq!(text(rtf), (Origin::Html, "Grüße Пр an €5\nEnde\n\n| a | b |".to_owned()));
}

#[test]
fn plain_text_keeps_its_lines() {
    let rtf = r"{\rtf1\ansi\fromtext \fbidis \deff0{\fonttbl{\f0\fmodern Courier;}}
\f0 One\par two \{x\}\\\par
\par \u-10179 ?\u-8704 ?\'84three\'93\par}";
    assert_eq!(text(rtf), (Origin::Plain, "One\ntwo {x}\\\n\n\u{1f600}„three“".to_owned()));
}

#[test]
fn a_text_of_its_own_keeps_paragraphs_and_tables() {
    let rtf = r#"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}{\info{\title Of it}{\author Ann}}First \b bold\b0  text{\v hidden}.\par
Second\line line.{\deleted gone}\par\trowd\cellx100\cellx200\pard\intbl A\cell B\par b\cell\row
\intbl C\cell\cell\row
\pard Last {\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt link}}.{\pict\bin5 }}}}}}{\*\x y}\par}"#;
    let (origin, document) = read_own(rtf);
    assert_eq!(origin, Origin::Own);
    assert_eq!(
        document.text,
        "First bold text.\n\nSecond\nline.\n\n| A | B b |\n| C |  |\n\nLast link."
    );
    assert_eq!(document.title.as_deref(), Some("Of it"));
    assert!(read(b"no rich text", Builder::default()).is_none());
    assert_eq!(text("{\\rtf1 {{{ cut \\u").1, "cut");
    assert_eq!(text("{\\rtf1 a}}}} b").1, "a b");
}

#[test]
fn headings_are_told_by_their_level_and_style() {
    let rtf = r"{\rtf1{\stylesheet{Normal;}{\s1\outlinelevel0 Kopf;}{\s2 heading 2;}{\*\cs3 heading 3;}{\s3 note;}}
\pard\s1{\listtext 1.\tab}One\par \pard\s2 Two\par \pard\s3 No heading\par
{\pard\outlinelevel2 Three\par}\pard\s1\outlinelevel9 Text\par}";
    let (_, document) = read_own(rtf);
    let headings: Vec<_> =
        document.headings.iter().map(|heading| (heading.level, heading.title.as_str())).collect();
    assert_eq!(headings, [(1, "1. One"), (2, "Two"), (3, "Three")]);
    let within = r"{\rtf1{\stylesheet{\s0{\*\hyphen2\hyphlead2} Normal;}{\s1\outlinelevel0{\*\hyphen2}heading 1;}}\pard\s0 a\par\pard\s1 b\par}";
    let (_, found) = read(format!("\u{feff}{within}").as_bytes(), Builder::default()).unwrap();
    assert_eq!((found.text.as_str(), found.headings.len()), ("a\n\nb", 1));
    assert_eq!(document.text, "1. One\n\nTwo\n\nNo heading\n\nThree\n\nText");
}

#[test]
fn items_have_the_markers_that_are_written_out() {
    let rtf = r"{\rtf1{\fonttbl{\f3\fcharset2 Wingdings;}}
\pard\ls1{\listtext\f3 \'d8\tab}a\par{\listtext\'b7\tab}\ls1\ilvl1 b\par
\pard\ls2{\listtext 2)\tab}c\par\pard\ls2 more of c\par \pard text\par
{\pntext\f1 o\tab}{\*\pn\pnlvlblt{\pntxtb o}}d\par \pard\ls0 f\par}";
    let (_, document) = read_own(rtf);
    assert_eq!(document.text, "- a\n  - b\n2) c\n\nmore of c\n\ntext\n\n- d\n\nf");
    let items = document.blocks.iter().filter(|block| block.kind == BlockKind::ListItem).count();
    assert_eq!(items, 4);
    // Where none is written out, that an item is one is all that is known.
    assert_eq!(text(r"{\rtf1\pard\ls1 a\par\pard\ls1\ilvl1 b\par}").1, "- a\n  - b");
}

#[test]
fn cells_stand_under_their_columns() {
    let rtf = r"{\rtf1\trowd\trleft-10\cellx1000\cellx2000\cellx3000\pard\intbl a\cell b\cell c\cell\row
\trowd\trleft0\clmgf\cellx2010\cellx3000\pard\intbl d\cell {\listtext 7.\tab}e\cell\row
\trowd\cellx1000\clmgf\cellx2000\clmrg\cellx3000\pard\intbl f\cell g\cell\cell{\*\nesttableprops\trowd\cellx5}\row
\pard\par after\par\trowd\cellx900\pard\intbl boxed\cell\row}";
    assert_eq!(text(rtf).1, "| a | b | c |\n| d |  | 7. e |\n| f | g |  |\n\nafter\n\nboxed");
}

#[test]
fn notes_comments_and_boxes_stand_behind_their_paragraph() {
    let rtf = r"{\rtf1 One{\super\chftn}{\*\footnote\pard{\super\chftn} First\par note.}, two{\*\atnid a}{\*\atnauthor Ann}{\chatn{\*\annotation Is it?}}
{\shp{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt\pard Box\par here\par}}{\shprslt{\*\do{\dptxbxtext Box}}}} end.\par Next\par
\trowd\cellx1\cellx2\pard\intbl a{\footnote Second}\cell b\cell\row\pard Last\par}";
    assert_eq!(
        text(rtf).1,
        "One[1], two end.\n\n[1] First note.\n\n[Comment by Ann] Is it?\n\nBox\nhere\n\nNext\n\n\
         | a[2] | b |\n\n[2] Second\n\nLast"
    );
}

#[test]
fn heads_and_feet_of_pages_are_given_once() {
    let rtf = r"{\rtf1{\header\pard Handbook\par}{\footer Page {\field{\*\fldinst PAGE}{\fldrslt 1}} of {\field{\*\fldinst  NUMPAGES }{\fldrslt 9}}\par Acme \chpgn\par Secret of Acme\par}
Text\par\sect{\headerl Handbook\par}More\par}";
    assert_eq!(text(rtf).1, "Handbook\n\nText\n\nMore\n\nSecret of Acme");
    let rtf = r"{\rtf1{\footer Kept by the clerk \chpgn\par}Text\par}";
    assert_eq!(text(rtf).1, "Text\n\nKept by the clerk");
}

#[test]
fn chars_of_all_kinds_are_put_together() {
    assert_eq!(text(r"{\rtf1\ansi\ansicpg932 \'83A\'83C}").1, "アイ");
    let rtf = r"{\rtf1\ansi{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset204 B;}}\uc2\u8364 ??x \f1\'cf\f0 10{\super 6} m{\super 2}, a\~b\_c\-d}";
    assert_eq!(text(rtf).1, "€x П10⁶ m2, a b-cd");
}

#[test]
fn nesting_without_end_is_read() {
    let rtf = format!("{{\\rtf1 {}deep", "{".repeat(50_000));
    assert_eq!(text(&rtf).1, "deep");
    let rtf = format!("{{\\rtf1 {}deep", "{\\footnote ".repeat(50));
    assert!(text(&rtf).1.contains("deep"));
}
