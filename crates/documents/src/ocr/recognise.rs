//! What a line of text says: PP-OCR's recognition and direction.

use cairn_kernel::{Error, Result};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use rten::Model;
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::failed;
use super::region::Region;

/// The height at which a line is read, in pixels.
const HEIGHT: u32 = 48;
/// Lines are read at this width at least and at most.
const WIDTH_MIN: u32 = 160;
const WIDTH_MAX: u32 = 3_200;
/// What the direction model sees.
const DIRECTION_WIDTH: u32 = 192;
/// A line read less surely than this on average is none.
const SURE_MIN: f32 = 0.7;
/// The direction model is believed from this on.
const DIRECTION_MIN: f32 = 0.9;
/// Lines looked at to tell which way up a picture is.
const DIRECTION_LINES: usize = 12;

pub(super) struct Recogniser {
    model: Model,
    direction: Option<Model>,
    characters: Vec<String>,
    alike: Vec<Alike>,
}

/// A digit, and the letters that look like it, as classes of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Alike {
    digit: usize,
    upper: usize,
    lower: usize,
    /// Whether the digit is rare at the end of a word; a 1 may be a footnote's.
    ends: bool,
}

/// Digits and letters that look alike.
const ALIKE: [([&str; 3], bool); 2] = [(["0", "O", "o"], true), (["1", "I", "l"], false)];
/// How likely the other of two that look alike must be, for its neighbours to decide.
const ALIKE_MIN: f32 = 0.01;

impl Recogniser {
    pub(super) fn new(model: Model, direction: Option<Model>) -> Result<Self> {
        let listed = model.metadata().get("character").map(str::to_owned);
        let listed = listed.ok_or_else(|| {
            Error::unavailable("the OCR model names no characters; pull the models again")
        })?;
        let mut characters: Vec<String> = listed.lines().map(str::to_owned).collect();
        characters.push(" ".to_owned());
        let alike = alike(&characters);
        Ok(Self { model, direction, characters, alike })
    }

    /// Whether most of the longer lines stand on their head.
    pub(super) fn stands_on_its_head(
        &self,
        picture: &RgbImage,
        regions: &[Region],
    ) -> Result<bool> {
        let Some(direction) = &self.direction else { return Ok(false) };
        let mut long: Vec<&Region> =
            regions.iter().filter(|region| !region.is_vertical()).collect();
        long.sort_by(|a, b| b.size.0.total_cmp(&a.size.0));
        long.truncate(DIRECTION_LINES);
        let mut turned = 0;
        for region in &long {
            let line = cut(picture, region);
            let width = (line.width() * HEIGHT / line.height().max(1)).clamp(1, DIRECTION_WIDTH);
            let line = imageops::resize(&line, width, HEIGHT, FilterType::Triangle);
            let input = tensor(&line, DIRECTION_WIDTH);
            let output = direction.run_one(input.view().into(), None).map_err(failed)?;
            let scores: NdTensor<f32, 2> = output.try_into().map_err(failed)?;
            turned += usize::from(scores.into_data().get(1).is_some_and(|&s| s > DIRECTION_MIN));
        }
        Ok(long.len() >= 2 && turned * 3 > long.len() * 2)
    }

    /// The text of one line, `None` when there is none to be sure of.
    pub(super) fn text(&self, picture: &RgbImage, region: &Region) -> Result<Option<String>> {
        let line = cut(picture, region);
        if !region.is_vertical() {
            return self.upright(&line);
        }
        // Text beside a page mostly runs upwards.
        match self.upright(&imageops::rotate90(&line))? {
            None => self.upright(&imageops::rotate270(&line)),
            upwards => Ok(upwards),
        }
    }

    fn upright(&self, line: &RgbImage) -> Result<Option<String>> {
        let width = (line.width() as f32 * HEIGHT as f32 / line.height().max(1) as f32).ceil();
        let width = (width as u32).clamp(8, WIDTH_MAX);
        let line = imageops::resize(line, width, HEIGHT, FilterType::Triangle);
        let input = tensor(&line, width.max(WIDTH_MIN));
        let output = self.model.run_one(input.view().into(), None).map_err(failed)?;
        let scores: NdTensor<f32, 3> = output.try_into().map_err(failed)?;
        let [_, _, classes] = scores.shape();
        Ok(decode(&scores.into_data(), classes, &self.characters, &self.alike))
    }
}

