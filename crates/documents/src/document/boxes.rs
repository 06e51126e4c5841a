//! Where text stands on its pages.

use serde::{Deserialize, Serialize};

/// How finely places are kept: parts of a page's width or height.
const PARTS: u16 = 10_000;

/// Where a stretch of a document's text stands on its page: a line, or a row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineBox {
    /// The page, from 1.
    pub page: u32,
    /// Where the stretch starts, in chars.
    pub start: usize,
    /// Where it ends (exclusive), in chars.
    pub end: usize,
    /// Left, top, right and bottom, in ten-thousandths of the page's width and height. The page
    /// is meant as it is shown, turned and cropped as the file says; the origin is its top left
    /// corner.
    pub edges: [u16; 4],
}

impl LineBox {
    /// Left, top, right and bottom as fractions of the page's width and height, 0 to 1.
    pub fn fractions(&self) -> [f64; 4] {
        self.edges.map(|edge| f64::from(edge) / f64::from(PARTS))
    }
}

/// A place on a page or in a picture: fractions of its width and height, from the top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) x0: f32,
    pub(crate) y0: f32,
    pub(crate) x1: f32,
    pub(crate) y1: f32,
}

impl Place {
    /// All of the page.
    pub(crate) const WHOLE: Self = Self { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };

    /// The smallest place around both.
    pub(crate) fn around(self, other: Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }

    /// Where this place of a picture lies on the page on which the picture lies at `frame`.
    pub(crate) fn within(self, frame: Self) -> Self {
        let (width, height) = (frame.x1 - frame.x0, frame.y1 - frame.y0);
        Self {
            x0: frame.x0 + self.x0 * width,
            y0: frame.y0 + self.y0 * height,
            x1: frame.x0 + self.x1 * width,
            y1: frame.y0 + self.y1 * height,
        }
    }

    /// Where this place of a picture was before it was turned clockwise by so many quarters.
    pub(crate) fn turned_back(self, quarters: u32) -> Self {
        (0..quarters % 4).fold(self, |at, _| Self {
            x0: at.y0,
            y0: 1.0 - at.x1,
            x1: at.y1,
            y1: 1.0 - at.x0,
        })
    }

    /// What of it lies on the page.
    pub(crate) fn clipped(self) -> Self {
        let Self { x0, y0, x1, y1 } = self;
        let clip = |edge: f32| edge.clamp(0.0, 1.0);
        Self { x0: clip(x0), y0: clip(y0), x1: clip(x1), y1: clip(y1) }
    }

    /// The part of the page that it takes; 0 when it is turned inside out.
    pub(crate) fn area(self) -> f32 {
        (self.x1 - self.x0).max(0.0) * (self.y1 - self.y0).max(0.0)
    }

    /// The part of the page that both take.
    pub(crate) fn shared(self, other: Self) -> f32 {
        let Self { x0, y0, x1, y1 } = self;
        let (x0, y0) = (x0.max(other.x0), y0.max(other.y0));
        Self { x0, y0, x1: x1.min(other.x1), y1: y1.min(other.y1) }.area()
    }

    /// The edges of a [`LineBox`]; none when nothing of it lies on the page.
    pub(crate) fn edges(self) -> Option<[u16; 4]> {
        let Self { x0, y0, x1, y1 } = self.clipped();
        let edges = [x0, y0, x1, y1].map(|edge| (edge * f32::from(PARTS)).round() as u16);
        let [left, top, right, bottom] = edges;
        let finite = [x0, y0, x1, y1].iter().all(|edge| edge.is_finite());
        (finite && left < right && top < bottom).then_some(edges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(x0: f32, y0: f32, x1: f32, y1: f32) -> Place {
        Place { x0, y0, x1, y1 }
    }

    fn near(a: Place, b: Place) -> bool {
        let apart = [a.x0 - b.x0, a.y0 - b.y0, a.x1 - b.x1, a.y1 - b.y1];
        apart.iter().all(|apart| apart.abs() < 1e-5)
    }

    #[test]
    fn a_place_in_a_picture_is_found_on_the_page() {
        let frame = place(0.5, 0.2, 0.9, 0.6);
        assert!(near(place(0.0, 0.5, 0.5, 1.0).within(frame), place(0.5, 0.4, 0.7, 0.6)));
        assert!(near(frame.within(Place::WHOLE), frame));
        // What is at the top left is at the top right after a quarter turn clockwise.
        let turned = place(0.8, 0.0, 1.0, 0.1);
        assert!(near(turned.turned_back(1), place(0.0, 0.0, 0.1, 0.2)));
        assert!(near(turned.turned_back(2), place(0.0, 0.9, 0.2, 1.0)));
        assert!(near(turned.turned_back(1).turned_back(3), turned));
    }

    #[test]
    fn edges_are_rounded_and_end_at_the_page() {
        assert_eq!(place(-0.1, 0.25, 0.33333, 1.7).edges(), Some([0, 2_500, 3_333, 10_000]));
        assert_eq!(place(1.1, 0.2, 1.4, 0.3).edges(), None);
        assert_eq!(place(0.1, f32::NAN, 0.4, 0.3).edges(), None);
        let line = LineBox { page: 1, start: 0, end: 1, edges: [0, 2_500, 3_333, 10_000] };
        assert_eq!(line.fractions(), [0.0, 0.25, 0.3333, 1.0]);
    }

    #[test]
    fn what_two_places_share_is_measured() {
        let whole = place(0.0, 0.0, 0.5, 0.5);
        assert!((whole.shared(place(0.25, 0.0, 1.0, 1.0)) - 0.125).abs() < 1e-6);
        assert!(whole.shared(place(0.6, 0.6, 1.0, 1.0)).abs() < 1e-6);
    }
}
