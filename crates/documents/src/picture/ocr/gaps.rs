//! The gaps in a line of text, seen by its ink: where it begins and ends, spaces that recognition
//! leaves out, and wide gaps that part columns or cells.

use image::RgbImage;

/// The size of type, as a share of the height of a line's region.
const TYPE_SHARE: f32 = 0.68;
/// A gap of this many ems parts a line: it may be one between columns.
const PART_GAP: f32 = 0.55;
/// The same between signs that stand an em apart from middle to middle and know no spaces.
const PART_GAP_WIDE: f32 = 1.6;
/// In a line spread to the margins, it is so many times as wide as the others.
const PART_SHARE: f32 = 1.6;
/// A sign reaches at most this many ems from its middle.
const REACH: f32 = 0.8;
/// A gap of this many ems is a space in a line that shows no others to compare with.
const SPACE_GAP: f32 = 0.5;
/// Less than so many ems is no gap that a space would have.
const NARROW_GAP: f32 = 0.12;
/// The least gap that is a space, in ems; between digits, which may be narrow in a wide place.
const SPACE_GAP_MIN: f32 = 0.2;
const DIGIT_GAP_MIN: f32 = 0.45;
/// A gap is a space when it has this share of the width of the line's other spaces,
const SPACE_SHARE: f32 = 0.85;
/// of all of it between letters, and more between capitals, which may stand apart,
const LETTER_SHARE: f32 = 1.0;
const CAPITAL_SHARE: f32 = 1.2;
/// and is so many times as wide as the gaps within its words.
const LETTERS_SHARE: f32 = 2.5;
/// Letters that seem at most so many ems apart may be joined by a thin stroke (the foot of an `L`),
/// which is in more than half of the columns, in at most so many rows: one of this many.
const JOINED_MAX: f32 = 0.9;
const THIN_PART: usize = 6;
/// Ink and paper differ at least by this much, of 255.
const CONTRAST_MIN: f32 = 24.0;
/// A stroke of so many pixels between gaps of so many ems is a rule or a speck.
const SPECK: usize = 4;
const BESIDE_SPECK: f32 = 0.25;

/// A character that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign<'m> {
    pub(super) text: &'m str,
    /// About where its middle is, in pixels from the left.
    pub(super) at: f32,
}

impl Sign<'_> {
    fn char(&self) -> Option<char> {
        self.text.chars().next()
    }

    fn is_space(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// A stretch of a line that no wide gap parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) text: String,
    /// Where it begins and ends, as shares of the line's length.
    pub(super) from: f32,
    pub(super) to: f32,
}

/// The parts of `line`, a picture of one line, in which `signs` were read.
pub(super) fn parts(line: &RgbImage, signs: &[Sign<'_>]) -> Vec<Part> {
    let em = line.height() as f32 * TYPE_SHARE;
    let places = places(signs, (&empty(line), &thin(line)), line.width() as f32, em);
    let typical = Typical::of(&places, em);
    let mut parts: Vec<Part> = Vec::new();
    let mut from = places.first().map_or(0.0, |place| place.gap.1);
    for (at, place) in places.iter().enumerate() {
        let Some(sign) = place.sign else { continue };
        let before = at.checked_sub(1).and_then(|before| places.get(before)?.sign);
        let ends = |at: Option<usize>| {
            let place = at.and_then(|at| places.get(at));
            at == Some(0) || place.is_none_or(|place| place.spaced || place.sign.is_none())
        };
        let single = ends(at.checked_sub(1)) || ends(Some(at + 1));
        let gap = Between { before, after: sign, width: place.width(), single, em };
        match parts.last_mut() {
            Some(part) if !gap.parts(&typical) => {
                if place.spaced || gap.is_space(&typical) {
                    part.text.push(' ');
                }
                part.text.push_str(sign.text);
            }
            last => {
                if let Some(part) = last {
                    part.to = place.gap.0;
                    from = place.gap.1;
                }
                parts.push(Part { text: sign.text.to_owned(), from, to: 0.0 });
            }
        }
    }
    if let (Some(part), Some(end)) = (parts.last_mut(), places.last()) {
        part.to = end.gap.0;
    }
    let length = line.width().max(1) as f32;
    for part in &mut parts {
        (part.from, part.to) = (part.from / length, part.to / length);
    }
    parts
}

/// A place before a sign, or the one after the last.
#[derive(Clone, Copy, Debug)]
struct Placed<'m> {
    sign: Option<Sign<'m>>,
    /// From where to where there is no ink before it, in pixels.
    gap: (f32, f32),
    /// Whether a space was read there.
    spaced: bool,
}

