//! Where a line of text lies: a rectangle that may lean.

use image::RgbImage;

use crate::document::Place;

/// Text lies on its side when its vertical lines are so many times as long as the others.
const SIDEWAYS_MIN: f32 = 2.0;

/// A rectangle around a line of text, in pixels, y downwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    /// Its middle.
    pub(super) centre: (f32, f32),
    /// The direction of the text, of length 1, within 45 degrees of left to right.
    pub(super) along: (f32, f32),
    /// Its extent along the text and across it.
    pub(super) size: (f32, f32),
}

impl Region {
    /// The smallest rectangle around `points`, one of whose sides is an edge of their hull.
    pub(super) fn around(points: &[(f32, f32)]) -> Option<Self> {
        let hull = hull(points);
        let edges = hull.iter().zip(hull.iter().cycle().skip(1));
        let mut best: Option<(f32, Self)> = None;
        for (a, b) in edges {
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let length = dx.hypot(dy);
            let direction = if length > 0.0 { (dx / length, dy / length) } else { (1.0, 0.0) };
            let region = Self::in_direction(&hull, upright(direction));
            let area = region.size.0 * region.size.1;
            if best.as_ref().is_none_or(|(least, _)| area < *least) {
                best = Some((area, region));
            }
        }
        best.map(|(_, region)| region)
    }

    fn in_direction(points: &[(f32, f32)], along: (f32, f32)) -> Self {
        let across = (-along.1, along.0);
        let extent = |axis: (f32, f32)| {
            let at = points.iter().map(|point| point.0 * axis.0 + point.1 * axis.1);
            at.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), at| {
                (low.min(at), high.max(at))
            })
        };
        let ((u0, u1), (v0, v1)) = (extent(along), extent(across));
        let (u, v) = ((u0 + u1) / 2.0, (v0 + v1) / 2.0);
        Self {
            centre: (u * along.0 + v * across.0, u * along.1 + v * across.1),
            along,
            size: (u1 - u0 + 1.0, v1 - v0 + 1.0),
        }
    }

    /// Grown by the margin that training shrank it by (the `unclip` of the method).
    pub(super) fn grown(self, ratio: f32) -> Self {
        let (width, height) = self.size;
        let margin = width * height * ratio / (2.0 * (width + height)).max(1.0);
        Self { size: (width + 2.0 * margin, height + 2.0 * margin), ..self }
    }

    pub(super) fn scaled(self, x: f32, y: f32) -> Self {
        // Both scales are all but the same: only whole strides of the model differ.
        let (sx, sy) = (self.along.0 * x, self.along.1 * y);
        let length = sx.hypot(sy).max(f32::EPSILON);
        Self {
            centre: (self.centre.0 * x, self.centre.1 * y),
            along: (sx / length, sy / length),
            size: (self.size.0 * length, self.size.1 * (x * y / length)),
        }
    }

    /// The stretch of it between two shares of its extent along the text.
    pub(super) fn stretch(self, from: f32, to: f32) -> Self {
        let width = self.size.0;
        let aside = ((from + to) / 2.0 - 0.5) * width;
        let (ux, uy) = self.along;
        Self {
            centre: (self.centre.0 + ux * aside, self.centre.1 + uy * aside),
            size: ((to - from).max(0.0) * width, self.size.1),
            ..self
        }
    }

    /// Where it lies in the picture turned back by `lean`.
    pub(super) fn straightened(self, lean: f32) -> Self {
        let turn =
            |(x, y): (f32, f32)| (x * lean.cos() + y * lean.sin(), y * lean.cos() - x * lean.sin());
        Self { centre: turn(self.centre), along: turn(self.along), ..self }
    }

    /// Whether its text runs from top to bottom or is turned.
    pub(super) fn is_vertical(&self) -> bool {
        self.size.1 > self.size.0 * 1.5
    }

    /// The height of the line.
    pub(super) fn height(&self) -> f32 {
        self.size.0.min(self.size.1)
    }

    /// Its longer side.
    pub(super) fn length(&self) -> f32 {
        self.size.0.max(self.size.1)
    }

    /// The upright rectangle around it: left, top, right, bottom.
    pub(crate) fn bounds(&self) -> (f32, f32, f32, f32) {
        let (width, height) = self.size;
        let (ux, uy) = self.along;
        let x = (width * ux.abs() + height * uy.abs()) / 2.0;
        let y = (width * uy.abs() + height * ux.abs()) / 2.0;
        (self.centre.0 - x, self.centre.1 - y, self.centre.0 + x, self.centre.1 + y)
    }

    /// The same as a part of `picture`, in which it lies.
    pub(super) fn place(&self, picture: &RgbImage) -> Place {
        let (width, height) = (picture.width().max(1) as f32, picture.height().max(1) as f32);
        let (x0, y0, x1, y1) = self.bounds();
        Place { x0: x0 / width, y0: y0 / height, x1: x1 / width, y1: y1 / height }
    }
}

