//! Spans of text cut where columns part: the extractor joins what almost touches.

use pdf_oxide::layout::{TextChar, TextSpan};

use super::super::lines::{CELL_GAP, WORD_GAP};
use super::corridors::NARROW;

/// Glyphs whose base lines are this near, in ems, stand on one.
const LEVEL: f32 = 0.2;
/// How far, in ems, glyphs may stand out of their span.
const OUTSIDE: f32 = 0.5;
/// No glyph is wider than this, in ems: the extractor adds what lies between two cells to the
/// glyph before it. Such a one is about as wide as a digit.
const WIDTH_MAX: f32 = 1.2;
const DIGIT: f32 = 0.55;

/// A character, and from where to where it reaches, in points.
#[derive(Clone, Copy, Debug)]
struct Glyph {
    char: char,
    from: f32,
    to: f32,
}

impl Glyph {
    fn middle(&self) -> f32 {
        (self.from + self.to) / 2.0
    }
}

/// A cell of a grid by its row and column; none beside all.
pub(super) type Place = Option<(usize, usize)>;

/// A span's parts that gaps wider than spaces part, or that stand in different cells; `cell` says
/// where a point of its line is. Those that only a wide space parts from the one before, which may
/// be a stretched one, are marked as split. `drawn` are the characters of the page, for spans that
/// do not say where theirs are. None where the span is whole.
pub(super) fn cut(
    span: &TextSpan,
    drawn: &[TextChar],
    cell: &dyn Fn(f32) -> Place,
) -> Option<Vec<TextSpan>> {
    let exact = exact(span);
    let sure = exact.is_some();
    let found = exact.or_else(|| found(span, drawn));
    let placed = found.is_some();
    let glyphs = found.unwrap_or_else(|| even(span));
    let em = em(span);
    let mut starts = vec![(0, false)];
    let mut before: Option<(usize, &Glyph)> = None;
    for (at, glyph) in glyphs.iter().enumerate().filter(|(_, glyph)| !glyph.char.is_whitespace()) {
        if let Some((last, end)) = before.replace((at, glyph)) {
            let (gap, space) = (glyph.from - end.to, at > last + 1);
            let apart = space || placed && gap > WORD_GAP * em;
            let soft = sure && space && gap >= NARROW * em;
            let cells = apart && cell(end.middle()) != cell(glyph.middle());
            let hard = cells || sure && !space && gap >= CELL_GAP * em;
            if soft || hard {
                starts.push((at, !hard));
            }
        }
    }
    if starts.len() == 1 {
        return None;
    }
    let count = glyphs.len();
    let stops = starts.iter().skip(1).map(|(at, _)| *at).chain([count]);
    let bare = TextSpan {
        text: String::new(),
        char_widths: Vec::new(),
        char_x_offsets: Vec::new(),
        ..span.clone()
    };
    let part = |((start, soft), stop): (&(usize, bool), usize)| {
        let glyphs = glyphs.get(*start..stop)?;
        let shown = || glyphs.iter().filter(|glyph| !glyph.char.is_whitespace());
        let (from, to) = (shown().next()?.from, shown().next_back()?.to);
        let mut part = bare.clone();
        (part.bbox.x, part.bbox.width) = (from, (to - from).max(0.0));
        if sure {
            // White space at the span's end may be all that parts it from the next one.
            part.text = glyphs.iter().map(|glyph| glyph.char).collect();
            part.char_widths = span.char_widths.get(*start..stop)?.to_vec();
            part.char_x_offsets = span.char_x_offsets.get(*start..stop)?.to_vec();
        } else {
            part.text = spaced(glyphs, em).trim().to_owned();
            if stop < count {
                // A place that is not sure may leave no gap: the space stays, past the ink.
                let chars = part.text.chars().count().max(1) as f32;
                part.bbox.width *= (chars + 1.0) / chars;
                part.text.push(' ');
            }
        }
        part.split_boundary_before = *soft;
        Some(part)
    };
    Some(starts.iter().zip(stops).filter_map(part).collect())
}

/// The size of a span's type, in points, as its run has it.
pub(super) fn em(span: &TextSpan) -> f32 {
    span.font_size.abs().clamp(1.0, 400.0)
}

/// Whether a span holds more than one word or a glyph wider than any.
pub(super) fn may_have_gaps(span: &TextSpan) -> bool {
    let widest = span.char_widths.iter().copied().fold(0.0, f32::max);
    span.text.trim().contains(char::is_whitespace) || widest > WIDTH_MAX * em(span)
}

/// Whether a span reaches from one cell into another and does not say where.
pub(super) fn is_torn(span: &TextSpan, cell: &dyn Fn(f32) -> Place) -> bool {
    let inset = WORD_GAP * em(span);
    let (left, right) = (span.bbox.x + inset, span.bbox.x + span.bbox.width - inset);
    left < right && cell(left) != cell(right) && exact(span).is_none()
}

/// The text of glyphs, with spaces where they leave them.
fn spaced(glyphs: &[Glyph], em: f32) -> String {
    let mut text = String::with_capacity(glyphs.len());
    let mut end = f32::INFINITY;
    for glyph in glyphs {
        if glyph.from - end > WORD_GAP * em && !text.ends_with(' ') && glyph.char != ' ' {
            text.push(' ');
        }
        text.push(glyph.char);
        end = glyph.to;
    }
    text
}