/// The region's pixels, straightened.
fn cut(picture: &RgbImage, region: &Region) -> RgbImage {
    let (width, height) = (region.size.0.round().max(1.0), region.size.1.round().max(1.0));
    let (ux, uy) = region.along;
    let left = region.centre.0 - ux * width / 2.0 + uy * height / 2.0;
    let top = region.centre.1 - uy * width / 2.0 - ux * height / 2.0;
    RgbImage::from_fn(width as u32, height as u32, |column, row| {
        let (u, v) = (column as f32 + 0.5, row as f32 + 0.5);
        sample(picture, left + u * ux - v * uy - 0.5, top + u * uy + v * ux - 0.5)
    })
}

/// The colour at a place between pixels; the edge's beyond the picture.
fn sample(picture: &RgbImage, x: f32, y: f32) -> Rgb<u8> {
    let x = x.clamp(0.0, picture.width().saturating_sub(1) as f32);
    let y = y.clamp(0.0, picture.height().saturating_sub(1) as f32);
    let (x0, y0) = (x.floor() as u32, y.floor() as u32);
    let x1 = (x0 + 1).min(picture.width().saturating_sub(1));
    let y1 = (y0 + 1).min(picture.height().saturating_sub(1));
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let mix = |channel: usize| {
        let at = |x, y| f32::from(picture.get_pixel(x, y).0[channel]);
        let upper = at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx;
        let lower = at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx;
        (upper * (1.0 - fy) + lower * fy).round() as u8
    };
    Rgb([mix(0), mix(1), mix(2)])
}

/// Blue, green and red planes from -1 to 1, with zeros to the right up to `width`.
fn tensor(line: &RgbImage, width: u32) -> NdTensor<f32, 4> {
    let (width, height) = (width as usize, line.height() as usize);
    let mut planes = vec![0.0; 3 * width * height];
    for (x, y, pixel) in line.enumerate_pixels() {
        let [red, green, blue] = pixel.0;
        for (channel, value) in [blue, green, red].into_iter().enumerate() {
            let at = (channel * height + y as usize) * width + x as usize;
            planes[at] = f32::from(value) / 127.5 - 1.0;
        }
    }
    NdTensor::from_data([1, 3, height, width], planes)
}

/// What looks alike, among `characters`.
fn alike(characters: &[String]) -> Vec<Alike> {
    let class = |of: &str| characters.iter().position(|c| c == of).map(|at| at + 1);
    let alike = ALIKE.iter().map(|([digit, upper, lower], ends)| {
        let (digit, upper, lower) = (class(digit)?, class(upper)?, class(lower)?);
        Some(Alike { digit, upper, lower, ends: *ends })
    });
    alike.flatten().collect()
}

/// The likeliest class of every step, repeats and blanks (class 0) left out.
fn decode(
    scores: &[f32],
    classes: usize,
    characters: &[String],
    alike: &[Alike],
) -> Option<String> {
    let (mut read, mut last) = (Vec::new(), 0);
    let mut sure = 0.0_f32;
    for step in scores.chunks_exact(classes.max(1)) {
        let likeliest = step.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let (class, score) = likeliest.map(|(class, &score)| (class, score))?;
        if class != 0 && class != last {
            read.push((class, step));
            sure += score;
        }
        last = class;
    }
    let text_of = |class: usize| characters.get(class - 1).map_or("", String::as_str);
    let chars: Vec<char> =
        read.iter().map(|&(class, _)| text_of(class).chars().next().unwrap_or(' ')).collect();
    let classes = read.iter().enumerate().map(|(at, &(class, step))| {
        alike.iter().find_map(|alike| alike.instead(class, step, &chars, at)).unwrap_or(class)
    });
    let text: String = classes.map(text_of).collect();
    let text = text.trim().to_owned();
    (!read.is_empty() && sure / read.len() as f32 >= SURE_MIN && !text.is_empty()).then_some(text)
}

