//! A page as a viewer shows it, and where its text layer is on it.

use pdf_oxide::PdfDocument;
use pdf_oxide::layout::TextSpan;

use crate::document::Place;

/// A rectangle in points, y upwards: left, bottom, right, top.
pub(super) type Frame = [f32; 4];

/// How far letters reach below and above their base line, in ems.
const BELOW: f32 = 0.25;
const ABOVE: f32 = 0.85;
/// Text this much taller than a line, a watermark, does not stand for the line.
const ALIKE: f32 = 2.5;
/// A line is known when text covers this share of its length.
const KNOWN: f32 = 0.6;

/// How a page is shown: the part of its space that is seen, and how that is turned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    media: Frame,
    seen: Frame,
    /// Degrees clockwise: 0, 90, 180 or 270.
    turn: i32,
}

impl Sheet {
    /// `None` for a page that says no size.
    pub(super) fn of(pdf: &PdfDocument, page: usize) -> Option<Self> {
        let info = pdf.get_page_info(page).ok()?;
        let frame =
            |of: &pdf_oxide::geometry::Rect| [of.x, of.y, of.x + of.width, of.y + of.height];
        let media = frame(&info.media_box);
        Self::new(media, info.crop_box.as_ref().map(frame), info.rotation)
    }

    fn new(media: Frame, crop: Option<Frame>, turn: i32) -> Option<Self> {
        let is_sound =
            |[left, bottom, right, top]: &Frame| right - left > 0.0 && top - bottom > 0.0;
        let cropped = crop.map(|[left, bottom, right, top]| {
            [media[0].max(left), media[1].max(bottom), media[2].min(right), media[3].min(top)]
        });
        let seen = cropped.filter(is_sound).unwrap_or(media);
        is_sound(&seen).then_some(Self { media, seen, turn: turn.rem_euclid(360) })
    }

    /// Width and height as shown, in points.
    pub(super) fn size(&self) -> (f32, f32) {
        let [left, bottom, right, top] = self.seen;
        match self.turn {
            90 | 270 => (top - bottom, right - left),
            _ => (right - left, top - bottom),
        }
    }

    /// Where a rectangle of the page's own space is shown.
    pub(super) fn place(&self, frame: Frame) -> Place {
        let [left, bottom, right, top] = self.seen;
        let across = |x: f32| (x - left) / (right - left);
        let up = |y: f32| (y - bottom) / (top - bottom);
        let (u0, v0, u1, v1) = (across(frame[0]), up(frame[1]), across(frame[2]), up(frame[3]));
        let (x0, y0, x1, y1) = match self.turn {
            90 => (v0, u0, v1, u1),
            180 => (1.0 - u1, v0, 1.0 - u0, v1),
            270 => (1.0 - v1, 1.0 - u1, 1.0 - v0, 1.0 - u0),
            _ => (u0, 1.0 - v1, u1, 1.0 - v0),
        };
        Place { x0, y0, x1, y1 }
    }

    /// Where a span of the text layer is shown; none for one that leans.
    pub(super) fn span(&self, span: &TextSpan) -> Option<Place> {
        if span.rotation_degrees % 90.0 != 0.0 {
            return None;
        }
        let area = span.page_bbox();
        let frame = [area.x, area.y, area.x + area.width, area.y + area.height];
        let mut frame = self.raw(frame, span.page_rotation_applied);
        if span.rotation_degrees == 0.0 && span.wmode == 0 {
            // Its rectangle stands on the base line.
            let (base, size) = (frame[1], span.font_size.abs());
            (frame[1], frame[3]) = (base - BELOW * size, base + ABOVE * size);
        }
        let place = self.place(frame);
        [place.x0, place.y0, place.x1, place.y1]
            .iter()
            .all(|edge| edge.is_finite())
            .then_some(place)
    }

    /// Where a level line of the page's own space is shown; all in points.
    pub(super) fn line(&self, x0: f32, x1: f32, base: f32, size: f32) -> Place {
        self.place([x0, base - BELOW * size, x1, base + ABOVE * size])
    }

    /// A rectangle in the page's own space that the extractor has turned already.
    fn raw(&self, frame: Frame, turned: i32) -> Frame {
        let [left, bottom, right, top] = self.media;
        let (width, height) = (right - left, top - bottom);
        let [x0, y0, x1, y1] =
            [frame[0] - left, frame[1] - bottom, frame[2] - left, frame[3] - bottom];
        let [x0, y0, x1, y1] = match turned {
            90 => [width - y1, x0, width - y0, x1],
            180 => [width - x1, height - y1, width - x0, height - y0],
            270 => [y0, height - x1, y1, height - x0],
            _ => return frame,
        };
        [x0 + left, y0 + bottom, x1 + left, y1 + bottom]
    }
}

/// The places of the text that a page's text layer holds.
#[derive(Debug)]
pub(super) struct Layer(Vec<Place>);

impl Layer {
    /// It knows nothing of a page without a size.
    pub(super) fn of(sheet: Option<&Sheet>, spans: &[TextSpan]) -> Self {
        let written = spans.iter().filter(|span| !span.text.trim().is_empty());
        Self(written.filter_map(|span| sheet?.span(span)).collect())
    }

    /// The share of `frame` that text covers.
    pub(super) fn share(&self, frame: Place) -> f32 {
        let covered: f32 = self.0.iter().map(|text| text.shared(frame)).sum();
        covered / frame.area().max(f32::EPSILON)
    }

