//! Books and pages of manuals.

use super::*;
use crate::document::BlockKind;

fn document(source: &str) -> Document {
    read(source, Builder::default())
}

fn text(body: &str) -> String {
    document(&format!("<section>{body}</section>")).text
}

#[test]
fn a_book_is_told_by_what_its_file_says() {
    let five = r#"<?xml version="1.0"?><d:book xmlns:d="http://docbook.org/ns/docbook"><d:title>T</d:title><d:remark>x</d:remark></d:book>"#;
    assert!(is_book("d:book", five));
    assert_eq!(document(five).text, "T");
    let four = r#"<!DOCTYPE article PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "docbookx.dtd"><article/>"#;
    assert!(is_book("article", four));
    assert!(!is_book("book", "<book><title>A novel</title></book>"));
    assert!(!is_book("catalogue", five));
}

#[test]
fn chapters_and_sections_have_headings_and_a_head() {
    let source = r#"<book xmlns="http://docbook.org/ns/docbook"><info><title>Tidal mills</title><subtitle>A history</subtitle>
<author><personname><firstname>Ann</firstname><surname>Wolf</surname></personname><affiliation><orgname>Uni</orgname></affiliation><email>a@b</email></author>
<editor><personname>Bo Ek</personname></editor><pubdate>2020</pubdate><abstract><title>x</title><para>All about
 them.</para></abstract><legalnotice><para>Free.</para></legalnotice></info>
<chapter><title>Wheels</title><indexterm><primary>wheel</primary></indexterm><para>A wheel<footnote><para>Or two.</para></footnote> turns.</para>
<section><info><title>Oak</title></info><para>Of 10<superscript>3</superscript> oaks.</para></section></chapter>
<chapter><title>Dams</title><para>Of <quote>clay</quote>.</para></chapter></book>"#;
    let document = document(source);
    assert_eq!(
        document.text,
        "Tidal mills\n\nA history\n\nAnn Wolf, Bo Ek\n\nAbstract\n\nAll about them.\n\nWheels\n\nA wheel[1] turns.\n\n[1] Or two.\n\n\
         Oak\n\nOf 10³ oaks.\n\nDams\n\nOf “clay”."
    );
    assert_eq!(document.title.as_deref(), Some("Tidal mills"));
    let headings: Vec<_> =
        document.headings.iter().map(|heading| (heading.level, heading.title.as_str())).collect();
    assert_eq!(
        headings,
        [(1, "Tidal mills"), (2, "Abstract"), (2, "Wheels"), (3, "Oak"), (2, "Dams")]
    );
}

#[test]
fn lists_and_listings_are_read_as_such() {
    let body = "<itemizedlist><listitem><para>one</para><para>more</para></listitem><listitem><para>two</para></listitem></itemizedlist>\
        <procedure><title>Start it</title><step><para>Press.</para><substeps><step><para>Wait.</para></step></substeps></step></procedure>\
        <para>Options:</para><variablelist><varlistentry><term>-v</term><term>--verbose</term><listitem>\n<para>Says more.</para></listitem></varlistentry></variablelist>\
        <programlisting>if a &lt; 1:\n    <emphasis>go</emphasis>()</programlisting>";
    assert_eq!(
        text(body),
        "- one\n\nmore\n\n- two\n\nStart it\n\n1. Press.\n  1. Wait.\n\nOptions:\n\n- -v, --verbose: Says more.\n\nif a < 1:\n    go()"
    );
}

