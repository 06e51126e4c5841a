//! The numbers that Word writes before headings and list items. They stand nowhere in a file's
//! text: they are counted, paragraph by paragraph, as `word/numbering.xml` defines them.

use std::collections::{HashMap, HashSet};

use crate::write::Numerals;
use crate::xml::{self, Attributes, Token};

/// Levels of a numbering.
const LEVELS: usize = 9;
/// Chars of a marker's pattern that are used.
const PATTERN_CHARS_MAX: usize = 100;
/// What stands before an item of a list without numbers.
pub(super) const BULLET: &str = "-";

/// One level of a numbering.
#[derive(Clone, Debug)]
struct Level {
    start: u32,
    shape: Shape,
    /// The marker, with `%2` where the number of the second level stands.
    text: String,
    /// All numbers in the marker are decimal.
    legal: bool,
    /// It starts again below items of this level, from 1, and above; 0: never.
    restart: Option<usize>,
    /// The paragraph style that is numbered by it.
    style: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Bullet,
    None,
    Number(Numerals),
}

/// A numbering that several lists may share.
#[derive(Debug, Default)]
struct Family {
    levels: HashMap<usize, Level>,
    /// The name under which others take their levels from it.
    name: Option<String>,
    /// The name of the one that it takes its levels from.
    taken: Option<String>,
}

/// What a paragraph's `numId` names.
#[derive(Debug, Default)]
struct List {
    family: u32,
    levels: HashMap<usize, Level>,
    starts: HashMap<usize, u32>,
}

/// All that `word/numbering.xml` defines.
#[derive(Debug, Default)]
struct Definitions {
    families: HashMap<u32, Family>,
    lists: HashMap<u32, List>,
}

impl Definitions {
    fn read(source: &str) -> Self {
        let (mut found, mut place) = (Self::default(), Place::default());
        xml::walk(source, |token| match token {
            Token::Open(name, attributes) => place.open(xml::local(name), attributes, &mut found),
            Token::Close(name) => place.close(xml::local(name), &mut found),
            Token::Text(_) => {}
        });
        found
    }

    /// The family whose levels a list has.
    fn family(&self, list: &List) -> u32 {
        let taken = self.families.get(&list.family).and_then(|family| family.taken.as_ref());
        let named = taken.and_then(|name| {
            let named = self.families.iter().filter(|(_, one)| one.name.as_ref() == Some(name));
            named.map(|(&id, _)| id).min()
        });
        named.unwrap_or(list.family)
    }

    fn level<'a>(&'a self, list: &'a List, at: usize) -> Option<&'a Level> {
        let own = list.levels.get(&at);
        own.or_else(|| self.families.get(&self.family(list))?.levels.get(&at))
    }
}

/// Where in `word/numbering.xml` the reader is.
#[derive(Debug, Default)]
struct Place {
    family: Option<u32>,
    list: Option<u32>,
    /// The level that a list has of its own, or starts otherwise.
    own: usize,
    level: Option<(usize, Level)>,
}

impl Place {
    fn open(&mut self, name: &str, attributes: &Attributes, found: &mut Definitions) {
        let number = |name: &str| attributes.find(name).and_then(|value| value.parse().ok());
        let value = attributes.find("w:val");
        let level_at = || number("w:ilvl").unwrap_or(0) as usize;
        if let Some((_, level)) = &mut self.level {
            return level.set(name, value);
        }
        match name {
            "abstractNum" => {
                self.family = number("w:abstractNumId");
                found.families.extend(self.family.map(|id| (id, Family::default())));
            }
            "num" => {
                self.list = number("w:numId");
                found.lists.extend(self.list.map(|id| (id, List::default())));
            }
            "lvlOverride" => self.own = level_at(),
            "lvl" => self.level = Some((level_at(), Level::new())),
            _ => {}
        }
        if let Some(family) = self.family.and_then(|id| found.families.get_mut(&id)) {
            match name {
                "styleLink" => family.name = value.map(str::to_owned),
                "numStyleLink" => family.taken = value.map(str::to_owned),
                _ => {}
            }
        }
        if let Some(list) = self.list.and_then(|id| found.lists.get_mut(&id)) {
            match name {
                "abstractNumId" => list.family = number("w:val").unwrap_or(0),
                "startOverride" => {
                    list.starts.extend(number("w:val").map(|start| (self.own, start)));
                }
                _ => {}
            }
        }
    }

