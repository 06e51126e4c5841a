//! What a line of text says: PP-OCR's recognition and direction.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cairn_kernel::{Error, Result};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use rten::Model;
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::failed;
use super::gaps::{self, Part, Sign};
use super::region::{self, Region};

/// The height at which a line is read, in pixels.
const HEIGHT: u32 = 48;
/// Lines are read at this width at least and at most.
const WIDTH_MIN: u32 = 160;
const WIDTH_MAX: u32 = 3_200;
/// What the direction model sees.
const DIRECTION_WIDTH: u32 = 192;
/// A line read less surely than this on average is none.
const SURE_MIN: f32 = 0.7;
/// From this share on of what the direction model takes for turned, lines are read both ways.
const DIRECTION_MIN: f32 = 0.3;
/// Lines read side by side, at most.
const SIDE_BY_SIDE_MAX: usize = 4;
/// Lines looked at to tell which way up a picture is.
const DIRECTION_LINES: usize = 12;
/// Lines read both ways, and how much of them: so many times their height.
const COMPARED_LINES: usize = 4;
const COMPARED_WIDTH: u32 = 16;
/// How many times better lines are read on their head that stand on it.
const BETTER: f32 = 1.1;
/// A region so many times as high as wide may hold one upright sign.
const NARROW_MAX: f32 = 2.5;
/// What stands upright or runs upwards is read this surely.
const TURN_MIN: f32 = 0.92;

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

    /// How many quarters `picture`, in which text lies at `regions`, must be turned clockwise to
    /// be upright.
    pub(super) fn turn(&self, picture: &RgbImage, regions: &[Region]) -> Result<u32> {
        let sideways = region::lie_on_their_side(regions);
        let mut long: Vec<&Region> =
            regions.iter().filter(|region| region.is_vertical() == sideways).collect();
        long.sort_by(|a, b| b.length().total_cmp(&a.length()));
        long.truncate(DIRECTION_LINES);
        let cut_upright = |region: &Region| {
            let line = cut(picture, region);
            if sideways { imageops::rotate90(&line) } else { line }
        };
        let lines: Vec<RgbImage> = long.into_iter().map(cut_upright).collect();
        // What the direction model says of text on its side and of few lines is not sure.
        let doubtful = sideways || self.turned_share(&lines)? >= DIRECTION_MIN;
        let on_its_head = doubtful && self.reads_better_turned(&lines)?;
        Ok(u32::from(sideways) + 2 * u32::from(on_its_head))
    }

    /// How surely lines stand on their head, on average: 0 to 1; 0 without a model for it.
    fn turned_share(&self, lines: &[RgbImage]) -> Result<f32> {
        let Some(direction) = &self.direction else { return Ok(0.0) };
        let mut turned = 0.0;
        for line in lines {
            // A part of the line that the model sees at its own width.
            let width = (line.height() * DIRECTION_WIDTH / HEIGHT).clamp(1, line.width().max(1));
            let left = (line.width() - width) / 2;
            let part = imageops::crop_imm(line, left, 0, width, line.height()).to_image();
            let width = (width * HEIGHT / line.height().max(1)).clamp(1, DIRECTION_WIDTH);
            let part = imageops::resize(&part, width, HEIGHT, FilterType::Triangle);
            let input = tensor(&part, DIRECTION_WIDTH);
            let output = direction.run_one(input.view().into(), None).map_err(failed)?;
            let scores: NdTensor<f32, 2> = output.try_into().map_err(failed)?;
            turned += scores.into_data().get(1).copied().unwrap_or_default();
        }
        Ok(turned / lines.len().max(1) as f32)
    }

    /// Whether the longest lines are read more surely when they are turned by half.
    fn reads_better_turned(&self, lines: &[RgbImage]) -> Result<bool> {
        let (mut upright, mut turned) = (0.0, 0.0);
        for line in lines.iter().take(COMPARED_LINES) {
            let width = line.width().min(line.height() * COMPARED_WIDTH);
            let part = imageops::crop_imm(line, 0, 0, width, line.height()).to_image();
            upright += self.read(&part)?.0.weight();
            turned += self.read(&imageops::rotate180(&part))?.0.weight();
        }
        Ok(turned > upright * BETTER)
    }

    /// The parts of each line, none of those in which there is nothing to be sure of. As many
    /// lines as there are cores are read side by side: the steps of the model take a line too
    /// little time to be worth sharing out.
    pub(super) fn lines(&self, picture: &RgbImage, regions: &[Region]) -> Result<Vec<Vec<Part>>> {
        let next = AtomicUsize::new(0);
        let read = || -> Result<Vec<(usize, Vec<Part>)>> {
            let mut lines = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(region) = regions.get(at) else { return Ok(lines) };
                match self.parts(picture, region) {
                    Ok(parts) => lines.push((at, parts)),
                    Err(error) => {
                        // The others need not go on.
                        next.store(regions.len(), Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let others = cores.min(SIDE_BY_SIDE_MAX).min(regions.len()).saturating_sub(1);
        let mut lines = thread::scope(|scope| {
            // Where no further thread can be had, this one reads all.
            let spawn = |_| thread::Builder::new().name("lines".into()).spawn_scoped(scope, read);
            let others: Vec<_> = (0..others).map_while(|at| spawn(at).ok()).collect();
            let own = read();
            // All are waited for: one that panicked would otherwise end the scope with a panic.
            let others: Vec<_> = others.into_iter().map(|other| other.join()).collect();
            let mut lines = own?;
            for other in others {
                lines.extend(other.map_err(|_| failed("a line could not be read"))??);
            }
            Ok::<_, Error>(lines)
        })?;
        lines.sort_unstable_by_key(|(at, _)| *at);
        Ok(lines.into_iter().map(|(_, parts)| parts).collect())
    }

    /// The parts of one line, none when there is nothing to be sure of.
    fn parts(&self, picture: &RgbImage, region: &Region) -> Result<Vec<Part>> {
        let line = cut(picture, region);
        if !region.is_vertical() {
            let (told, line) = self.read(&line)?;
            return Ok(if told.is_sure() { gaps::parts(&line, &told.signs) } else { Vec::new() });
        }
        // Narrow signs are higher than wide; other text beside a page mostly runs upwards.
        let narrow = region.size.1 < NARROW_MAX * region.size.0;
        let turns: [fn(&RgbImage) -> RgbImage; 3] =
            [RgbImage::clone, imageops::rotate90, imageops::rotate270];
        let mut best = Told::default();
        for turn in turns.into_iter().skip(usize::from(!narrow)) {
            let (told, _) = self.read(&turn(&line))?;
            if told.weight() > best.weight() {
                best = told;
            }
            if best.sure >= TURN_MIN {
                break;
            }
        }
        let whole = |told: Told<'_>| Part { text: told.text(), from: 0.0, to: 1.0 };
        Ok(Some(best).filter(Told::is_sure).map(whole).into_iter().collect())
    }

    /// What an upright line says, and its picture as the model saw it.
    fn read(&self, line: &RgbImage) -> Result<(Told<'_>, RgbImage)> {
        let width = (line.width() as f32 * HEIGHT as f32 / line.height().max(1) as f32).ceil();
        let width = (width as u32).clamp(8, WIDTH_MAX);
        let line = imageops::resize(line, width, HEIGHT, FilterType::Triangle);
        let seen = width.max(WIDTH_MIN);
        let output = self.model.run_one(tensor(&line, seen).view().into(), None).map_err(failed)?;
        let scores: NdTensor<f32, 3> = output.try_into().map_err(failed)?;
        let [_, steps, classes] = scores.shape();
        let step_width = seen as f32 / steps.max(1) as f32;
        let told =
            decode(&scores.into_data(), (classes, step_width), &self.characters, &self.alike);
        Ok((told, line))
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

/// What a line says, and how surely.
#[derive(Default)]
struct Told<'m> {
    signs: Vec<Sign<'m>>,
    /// The mean of the likelihoods of its signs; 0 when there are none.
    sure: f32,
}

impl Told<'_> {
    fn text(&self) -> String {
        let text: String = self.signs.iter().map(|sign| sign.text).collect();
        text.trim().to_owned()
    }

    fn is_sure(&self) -> bool {
        self.sure >= SURE_MIN && self.signs.iter().any(|sign| !sign.text.trim().is_empty())
    }

    /// How much is read how surely: more of it counts where it is sure.
    fn weight(&self) -> f32 {
        self.sure.powi(4) * (self.signs.len() as f32).sqrt()
    }
}

/// The likeliest class of every step, repeats and blanks (class 0) left out. Steps have so many
/// `classes` and are so many pixels wide.
fn decode<'m>(
    scores: &[f32],
    (classes, step_width): (usize, f32),
    characters: &'m [String],
    alike: &[Alike],
) -> Told<'m> {
    let (mut read, mut last) = (Vec::new(), 0);
    let mut sure = 0.0_f32;
    for (at, step) in scores.chunks_exact(classes.max(1)).enumerate() {
        let likeliest = step.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let (class, score) = likeliest.map_or((0, 0.0), |(class, &score)| (class, score));
        if class != 0 && class != last {
            read.push((class, step, at));
            sure += score;
        }
        last = class;
    }
    let text_of = |class: usize| characters.get(class - 1).map_or("", String::as_str);
    let chars: Vec<char> =
        read.iter().map(|&(class, ..)| text_of(class).chars().next().unwrap_or(' ')).collect();
    let signs = read.iter().enumerate().map(|(nth, &(class, step, at))| {
        let instead = alike.iter().find_map(|alike| alike.instead(class, step, &chars, nth));
        Sign { text: text_of(instead.unwrap_or(class)), at: (at as f32 + 0.5) * step_width }
    });
    Told { signs: signs.collect(), sure: sure / read.len().max(1) as f32 }
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
        let told = decode(&scores, (4, 8.0), &characters, &[]);
        assert!(told.is_sure());
        assert_eq!(told.text(), "aa b");
        let places: Vec<f32> = told.signs.iter().map(|sign| sign.at).collect();
        assert_eq!(places, [4.0, 28.0, 36.0, 44.0]);
        assert!(!decode(&[0.9, 0.1, 0.0, 0.0], (4, 8.0), &characters, &[]).is_sure());
        let unsure: Vec<f32> = vec![0.3, 0.4, 0.2, 0.1];
        assert!(!decode(&unsure, (4, 8.0), &characters, &[]).is_sure());
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
            decode(&scores, (14, 8.0), &characters, &alike).text()
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