#[test]
fn notes_figures_and_tables_keep_their_place() {
    let body = r#"<warning><para>Hot.</para><para>Very.</para></warning><note><title>Mind</title><para>It.</para></note>
<formalpara><title>Run in</title><para>goes on.</para></formalpara>
<figure><title>A mill</title><mediaobject><imageobject/><textobject><phrase>x</phrase></textobject><caption><para>Seen.</para></caption></mediaobject></figure>
<table><title>Sizes</title><tgroup cols="2"><thead><row><entry>a</entry><entry>b</entry></row></thead><tbody><row><entry><para>1</para></entry><entry>2</entry></row></tbody></tgroup></table>
<para>And:</para><informaltable><tgroup cols="2"><tbody><row><entry>c</entry><entry>d</entry></row></tbody></tgroup></informaltable>
<para>Choose <menuchoice><guimenu>File</guimenu><guimenuitem>Save</guimenuitem></menuchoice> or <keycombo><keycap>Ctrl</keycap><keycap>S</keycap></keycombo>.</para>"#;
    let document = document(&format!("<section>{body}</section>"));
    assert_eq!(
        document.text,
        "Warning: Hot.\n\nVery.\n\nNote: Mind\n\nIt.\n\nRun in. goes on.\n\nA mill\n\nSeen.\n\nSizes\n\n\
         | a | b |\n| 1 | 2 |\n\nAnd:\n\n| c | d |\n\nChoose File > Save or Ctrl+S."
    );
    let rows = document.blocks.iter().filter(|block| block.kind == BlockKind::TableRow).count();
    assert_eq!(rows, 3);
}

#[test]
fn a_table_within_a_cell_is_words_of_that() {
    let inner = "<informaltable><tgroup cols=\"2\"><tbody><row><entry>x</entry><entry>y</entry></row></tbody></tgroup></informaltable>";
    for outer in ["table", "informaltable"] {
        let body = format!(
            "<{outer}><tgroup cols=\"2\"><tbody><row><entry>a {inner}</entry><entry>b</entry></row>\
             <row><entry>c</entry><entry>d</entry></row></tbody></tgroup></{outer}><para>After.</para>"
        );
        assert_eq!(text(&body), "| a x y | b |\n| c | d |\n\nAfter.", "{outer}");
    }
}

#[test]
fn sections_may_be_as_deep_as_a_file_has_them() {
    let head = "<info><title>Deep</title><abstract><para>All of it.</para></abstract></info><para>End.</para>";
    let source = format!("{}{head}{}", "<section>".repeat(300), "</section>".repeat(300));
    let document = document(&source);
    assert_eq!(document.text, "Deep\n\nAbstract\n\nAll of it.\n\nEnd.");
    assert!(document.headings.iter().all(|heading| heading.level == 6));
}

#[test]
fn a_page_of_a_manual_is_called_as_it_is_cited() {
    let source = "<refentry><refmeta><refentrytitle>ls</refentrytitle><manvolnum>1</manvolnum></refmeta>\
        <refnamediv><refname>ls</refname><refpurpose>list files</refpurpose></refnamediv>\
        <refsect1><title>Options</title><para>See <citerefentry><refentrytitle>dir</refentrytitle><manvolnum>1</manvolnum></citerefentry>.</para></refsect1></refentry>";
    let document = document(source);
    assert_eq!(document.text, "ls(1)\n\nls – list files\n\nOptions\n\nSee dir(1).");
    assert_eq!(document.title.as_deref(), Some("ls(1)"));
}

#[test]
fn works_and_terms_are_told_in_a_line() {
    let source = "<bibliography><title>Books</title><biblioentry><authorgroup><author><firstname>A</firstname><surname>Uhl</surname></author>\
        <author><firstname>B</firstname><surname>Ek</surname></author></authorgroup><title>Dams</title><pubdate>1999</pubdate></biblioentry>\
        <bibliomixed>Wolf: <title>Oak</title>, 2001.</bibliomixed></bibliography>";
    assert_eq!(document(source).text, "Books\n\n- A Uhl, B Ek. Dams. 1999\n- Wolf: Oak, 2001.");
    let source = "<glossary><glossentry><glossterm>Weir</glossterm><glossdef><para>A low dam.</para></glossdef></glossentry></glossary>";
    assert_eq!(document(source).text, "Weir: A low dam.");
}

#[test]
fn what_is_cut_short_is_read_with_a_note() {
    let document = document("<book><chapter><title>One</title><para>All of it");
    assert!(document.text.ends_with("All of it") && document.notes.len() == 1);
}
