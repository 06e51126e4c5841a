//! The markers of list items, counted and written as browsers do: `type`, `start`, `reversed`,
//! `value` and the list style named at the element.

use markup5ever_rcdom::Node;

use super::{attribute, name_of, styled};
use crate::write::Numerals;

const BULLET: &str = "-";
const LATIN: &str = "abcdefghijklmnopqrstuvwxyz";
const GREEK: &str = "αβγδεζηθικλμνξοπρστυφχψω";

/// What stands before the items of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Bullet,
    Number(Numerals),
    Greek,
}

/// A list being read.
#[derive(Debug)]
pub(super) struct List {
    style: Style,
    /// The number of the next item.
    next: i64,
    step: i64,
}

impl List {
    /// The list that `node` is.
    pub(super) fn of(node: &Node) -> Self {
        let ordered = name_of(node) == "ol";
        let plain = if ordered { Style::Number(Numerals::Decimal) } else { Style::Bullet };
        let reversed = ordered && attribute(node, "reversed").is_some();
        let first =
            integer(node, "start").unwrap_or_else(|| if reversed { items(node) } else { 1 });
        Self {
            style: style(node).unwrap_or(plain),
            next: first,
            step: if reversed { -1 } else { 1 },
        }
    }

    /// The marker of `item`, the next one.
    pub(super) fn marker(&mut self, item: &Node) -> String {
        let number = integer(item, "value").unwrap_or(self.next);
        self.next = number.saturating_add(self.step);
        match style(item).unwrap_or(self.style) {
            Style::Bullet => BULLET.to_owned(),
            style => format!("{}.", written(number, style)),
        }
    }
}

/// The marker of an item outside any list.
pub(super) fn bullet() -> String {
    BULLET.to_owned()
}

/// How many items a list has of its own.
fn items(list: &Node) -> i64 {
    let children = list.children.borrow();
    let count = children.iter().filter(|child| name_of(child) == "li").count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn integer(node: &Node, name: &str) -> Option<i64> {
    attribute(node, name)?.trim().parse().ok()
}

/// The style that a list or an item asks for.
fn style(node: &Node) -> Option<Style> {
    let named = styled(node, "list-style-type").or_else(|| styled(node, "list-style"));
    let named = named.and_then(|value| value.split_whitespace().find_map(by_name));
    named.or_else(|| by_type(&attribute(node, "type")?))
}

/// A counter style of CSS.
fn by_name(name: &str) -> Option<Style> {
    Some(match name {
        "none" | "disc" | "circle" | "square" => Style::Bullet,
        "decimal" => Style::Number(Numerals::Decimal),
        "decimal-leading-zero" => Style::Number(Numerals::DecimalZero),
        "lower-roman" => Style::Number(Numerals::LowerRoman),
        "upper-roman" => Style::Number(Numerals::UpperRoman),
        "lower-alpha" | "lower-latin" => Style::Number(Numerals::LowerLetter),
        "upper-alpha" | "upper-latin" => Style::Number(Numerals::UpperLetter),
        "lower-greek" => Style::Greek,
        _ => return None,
    })
}

/// A type of HTML, where `a` and `A` differ.
fn by_type(name: &str) -> Option<Style> {
    Some(match name.trim() {
        "1" => Style::Number(Numerals::Decimal),
        "a" => Style::Number(Numerals::LowerLetter),
        "A" => Style::Number(Numerals::UpperLetter),
        "i" => Style::Number(Numerals::LowerRoman),
        "I" => Style::Number(Numerals::UpperRoman),
        "disc" | "circle" | "square" => Style::Bullet,
        _ => return None,
    })
}

/// The number in digits where the style has no numerals for it.
fn written(number: i64, style: Style) -> String {
    let Some(count) = u32::try_from(number).ok().filter(|&count| count > 0) else {
        return number.to_string();
    };
    match style {
        Style::Bullet => BULLET.to_owned(),
        Style::Greek => lettered(count, GREEK),
        // Unlike word processors, pages count on from z with aa, ab.
        Style::Number(Numerals::LowerLetter) => lettered(count, LATIN),
        Style::Number(Numerals::UpperLetter) => lettered(count, LATIN).to_ascii_uppercase(),
        Style::Number(numerals) => numerals.write(count),
    }
}

/// Numbers with `letters` as digits from 1.
fn lettered(number: u32, letters: &str) -> String {
    let letters: Vec<char> = letters.chars().collect();
    let mut left = number as usize;
    let mut digits: Vec<char> = Vec::new();
    while left > 0 {
        left -= 1;
        digits.extend(letters.get(left % letters.len()));
        left /= letters.len();
    }
    digits.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_browsers_do() {
        let latin = |number| written(number, Style::Number(Numerals::LowerLetter));
        assert_eq!([1, 26, 27, 28, 702, 703].map(latin), ["a", "z", "aa", "ab", "zz", "aaa"]);
        assert_eq!([0, -3].map(latin), ["0", "-3"]);
        assert_eq!(written(4, Style::Number(Numerals::UpperRoman)), "IV");
        assert_eq!([1, 24, 25].map(|number| written(number, Style::Greek)), ["α", "ω", "αα"]);
        assert_eq!(written(i64::MAX, Style::Greek), i64::MAX.to_string());
    }
}
