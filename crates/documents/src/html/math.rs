//! Formulas of pages (MathML) as lines of signs, as those of office files: `a/b`, `x^2`.

use std::rc::Rc;

use markup5ever_rcdom::{Node, NodeData};

use super::{attribute, left_out, name_of, text_of};
use crate::write::Equation;

/// Elements nested deeper are read as their text alone.
const DEPTH_MAX: usize = 100;

/// What stands above a letter as a part of it, and the combining sign for that.
const ACCENTS: [(&str, &str); 10] = [
    ("¯", "\u{305}"),
    ("‾", "\u{305}"),
    ("_", "\u{305}"),
    ("^", "\u{302}"),
    ("ˆ", "\u{302}"),
    ("~", "\u{303}"),
    ("˜", "\u{303}"),
    ("→", "\u{20d7}"),
    ("˙", "\u{307}"),
    ("¨", "\u{308}"),
];

/// The formula in `node`, in a line.
pub(super) fn line(node: &Rc<Node>) -> String {
    let mut formula = Formula::default();
    formula.element("r", |formula| formula.children(node, 0));
    formula.line
}

/// Whether a page draws with `node` a formula that it also has as MathML.
pub(super) fn is_drawn(node: &Node) -> bool {
    let drawn = |mark: &str| mark == "katex-html" || mark.starts_with("mwe-math-fallback-image");
    matches!(name_of(node), "span" | "img") && left_out::marks(node).iter().any(|mark| drawn(mark))
}

/// Whether `node` hides a formula for readers that cannot show it.
pub(super) fn is_kept(node: &Node) -> bool {
    left_out::marks(node).iter().any(|mark| mark.starts_with("mwe-math-mathml"))
}

#[derive(Debug, Default)]
struct Formula {
    equation: Equation,
    line: String,
}

impl Formula {
    /// An element of the equation with what `inner` adds to it.
    fn element(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        self.equation.open(name, None);
        inner(self);
        if let Some(line) = self.equation.close() {
            self.line = line;
        }
    }

    fn property(&mut self, of: &str, name: &str, value: &str) {
        self.equation.open(of, None);
        self.equation.open(name, Some(value));
        self.equation.close();
        self.equation.close();
    }

    fn text(&mut self, text: &str) {
        self.element("t", |formula| formula.equation.text(text));
    }

    fn children(&mut self, node: &Rc<Node>, depth: usize) {
        for child in elements(node) {
            self.node(&child, depth + 1);
        }
    }

    /// The elements of `node` as parts called so, in their order.
    fn parts(&mut self, name: &str, node: &Rc<Node>, parts: &[&str], depth: usize) {
        self.element(name, |formula| {
            for (child, part) in elements(node).iter().zip(parts) {
                formula.element(part, |formula| formula.node(child, depth + 1));
            }
        });
    }

    fn node(&mut self, node: &Rc<Node>, depth: usize) {
        if depth > DEPTH_MAX {
            return self.text(text_of(node).trim());
        }
        match name_of(node) {
            "annotation" | "annotation-xml" | "mphantom" => {}
            "mi" | "mn" | "mo" | "ms" => self.word(text_of(node).trim()),
            "mtext" => self.text(&text_of(node)),
            "mspace" => self.text(" "),
            "msup" => self.parts("sSup", node, &["e", "sup"], depth),
            "msub" => self.parts("sSub", node, &["e", "sub"], depth),
            "msubsup" | "munderover" => {
                self.parts("sSubSup", node, &["e", "sub", "sup"], depth);
            }
            "mmultiscripts" => self.scripts(node, depth),
            "munder" => self.parts("limLow", node, &["e", "lim"], depth),
            "mover" => self.over(node, depth),
            "mfrac" => self.fraction(node, depth),
            "mroot" => self.parts("rad", node, &["e", "deg"], depth),
            "msqrt" => self.element("rad", |formula| {
                formula.element("e", |formula| formula.children(node, depth));
            }),
            "mtable" if is_lines(node) => self.table("eqArr", "e", "r", node, depth),
            "mtable" => self.table("m", "mr", "e", node, depth),
            "mfenced" => self.fenced(node, depth),
            _ => self.element("r", |formula| formula.children(node, depth)),
        }
    }

    /// A sign with what stands below and above its end, and in front of it.
    fn scripts(&mut self, node: &Rc<Node>, depth: usize) {
        let all = elements(node);
        let at = all.iter().position(|child| name_of(child) == "mprescripts");
        let (own, before) = all.split_at(at.unwrap_or(all.len()));
        let own = |formula: &mut Self| {
            formula.element("sSubSup", |formula| {
                let (base, scripts) = own.split_at(own.len().min(1));
                formula.element("e", |formula| {
                    base.iter().for_each(|child| formula.node(child, depth + 1));
                });
                formula.pairs(scripts, depth);
            });
        };
        match before.get(1..).filter(|before| !before.is_empty()) {
            None => own(self),
            Some(before) => self.element("sPre", |formula| {
                formula.pairs(before, depth);
                formula.element("e", own);
            }),
        }
    }

    /// Of scripts in turn those below and those above.
    fn pairs(&mut self, scripts: &[Rc<Node>], depth: usize) {
        for (name, from) in [("sub", 0), ("sup", 1)] {
            self.element(name, |formula| {
                let every = scripts.iter().skip(from).step_by(2);
                every.for_each(|child| formula.node(child, depth + 1));
            });
        }
    }

