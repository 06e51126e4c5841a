//! Pages and pictures read by OCR, as lines of the same kind as those of a text layer.

use std::cell::OnceCell;

use cairn_kernel::Result;
use image::RgbImage;
use pdf_oxide::PdfDocument;
use pdf_oxide::rendering::{RenderOptions, render_page};

use super::furniture::Furniture;
use super::lines::{Line, Run};
use super::sheet::{Frame, Layer, Sheet};
use super::{PageText, columns, flow, headings};
use crate::document::Place;
use crate::parse::Context;
use crate::picture::ocr::Word;
use crate::picture::readings::{self, Told};
use crate::write::Builder;

/// The resolution at which pages are drawn to be read.
const DPI: u32 = 200;
/// Pixels of a drawn page, at most.
const PIXELS_MAX: u64 = 9_000_000;
/// A picture on a page with text is read when it takes this share of the page.
const SHARE_MIN: f32 = 0.01;
/// Text that covers less of a picture than this is a stamp or a running head over it. A
/// full line takes about 0.01 of a page, a page of text half of it.
const SPARSE_MAX: f32 = 0.08;
/// A picture that takes this share of a page with little text is a scan of it.
const SCAN_MIN: f32 = 0.5;
/// A picture of fewer pixels on a side holds no text.
const SIDE_MIN: u32 = 40;
/// The width in points that a picture without a scale is taken to have.
const WIDTH_POINTS: f32 = 612.0;
/// The size of type, as a share of the height of a line's region.
const TYPE_SHARE: f32 = 0.68;

/// Reads pages of one PDF by OCR.
pub(super) struct Scanner<'a> {
    context: Context<'a>,
    /// Pages of which anything was read by OCR.
    pub(super) read: Vec<usize>,
    /// Pages left out because the budget was spent.
    pub(super) left_out: Vec<usize>,
    /// Pages that are a picture under a little text, and there is no OCR.
    pub(super) unread: Vec<usize>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(context: Context<'a>) -> Self {
        Self { context, read: Vec::new(), left_out: Vec::new(), unread: Vec::new() }
    }

    /// The lines of a page that has no text but what `layer` holds; `None` where there is no OCR.
    pub(super) fn page(
        &mut self,
        pdf: &PdfDocument,
        page: usize,
        layer: &Layer,
    ) -> Result<Option<Vec<Line>>> {
        if self.context.options.ocr.is_none() {
            return Ok(None);
        }
        let told = readings::read(self.context, || Ok(draw(pdf, page)), &|line| layer.knows(line))?;
        let reading = match told {
            Told::Reading(reading) => reading,
            Told::NoPicture => return Ok(None),
            Told::Unread => {
                self.left_out.push(page + 1);
                return Ok(None);
            }
        };
        if !reading.words.is_empty() {
            self.read.push(page + 1);
        }
        Ok(Some(lines(&reading.words, &Canvas::page(reading.size))))
    }

    /// The lines in the pictures of a page that has a text layer elsewhere, or little of it over
    /// them (a stamp, a number, a running head): what `layer` holds is not read again.
    pub(super) fn pictures(
        &mut self,
        pdf: &PdfDocument,
        page: usize,
        (sheet, layer): (&Sheet, &Layer),
    ) -> Result<Vec<Line>> {
        let no_ocr = self.context.options.ocr.is_none();
        if no_ocr && layer.share(Place::WHOLE) >= SPARSE_MAX {
            return Ok(Vec::new());
        }
        let frames = frames(pdf, page, sheet, layer);
        if no_ocr && frames.iter().any(|frame| frame.area() >= SCAN_MIN) {
            self.unread.push(page + 1);
        }
        if no_ocr || frames.is_empty() {
            return Ok(Vec::new());
        }
        let drawn = OnceCell::new();
        let mut found = Vec::new();
        for frame in frames {
            let part = || {
                let drawn = drawn.get_or_init(|| draw(pdf, page)).as_ref();
                Ok(drawn.and_then(|drawn| cut(drawn, frame)))
            };
            let known = |line: Place| layer.knows(line.within(frame));
            match readings::read(self.context, part, &known)? {
                Told::Reading(reading) => {
                    let canvas = Canvas::part(frame, sheet.size(), reading.size);
                    found.extend(lines(&reading.words, &canvas));
                }
                Told::NoPicture => {}
                Told::Unread => {
                    self.left_out.push(page + 1);
                    break;
                }
            }
        }
        if !found.is_empty() {
            self.read.push(page + 1);
        }
        Ok(found)
    }
}

