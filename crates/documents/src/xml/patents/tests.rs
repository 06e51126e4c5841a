//! Patents in the three formats of the office.

use super::*;
use crate::document::BlockKind;

fn document(source: &str) -> Document {
    read(source, Builder::default())
}

#[test]
fn an_application_has_its_parts_as_sections() {
    let source = r#"<us-patent-application><us-bibliographic-data-application><publication-reference><document-id><country>US</country>
<doc-number>20180000016</doc-number><kind>A1</kind><date>20180104</date></document-id></publication-reference><application-reference><document-id><doc-number>7</doc-number></document-id></application-reference>
<invention-title id="x">Lamp for CO<sub>2</sub></invention-title><us-references-cited><us-citation><patcit><document-id><country>US</country><doc-number>44</doc-number><name>Uhl</name><date>19840500</date></document-id></patcit><category>x</category></us-citation><us-citation><nplcit><othercit>A <i>book</i>.</othercit></nplcit></us-citation></us-references-cited>
<inventors><inventor><addressbook><last-name>Doe</last-name><first-name>Jo</first-name><address><city>Rome</city></address></addressbook></inventor></inventors>
<agents><agent><addressbook><orgname>Law LLP</orgname></addressbook></agent></agents><assignees><assignee><addressbook><orgname>Acme</orgname></addressbook></assignee></assignees></us-bibliographic-data-application>
<abstract><p num="0000">Short.</p></abstract><drawings><figure><img alt="x"/></figure></drawings>
<description><heading level="1">FIELD</heading><p num="0001">A lamp, 10<sup>-3</sup> m.</p><ul><li>one</li><li>two</li></ul><ul list-style="none"><li>1. bare</li></ul>
<tables><table><tgroup cols="3"><colspec colname="offset"/><colspec colname="1"/><colspec colname="2"/><thead><row><entry/><entry namest="1" nameend="2">TABLE 1</entry></row></thead>
<tbody><row><entry/><entry morerows="1">a</entry><entry>b</entry></row><row><entry/><entry>c</entry></row></tbody></tgroup></table></tables>
<maths><math><mfrac><mi>a</mi><mi>b</mi></mfrac></math></maths></description><us-claim-statement>What</us-claim-statement>
<claims><claim><claim-text><b>1</b>. A lamp with
<claim-text>a bulb; and</claim-text><claim-text>a <claim-ref>foot</claim-ref>.</claim-text></claim-text></claim><claim><claim-text><b>2</b>. More.</claim-text></claim></claims></us-patent-application>"#;
    let document = document(source);
    assert_eq!(
        document.text,
        "Lamp for CO2\n\nPatent: US 20180000016 A1 2018-01-04\n\nInventors: Jo Doe\n\nAssignee: Acme\n\nAbstract\n\nShort.\n\n\
         Description\n\nFIELD\n\n[0001] A lamp, 10⁻³ m.\n\n- one\n- two\n\n1. bare\n\n| TABLE 1 |  |\n| a | b |\n|  | c |\n\na/b\n\n\
         Claims\n\n1. A lamp with\na bulb; and\na foot.\n\n2. More.\n\nReferences cited\n\n- US 44 Uhl 1984-05\n- A book."
    );
    assert_eq!(document.title.as_deref(), Some("Lamp for CO2"));
    let levels: Vec<u8> = document.headings.iter().map(|heading| heading.level).collect();
    assert_eq!(levels, [1, 2, 2, 3, 2, 2]);
    let rows = document.blocks.iter().filter(|block| block.kind == BlockKind::TableRow).count();
    assert_eq!(rows, 3);
}

#[test]
fn older_formats_are_read_with_their_entities() {
    let source = r"<!DOCTYPE PATDOC SYSTEM 'x.dtd' [<!ENTITY D1 SYSTEM 'a.TIF' NDATA TIF>]><PATDOC><SDOBI><B100><B110><DNUM><PDAT>06442728</PDAT></DNUM></B110><B140><DATE><PDAT>20020827</PDAT></DATE></B140></B100>
<B540><STEXT><PDAT>Turbo code</PDAT></STEXT></B540><B561><PCIT><DOC><DNUM><PDAT>43</PDAT></DNUM><DATE><PDAT>19830700</PDAT></DATE></DOC><PARTY-US><NAM><SNM><STEXT><PDAT>Currie</PDAT></STEXT></SNM></NAM></PARTY-US></PCIT></B561>
<B721><PARTY-US><NAM><FNM><PDAT>Bin</PDAT></FNM><SNM><STEXT><PDAT>Li</PDAT></STEXT></SNM></NAM></PARTY-US></B721></SDOBI>
<SDOAB><BTEXT><PARA><PTEXT><PDAT>k&plus;&bgr;</PDAT><HIL><SB><PDAT>j</PDAT></SB></HIL></PTEXT></PARA></BTEXT></SDOAB>
<SDOCL><CL><CLM><PARA><PTEXT><PDAT>1. A method;</PDAT></PTEXT></PARA><CLMSTEP><PTEXT><PDAT>storing.</PDAT></PTEXT></CLMSTEP></CLM></CL></SDOCL><SDODR><EMI/></SDODR></PATDOC>";
    assert_eq!(
        document(source).text,
        "Turbo code\n\nPatent: 06442728 2002-08-27\n\nInventors: Bin Li\n\nAbstract\n\nk+βj\n\nClaims\n\n\
         1. A method;\nstoring.\n\nReferences cited\n\n- 43 1983-07 Currie"
    );
    let source = r"<patent-application-publication><subdoc-bibliographic-information><document-id><doc-number>2001</doc-number><document-date>20011018</document-date></document-id>
<title-of-invention>Assay</title-of-invention><inventors><first-named-inventor><name><given-name>Jay</given-name><family-name>Lew</family-name></name></first-named-inventor></inventors></subdoc-bibliographic-information>
<subdoc-description><paragraph><number>&lsqb;0001&rsqb;</number> Text. </paragraph></subdoc-description><subdoc-claims><claim><claim-text>1. As in <dependent-claim-reference><claim-text>claim 9</claim-text></dependent-claim-reference> too.</claim-text></claim></subdoc-claims></patent-application-publication>";
    assert_eq!(
        document(source).text,
        "Assay\n\nPatent: 2001 2001-10-18\n\nInventors: Jay Lew\n\nDescription\n\n[0001] Text.\n\nClaims\n\n1. As in claim 9 too."
    );
}

#[test]
fn elements_are_known_by_their_names_without_a_prefix() {
    let bare = r#"<us-patent-grant><us-bibliographic-data-grant><invention-title>Lamp</invention-title></us-bibliographic-data-grant><drawings><p>No.</p></drawings>
<description><heading level="1">FIELD</heading><p num="0001">A lamp.</p></description><claims><claim><claim-text>1. A lamp.</claim-text></claim></claims></us-patent-grant>"#;
    let prefixed =
        bare.replace("</", "</pat:").replace('<', "<pat:").replace("<pat:/pat:", "</pat:");
    assert!(is_patent("us-patent-grant") && is_patent("pat:us-patent-grant") && !is_patent("p"));
    assert_eq!(document(&prefixed).text, document(bare).text);
    assert_eq!(
        document(bare).text,
        "Lamp\n\nDescription\n\nFIELD\n\n[0001] A lamp.\n\nClaims\n\n1. A lamp."
    );
}

#[test]
fn what_is_cut_short_is_read_with_a_note() {
    let document = document("<us-patent-grant><description><p>All of it");
    assert!(document.text.ends_with("All of it") && document.notes.len() == 1);
}