    fn fraction(&mut self, node: &Rc<Node>, depth: usize) {
        let bare = attribute(node, "linethickness").is_some_and(|width| width.starts_with('0'));
        self.element("f", |formula| {
            if bare {
                formula.property("fPr", "type", "noBar");
            }
            for (child, part) in elements(node).iter().zip(["num", "den"]) {
                formula.element(part, |formula| formula.node(child, depth + 1));
            }
        });
    }

    /// A letter, number or sign; a name of several letters stands apart from others.
    fn word(&mut self, text: &str) {
        if text.chars().count() < 2 || !text.chars().all(char::is_alphabetic) {
            return self.text(text);
        }
        self.element("limLow", |formula| formula.element("e", |formula| formula.text(text)));
    }

    fn over(&mut self, node: &Rc<Node>, depth: usize) {
        let inner = elements(node);
        let sign = inner.get(1).map(text_of).unwrap_or_default();
        let accent = ACCENTS.iter().find(|(above, _)| *above == sign.trim());
        let (Some((_, accent)), Some(base)) = (accent, inner.first()) else {
            return self.parts("limUpp", node, &["e", "lim"], depth);
        };
        self.element("acc", |formula| {
            formula.property("accPr", "chr", accent);
            formula.element("e", |formula| formula.node(base, depth + 1));
        });
    }

    fn table(&mut self, name: &str, row: &str, cell: &str, node: &Rc<Node>, depth: usize) {
        self.element(name, |formula| {
            for line in elements(node) {
                formula.element(row, |formula| {
                    for content in elements(&line) {
                        formula.element(cell, |formula| formula.children(&content, depth + 2));
                    }
                });
            }
        });
    }

    fn fenced(&mut self, node: &Rc<Node>, depth: usize) {
        self.element("d", |formula| {
            for (name, property, usual) in
                [("open", "begChr", "("), ("close", "endChr", ")"), ("separators", "sepChr", ",")]
            {
                let value = attribute(node, name).unwrap_or_else(|| usual.to_owned());
                formula.property("dPr", property, value.trim());
            }
            for child in elements(node) {
                formula.element("e", |formula| formula.node(&child, depth + 1));
            }
        });
    }
}

fn elements(node: &Node) -> Vec<Rc<Node>> {
    let children = node.children.borrow();
    children
        .iter()
        .filter(|child| matches!(child.data, NodeData::Element { .. }))
        .cloned()
        .collect()
}

/// Whether a table of a formula is its lines, which cells only align.
fn is_lines(table: &Node) -> bool {
    attribute(table, "columnalign").is_some_and(|align| align.contains("right left"))
}

#[cfg(test)]
mod tests {
    use crate::write::Builder;

    fn read(formula: &str) -> String {
        super::super::read(&format!("<p>Of <math>{formula}</math>.</p>"), Builder::default()).text
    }

    #[test]
    fn formulas_read_as_they_are_said() {
        for (formula, expected) in [
            (
                "<semantics><mrow><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></mrow>\
                 <annotation encoding='application/x-tex'>E=mc^{2}</annotation></semantics>",
                "E=mc^2",
            ),
            ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac>", "(a+b)/2"),
            ("<mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac>", "n¦k"),
            ("<mn>2</mn><mi>sin</mi><mo>&#8289;</mo><mi>x</mi>", "2 sin x"),
            ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", "√(x+1)"),
            (
                "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><msub><mi>x</mi><mi>i</mi></msub>",
                "∑_(i=1)^n x_i",
            ),
            ("<mover><mi>x</mi><mo>¯</mo></mover>", "x\u{305}"),
            ("<mmultiscripts><mi>a</mi><mn>1</mn><mn>2</mn></mmultiscripts>", "a_1^2"),
            (
                "<mmultiscripts><mi>C</mi><mprescripts/><mn>6</mn><mn>14</mn></mmultiscripts>",
                "(_6^14)C",
            ),
            ("<mfenced open='['><mi>a</mi><mi>b</mi></mfenced>", "[a,b)"),
            (
                "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr><mtr><mtd><mn>0</mn></mtd><mtd><mn>1</mn></mtd></mtr></mtable>",
                "1, 0; 0, 1",
            ),
            (
                "<mtable columnalign='right left'><mtr><mtd><mi>a</mi></mtd><mtd><mo>=</mo><mi>b</mi></mtd></mtr></mtable>",
                "a=b",
            ),
        ] {
            assert_eq!(read(formula), format!("Of {expected}."));
        }
        let deep = format!("{}<mi>x</mi>{}", "<mrow>".repeat(300), "</mrow>".repeat(300));
        assert_eq!(read(&deep), "Of x.");
    }

    #[test]
    fn a_formula_that_a_page_has_twice_is_read_once() {
        let power = "<math><msup><mi>x</mi><mn>2</mn></msup></math>";
        let page = format!(
            "<p>Here <span class=katex><span class=katex-mathml>{power}</span><span class=katex-html aria-hidden=true>x<sup>2</sup></span></span> \
             and <span class=mwe-math-mathml-inline style='display: none'>{power}</span><img class='mwe-math-fallback-image-inline' alt='{{\\displaystyle x^{{2}}}}'>.</p>"
        );
        assert_eq!(super::super::read(&page, Builder::default()).text, "Here x^2 and x^2.");
    }
}