/// The pictures of a page that are large enough to hold text and have little text of the text
/// layer over them: as parts of the page.
fn frames(pdf: &PdfDocument, page: usize, sheet: &Sheet, layer: &Layer) -> Vec<Place> {
    let handles = pdf.page_image_handles(page).unwrap_or_default();
    let mut pictures: Vec<Frame> = Vec::new();
    for handle in handles.iter().take(500) {
        let area = &handle.bbox;
        let frame = [area.x, area.y, area.x + area.width, area.y + area.height];
        let large = handle.width.min(handle.height) >= SIDE_MIN / 2
            && handle.width.max(handle.height) >= SIDE_MIN
            && sheet.place(frame).clipped().area() >= SHARE_MIN;
        if large && frame.iter().all(|value| value.is_finite()) {
            pictures.push(frame);
        }
    }
    let place = |frame: &Frame| sheet.place(*frame).clipped();
    let frames = sparse(&pictures, &|frame| layer.share(place(frame)) < SPARSE_MAX);
    frames.iter().map(place).collect()
}

/// The frames of pictures with little text over them. Strips of one picture count together;
/// where they are full of text (a slide on a picture), each picture counts by itself.
fn sparse(pictures: &[Frame], is_sparse: &dyn Fn(&Frame) -> bool) -> Vec<Frame> {
    let mut found = Vec::new();
    for frame in joined(pictures.iter()) {
        if is_sparse(&frame) {
            found.push(frame);
            continue;
        }
        let inside = |picture: &&Frame| {
            picture[0] >= frame[0]
                && picture[1] >= frame[1]
                && picture[2] <= frame[2]
                && picture[3] <= frame[3]
        };
        found.extend(joined(pictures.iter().filter(inside).filter(|picture| is_sparse(picture))));
    }
    found
}

/// The frames of pictures, those that touch as one.
fn joined<'f>(pictures: impl Iterator<Item = &'f Frame>) -> Vec<Frame> {
    let mut frames = Vec::new();
    pictures.for_each(|picture| add(&mut frames, *picture));
    frames
}

/// Joins a frame to those it touches, as the strips of one picture do.
fn add(frames: &mut Vec<Frame>, mut frame: Frame) {
    const NEAR: f32 = 1.0;
    while let Some(at) = frames.iter().position(|other| {
        frame[0] <= other[2] + NEAR
            && other[0] <= frame[2] + NEAR
            && frame[1] <= other[3] + NEAR
            && other[1] <= frame[3] + NEAR
    }) {
        let other = frames.swap_remove(at);
        frame = [
            frame[0].min(other[0]),
            frame[1].min(other[1]),
            frame[2].max(other[2]),
            frame[3].max(other[3]),
        ];
    }
    frames.push(frame);
}

/// The page as a viewer shows it.
fn draw(pdf: &PdfDocument, page: usize) -> Option<RgbImage> {
    let mut options = RenderOptions::with_dpi(DPI).as_raw();
    options.max_output_pixels = PIXELS_MAX;
    let drawn = render_page(pdf, page, &options)
        .inspect_err(|error| tracing::debug!(page = page + 1, %error, "a page was not drawn"))
        .ok()?;
    let pixels: Vec<u8> =
        drawn.data.chunks_exact(4).flat_map(|pixel| pixel.iter().take(3).copied()).collect();
    RgbImage::from_raw(drawn.width, drawn.height, pixels)
}

