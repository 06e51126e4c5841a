//! Equations as lines of text, near to UnicodeMath: `a/b`, `x^2`, `√(x+1)`, `∑_(n=1)^∞ a_n`.
//! Without brackets and signs of its own, a fraction reads as a product. They come as the elements
//! of office files (OMML), into which readers of other formulas put theirs.

use std::collections::HashMap;

/// Elements nested deeper are read as their text alone.
const DEPTH_MAX: usize = 100;
/// Longest value of a property: a sign, or a word such as `noBar`.
const VALUE_CHARS_MAX: usize = 8;
/// Elements that end where the next one begins: `x^2 y`, not `x^2y`.
const BUILT: [&str; 9] =
    ["f", "sSup", "sSub", "sSubSup", "sPre", "func", "limLow", "limUpp", "nary"];
/// Of these, the ones that also begin where the one before ends: `2 1/3`, `n sin x`.
const APART: [&str; 4] = ["f", "func", "limLow", "limUpp"];

/// An equation in the making, element by element.
#[derive(Debug, Default)]
pub(crate) struct Equation {
    open: Vec<Part>,
    /// Elements that are too deep to be told apart.
    deeper: usize,
}

/// An element that is open.
#[derive(Debug)]
struct Part {
    name: String,
    text: String,
    /// The elements in it that are closed: their names and texts.
    inner: Vec<(String, String)>,
    properties: HashMap<String, String>,
}

impl Equation {
    /// An element starts, called so without its prefix, with the value of its `m:val`.
    pub(crate) fn open(&mut self, name: &str, value: Option<&str>) {
        if self.open.len() >= DEPTH_MAX {
            self.deeper += 1;
            return;
        }
        if let [.., owner, properties] = self.open.as_mut_slice()
            && properties.name.ends_with("Pr")
        {
            // Signs stand between all parts: long ones would be written over and over.
            let value = value.unwrap_or_default().chars().take(VALUE_CHARS_MAX).collect();
            owner.properties.insert(name.to_owned(), value);
        }
        let (text, inner, properties) = Default::default();
        self.open.push(Part { name: name.to_owned(), text, inner, properties });
    }

    pub(crate) fn text(&mut self, text: &str) {
        let deep = self.deeper > 0 && !text.trim().is_empty();
        if let Some(part) = self.open.last_mut().filter(|part| deep || part.name == "t") {
            part.text.extend(text.chars().filter_map(plain));
        }
    }

    /// An element ends. The equation's text when it was the outermost; several equations in one
    /// are lines.
    pub(crate) fn close(&mut self) -> Option<String> {
        if self.deeper > 0 {
            self.deeper -= 1;
            return None;
        }
        let part = self.open.pop()?;
        let written = part.written();
        match self.open.last_mut() {
            Some(around) => around.inner.push((part.name, written)),
            None => return Some(written),
        }
        None
    }
}

impl Part {
    fn written(&self) -> String {
        match self.name.as_str() {
            "t" => self.text.clone(),
            // What was taken away, and what only says how it looks.
            "del" | "moveFrom" => String::new(),
            name if name.ends_with("Pr") => String::new(),
            "phant" if matches!(self.property("show"), Some("0" | "off" | "false")) => {
                String::new()
            }
            "oMathPara" => self.equations(),
            "f" => {
                let bar = if self.property("type") == Some("noBar") { '¦' } else { '/' };
                format!("{}{bar}{}", bracketed(self.part("num")), bracketed(self.part("den")))
            }
            "sSup" | "sSub" | "sSubSup" => {
                script(self.part("e"), self.part("sub"), self.part("sup"))
            }
            "sPre" => {
                let before = script("", self.part("sub"), self.part("sup"));
                format!("({before}){}", self.part("e"))
            }
            "limLow" => script(self.part("e"), self.part("lim"), ""),
            "limUpp" => script(self.part("e"), "", self.part("lim")),
            "rad" => self.root(),
            "nary" => self.operator(),
            "func" => self.function(),
            "d" => {
                let sign = |name: &str, usual| self.property(name).unwrap_or(usual);
                let inner = self.each("e", sign("sepChr", "|"));
                format!("{}{inner}{}", sign("begChr", "("), sign("endChr", ")"))
            }
            "acc" => accented(self.part("e"), self.property("chr").unwrap_or("\u{302}")),
            "bar" if self.property("pos") == Some("top") => accented(self.part("e"), "\u{305}"),
            "mr" => self.each("e", ", "),
            "m" => self.each("mr", "; "),
            // The signs at which lines are aligned and numbered.
            "eqArr" => self.each("e", "; ").replace('&', "").replace('#', " "),
            _ => self.joined(),
        }
    }

    fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// The text of the element `name` in this one.
    fn part(&self, name: &str) -> &str {
        let found = self.inner.iter().find(|(inner, _)| inner == name);
        found.map_or("", |(_, text)| text.trim())
    }