    fn close(&mut self, name: &str, found: &mut Definitions) {
        match name {
            "lvl" => {
                let Some((at, level)) = self.level.take() else { return };
                if let Some(list) = self.list.and_then(|id| found.lists.get_mut(&id)) {
                    list.levels.insert(at, level);
                } else if let Some(family) = self.family.and_then(|id| found.families.get_mut(&id))
                {
                    family.levels.insert(at, level);
                }
            }
            "abstractNum" => self.family = None,
            "num" => self.list = None,
            _ => {}
        }
    }
}

impl Level {
    fn new() -> Self {
        let shape = Shape::Number(Numerals::Decimal);
        Self { start: 1, shape, text: String::new(), legal: false, restart: None, style: None }
    }

    fn set(&mut self, name: &str, value: Option<&str>) {
        let number = value.and_then(|value| value.parse().ok());
        match name {
            "start" => self.start = number.unwrap_or(1),
            "numFmt" => self.shape = shape(value.unwrap_or_default()),
            "lvlText" => self.text = value.unwrap_or_default().to_owned(),
            "isLgl" => self.legal = !matches!(value, Some("0" | "false" | "off")),
            "lvlRestart" => self.restart = number.map(|level| level as usize),
            "pStyle" => self.style = value.map(str::to_owned),
            _ => {}
        }
    }
}

fn shape(format: &str) -> Shape {
    Shape::Number(match format {
        "bullet" => return Shape::Bullet,
        "none" => return Shape::None,
        "decimalZero" => Numerals::DecimalZero,
        "lowerRoman" => Numerals::LowerRoman,
        "upperRoman" => Numerals::UpperRoman,
        "lowerLetter" => Numerals::LowerLetter,
        "upperLetter" => Numerals::UpperLetter,
        "ordinal" => Numerals::Ordinal,
        _ => Numerals::Decimal,
    })
}

/// Counts along the paragraphs of a document.
#[derive(Debug, Default)]
pub(super) struct Counter {
    definitions: Definitions,
    /// The last number of each level of a family; none where it is to start again.
    counts: HashMap<u32, [Option<u32>; LEVELS]>,
    /// Levels of lists that start otherwise and have started.
    begun: HashSet<(u32, usize)>,
}

impl Counter {
    /// By the definitions of this `word/numbering.xml`.
    pub(super) fn new(source: &str) -> Self {
        Self { definitions: Definitions::read(source), ..Self::default() }
    }

    /// The level of the list `id` that numbers paragraphs of a style.
    pub(super) fn level_of(&self, id: u32, style: &str) -> Option<usize> {
        let list = self.definitions.lists.get(&id)?;
        (0..LEVELS).find(|&at| {
            let level = self.definitions.level(list, at);
            level.is_some_and(|level| level.style.as_deref() == Some(style))
        })
    }

    /// The marker of the next paragraph at a level, from 0, of the list `id`: empty where the
    /// level shows none, nothing where there is no such list.
    pub(super) fn next(&mut self, id: u32, at: usize) -> Option<String> {
        let at = at.min(LEVELS - 1);
        let list = self.definitions.lists.get(&id)?;
        let level = self.definitions.level(list, at)?;
        let counts = self.counts.entry(self.definitions.family(list)).or_default();
        let again = list.starts.contains_key(&at) && self.begun.insert((id, at));
        let start = list.starts.get(&at).copied().unwrap_or(level.start);
        let before = counts.get(at).copied().flatten().filter(|_| !again);
        let number = before.map_or(start, |before| before.saturating_add(1));
        for (deeper, count) in counts.iter_mut().enumerate().skip(at) {
            if deeper == at {
                *count = Some(number);
                continue;
            }
            let restart = self.definitions.level(list, deeper).and_then(|level| level.restart);
            if restart.is_none_or(|restart| at < restart) {
                *count = None;
            }
        }
        let counts = *counts;
        Some(match level.shape {
            Shape::Bullet => BULLET.to_owned(),
            _ => self.written(list, level, &counts),
        })
    }

    fn written(&self, list: &List, level: &Level, counts: &[Option<u32>; LEVELS]) -> String {
        filled(&level.text, |place| {
            let Some(of) = self.definitions.level(list, place) else { return String::new() };
            let start = list.starts.get(&place).copied().unwrap_or(of.start);
            let number = counts.get(place).copied().flatten().unwrap_or(start);
            match of.shape {
                Shape::Number(_) if level.legal => number.to_string(),
                Shape::Number(numerals) => numerals.write(number),
                Shape::Bullet | Shape::None => String::new(),
            }
        })
    }
}

