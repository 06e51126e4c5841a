//! Pages and pictures read by OCR, as lines of the same kind as those of a text layer.

use std::sync::Arc;

use cairn_kernel::Result;
use image::RgbImage;
use pdf_oxide::PdfDocument;
use pdf_oxide::layout::TextSpan;
use pdf_oxide::rendering::{RenderOptions, render_page};

use super::furniture::Furniture;
use super::lines::{Line, Run};
use super::{PageText, columns, flow, headings};
use crate::builder::Builder;
use crate::ocr::{self, Engine, Word};
use crate::parts::Context;
use crate::picture;

/// The resolution at which pages are drawn to be read.
const DPI: u32 = 200;
/// Pixels of a drawn page, at most.
const PIXELS_MAX: u64 = 9_000_000;
/// A picture on a page with text is read when it takes this share of the page.
const SHARE_MIN: f32 = 0.01;
/// A picture of fewer pixels on a side holds no text.
const SIDE_MIN: u32 = 40;
/// The width in points that a picture without a scale is taken to have.
const WIDTH_POINTS: f32 = 612.0;
/// The size of type, as a share of the height of a line's region.
const TYPE_SHARE: f32 = 0.68;

/// Reads pages of one PDF by OCR.
pub(super) struct Scanner<'a> {
    context: Context<'a>,
    engine: Option<Arc<Engine>>,
    /// Pages of which anything was read by OCR.
    pub(super) read: Vec<usize>,
    /// Pages left out because the budget was spent.
    pub(super) left_out: Vec<usize>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(context: Context<'a>) -> Self {
        Self { context, engine: None, read: Vec::new(), left_out: Vec::new() }
    }

    /// The lines of a page without a text layer; `None` where there is no OCR.
    pub(super) fn page(&mut self, pdf: &PdfDocument, page: usize) -> Result<Option<Vec<Line>>> {
        let Some(engine) = self.engine(page)? else { return Ok(None) };
        let Some(picture) = draw(pdf, page) else { return Ok(None) };
        let (words, picture) = engine.read(picture)?;
        if !words.is_empty() {
            self.read.push(page + 1);
        }
        Ok(Some(lines(&words, picture.width(), picture.height())))
    }

    /// The lines in the pictures of a page that has a text layer elsewhere.
    pub(super) fn pictures(
        &mut self,
        pdf: &PdfDocument,
        page: usize,
        spans: &[TextSpan],
    ) -> Result<Vec<Line>> {
        if self.context.options.ocr.is_none() {
            return Ok(Vec::new());
        }
        let frames = frames(pdf, page, spans);
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let Some(place) = Place::of(pdf, page) else { return Ok(Vec::new()) };
        let Some(engine) = self.engine(page)? else { return Ok(Vec::new()) };
        let Some(drawn) = draw(pdf, page) else { return Ok(Vec::new()) };
        let scale = drawn.width() as f32 / place.width.max(1.0);
        let mut found = Vec::new();
        for frame in frames {
            let Some(part) = place.cut(&drawn, &frame, scale) else { continue };
            let (words, part) = engine.read(part)?;
            found.extend(lines(&words, part.width(), part.height()));
        }
        if !found.is_empty() {
            self.read.push(page + 1);
        }
        Ok(found)
    }

    fn engine(&mut self, page: usize) -> Result<Option<Arc<Engine>>> {
        let Some(models) = &self.context.options.ocr else { return Ok(None) };
        if !picture::take(self.context) {
            self.left_out.push(page + 1);
            return Ok(None);
        }
        if self.engine.is_none() {
            self.engine = Some(ocr::engine(models)?);
        }
        Ok(self.engine.clone())
    }
}

/// A rectangle in the page's points: left, bottom, right, top.
type Frame = [f32; 4];

/// Where the page's drawing lies in its points.
struct Place {
    left: f32,
    top: f32,
    width: f32,
}

