//! Glyphs in rows, each with its marks.

use pdf_oxide::geometry::Rect;
use pdf_oxide::layout::TextChar;

use super::order::{Way, way};

/// Base lines nearer than this, in ems, are one row's.
const ROW: f32 = 0.35;
/// The same char drawn again within this, in ems, makes bold type.
const TWICE: f32 = 0.1;
/// A ligature is at most this wide, in ems.
const LIGATURE_MAX: f32 = 0.8;
const LAM: char = '\u{644}';
/// Draws a word out; it is no letter.
const TATWEEL: char = '\u{640}';

/// Letters as the fonts of old have them, by their place in the word: the first such char, how
/// many there are for one letter or two, and those.
const FORMS: [(u32, u32, &str); 51] = [
    (0xfb56, 4, "\u{67e}"),
    (0xfb7a, 4, "\u{686}"),
    (0xfb88, 2, "\u{688}"),
    (0xfb8a, 2, "\u{698}"),
    (0xfb8c, 2, "\u{691}"),
    (0xfb8e, 4, "\u{6a9}"),
    (0xfb92, 4, "\u{6af}"),
    (0xfba6, 4, "\u{6c1}"),
    (0xfbaa, 4, "\u{6be}"),
    (0xfbae, 2, "\u{6d2}"),
    (0xfbfc, 4, "\u{6cc}"),
    (0xfe80, 1, "\u{621}"),
    (0xfe81, 2, "\u{622}"),
    (0xfe83, 2, "\u{623}"),
    (0xfe85, 2, "\u{624}"),
    (0xfe87, 2, "\u{625}"),
    (0xfe89, 4, "\u{626}"),
    (0xfe8d, 2, "\u{627}"),
    (0xfe8f, 4, "\u{628}"),
    (0xfe93, 2, "\u{629}"),
    (0xfe95, 4, "\u{62a}"),
    (0xfe99, 4, "\u{62b}"),
    (0xfe9d, 4, "\u{62c}"),
    (0xfea1, 4, "\u{62d}"),
    (0xfea5, 4, "\u{62e}"),
    (0xfea9, 2, "\u{62f}"),
    (0xfeab, 2, "\u{630}"),
    (0xfead, 2, "\u{631}"),
    (0xfeaf, 2, "\u{632}"),
    (0xfeb1, 4, "\u{633}"),
    (0xfeb5, 4, "\u{634}"),
    (0xfeb9, 4, "\u{635}"),
    (0xfebd, 4, "\u{636}"),
    (0xfec1, 4, "\u{637}"),
    (0xfec5, 4, "\u{638}"),
    (0xfec9, 4, "\u{639}"),
    (0xfecd, 4, "\u{63a}"),
    (0xfed1, 4, "\u{641}"),
    (0xfed5, 4, "\u{642}"),
    (0xfed9, 4, "\u{643}"),
    (0xfedd, 4, "\u{644}"),
    (0xfee1, 4, "\u{645}"),
    (0xfee5, 4, "\u{646}"),
    (0xfee9, 4, "\u{647}"),
    (0xfeed, 2, "\u{648}"),
    (0xfeef, 2, "\u{649}"),
    (0xfef1, 4, "\u{64a}"),
    (0xfef5, 2, "\u{644}\u{622}"),
    (0xfef7, 2, "\u{644}\u{623}"),
    (0xfef9, 2, "\u{644}\u{625}"),
    (0xfefb, 2, "\u{644}\u{627}"),
];

/// A char and where it is drawn, in points.
#[derive(Clone, Debug)]
pub(super) struct Char {
    pub(super) char: char,
    pub(super) x0: f32,
    pub(super) x1: f32,
    pub(super) y: f32,
    pub(super) size: f32,
    pub(super) bold: bool,
    /// Whether it is neither turned nor leans.
    pub(super) level: bool,
}

impl Char {
    pub(super) fn of(char: &TextChar) -> Self {
        let name = char.font_name.to_ascii_lowercase();
        Self {
            char: char.char,
            x0: char.bbox.x,
            x1: char.bbox.x + char.bbox.width.max(0.0),
            y: char.origin_y,
            size: char.font_size.abs().clamp(1.0, 400.0),
            bold: char.font_weight.is_bold() || name.contains("bold"),
            level: char.rotation_degrees.abs() < 1.0,
        }
    }