/// A marker's pattern with each `%1` to `%9` replaced by what `number` gives for its level,
/// from 0.
pub(super) fn filled(pattern: &str, number: impl Fn(usize) -> String) -> String {
    let (mut marker, mut chars) =
        (String::new(), pattern.chars().take(PATTERN_CHARS_MAX).peekable());
    while let Some(c) = chars.next() {
        let level = chars.peek().and_then(|next| next.to_digit(10)).filter(|&level| level > 0);
        match level.filter(|_| c == '%') {
            Some(level) => {
                chars.next();
                marker.push_str(&number(level as usize - 1));
            }
            None => marker.push(c),
        }
    }
    marker.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(at: usize, format: &str, text: &str, more: &str) -> String {
        format!(
            "<w:lvl w:ilvl='{at}'><w:start w:val='1'/><w:numFmt w:val='{format}'/>{more}<w:lvlText w:val='{text}'/></w:lvl>"
        )
    }

    fn counter(families: &str, lists: &str) -> Counter {
        Counter::new(&format!("<w:numbering xmlns:w='w'>{families}{lists}</w:numbering>"))
    }

    fn list(id: u32, family: u32, more: &str) -> String {
        format!("<w:num w:numId='{id}'><w:abstractNumId w:val='{family}'/>{more}</w:num>")
    }

    fn markers(counter: &mut Counter, paragraphs: &[(u32, usize)]) -> Vec<String> {
        let next = |&(id, at): &(u32, usize)| counter.next(id, at).unwrap_or("?".to_owned());
        paragraphs.iter().map(next).collect()
    }

    #[test]
    fn clauses_are_counted_through_all_levels() {
        let levels = level(0, "decimal", "%1.", "")
            + &level(1, "decimal", "%1.%2", "")
            + &level(2, "lowerLetter", "(%3)", "")
            + &level(3, "lowerRoman", "%4.", "");
        let family = format!("<w:abstractNum w:abstractNumId='7'>{levels}</w:abstractNum>");
        let mut counter = counter(&family, &list(1, 7, ""));
        let along =
            [(1, 0), (1, 1), (1, 1), (1, 2), (1, 2), (1, 3), (1, 1), (1, 2), (1, 0), (1, 1)];
        assert_eq!(
            markers(&mut counter, &along),
            ["1.", "1.1", "1.2", "(a)", "(b)", "i.", "1.3", "(a)", "2.", "2.1"]
        );
        assert_eq!(markers(&mut counter, &[(9, 0), (1, 8)]), ["?", "?"]);
    }

    #[test]
    fn lists_share_a_count_unless_they_start_otherwise() {
        let family = format!(
            "<w:abstractNum w:abstractNumId='0'>{}{}</w:abstractNum>",
            level(0, "upperRoman", "Article %1", ""),
            level(1, "decimal", "%1.%2", "<w:isLgl/>")
        );
        let start = "<w:lvlOverride w:ilvl='0'><w:startOverride w:val='4'/></w:lvlOverride>";
        let own =
            format!("<w:lvlOverride w:ilvl='0'>{}</w:lvlOverride>", level(0, "bullet", "o", ""));
        let lists = list(1, 0, "") + &list(2, 0, "") + &list(3, 0, start) + &list(4, 0, &own);
        let mut counter = counter(&family, &lists);
        assert_eq!(
            markers(&mut counter, &[(1, 0), (2, 0), (3, 0), (3, 1), (3, 0), (4, 0)]),
            ["Article I", "Article II", "Article IV", "4.1", "Article V", "-"]
        );
    }

    #[test]
    fn styles_name_levels_and_families_take_levels_from_others() {
        let families = format!(
            "<w:abstractNum w:abstractNumId='0'><w:styleLink w:val='S'/>{}{}</w:abstractNum>\
             <w:abstractNum w:abstractNumId='1'><w:numStyleLink w:val='S'/></w:abstractNum>",
            level(0, "decimal", "%1", "<w:pStyle w:val='H1'/>"),
            level(1, "none", "", "<w:pStyle w:val='H2'/><w:lvlRestart w:val='0'/>")
        );
        let mut counter = counter(&families, &(list(5, 1, "") + &list(6, 0, "")));
        assert_eq!((counter.level_of(5, "H2"), counter.level_of(5, "H3")), (Some(1), None));
        assert_eq!(markers(&mut counter, &[(5, 0), (6, 0), (5, 1)]), ["1", "2", ""]);
    }
}