/// Whether most of the text runs up or down the picture.
pub(super) fn lie_on_their_side(regions: &[Region]) -> bool {
    let length = |vertical: bool| -> f32 {
        regions.iter().filter(|region| region.is_vertical() == vertical).map(Region::length).sum()
    };
    length(true) > SIDEWAYS_MIN * length(false)
}

/// The angle at which most lines lean, in radians.
pub(super) fn lean(regions: &[Region]) -> f32 {
    let long = regions.iter().filter(|region| region.size.0 > 4.0 * region.size.1);
    let mut angles: Vec<f32> = long.map(|region| region.along.1.atan2(region.along.0)).collect();
    angles.sort_by(f32::total_cmp);
    if angles.len() < 3 { 0.0 } else { angles[angles.len() / 2] }
}

/// The direction, or one at right angles to it, within 45 degrees of left to right.
fn upright((x, y): (f32, f32)) -> (f32, f32) {
    let (x, y) = if y.abs() > x.abs() { (y, -x) } else { (x, y) };
    if x < 0.0 { (-x, -y) } else { (x, y) }
}

/// The convex hull (monotone chain).
fn hull(points: &[(f32, f32)]) -> Vec<(f32, f32)> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let mut hull: Vec<(f32, f32)> = half(sorted.iter().copied());
    hull.pop();
    let mut upper = half(sorted.iter().rev().copied());
    upper.pop();
    hull.extend(upper);
    hull
}

fn half(points: impl Iterator<Item = (f32, f32)>) -> Vec<(f32, f32)> {
    let mut chain: Vec<(f32, f32)> = Vec::new();
    for point in points {
        while let [.., a, b] = chain.as_slice()
            && (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0) <= 0.0
        {
            chain.pop();
        }
        chain.push(point);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaning_line_gets_a_leaning_rectangle() {
        let angle = 10.0_f32.to_radians();
        let turn = |x: f32, y: f32| {
            (100.0 + x * angle.cos() - y * angle.sin(), 100.0 + x * angle.sin() + y * angle.cos())
        };
        let corners = [turn(-50.0, -5.0), turn(50.0, -5.0), turn(50.0, 5.0), turn(-50.0, 5.0)];
        let region = Region::around(&corners).unwrap();
        assert!((region.size.0 - 101.0).abs() < 0.1 && (region.size.1 - 11.0).abs() < 0.1);
        assert!((region.along.1 - angle.sin()).abs() < 0.01 && !region.is_vertical());
        assert!((region.centre.0 - 100.0).abs() < 0.1);
    }

    #[test]
    fn few_lines_tell_that_they_lie_on_their_side() {
        let region = |size: (f32, f32)| Region { centre: (50.0, 50.0), along: (1.0, 0.0), size };
        assert!(lie_on_their_side(&[region((30.0, 600.0)), region((30.0, 120.0))]));
        assert!(!lie_on_their_side(&[]));
        // The numbers of a scale beside its label; ones in a table.
        let scale: Vec<Region> = (0..6).map(|_| region((40.0, 30.0))).collect();
        assert!(!lie_on_their_side(&[scale, vec![region((30.0, 300.0))]].concat()));
        let ones: Vec<Region> = (0..6).map(|_| region((15.0, 30.0))).collect();
        assert!(!lie_on_their_side(&[ones, vec![region((200.0, 30.0))]].concat()));
    }

    #[test]
    fn a_stretch_lies_along_the_line() {
        let line = Region { centre: (100.0, 50.0), along: (0.8, 0.6), size: (100.0, 20.0) };
        let stretch = line.stretch(0.0, 0.5);
        assert_eq!((stretch.centre, stretch.size), ((80.0, 35.0), (50.0, 20.0)));
        assert_eq!(line.stretch(0.0, 1.0).centre, line.centre);
    }

    #[test]
    fn lines_that_lean_together_are_straightened() {
        let line =
            |y: f32| Region { centre: (y * -0.1, y), along: (0.995, 0.0998), size: (300.0, 20.0) };
        let regions = [line(50.0), line(90.0), line(130.0)];
        let straight: Vec<Region> =
            regions.iter().map(|region| region.straightened(lean(&regions))).collect();
        assert!(straight[0].along.1.abs() < 1e-3);
        assert!((straight[0].centre.0 - straight[2].centre.0).abs() < 0.1);
        assert_eq!(lean(&regions[..2]), 0.0);
    }

    #[test]
    fn few_points_make_a_rectangle_as_well() {
        let region = Region::around(&[(3.0, 4.0)]).unwrap();
        assert_eq!((region.size, region.centre), ((1.0, 1.0), (3.0, 4.0)));
        let column = Region::around(&[(3.0, 0.0), (3.0, 40.0)]).unwrap();
        assert!(column.is_vertical());
        assert!(Region::around(&[]).is_none());
    }
}