/// What of a page's drawing lies in `frame`; none when that is too small to hold text.
fn cut(drawn: &RgbImage, frame: Place) -> Option<RgbImage> {
    let (width, height) = (drawn.width() as f32, drawn.height() as f32);
    let pixel = |share: f32, side: f32| (share * side).clamp(0.0, side) as u32;
    let (x0, x1) = (pixel(frame.x0, width), pixel(frame.x1, width));
    let (y0, y1) = (pixel(frame.y0, height), pixel(frame.y1, height));
    let large = x1 > x0 + SIDE_MIN && y1 > y0 + SIDE_MIN / 2;
    large.then(|| image::imageops::crop_imm(drawn, x0, y0, x1 - x0, y1 - y0).to_image())
}

/// How a picture lies on its page.
pub(crate) struct Canvas {
    height: f32,
    /// Points a pixel.
    scale: f32,
    /// Where its left and lower edges are, in points.
    left: f32,
    bottom: f32,
    frame: Place,
}

impl Canvas {
    /// A picture of so many pixels that is a whole page.
    pub(crate) fn page((width, height): (u32, u32)) -> Self {
        Self::new(width, height)
    }

    fn new(width: u32, height: u32) -> Self {
        let scale = WIDTH_POINTS / width.max(1) as f32;
        Self { height: height as f32, scale, left: 0.0, bottom: 0.0, frame: Place::WHOLE }
    }

    /// A picture of so many `pixels` that is the part `frame` of a page of this size, in points.
    fn part(frame: Place, (width, height): (f32, f32), pixels: (u32, u32)) -> Self {
        // The reader may have turned it.
        let side = ((frame.x1 - frame.x0) * width).max((frame.y1 - frame.y0) * height);
        Self {
            height: pixels.1 as f32,
            scale: side / pixels.0.max(pixels.1).max(1) as f32,
            left: frame.x0 * width,
            bottom: (1.0 - frame.y1) * height,
            frame,
        }
    }
}

/// Words read in a picture as lines in reading order.
pub(crate) fn lines(words: &[Word], canvas: &Canvas) -> Vec<Line> {
    let scale = canvas.scale;
    let usual = usual_size(words) * scale;
    let runs = words
        .iter()
        .map(|word| {
            let own = word.height * TYPE_SHARE * scale;
            // Sizes read off a picture vary with the letters of the line.
            let size = if own < usual * 1.45 { usual } else { (own / 2.0).round() * 2.0 };
            let middle = canvas.height - (word.y0 + word.y1) / 2.0;
            Run {
                text: super::lines::readable(&word.text),
                x0: canvas.left + word.x0 * scale,
                x1: canvas.left + word.x1 * scale,
                y: canvas.bottom + middle * scale - size / 2.0,
                size: size.clamp(1.0, 400.0),
                bold: false,
                mono: false,
                place: Some(word.place.within(canvas.frame)),
            }
        })
        .collect();
    columns::lines(runs)
}

/// The height that most characters have, in pixels.
fn usual_size(words: &[Word]) -> f32 {
    let mut sizes: Vec<(f32, usize)> =
        words.iter().map(|word| (word.height, word.text.chars().count())).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half: usize = sizes.iter().map(|(_, chars)| chars).sum::<usize>() / 2;
    let mut passed = 0;
    let median = sizes.iter().find(|(_, chars)| {
        passed += chars;
        passed > half
    });
    median.map_or(10.0, |(size, _)| size * TYPE_SHARE)
}

/// Writes pages of lines read from pictures.
pub(crate) fn write(mut pages: Vec<Vec<Line>>, builder: &mut Builder) {
    headings::from_type(&mut pages);
    let pages: Vec<PageText> = pages.into_iter().map(PageText::Lines).collect();
    flow::write(&pages, &Furniture::default(), builder);
}