impl Place {
    /// `None` for a turned page, whose places are not worked out.
    fn of(pdf: &PdfDocument, page: usize) -> Option<Self> {
        let info = pdf.get_page_info(page).ok()?;
        if info.rotation.rem_euclid(360) != 0 {
            return None;
        }
        let media = &info.media_box;
        let shown = info.crop_box.as_ref().unwrap_or(media);
        let left = shown.x.max(media.x);
        let right = (shown.x + shown.width).min(media.x + media.width);
        let top = (shown.y + shown.height).min(media.y + media.height);
        Some(Self { left, top, width: right - left })
    }

    fn cut(&self, drawn: &RgbImage, frame: &Frame, scale: f32) -> Option<RgbImage> {
        let x0 = ((frame[0] - self.left) * scale).max(0.0) as u32;
        let y0 = ((self.top - frame[3]) * scale).max(0.0) as u32;
        let x1 = (((frame[2] - self.left) * scale).max(0.0) as u32).min(drawn.width());
        let y1 = (((self.top - frame[1]) * scale).max(0.0) as u32).min(drawn.height());
        let large = x1 > x0 + SIDE_MIN && y1 > y0 + SIDE_MIN / 2;
        large.then(|| image::imageops::crop_imm(drawn, x0, y0, x1 - x0, y1 - y0).to_image())
    }
}

/// The pictures of a page that are large enough to hold text and have no text layer over them.
fn frames(pdf: &PdfDocument, page: usize, spans: &[TextSpan]) -> Vec<Frame> {
    let handles = pdf.page_image_handles(page).unwrap_or_default();
    let Ok(info) = pdf.get_page_info(page) else { return Vec::new() };
    let area = (info.media_box.width * info.media_box.height).abs().max(1.0);
    let mut frames: Vec<Frame> = Vec::new();
    for handle in handles.iter().take(500) {
        let place = &handle.bbox;
        let frame = [place.x, place.y, place.x + place.width, place.y + place.height];
        let usable = frame.iter().all(|value| value.is_finite())
            && handle.width.min(handle.height) >= SIDE_MIN / 2
            && handle.width.max(handle.height) >= SIDE_MIN
            && place.width * place.height >= SHARE_MIN * area;
        let beside = |span: &&TextSpan| {
            let (x, y) =
                (span.bbox.x + span.bbox.width / 2.0, span.bbox.y + span.bbox.height / 2.0);
            let within = x > frame[0] && x < frame[2] && y > frame[1] && y < frame[3];
            within && !span.text.trim().is_empty()
        };
        if usable && spans.iter().find(beside).is_none() {
            add(&mut frames, frame);
        }
    }
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

/// Words read in a picture of the given size as lines in reading order.
pub(crate) fn lines(words: &[Word], width: u32, height: u32) -> Vec<Line> {
    let scale = WIDTH_POINTS / width.max(1) as f32;
    let usual = usual_size(words) * scale;
    let runs = words
        .iter()
        .map(|word| {
            let own = word.height * TYPE_SHARE * scale;
            // Sizes read off a picture vary with the letters of the line.
            let size = if own < usual * 1.45 { usual } else { (own / 2.0).round() * 2.0 };
            let middle = height as f32 - (word.y0 + word.y1) / 2.0;
            Run {
                text: super::lines::readable(&word.text),
                x0: word.x0 * scale,
                x1: word.x1 * scale,
                y: middle * scale - size / 2.0,
                size: size.clamp(1.0, 400.0),
                bold: false,
                mono: false,
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
    use super::*;

    fn word(text: &str, x0: f32, y0: f32, height: f32) -> Word {
        let x1 = x0 + text.len() as f32 * height / 2.0;
        Word { text: text.to_owned(), x0, y0, x1, y1: y0 + height, height }
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
        write(vec![lines(&words, 1_600, 2_000)], &mut builder);
        let document = builder.finish();
        assert_eq!(document.text, "An Invoice\n\n| Bolts | 12 |\n| Total | 9.50 |");
        assert_eq!((document.headings.len(), document.pages.len()), (1, 1));
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
}