/// The glyphs where the span says they are; none where it says none or what cannot be.
fn exact(span: &TextSpan) -> Option<Vec<Glyph>> {
    let count = span.text.chars().count();
    if count == 0 || span.char_x_offsets.len() != count || span.char_widths.len() != count {
        return None;
    }
    let em = em(span);
    let ends = span.char_x_offsets.iter().zip(&span.char_widths);
    let glyph = |(char, (from, width)): (char, (&f32, &f32))| {
        let width = if *width > WIDTH_MAX * em { DIGIT * em } else { *width };
        Glyph { char, from: *from, to: from + width }
    };
    let glyphs: Vec<Glyph> = span.text.chars().zip(ends).map(glyph).collect();
    let edge = OUTSIDE * em;
    let inside = |glyph: &Glyph| {
        glyph.from >= span.bbox.x - edge && glyph.to <= span.bbox.x + span.bbox.width + edge
    };
    let ordered = |pair: &[Glyph]| match pair {
        [a, b] => b.from >= a.from + (a.to - a.from) / 2.0 || a.char.is_whitespace(),
        _ => false,
    };
    let shown = glyphs.iter().filter(|glyph| !glyph.char.is_whitespace());
    (shown.clone().all(inside) && glyphs.windows(2).all(ordered)).then_some(glyphs)
}

/// The glyphs that the page has where the span is, when they are as many as it has, and the span's
/// own white space between them.
fn found(span: &TextSpan, drawn: &[TextChar]) -> Option<Vec<Glyph>> {
    let (left, right) = (span.bbox.x, span.bbox.x + span.bbox.width);
    let edge = OUTSIDE * em(span);
    let within = drawn.iter().filter(|glyph| {
        let middle = glyph.bbox.x + glyph.bbox.width / 2.0;
        (glyph.origin_y - span.bbox.y).abs() <= LEVEL * em(span)
            && (left - edge..=right + edge).contains(&middle)
            && !glyph.char.is_whitespace()
    });
    let mut glyphs: Vec<Glyph> = within
        .map(|glyph| Glyph {
            char: glyph.char,
            from: glyph.bbox.x,
            to: glyph.bbox.x + glyph.bbox.width,
        })
        .collect();
    glyphs.sort_by(|a, b| a.from.total_cmp(&b.from));
    let said = span.text.chars().filter(|c| !c.is_whitespace());
    if !glyphs.iter().map(|glyph| glyph.char).eq(said) {
        return None;
    }
    let (mut rest, mut end) = (glyphs.into_iter(), left);
    let mut placed = |char: char| {
        if char.is_whitespace() {
            return Some(Glyph { char: ' ', from: end, to: end });
        }
        let glyph = rest.next()?;
        end = glyph.to;
        Some(glyph)
    };
    span.text.chars().map(&mut placed).collect()
}

/// The glyphs where they are if the span's widths are right but for a factor.
fn even(span: &TextSpan) -> Vec<Glyph> {
    let count = span.text.chars().count();
    let said = span.char_widths.len() == count;
    let all: f32 = if said { span.char_widths.iter().sum() } else { count as f32 };
    let scale = if all > 0.0 { span.bbox.width / all } else { 0.0 };
    let mut at = span.bbox.x;
    let mut glyph = |(char, place): (char, usize)| {
        let from = at;
        at += scale * span.char_widths.get(place).copied().filter(|_| said).unwrap_or(1.0);
        Glyph { char, from, to: at }
    };
    span.text.chars().zip(0..).map(&mut glyph).collect()
}

#[cfg(test)]
mod tests {
    use pdf_oxide::geometry::Rect;

    use super::*;

    /// A span of ten-point type, five to a char, whose chars start at `offsets`.
    fn span(text: &str, offsets: &[f32]) -> TextSpan {
        let width = offsets[offsets.len() - 1] + 5.0 - offsets[0];
        TextSpan {
            text: text.to_owned(),
            bbox: Rect::new(offsets[0], 645.0, width, 10.0),
            font_size: 10.0,
            char_widths: vec![5.0; offsets.len()],
            char_x_offsets: offsets.to_vec(),
            ..TextSpan::default()
        }
    }

    /// The parts of a span where a rule stands at 150.
    fn parts(span: &TextSpan) -> Vec<(String, f32)> {
        let parts = cut(span, &[], &|x| Some((0, usize::from(x > 150.0)))).unwrap_or_default();
        parts.iter().map(|part| (part.text.clone(), part.bbox.x)).collect()
    }

    #[test]
    fn text_over_a_rule_is_cut_at_a_gap() {
        let glued = span("0248", &[143.0, 153.0, 158.0, 163.0]);
        assert_eq!(parts(&glued), [("0".to_owned(), 143.0), ("248".to_owned(), 153.0)]);
        let stretched = span("0248", &[130.0, 158.0, 163.0, 168.0]);
        let stretched = TextSpan { char_widths: vec![28.0, 5.0, 5.0, 5.0], ..stretched };
        assert_eq!(parts(&stretched).len(), 2);
        // A word that is too long for its cell, and two words in one.
        assert!(parts(&span("word", &[140.0, 145.0, 150.0, 155.0])).is_empty());
        assert!(parts(&span("a b", &[60.0, 65.0, 68.0])).is_empty());
        // Places that cannot be: the words are cut at the space by their widths.
        let wrong = span("ab cd", &[138.0, 143.0, 148.0, 210.0, 158.0]);
        assert_eq!(parts(&TextSpan { bbox: Rect::new(138.0, 0.0, 25.0, 10.0), ..wrong }).len(), 2);
    }

    #[test]
    fn gaps_wider_than_spaces_part_words_and_no_letters() {
        assert_eq!(parts(&span("a b", &[60.0, 65.0, 70.0])).len(), 2);
        assert!(parts(&span("ab", &[60.0, 70.0])).is_empty());
        // The extractor's places may leave no gap where its white space is.
        let last = parts(&span("a b ", &[60.0, 65.0, 70.0, 75.0]));
        assert_eq!(last.last().map(|(text, _)| text.as_str()), Some("b "));
        assert_eq!(parts(&span("12", &[60.0, 80.0])).len(), 2, "two cells");
    }
}