    /// The texts of the elements `name` in this one.
    fn each(&self, name: &str, joint: &str) -> String {
        let texts = self.inner.iter().filter(|(inner, _)| inner == name);
        texts.map(|(_, text)| text.trim()).collect::<Vec<_>>().join(joint)
    }

    /// The equations in this element, a line each; one of a slide may have more such elements.
    fn equations(&self) -> String {
        let is_one = |name: &str| matches!(name, "oMath" | "oMathPara");
        let texts = self.inner.iter().filter(|(name, _)| is_one(name));
        texts.map(|(_, text)| text.trim()).collect::<Vec<_>>().join("\n")
    }

    /// All that is in it, one after the other.
    fn joined(&self) -> String {
        let (mut line, mut built) = (self.text.clone(), false);
        for (name, text) in self.inner.iter().filter(|(_, text)| !text.is_empty()) {
            let run_on =
                line.ends_with(char::is_alphanumeric) && text.starts_with(char::is_alphanumeric);
            if run_on && (built || APART.contains(&name.as_str())) {
                line.push(' ');
            }
            line.push_str(text);
            built = BUILT.contains(&name.as_str());
        }
        line
    }

    fn root(&self) -> String {
        let (degree, inner) = (self.part("deg"), self.part("e"));
        let hidden = matches!(self.property("degHide"), Some("" | "1" | "on" | "true"));
        let degree =
            if hidden || degree.is_empty() { String::new() } else { format!("[{degree}]") };
        let short = inner.chars().count() == 1 || inner.chars().all(|c| c.is_ascii_digit());
        if short || is_bracketed(inner) {
            format!("√{degree}{inner}")
        } else {
            format!("√{degree}({inner})")
        }
    }

    /// A sum, a product, an integral.
    fn operator(&self) -> String {
        let sign = self.property("chr").unwrap_or("∫");
        let sign = script(sign, self.part("sub"), self.part("sup"));
        let inner = self.part("e");
        if sign.chars().count() > 1 { format!("{sign} {inner}") } else { format!("{sign}{inner}") }
    }

    fn function(&self) -> String {
        let (name, of) = (self.part("fName"), self.part("e"));
        if name.contains(['_', '^']) || of.chars().count() == 1 || of.chars().all(char::is_numeric)
        {
            format!("{name} {of}")
        } else if is_bracketed(of) {
            format!("{name}{of}")
        } else {
            format!("{name}({of})")
        }
    }
}

/// A text with what stands below and above its end.
fn script(base: &str, below: &str, above: &str) -> String {
    let mut line = bracketed(base);
    for (mark, text) in [('_', below), ('^', above)] {
        match text {
            "" => {}
            "∘" | "°" => line.push('°'),
            primes if primes.chars().all(|c| matches!(c, '′' | '″' | '‴' | '\'')) => {
                line.push_str(primes);
            }
            text => {
                line.push(mark);
                line.push_str(&bracketed(text));
            }
        }
    }
    line
}

fn accented(text: &str, accent: &str) -> String {
    format!("{}{accent}", bracketed(text))
}

/// The text, in brackets where it is more than one number, word or sign.
fn bracketed(text: &str) -> String {
    let one = text.chars().count() <= 1
        || text.chars().all(char::is_alphabetic)
        || text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
        || is_bracketed(text);
    if one { text.to_owned() } else { format!("({text})") }
}

/// Whether brackets stand around the whole of a text.
fn is_bracketed(text: &str) -> bool {
    let (mut depth, last) = (0_usize, text.chars().count().saturating_sub(1));
    if !text.starts_with(['(', '[', '{', '|']) {
        return false;
    }
    if text.starts_with('|') {
        return last > 0 && text.ends_with('|') && text.matches('|').count() == 2;
    }
    for (at, c) in text.chars().enumerate() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at == last;
        }
    }
    false
}