    fn is_sound(&self) -> bool {
        [self.x0, self.x1, self.y, self.size].iter().all(|value| value.is_finite())
    }

    fn middle(&self) -> f32 {
        (self.x0 + self.x1) / 2.0
    }
}

/// A letter or ligature with its marks, a digit or a sign.
#[derive(Clone, Debug)]
pub(super) struct Glyph {
    pub(super) text: String,
    pub(super) way: Way,
    pub(super) x0: f32,
    pub(super) x1: f32,
    pub(super) y: f32,
    pub(super) size: f32,
    pub(super) bold: bool,
}

impl Glyph {
    fn of(char: &Char) -> Self {
        let text = plain(char.char);
        let way = text.chars().next().map_or(Way::Neutral, way);
        let Char { x0, x1, y, size, bold, .. } = *char;
        Self { text, way, x0, x1, y, size, bold }
    }

    pub(super) fn is_space(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// A space right before it.
    pub(super) fn space_before(&self) -> Self {
        Self { text: " ".to_owned(), way: Way::Neutral, x1: self.x0, ..self.clone() }
    }

    pub(super) fn lies_in(&self, place: &Rect) -> bool {
        let (x, y) = ((self.x0 + self.x1) / 2.0, self.y);
        let across = (place.x..=place.x + place.width).contains(&x);
        across && (place.y - 0.3 * self.size..=place.y + place.height).contains(&y)
    }
}

/// Level chars as rows of glyphs, top first and each from left to right.
pub(super) fn rows(chars: impl Iterator<Item = Char>) -> Vec<Vec<Glyph>> {
    let shown = |char: &Char| {
        let hidden = char.char.is_control() || crate::write::flow::is_invisible(char.char);
        char.level && char.is_sound() && char.char != TATWEEL && !(hidden || is_control(char.char))
    };
    let (marks, mut chars): (Vec<Char>, Vec<Char>) =
        chars.filter(shown).partition(|char| is_mark(char.char));
    chars.sort_by(|a, b| b.y.total_cmp(&a.y));
    let mut rows: Vec<Vec<Char>> = Vec::new();
    for char in chars {
        let in_row = |row: &&mut Vec<Char>| {
            row.first().is_some_and(|first| first.y - char.y <= ROW * first.size.min(char.size))
        };
        match rows.last_mut().filter(in_row) {
            Some(row) => row.push(char),
            None => rows.push(vec![char]),
        }
    }
    let mut rows: Vec<Vec<Glyph>> = rows.into_iter().map(glyphs).collect();
    marks.iter().for_each(|mark| attach(mark, &mut rows));
    rows
}

/// The glyphs of a row: what is drawn twice is one, and so are the letters of a ligature.
fn glyphs(mut row: Vec<Char>) -> Vec<Glyph> {
    row.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    row.dedup_by(|again, char| {
        again.char == char.char && again.x0 - char.x0 < TWICE * char.size && char.char != ' '
    });
    let mut glyphs = Vec::with_capacity(row.len());
    let mut rest = row.as_slice();
    while let Some((char, after)) = rest.split_first() {
        let mut glyph = Glyph::of(char);
        rest = after;
        if let Some((next, after)) = after.split_first().filter(|(next, _)| is_ligature(char, next))
        {
            glyph.text.push(next.char);
            glyph.x1 = next.x1;
            rest = after;
        }
        glyphs.push(glyph);
    }
    glyphs
}

/// Whether both are one glyph. The extractor gives the letters of a ligature in the order in which
/// they are read, each an equal part of its width; the same letters side by side, seen in this
/// order, are the article.
fn is_ligature(lam: &Char, alef: &Char) -> bool {
    let near = 0.004 * lam.size;
    let width = |char: &Char| char.x1 - char.x0;
    lam.char == LAM
        && matches!(alef.char, '\u{622}' | '\u{623}' | '\u{625}' | '\u{627}')
        && (width(lam) - width(alef)).abs() < near
        && (alef.x0 - lam.x1).abs() < near
        && alef.x1 - lam.x0 < LIGATURE_MAX * lam.size
}

/// Adds a mark to the glyph that it stands over or under.
fn attach(mark: &Char, rows: &mut [Vec<Glyph>]) {
    let middle = mark.middle();
    let near = rows.iter_mut().filter(|row| {
        row.first().is_some_and(|first| (first.y - mark.y).abs() < 0.9 * first.size.max(mark.size))
    });
    let distance = |glyph: &Glyph| {
        let across = ((glyph.x0 + glyph.x1) / 2.0 - middle).abs();
        across + (glyph.y - mark.y).abs()
    };
    let over = near.flatten().filter(|glyph| glyph.way == Way::Leftward);
    if let Some(glyph) = over.min_by(|a, b| distance(a).total_cmp(&distance(b)))
        && distance(glyph) < glyph.size
    {
        glyph.text.push(mark.char);
    }
}

/// The letters of a char that shows them in one of their forms.
fn plain(c: char) -> String {
    let code = u32::from(c);
    let form = FORMS.iter().find(|(first, count, _)| (*first..first + count).contains(&code));
    let letters = form.map(|(_, _, letters)| *letters);
    letters.map_or_else(|| super::super::lines::readable(&c.to_string()), str::to_owned)
}

/// Points and vowels of Hebrew and Arabic.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{591}'..='\u{5bd}'
            | '\u{5bf}'
            | '\u{5c1}'
            | '\u{5c2}'
            | '\u{5c4}'
            | '\u{5c5}'
            | '\u{5c7}'
            | '\u{610}'..='\u{61a}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{6d6}'..='\u{6dc}'
            | '\u{6df}'..='\u{6e4}'
            | '\u{6e7}'
            | '\u{6e8}'
            | '\u{6ea}'..='\u{6ed}'
    )
}