impl Placed<'_> {
    fn width(&self) -> f32 {
        self.gap.1 - self.gap.0
    }
}

/// The signs but spaces, with the gaps before them and the one after all: `empty` stretches that
/// are not joined by `thin` strokes.
fn places<'m>(
    signs: &[Sign<'m>],
    (empty, thin): (&[(usize, usize)], &[bool]),
    width: f32,
    em: f32,
) -> Vec<Placed<'m>> {
    let mut places: Vec<Placed<'m>> = Vec::new();
    let mut spaced = false;
    for sign in signs {
        if sign.is_space() {
            spaced = !places.is_empty();
            continue;
        }
        let middle = places.last().and_then(|last| last.sign).map_or(0.0, |last| last.at);
        let middle = (middle + sign.at) / 2.0;
        places.push(Placed { sign: Some(*sign), gap: (middle, middle), spaced });
        spaced = false;
    }
    let (Some(first), Some(last)) =
        (places.first().and_then(|place| place.sign), places.last().and_then(|place| place.sign))
    else {
        return Vec::new();
    };
    places.push(Placed { sign: None, gap: (width, width), spaced: false });
    let mut found: Vec<Vec<(usize, usize)>> = vec![Vec::new(); places.len()];
    for &(from, to) in empty {
        let middle = (from + to) as f32 / 2.0;
        let at = places.partition_point(|place| place.sign.is_some_and(|sign| sign.at < middle));
        if let Some(found) = found.get_mut(at) {
            let wide = |(from, to): (usize, usize)| (to - from) as f32 >= BESIDE_SPECK * em;
            match found.last_mut() {
                Some(last) if from - last.1 <= SPECK && wide(*last) && wide((from, to)) => {
                    last.1 = to;
                }
                _ => found.push((from, to)),
            }
        }
    }
    let is_letter = |sign: Option<Sign<'_>>| sign.and_then(|sign| sign.char()).map(is_of_word);
    let mut before: Option<bool> = None;
    for (place, found) in places.iter_mut().zip(&found) {
        let letter = is_letter(place.sign);
        let letters = before == Some(true) && letter == Some(true) && !place.spaced;
        if let Some(&(from, to)) = found.iter().max_by_key(|(from, to)| to - from) {
            let near = (to - from) as f32 <= JOINED_MAX * em;
            let strokes = thin.get(from..to).unwrap_or_default().iter().filter(|thin| **thin);
            if !(letters && near && strokes.count() * 2 > to - from) {
                place.gap = (from as f32, to as f32);
            }
        }
        before = letter;
    }
    // The text begins and ends where its ink does, and within the reach of its outer signs.
    let widest = |found: Option<&Vec<(usize, usize)>>| {
        let gap = found?.iter().max_by_key(|(from, to)| to - from)?;
        Some((gap.0 as f32, gap.1 as f32))
    };
    let start = widest(found.first()).map_or(0.0, |gap| gap.1);
    let end = widest(found.last()).map_or(width, |gap| gap.0);
    if let Some(place) = places.first_mut() {
        place.gap = (0.0, start.min(first.at).max(first.at - REACH * em).max(0.0));
    }
    if let Some(place) = places.last_mut() {
        place.gap = (end.max(last.at).min(last.at + REACH * em).min(width), width);
    }
    settle(&mut places, em);
    places
}

/// Signs are read a little before or after their places: the gap of a space that seems to be on
/// the other side of a sign belongs to the space.
fn settle(places: &mut [Placed<'_>], em: f32) {
    for at in 1..places.len().saturating_sub(1) {
        let free = |at: usize| {
            let place = places.get(at).filter(|place| at > 0 && place.sign.is_some())?;
            (!place.spaced && place.width() >= SPACE_GAP_MIN * em).then_some((at, place.width()))
        };
        let narrow = |place: &Placed<'_>| place.spaced && place.width() < NARROW_GAP * em;
        if !places.get(at).is_some_and(narrow) {
            continue;
        }
        let beside = [at - 1, at + 1].into_iter().filter_map(free);
        let other = beside.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(other, _)| other);
        if let Some(other) = other
            && let Ok([place, other]) = places.get_disjoint_mut([at, other])
        {
            std::mem::swap(&mut place.gap, &mut other.gap);
        }
    }
}

