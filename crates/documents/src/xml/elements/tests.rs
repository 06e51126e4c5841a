//! XML of any vocabulary as an outline.

use super::*;

fn text(source: &str) -> String {
    read(source, Builder::default()).text
}

#[test]
fn elements_are_lines_below_those_around_them() {
    let source = "<?xml version='1.0'?><!-- On top --><book xmlns='u' xmlns:x='v'>\n <!-- all of it -->\n <x:c id='2' a='b c'><name>France</name><seat>\n Paris </seat><void/></x:c><d>1</d><e>2</e><c><p>It <b>is</b> so.</p></c>\n</book>";
    assert_eq!(
        text(source),
        "# On top\nbook\n  # all of it\n\n  x:c a=\"b c\" id=\"2\"\n    name: France\n    seat: Paris\n    void\n\n  d: 1\n  e: 2\n\n  c\n    p: It is so."
    );
    let commented = "<a>; <b>One <!-- two --> three<i/> four</b><c>five <!-- six --></c></a>";
    assert_eq!(text(commented), "a\n  b: One three four\n\n  c\n    # six\n    five\n  ;");
    let long = "word ".repeat(80);
    let source = format!(
        "<a><p>{long}</p><note>{long}</note><q>&lt;p&gt;One&lt;/p&gt;&lt;p&gt;Two&lt;/p&gt;</q></a>"
    );
    let document = read(&source, Builder::default());
    let long = long.trim();
    assert_eq!(document.text, format!("a\n\n{long}\n\nnote: {long}\n\n  q\n\nOne\n\nTwo"));
    let kinds: Vec<_> = document.blocks.iter().map(|block| block.kind).collect();
    use BlockKind::{Code, Paragraph};
    assert_eq!(kinds, [Code, Paragraph, Paragraph, Code, Paragraph, Paragraph]);
}

#[test]
fn the_outermost_element_says_what_it_is() {
    assert_eq!(root("<!DOCTYPE a [<!ENTITY b '<c>'>]>\n<?x <y>?><!-- <d> --><e:f g='h'>"), "e:f");
    assert_eq!((root("<a/>"), root("none"), root("<!-- ")), ("a", "", ""));
    assert_eq!(text("<html><body><p>One<p>Two</body></html>"), "One\n\nTwo");
    let broken = "<a>\n  <b>\n</a>";
    assert_eq!(text(broken), broken);
    let article = "<article><front><article-meta><title-group><article-title>T</article-title></title-group></article-meta></front></article>";
    assert_eq!(text(article), "T");
    let patent = "<us-patent-grant><abstract><p>x</p></abstract></us-patent-grant>";
    assert_eq!(text(patent), "Abstract\n\nx");
    let book = "<book xmlns='http://docbook.org/ns/docbook'><title>T</title><para>x</para></book>";
    assert_eq!(text(book), "T\n\nx");
    assert_eq!(text("<TEI><text><body><p>x</p></body></text></TEI>"), "x");
}

#[test]
fn scripts_keep_their_lines() {
    // As build servers keep them: quotes and line ends are entities.
    let jobs = "<project><builders><hudson.tasks.Shell><command>npm ci&#xd;\nnpm test</command></hudson.tasks.Shell></builders>\n\
        <script>node {\n  if (a &lt; 1) {\n    sh &apos;make&apos;\n\n  }\n}</script><note>One\n  two</note></project>";
    assert_eq!(
        text(jobs),
        "project\n\n  builders\n    hudson.tasks.Shell\n      command:\n        npm ci\n        npm test\n\n  \
         script:\n    node {\n      if (a < 1) {\n        sh 'make'\n\n      }\n    }\n\n  note: One two"
    );
    let query = "<mapper namespace='m'>\n  <select id='a'>\n    <![CDATA[\n    SELECT id\n      FROM t\n    ]]>\n  </select>\n</mapper>";
    assert_eq!(
        text(query),
        "mapper namespace=\"m\"\n\n  select id=\"a\":\n    SELECT id\n      FROM t"
    );
    let kinds: Vec<_> =
        read(query, Builder::default()).blocks.iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [BlockKind::Code, BlockKind::Code]);
}

#[test]
fn scripts_with_elements_keep_them() {
    let source = "<mapper>\n  <select id='a'>\n    select * from t\n    <where>\n      <if test='b != null'>and b &lt; #{b}</if>\n    </where>\n  </select>\n  \
        <sql id='c'>\n    id,\n    <include refid='d'/>\n  </sql>\n</mapper>";
    assert_eq!(
        text(source),
        "mapper\n\n  select id=\"a\":\n    select * from t\n    <where>\n      <if test='b != null'>and b &lt; #{b}</if>\n    </where>\n\n  \
         sql id=\"c\":\n    id,\n    <include refid='d'/>"
    );
    // In listings elements mark words.
    let listing =
        "<book><programlisting>a &lt;b&gt;\n  <co id='x'/>c <i>d</i>\n</programlisting></book>";
    assert_eq!(text(listing), "book\n\n  programlisting:\n    a <b>\n      c d");
    let prose =
        "<book><para>Select the <b>file</b>\n  and press the\n  <i>button</i>.</para></book>";
    assert_eq!(text(prose), "book\n  para: Select the file and press the button.");
}

#[test]
fn white_space_that_the_file_keeps_is_kept() {
    let source = "<root>\n  <data name='x' xml:space='preserve'>\n    <value>One.\nTwo.</value>\n    <comment xml:space='default'>Three.\nFour.</comment>\n  </data>\n  \
        <value>Five.\nSix.</value>\n</root>";
    assert_eq!(
        text(source),
        "root\n\n  data name=\"x\" xml:space=\"preserve\"\n    value:\n      One.\n      Two.\n    \
         comment xml:space=\"default\": Three. Four.\n\n  value: Five. Six."
    );
}

#[test]
fn markup_as_text_is_a_page_only_where_it_is_one() {
    let page = "<a><b><![CDATA[<p>One</p>\n<p>Two</p>]]></b></a>";
    assert_eq!(text(page), "a\n  b\n\nOne\n\nTwo");
    let markup = "<a><b><![CDATA[<job>\n  <step>One</step>\n</job>]]></b></a>";
    assert_eq!(text(markup), "a\n\n  b:\n    <job>\n      <step>One</step>\n    </job>");
    // In one line too, and where names are also those of HTML.
    let line = "<a><b><![CDATA[<job><step>One</step></job>]]></b></a>";
    assert_eq!(text(line), "a\n  b: <job><step>One</step></job>");
    let summary =
        "<a><b><![CDATA[<summary>\n  <title>One</title>\n  <time>2</time>\n</summary>]]></b></a>";
    assert_eq!(
        text(summary),
        "a\n\n  b:\n    <summary>\n      <title>One</title>\n      <time>2</time>\n    </summary>"
    );
    let part = "<a><b><![CDATA[<section><p>One</p><p>Two</p></section>]]></b></a>";
    assert_eq!(text(part), "a\n  b\n\nOne\n\nTwo");
    let comment = "<a><!--\n  <b>\n    <c>1</c>\n  </b>\n--><d>2</d><!-- <p>x</p> --></a>";
    assert_eq!(text(comment), "a\n  # <b>\n  #   <c>1</c>\n  # </b>\n  d: 2\n  # <p>x</p>");
}
