//! Articles, whole and cut short.

use super::*;
use crate::document::BlockKind;

fn document(source: &str) -> Document {
    read(source, Builder::default())
}

fn text(body: &str) -> String {
    document(&format!("<article><body>{body}</body></article>")).text
}

#[test]
fn the_head_says_who_wrote_what_and_where() {
    let source = r#"<article><front><journal-meta><journal-id>x</journal-id><journal-title-group><journal-title>J One</journal-title></journal-title-group><issn>1</issn></journal-meta>
<article-meta><article-id pub-id-type="pmid">7</article-id><article-id pub-id-type="doi">10.1/x</article-id><title-group><article-title>Milk in <italic>cows</italic></article-title><alt-title>M</alt-title></title-group>
<contrib-group><contrib contrib-type="author"><contrib-id>o</contrib-id><name><surname>Wolf</surname><given-names>Ann B.</given-names></name><role>x</role><xref ref-type="aff"><sup>1</sup></xref></contrib><contrib contrib-type="author"><collab>The Group</collab></contrib></contrib-group>
<aff id="a"><label>1</label><institution>Uni</institution><country>US</country></aff>
<contrib-group><contrib contrib-type="editor"><name><surname>Ed</surname><given-names>I</given-names></name></contrib></contrib-group>
<pub-date><day>18</day><month>6</month><year>2020</year></pub-date><pub-date><year>2020</year></pub-date><volume>15</volume><issue>6</issue><elocation-id>e02</elocation-id><permissions><license>Free</license></permissions>
<abstract><p>About it.</p></abstract><abstract><title>For all</title><p>Simply.</p></abstract><kwd-group><kwd>a</kwd><kwd>b</kwd></kwd-group>
<funding-group><award-group>x</award-group><funding-statement>Paid.</funding-statement></funding-group></article-meta></front>
<back><ack><p>Thanks.</p></ack></back></article>"#;
    let document = document(source);
    assert_eq!(
        document.text,
        "Milk in cows\n\nAnn B. Wolf, The Group\n\n1. Uni, US\n\nEditor: I Ed\n\nJ One 15 (6), e02, 2020-06-18, doi:10.1/x\n\n\
         Abstract\n\nAbout it.\n\nFor all\n\nSimply.\n\nKeywords: a, b\n\nFunding: Paid.\n\nAcknowledgements\n\nThanks."
    );
    assert_eq!(document.title.as_deref(), Some("Milk in cows"));
    let levels: Vec<u8> = document.headings.iter().map(|heading| heading.level).collect();
    assert_eq!(levels, [1, 2, 2, 2]);
}

#[test]
fn sections_figures_and_tables_keep_their_place() {
    let body = r#"<sec><label>1.</label><title>One</title><p>Text [<xref ref-type="bibr">1</xref>], so<sup><xref ref-type="bibr">2</xref></sup>, 10<sup>-3</sup> CO<sub>2</sub>.</p>
<sec><title>Deep</title><fig><object-id>o</object-id><label>Fig 1</label><caption><title>A cow.</title><p>Seen.</p></caption><graphic/></fig>
<table-wrap><label>Table 1.</label><caption><p>Numbers</p></caption><alternatives><graphic/><table><thead><tr><th rowspan="2">a</th><th colspan="2">b<sup>1</sup></th></tr><tr><th>c</th><th>d</th></tr></thead><tbody><tr><td>1</td><td><p>2</p><p>3</p></td><td>4</td></tr></tbody></table></alternatives>
<table-wrap-foot><fn><label>a</label><p>Note.</p></fn></table-wrap-foot></table-wrap>
<list list-type="order"><list-item><p>x</p></list-item><list-item><label>(b)</label><p>y</p></list-item></list></sec></sec><sec><title>Two</title><p>Said<fn><p>In a note.</p></fn> so.</p></sec>"#;
    let document = document(&format!("<article><body>{body}</body></article>"));
    assert_eq!(
        document.text,
        "1. One\n\nText [1], so[2], 10⁻³ CO2.\n\nDeep\n\nFig 1. A cow. Seen.\n\nTable 1. Numbers\n\n\
         | a | b1 |  |\n|  | c | d |\n| 1 | 2 3 | 4 |\n\na Note.\n\n1. x\n(b) y\n\nTwo\n\nSaid[1] so.\n\n[1] In a note."
    );
    let headings: Vec<_> =
        document.headings.iter().map(|heading| (heading.level, heading.title.as_str())).collect();
    assert_eq!(headings, [(2, "1. One"), (3, "Deep"), (2, "Two")]);
    let rows = document.blocks.iter().filter(|block| block.kind == BlockKind::TableRow).count();
    assert_eq!(rows, 3);
}

#[test]
fn works_are_cited_with_signs_between_their_parts() {
    let references = r#"<ref-list><ref><label>1</label><mixed-citation><name><surname>Her</surname><given-names>M</given-names></name>, <etal>et al</etal>. <article-title>Gas</article-title>. <year>2016</year>;<volume>6</volume>: <fpage>4</fpage>&#x02013;<lpage>9</lpage>.</mixed-citation></ref>
<ref><element-citation><person-group><name><surname>Bai</surname><given-names>TL</given-names></name><name><surname>Bod</surname><given-names>M</given-names></name><etal/></person-group><year>2009</year><article-title>A suite</article-title><source>Acids</source><volume>37</volume><issue>2</issue><fpage>W2</fpage><lpage>W8</lpage><pub-id pub-id-type="doi">10.1</pub-id><pub-id pub-id-type="pmid">7</pub-id></element-citation></ref></ref-list>"#;
    let document = document(&format!("<article><back>{references}</back></article>"));
    assert_eq!(
        document.text,
        "References\n\n1. Her M, et al. Gas. 2016;6: 4–9.\n- Bai TL, Bod M, et al. 2009. A suite. Acids 37(2): W2–W8. doi:10.1. PMID 7"
    );
    assert_eq!(document.headings.len(), 1);
}

#[test]
fn formulas_are_lines_of_signs() {
    assert_eq!(
        text(
            r"<p>Let <inline-formula><tex-math><![CDATA[$\frac{a}{b}$]]></tex-math></inline-formula> be.</p><disp-formula><label>(1)</label><alternatives><tex-math>\documentclass{x}\begin{document}$$x_{ij}$$\end{document}</tex-math><mml:math><mml:mi>y</mml:mi></mml:math></alternatives></disp-formula><p><mml:math><mml:msup><mml:mi>z</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math></p>"
        ),
        "Let a/b be.\n\nx_ij (1)\n\nz^2"
    );
}

#[test]
fn what_is_cut_short_is_read_with_a_note() {
    let document = document("<article><body><sec><title>A</title><p>All of <xref>it");
    assert!(document.text.ends_with("All of it") && document.notes.len() == 1);
}