/// The lines' texts.
pub(crate) fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(flow::row_text).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SCAN, line, pdf};
    use super::*;

    fn word(text: &str, x0: f32, y0: f32, height: f32) -> Word {
        let x1 = x0 + text.len() as f32 * height / 2.0;
        let y1 = y0 + height;
        let (left, right) = (x0 / 1_600.0, x1 / 1_600.0);
        let place = Place { x0: left, y0: y0 / 2_000.0, x1: right, y1: y1 / 2_000.0 };
        Word { text: text.to_owned(), x0, y0, x1, y1, height, place }
    }

    #[test]
    fn words_of_a_picture_become_lines_and_rows() {
        let words = [
            word("Total", 100.0, 222.0, 38.0),
            word("An Invoice", 100.0, 40.0, 90.0),
            word("9.50", 900.0, 220.0, 41.0),
            word("Bolts", 101.0, 160.0, 40.0),
            word("12", 900.0, 161.0, 39.0),
        ];
        let mut builder = Builder::default();
        write(vec![lines(&words, &Canvas::new(1_600, 2_000))], &mut builder);
        let document = builder.finish();
        assert_eq!(document.text, "An Invoice\n\n| Bolts | 12 |\n| Total | 9.50 |");
        assert_eq!((document.headings.len(), document.pages.len()), (1, 1));
        // One box for each line; that of a row goes from its first cell to its last.
        let line = document.boxes.last().unwrap();
        assert_eq!((document.boxes.len(), line.page), (3, 1));
        assert_eq!((line.start, line.end), (27, document.text.chars().count()));
        let [left, top, right, bottom] = line.edges;
        assert_eq!((left, top, bottom), (625, 1_100, 1_305));
        assert!((6_137..=6_138).contains(&right));
    }

    /// The frames on a page that is one picture with `text` over it.
    fn frames_under(text: &str) -> Vec<Place> {
        let file = pdf(&[format!("{SCAN}{text}")]);
        let pdf = PdfDocument::from_bytes(file).unwrap();
        let sheet = Sheet::of(&pdf, 0).unwrap();
        let spans = pdf.extract_spans(0).unwrap();
        assert!(!spans.is_empty());
        frames(&pdf, 0, &sheet, &Layer::of(Some(&sheet), &spans))
    }

    #[test]
    fn a_scan_with_a_stamp_is_read_and_one_with_its_text_is_not() {
        let stamp = line(420, 20, 10, "EXHIBIT 000123");
        assert_eq!(frames_under(&stamp), [Place::WHOLE]);
        let words = "a line of a page that was scanned and read before, word for word";
        let text: String = (0..45).map(|row| line(72, 730 - 14 * row, 11, words)).collect();
        assert_eq!(frames_under(&text), []);
    }

    #[test]
    fn strips_of_a_picture_are_one_frame() {
        let mut frames = Vec::new();
        add(&mut frames, [0.0, 0.0, 100.0, 50.0]);
        add(&mut frames, [200.0, 0.0, 300.0, 50.0]);
        add(&mut frames, [0.0, 50.5, 100.0, 90.0]);
        assert_eq!(frames.len(), 2);
        assert!(frames.contains(&[0.0, 0.0, 100.0, 90.0]));
    }

    #[test]
    fn pictures_with_little_text_over_them_are_read_together_or_alone() {
        let strips = [[0.0, 0.0, 100.0, 50.0], [0.0, 50.0, 100.0, 90.0]];
        // A stamp fills the lower strip; it is little of the whole.
        let stamped = |frame: &Frame| frame[3] - frame[1] != 50.0;
        assert_eq!(sparse(&strips, &stamped), [[0.0, 0.0, 100.0, 90.0]]);
        // Text fills the picture behind a slide; the picture on the slide has none.
        let slide = [[0.0, 0.0, 800.0, 600.0], [500.0, 100.0, 700.0, 300.0]];
        let full = |frame: &Frame| frame[2] - frame[0] < 800.0;
        assert_eq!(sparse(&slide, &full), [slide[1]]);
    }
}