/// Characters that only steer which way text runs.
fn is_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn char(c: char, x0: f32, x1: f32, y: f32) -> Char {
        Char { char: c, x0, x1, y, size: 10.0, bold: false, level: true }
    }

    fn texts(chars: Vec<Char>) -> Vec<String> {
        let rows = rows(chars.into_iter());
        rows.into_iter().flatten().map(|glyph| glyph.text).collect()
    }

    #[test]
    fn the_letters_of_a_ligature_stay_together_and_those_of_the_article_do_not() {
        let lam_alef = "\u{644}\u{627}";
        let ligature = vec![char('\u{644}', 10.0, 13.0, 0.0), char('\u{627}', 13.0, 16.0, 0.0)];
        assert_eq!(texts(ligature), [lam_alef]);
        let article =
            vec![char('\u{644}', 10.0, 12.5, 0.0), char('\u{627}', 12.5, 15.0 - 0.3, 0.0)];
        assert_eq!(texts(article), ["\u{644}", "\u{627}"]);
        assert_eq!(texts(vec![char('\u{fefc}', 10.0, 16.0, 0.0)]), [lam_alef]);
        let forms = [char('\u{feb3}', 20.0, 26.0, 0.0), char('\u{fbfd}', 30.0, 36.0, 0.0)];
        assert_eq!(texts(forms.to_vec()), ["\u{633}", "\u{6cc}"]);
    }

    #[test]
    fn marks_go_to_their_letters_and_bold_glyphs_are_one() {
        let chars = vec![
            char('\u{5d0}', 10.0, 16.0, 100.0),
            char('\u{5b8}', 12.0, 13.0, 100.0),
            char('\u{5d1}', 16.0, 22.0, 100.0),
            char('\u{5d1}', 16.3, 22.3, 100.0),
            char('\u{640}', 22.0, 25.0, 100.0),
            char('\u{5d2}', 10.0, 16.0, 86.0),
        ];
        assert_eq!(texts(chars), ["\u{5d0}\u{5b8}", "\u{5d1}", "\u{5d2}"]);
        let turned = Char { level: false, ..char('x', 0.0, 5.0, 0.0) };
        assert_eq!(texts(vec![turned]), Vec::<String>::new());
    }
}
