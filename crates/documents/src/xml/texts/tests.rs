//! Editions, and papers as a program reads them.

use super::*;
use crate::document::BlockKind;

fn document(source: &str) -> Document {
    read(source, Builder::default())
}

fn text(body: &str) -> String {
    document(&format!("<TEI><text><body>{body}</body></text></TEI>")).text
}

#[test]
fn a_paper_has_its_head_and_sections() {
    let source = r#"<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title level="a" type="main">Milk in cows</title></titleStmt>
<publicationStmt><publisher>x</publisher></publicationStmt><sourceDesc><biblStruct><analytic><author><persName><forename type="first">Ann</forename><surname>Wolf</surname></persName><email>a@b</email><affiliation><orgName>Uni</orgName></affiliation></author>
<title>Milk in cows</title></analytic><monogr><imprint><date>2020</date></imprint></monogr></biblStruct></sourceDesc></fileDesc><encodingDesc><p>x</p></encodingDesc>
<profileDesc><abstract><div><p>About it.</p></div></abstract></profileDesc></teiHeader>
<text><body><div><head n="1.">Methods</head><p>We counted <ref>[1]</ref>.<note place="foot" n="3">By hand.</note></p><div><head>Cows</head><p>Some.</p></div></div>
<figure type="table"><head>Table 1</head><label>1</label><figDesc>Counts</figDesc><table><row><cell role="label">a</cell><cell>b</cell></row><row><cell cols="2">1</cell></row></table></figure></body>
<back><listBibl><biblStruct><analytic><title>Gas</title><author><persName><forename>M</forename><surname>Her</surname></persName></author></analytic><monogr><title>Acids</title><imprint><date>2016</date></imprint></monogr></biblStruct></listBibl></back></text></TEI>"#;
    let document = document(source);
    assert_eq!(
        document.text,
        "Milk in cows\n\nAnn Wolf\n\nAbstract\n\nAbout it.\n\n1. Methods\n\nWe counted [1].[3]\n\n[3] By hand.\n\nCows\n\nSome.\n\n\
         Table 1\n\nCounts\n\n| a | b |\n| 1 |  |\n\n- Gas, M Her. Acids. 2016"
    );
    assert_eq!(document.title.as_deref(), Some("Milk in cows"));
    let headings: Vec<_> =
        document.headings.iter().map(|heading| (heading.level, heading.title.as_str())).collect();
    assert_eq!(headings, [(1, "Milk in cows"), (2, "Abstract"), (2, "1. Methods"), (3, "Cows")]);
    let rows = document.blocks.iter().filter(|block| block.kind == BlockKind::TableRow).count();
    assert_eq!(rows, 2);
}

#[test]
fn a_heading_with_a_footnote_keeps_its_number() {
    let body = "<div><head n='2.'>Methods<note place='foot' n='a'>By hand.</note></head><p>We counted.</p></div>\
        <div><head n='3.'>Cows<note place='foot'>Some.</note></head><p>All.</p></div>";
    assert_eq!(
        text(body),
        "2. Methods[a]\n\n[a] By hand.\n\nWe counted.\n\n3. Cows[2]\n\n[2] Some.\n\nAll."
    );
}

#[test]
fn verses_speeches_and_lists_keep_their_form() {
    let body = "<lg><l>One line</l><l>and another</l></lg><sp><speaker>ANN.</speaker><p>I come.</p></sp><sp><speaker>Bo</speaker><l>So do</l><l>I.</l></sp>\
        <list type='ordered'><item>x</item><item><p>y</p></item></list><p>Terms:</p><list><label>Weir</label><item>a dam</item></list>";
    assert_eq!(
        text(body),
        "One line\nand another\n\nANN: I come.\n\nBo: So do\nI.\n\n1. x\n2. y\n\nTerms:\n\n- Weir: a dam"
    );
}

#[test]
fn of_two_forms_of_a_word_the_reader_has_one() {
    let body = "<p>The <choice><sic>clok</sic><corr>clock</corr></choice> <del>was</del> <add>is</add> a won<lb break='no'/>der,<lb/>\
        10<hi rend='superscript'>3</hi> <gap/> years<pb n='2'/> old.</p><fw>Running head</fw>";
    assert_eq!(text(body), "The clock is a wonder, 10³ […] years old.");
}

#[test]
fn texts_of_a_corpus_have_titles_of_their_own() {
    let header = |title: &str| {
        format!(
            "<teiHeader><fileDesc><titleStmt><title>{title}</title></titleStmt></fileDesc></teiHeader>"
        )
    };
    let one = format!("<TEI>{}<text><body><p>One.</p></body></text></TEI>", header("A"));
    let document = document(&format!("<teiCorpus>{}{one}</teiCorpus>", header("All")));
    assert_eq!(document.text, "All\n\nA\n\nOne.");
    let levels: Vec<u8> = document.headings.iter().map(|heading| heading.level).collect();
    assert_eq!(levels, [1, 2]);
}