/// How wide gaps are in a line, in pixels.
struct Typical {
    /// Its spaces, where there are some.
    space: Option<f32>,
    /// All that is between its words, where that is much; else 0.
    word: f32,
    /// The wider ones of those within words.
    letters: f32,
}

impl Typical {
    fn of(places: &[Placed<'_>], em: f32) -> Self {
        let inner = places.get(1..places.len().saturating_sub(1)).unwrap_or_default();
        let widths = |spaced: bool, most: f32| {
            let widths = inner.iter().filter(|place| place.spaced == spaced).map(Placed::width);
            let mut widths: Vec<f32> = widths.filter(|width| *width < most).collect();
            widths.sort_by(f32::total_cmp);
            widths
        };
        let (spaces, letters) = (widths(true, PART_GAP * em), widths(false, PART_GAP * em));
        let words = widths(true, f32::INFINITY);
        Self {
            word: words.get(words.len() / 2).copied().filter(|_| words.len() > 2).unwrap_or(0.0),
            space: spaces.get(spaces.len() / 2).copied().filter(|_| spaces.len() > 1),
            letters: letters.get(letters.len() * 9 / 10).copied().unwrap_or_default(),
        }
    }
}

/// The gap between two signs.
struct Between<'m> {
    before: Option<Sign<'m>>,
    after: Sign<'m>,
    width: f32,
    /// Whether one of them would be a word by itself.
    single: bool,
    em: f32,
}

impl Between<'_> {
    fn chars(&self) -> Option<(char, char)> {
        Some((self.before?.char()?, self.after.char()?))
    }

    fn parts(&self, typical: &Typical) -> bool {
        let wide = self.chars().is_some_and(|(before, after)| is_wide(before) || is_wide(after));
        let least = if wide { PART_GAP_WIDE } else { PART_GAP } * self.em;
        self.width >= least.max(PART_SHARE * typical.word)
    }

    /// Whether it is a space though none was read.
    fn is_space(&self, typical: &Typical) -> bool {
        let Some((before, after)) = self.chars() else {
            return false;
        };
        let opens = after.is_alphanumeric() || matches!(after, '(' | '[' | '\u{201c}');
        let closes =
            before.is_alphanumeric() || matches!(before, ')' | ']' | ',' | ';' | ':' | '.');
        if !opens || !closes || is_wide(before) || is_wide(after) {
            return false;
        }
        // A letter beside a space may seem to stand on the wrong side of the space's gap.
        if self.single && before.is_alphabetic() && after.is_alphabetic() {
            return false;
        }
        let share = match (before.is_alphabetic(), after.is_alphabetic()) {
            (true, true) if before.is_uppercase() && after.is_uppercase() => CAPITAL_SHARE,
            (true, true) => LETTER_SHARE,
            _ => SPACE_SHARE,
        };
        let least = typical.space.map_or(SPACE_GAP * self.em, |space| share * space);
        let digits = before.is_ascii_digit() && after.is_ascii_digit();
        let least = least.max(if digits { DIGIT_GAP_MIN } else { SPACE_GAP_MIN } * self.em);
        self.width >= least.max(LETTERS_SHARE * typical.letters)
    }
}

/// Whether a sign is a letter of a script that is written in words.
fn is_of_word(c: char) -> bool {
    c.is_alphabetic() && !is_wide(c)
}

/// Whether a sign is one of those that are as wide as high, written without spaces.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

/// Stretches of columns without ink: first and last (exclusive).
fn empty(line: &RgbImage) -> Vec<(usize, usize)> {
    let Some(counts) = ink(line, false) else {
        return Vec::new();
    };
    let always = always(&counts);
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, _) in counts.iter().enumerate().filter(|(_, count)| **count <= always + 1) {
        match found.last_mut() {
            Some(last) if last.1 == at => last.1 = at + 1,
            _ => found.push((at, at + 1)),
        }
    }
    found
}

/// The columns in which there are only thin strokes, or faint ones.
fn thin(line: &RgbImage) -> Vec<bool> {
    let counts = ink(line, true).unwrap_or_default();
    let always = always(&counts);
    let most = always + line.height() as usize / THIN_PART;
    counts.iter().map(|count| (always + 1..=most).contains(count)).collect()
}