    /// Whether it holds the line of text at `line`: text of about its size lies along most of it.
    pub(super) fn knows(&self, line: Place) -> bool {
        let flat = line.x1 - line.x0 >= line.y1 - line.y0;
        let (along, across) = axes(line, flat);
        let covered: f32 = self
            .0
            .iter()
            .map(|text| axes(*text, flat))
            .filter(|(_, beside)| {
                let alike = length(*beside) <= ALIKE * length(across);
                alike && (holds(across, middle(*beside)) || holds(*beside, middle(across)))
            })
            .map(|(text, _)| (text.1.min(along.1) - text.0.max(along.0)).max(0.0))
            .sum();
        covered >= KNOWN * length(along)
    }
}

/// From where to where something reaches.
type Extent = (f32, f32);

/// The extents along a line and across it.
fn axes(of: Place, flat: bool) -> (Extent, Extent) {
    let (x, y) = ((of.x0, of.x1), (of.y0, of.y1));
    if flat { (x, y) } else { (y, x) }
}

fn length(of: Extent) -> f32 {
    of.1 - of.0
}

fn middle(of: Extent) -> f32 {
    (of.0 + of.1) / 2.0
}

fn holds(of: Extent, at: f32) -> bool {
    of.0 <= at && at <= of.1
}

#[cfg(test)]
mod tests {
    use pdf_oxide::geometry::Rect;

    use super::*;

    fn near(place: Place, wanted: [f32; 4]) -> bool {
        let edges = [place.x0, place.y0, place.x1, place.y1];
        edges.iter().zip(wanted).all(|(edge, wanted)| (edge - wanted).abs() < 1e-4)
    }

    fn span(text: &str, x: f32, y: f32, width: f32, size: f32) -> TextSpan {
        TextSpan {
            text: text.to_owned(),
            bbox: Rect::new(x, y, width, size),
            font_size: size,
            ..TextSpan::default()
        }
    }

    #[test]
    fn places_are_those_of_the_page_as_it_is_shown() {
        let media = [0.0, 0.0, 600.0, 800.0];
        let corner = [0.0, 700.0, 60.0, 800.0];
        let shown = |turn| Sheet::new(media, None, turn).unwrap().place(corner);
        assert!(near(shown(0), [0.0, 0.0, 0.1, 0.125]));
        // Turned clockwise, the top left corner goes to the right, to the bottom, to the left.
        assert!(near(shown(90), [0.875, 0.0, 1.0, 0.1]));
        assert!(near(shown(180), [0.9, 0.875, 1.0, 1.0]));
        assert!(near(shown(-90), [0.0, 0.9, 0.125, 1.0]));
        let cropped = Sheet::new(media, Some([0.0, 400.0, 300.0, 900.0]), 0).unwrap();
        assert!(near(cropped.place(corner), [0.0, 0.0, 0.2, 0.25]));
        assert_eq!(Sheet::new(media, None, 270).unwrap().size(), (800.0, 600.0));
        assert!(Sheet::new([0.0; 4], None, 0).is_none());
    }

    #[test]
    fn a_span_that_the_extractor_turned_is_found_as_well() {
        for turn in [90, 180, 270] {
            let sheet = Sheet::new([10.0, 20.0, 610.0, 820.0], None, turn).unwrap();
            let frame = [110.0, 220.0, 150.0, 260.0];
            // What pdf_oxide does to spans of a turned page.
            let (x0, y0, x1, y1) = (100.0, 200.0, 140.0, 240.0);
            let turned = match turn {
                90 => [y0, 600.0 - x1, y1, 600.0 - x0],
                180 => [600.0 - x1, 800.0 - y1, 600.0 - x0, 800.0 - y0],
                _ => [800.0 - y1, x0, 800.0 - y0, x1],
            };
            let turned = [turned[0] + 10.0, turned[1] + 20.0, turned[2] + 10.0, turned[3] + 20.0];
            assert_eq!(sheet.raw(turned, turn), frame, "{turn}");
        }
    }

    #[test]
    fn a_text_layer_knows_its_own_lines_only() {
        let sheet = Sheet::new([0.0, 0.0, 600.0, 800.0], None, 0).unwrap();
        let place = sheet.span(&span("ABC-000123", 60.0, 400.0, 120.0, 20.0)).unwrap();
        assert!(near(place, [0.1, 0.478_75, 0.3, 0.506_25]));
        let watermark = span("DRAFT", 0.0, 300.0, 600.0, 200.0);
        let leaning = TextSpan { rotation_degrees: 45.0, ..watermark.clone() };
        let spans = [span("ABC-000123", 60.0, 400.0, 120.0, 20.0), watermark, leaning];
        let layer = Layer::of(Some(&sheet), &spans);
        assert_eq!(layer.0.len(), 2);
        // As a detector sees the stamp, a line that only begins with it, and one elsewhere.
        assert!(layer.knows(Place { x0: 0.09, y0: 0.47, x1: 0.31, y1: 0.51 }));
        assert!(!layer.knows(Place { x0: 0.09, y0: 0.47, x1: 0.9, y1: 0.51 }));
        assert!(!layer.knows(Place { x0: 0.09, y0: 0.57, x1: 0.31, y1: 0.61 }));
        let stamp = Layer::of(Some(&sheet), &spans[..1]);
        assert!((stamp.share(Place::WHOLE) - 0.2 * 0.0275).abs() < 1e-5);
    }
}