impl Alike {
    /// What stands at `at` rather than `class`, by its neighbours: a letter between letters or at
    /// the end of a word of some, a digit between digits.
    fn instead(&self, class: usize, step: &[f32], chars: &[char], at: usize) -> Option<usize> {
        let char = |place: Option<usize>| place.and_then(|place| chars.get(place)).copied();
        let before = char(at.checked_sub(1))?;
        let (second, after) = (char(at.checked_sub(2)), char(Some(at + 1)));
        let is = |char: Option<char>, kind: fn(&char) -> bool| char.is_some_and(|c| kind(&c));
        let likely = |class: usize| step.get(class).is_some_and(|&score| score >= ALIKE_MIN);
        let letter = if before.is_uppercase() { self.upper } else { self.lower };
        let inside = is(after, char::is_ascii_alphabetic);
        let last = self.ends
            && !is(after, char::is_ascii_alphanumeric)
            && is(second, char::is_ascii_alphabetic);
        if class == self.digit && before.is_ascii_alphabetic() && (inside || last) {
            return (likely(self.upper) || likely(self.lower)).then_some(letter);
        }
        let is_letter = class == self.upper || class == self.lower;
        let among = before.is_ascii_digit() && is(after, char::is_ascii_digit);
        (is_letter && among && likely(self.digit)).then_some(self.digit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_and_blanks_are_left_out() {
        let characters: Vec<String> = ["a", "b", " "].map(str::to_owned).into();
        let step = |class: usize| {
            let mut scores = [0.0; 4];
            scores[class] = 0.9;
            scores
        };
        let scores: Vec<f32> = [1, 1, 0, 1, 3, 2, 2, 0].into_iter().flat_map(step).collect();
        assert_eq!(decode(&scores, 4, &characters, &[]).as_deref(), Some("aa b"));
        assert_eq!(decode(&[0.9, 0.1, 0.0, 0.0], 4, &characters, &[]), None);
        let unsure: Vec<f32> = vec![0.3, 0.4, 0.2, 0.1];
        assert_eq!(decode(&unsure, 4, &characters, &[]), None);
    }

    #[test]
    fn what_looks_alike_is_told_by_its_neighbours() {
        let characters: Vec<String> = "0Oo1IlABTv-5 ".chars().map(String::from).collect();
        let alike = alike(&characters);
        assert_eq!(alike[0], Alike { digit: 1, upper: 2, lower: 3, ends: true });
        // Each char is read at 0.9, what looks like it at `other`.
        let read = |text: &str, other: f32| {
            let mut scores = Vec::new();
            for c in text.chars() {
                let mut step = vec![0.0; 14];
                let class = characters.iter().position(|known| *known == c.to_string()).unwrap();
                let doubles: &[usize] = match c {
                    '0' => &[2, 3],
                    'O' | 'o' => &[1],
                    '1' => &[5, 6],
                    'I' | 'l' => &[4],
                    _ => &[],
                };
                doubles.iter().for_each(|&double| step[double] = other);
                step[class + 1] = 0.9;
                scores.extend(step);
                scores.extend([&[1.0][..], &[0.0; 13]].concat());
            }
            decode(&scores, 14, &characters, &alike).unwrap()
        };
        for (seen, meant) in [
            ("AT0B-55", "ATOB-55"),
            ("BTA0-5", "BTAO-5"),
            ("5O5 1l1", "505 111"),
            ("v0 B1", "v0 B1"),
            ("AB-0", "AB-0"),
            ("v1v", "vlv"),
            ("AB1", "AB1"),
        ] {
            assert_eq!(read(seen, 0.05), meant);
            assert_eq!(read(seen, 0.001), seen, "the model is sure");
        }
    }

    #[test]
    fn a_region_is_cut_out_upright() {
        let picture = RgbImage::from_fn(20, 10, |x, _| Rgb([x as u8, 0, 0]));
        let region = Region { centre: (10.0, 5.0), along: (1.0, 0.0), size: (10.0, 4.0) };
        let line = cut(&picture, &region);
        assert_eq!(line.dimensions(), (10, 4));
        assert_eq!((line.get_pixel(0, 0).0[0], line.get_pixel(9, 3).0[0]), (5, 14));
    }
}