/// How many pixels are ink in all columns: those of an underline, or of a rule of a table.
fn always(counts: &[usize]) -> usize {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 10).copied().unwrap_or_default().min(3)
}

/// How many pixels of each column are ink, faint ink too where that is asked; the outermost rows, where the lines above and below
/// may reach in, do not count. `None` where ink and paper cannot be told apart.
fn ink(line: &RgbImage, faint: bool) -> Option<Vec<usize>> {
    let skipped = line.height() / 10;
    let rows = skipped..line.height() - skipped;
    let light = |x: u32, y: u32| {
        let [red, green, blue] = line.get_pixel(x, y).0.map(usize::from);
        (red * 3 + green * 6 + blue) / 10
    };
    let mut counts = [0_usize; 256];
    for y in rows.clone() {
        (0..line.width()).for_each(|x| {
            if let Some(count) = counts.get_mut(light(x, y)) {
                *count += 1;
            }
        });
    }
    let (level, light_paper, faint_level) = threshold(&counts)?;
    let level = if faint { faint_level } else { level };
    let is_ink = |x: u32, y: u32| (light(x, y) <= level) == light_paper;
    Some((0..line.width()).map(|x| rows.clone().filter(|&y| is_ink(x, y)).count()).collect())
}

/// The lightest of the darker pixels, by the variance between both (Otsu, 1979), whether the paper
/// is the lighter ones, and what is three quarters of the way from ink to paper.
fn threshold(counts: &[usize; 256]) -> Option<(usize, bool, usize)> {
    let all: usize = counts.iter().sum();
    let sum: f32 = counts.iter().enumerate().map(|(level, &count)| (level * count) as f32).sum();
    let (mut dark, mut dark_sum) = (0, 0.0);
    let mut best: Option<(f32, usize, (f32, f32))> = None;
    let mut light_paper = true;
    for (level, &count) in counts.iter().enumerate() {
        dark += count;
        dark_sum += (level * count) as f32;
        if dark == 0 || dark == all {
            continue;
        }
        let (low, high) = (dark_sum / dark as f32, (sum - dark_sum) / (all - dark) as f32);
        let between = dark as f32 * (all - dark) as f32 * (high - low).powi(2);
        if best.is_none_or(|(most, ..)| between > most) {
            best = Some((between, level, (low, high)));
            light_paper = dark * 2 <= all;
        }
    }
    best.filter(|(.., (low, high))| high - low >= CONTRAST_MIN).map(|(_, level, (low, high))| {
        let (paper, ink) = if light_paper { (high, low) } else { (low, high) };
        (level, light_paper, ((3.0 * paper + ink) / 4.0) as usize)
    })
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// A line 48 pixels high with strokes from and to these columns, and their middles.
    fn line(width: u32, strokes: &[(u32, u32)], (paper, ink): (u8, u8)) -> (RgbImage, Vec<f32>) {
        let picture = RgbImage::from_fn(width, 48, |x, y| {
            let drawn = (12..36).contains(&y) && strokes.iter().any(|s| (s.0..s.1).contains(&x));
            Rgb([if drawn { ink } else { paper }; 3])
        });
        (picture, strokes.iter().map(|s| (s.0 + s.1) as f32 / 2.0).collect())
    }

    /// The parts of a line of strokes of 10 pixels, one for each sign but spaces, `gaps` apart.
    fn read(text: &str, gaps: &[u32], colours: (u8, u8)) -> Vec<Part> {
        let (mut strokes, mut x) = (Vec::new(), 20);
        for gap in gaps.iter().chain(&[20]) {
            strokes.push((x, x + 10));
            x += 10 + gap;
        }
        let (picture, middles) = line(x, &strokes, colours);
        let texts: Vec<String> = text.chars().map(String::from).collect();
        let mut middles = middles.into_iter();
        let mut last = 0.0;
        let signs: Vec<Sign<'_>> = texts
            .iter()
            .map(|text| {
                last = if text == " " { last + 6.0 } else { middles.next().unwrap() };
                Sign { text, at: last }
            })
            .collect();
        parts(&picture, &signs)
    }

    #[test]
    fn a_line_is_parted_at_wide_gaps_and_ends_with_its_ink() {
        for colours in [(250, 10), (20, 240)] {
            let parts = read("abcd", &[2, 40, 2], colours);
            let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
            assert_eq!(texts, ["ab", "cd"]);
            let pixels = |share: f32| (share * 124.0).round() as u32;
            assert_eq!((pixels(parts[0].from), pixels(parts[0].to)), (20, 42));
            assert_eq!((pixels(parts[1].from), pixels(parts[1].to)), (82, 104));
        }
        assert_eq!(read("\u{6587}\u{5b57}", &[40], (250, 10)).len(), 1);
    }

    #[test]
    fn a_line_spread_to_the_margins_stays_whole() {
        let spread = read("ab cd ef gh", &[2, 24, 2, 22, 2, 24, 2], (250, 10));
        assert_eq!(spread.len(), 1);
        let columns = read("ab cd ef gh", &[2, 24, 2, 22, 2, 60, 2], (250, 10));
        let texts: Vec<&str> = columns.iter().map(|part| part.text.as_str()).collect();
        assert_eq!(texts, ["ab cd ef", "gh"]);
    }

    #[test]
    fn a_gap_as_wide_as_a_space_is_one() {
        let text = |text: &str, gaps: &[u32]| {
            let parts = read(text, gaps, (250, 10));
            parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("|")
        };
        assert_eq!(text("ab cd ef", &[2, 9, 2, 9, 2]), "ab cd ef");
        let with = |first: [u32; 7]| [&first[..], &[9, 2, 2, 2, 9, 2, 2, 2]].concat();
        let glued = with([2, 9, 2, 2, 2, 2, 2]);
        assert_eq!(text("abcdijkl efgh mnop", &glued), "ab cdijkl efgh mnop");
        let digits = with([2, 2, 2, 2, 9, 2, 2]);
        assert_eq!(text("ijkl12mn efgh mnop", &digits), "ijkl12mn efgh mnop");
        assert_eq!(text("ijk'mnop efgh mnop", &with([2, 2, 2, 9, 2, 2, 2])), "ijk'mnop efgh mnop");
        let letter = with([9, 2, 2, 2, 2, 2, 2]);
        assert_eq!(text("abcdijkl efgh mnop", &letter), "abcdijkl efgh mnop", "one letter");
        assert_eq!(text("1bcdijkl efgh mnop", &letter), "1 bcdijkl efgh mnop");
        assert_eq!(text("abcd", &[8, 8, 8]), "abcd", "spaced letters");
    }

    #[test]
    fn a_space_takes_the_gap_on_the_other_side_of_a_sign() {
        // The last letter of the first word was read in the gap behind it.
        let strokes = [(10, 20), (22, 32), (34, 44), (60, 70), (72, 82)];
        let (picture, _) = line(92, &strokes, (250, 10));
        let sign = |text, at| Sign { text, at };
        let signs = [
            sign("a", 15.0),
            sign("b", 27.0),
            sign("c", 55.0),
            sign(" ", 58.0),
            sign("d", 65.0),
            sign("e", 77.0),
        ];
        let parts = parts(&picture, &signs);
        assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>(), ["abc de"]);
    }

    #[test]
    fn a_thin_stroke_joins_letters_that_seem_apart() {
        let strokes = [(10, 14), (34, 44), (46, 56)];
        let read = |foot: u8, rows: std::ops::Range<u32>| {
            let (mut picture, middles) = line(74, &strokes, (250, 10));
            for (x, y) in rows.flat_map(|y| (14..32).map(move |x| (x, y))) {
                picture.put_pixel(x, y, Rgb([foot; 3]));
            }
            let texts = ["L", "E", "M"].into_iter().zip(middles);
            let signs: Vec<Sign<'_>> = texts.map(|(text, at)| Sign { text, at }).collect();
            let parts = parts(&picture, &signs);
            parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("|")
        };
        assert_eq!(read(10, 35..36), "LEM");
        assert_eq!(read(150, 34..36), "LEM", "a faint one");
        assert_eq!(read(250, 34..36), "L|EM", "no stroke at all");
    }

    #[test]
    fn paper_without_ink_has_no_gaps() {
        let (grey, _) = line(60, &[(20, 30)], (120, 110));
        assert!(empty(&grey).is_empty());
        let sign = Sign { text: "a", at: 25.0 };
        assert_eq!(parts(&grey, &[sign]).len(), 1);
        assert!(parts(&grey, &[]).is_empty());
    }
}