/// A letter of mathematics as that of any text, so that it is found; nothing for signs that are
/// not seen.
fn plain(c: char) -> Option<char> {
    const LATIN: u32 = 26;
    const GREEK: [char; 7] = ['∂', 'ϵ', 'ϑ', 'ϰ', 'ϕ', 'ϱ', 'ϖ'];
    let at = u32::from(c);
    let letter = |first: char, place: u32| char::from_u32(u32::from(first) + place);
    match at {
        0x200b | 0x2061..=0x2064 => None,
        0x210e => Some('h'),
        0x1d400..=0x1d6a3 => match (at - 0x1d400) % (2 * LATIN) {
            place if place < LATIN => letter('A', place),
            place => letter('a', place - LATIN),
        },
        0x1d6a8..=0x1d7c9 => match (at - 0x1d6a8) % 58 {
            17 => Some('Θ'),
            place @ 0..=24 => letter('\u{391}', place),
            25 => Some('∇'),
            place @ 26..=50 => letter('\u{3b1}', place - 26),
            place => GREEK.get(place as usize - 51).copied(),
        },
        0x1d7ce..=0x1d7ff => letter('0', (at - 0x1d7ce) % 10),
        _ => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{self, Token};

    /// The text of an equation; elements are written without prefixes.
    fn line(inner: &str) -> String {
        let (mut equation, mut line) = (Equation::default(), None);
        let source = format!("<oMath>{inner}</oMath>");
        assert!(xml::walk(&source, |token| match token {
            Token::Open(name, attributes) => equation.open(name, attributes.find("val")),
            Token::Text(text) => equation.text(text),
            Token::Close(_) => line = equation.close(),
        }));
        line.unwrap()
    }

    fn run(text: &str) -> String {
        format!("<r><rPr><sty val='p'/></rPr><t>{text}</t></r>")
    }

    fn part(name: &str, inner: &str) -> String {
        format!("<{name}>{inner}</{name}>")
    }

    fn raised(base: &str, exponent: &str) -> String {
        part("sSup", &(part("e", base) + &part("sup", exponent)))
    }

    fn fraction(above: &str, below: &str) -> String {
        part("f", &(part("num", above) + &part("den", below)))
    }

    fn brackets(inner: &str) -> String {
        part("d", &part("e", inner))
    }

    #[test]
    fn fractions_and_scripts_have_their_signs() {
        assert_eq!(line(&(run("A=π") + &raised(&run("r"), &run("2")))), "A=πr^2");
        let whole = raised(&brackets(&(run("x+") + &run("a"))), &run("n-1"));
        assert_eq!(line(&(whole + &run("y"))), "(x+a)^(n-1)y");
        let divided = fraction(&brackets(&run("x-c")), &run("v"));
        assert_eq!(line(&raised(&divided, &run("2"))), "((x-c)/v)^2");
        assert_eq!(line(&(run("2") + &fraction(&run("1"), &run("2a")))), "2 1/(2a)");
        let below = part(
            "sSubSup",
            &(part("e", &run("N")) + &part("sub", &run("s")) + &part("sup", &run("H"))),
        );
        assert_eq!(line(&below), "N_s^H");
        assert_eq!(line(&raised(&run("45"), &run("∘"))), "45°");
    }

    #[test]
    fn operators_functions_roots_and_matrices_are_told_apart() {
        let limits = part("sub", &run("n=1")) + &part("sup", &run("∞"));
        let sum =
            format!("<nary><naryPr><chr val='∑'/></naryPr>{limits}{}</nary>", part("e", &run("n")));
        assert_eq!(line(&sum), "∑_(n=1)^∞ n");
        assert_eq!(line(&part("nary", &part("e", &run("xdx")))), "∫xdx");
        let of = |name: &str, of: &str| part("func", &(part("fName", name) + &part("e", of)));
        assert_eq!(line(&(run("y=") + &of(&run("log"), &brackets(&run("x"))))), "y=log(x)");
        assert_eq!(line(&of(&run("sin\u{2061}"), &run("θ"))), "sin θ");
        let limit = part("limLow", &(part("e", &run("lim")) + &part("lim", &run("n→∞"))));
        assert_eq!(line(&of(&limit, &run("1+n"))), "lim_(n→∞) 1+n");
        let root =
            format!("<rad><radPr><degHide val='1'/></radPr><deg/>{}</rad>", part("e", &run("b-4")));
        assert_eq!(line(&root), "√(b-4)");
        let cubic = part("rad", &(part("deg", &run("3")) + &part("e", &run("x"))));
        assert_eq!(line(&cubic), "√[3]x");
        let row = |a: &str, b: &str| part("mr", &(part("e", &run(a)) + &part("e", &run(b))));
        assert_eq!(line(&brackets(&part("m", &(row("1", "0") + &row("0", "1"))))), "(1, 0; 0, 1)");
        let cases = part("eqArr", &(part("e", &run("a,&amp;x&gt;0")) + &part("e", &run("b"))));
        let cases =
            format!("<d><dPr><begChr val='{{'/><endChr val=''/></dPr>{}</d>", part("e", &cases));
        assert_eq!(line(&cases), "{a,x>0; b");
    }

    #[test]
    fn letters_are_those_of_text_and_depth_is_bounded() {
        assert_eq!(line(&run("𝑥𝐀𝛼𝚯𝟗\u{210e}")), "xAαΘ9h");
        let deep = "<box>".repeat(5_000) + "<t>x</t>" + &"</box>".repeat(5_000);
        assert_eq!(line(&deep), "x");
        let lost = part("del", &run("gone")) + &run("kept");
        assert_eq!(line(&lost), "kept");
    }
}
