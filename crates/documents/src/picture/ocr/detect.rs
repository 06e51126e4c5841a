//! Which pixels are text: PP-OCR's detection.

use cairn_kernel::Result;
use image::RgbImage;
use image::imageops::{self, FilterType};
use rten::Model;
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::failed;
use super::region::Region;

/// The longer side of what the model sees, at most and at least, in pixels.
const SIDE_MAX: u32 = 1_600;
const SIDE_MIN: u32 = 736;
/// Small pictures are enlarged at most this much.
const ENLARGED_MAX: f32 = 2.0;
/// The model wants sides that are multiples of this.
const STRIDE: u32 = 32;
/// A pixel above this belongs to text.
const PIXEL_MIN: f32 = 0.3;
/// The mean over a region's pixels is at least this.
const REGION_MIN: f32 = 0.55;
/// How much training shrank the regions.
const UNCLIP: f32 = 1.6;
/// More regions than this are texture, not text.
const REGIONS_MAX: usize = 3_000;

/// Means and deviations of the training pictures, blue first.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

pub(super) struct Detector {
    model: Model,
}

impl Detector {
    pub(super) fn new(model: Model) -> Self {
        Self { model }
    }

    /// The lines of text in `picture`.
    pub(super) fn regions(&self, picture: &RgbImage) -> Result<Vec<Region>> {
        let (width, height) = picture.dimensions();
        let (seen_width, seen_height) = seen_size(width, height);
        let seen = imageops::resize(picture, seen_width, seen_height, FilterType::Triangle);
        let pixels = (seen_width * seen_height) as usize;
        let mut planes = vec![0.0; pixels * 3];
        for (at, pixel) in seen.pixels().enumerate() {
            let [red, green, blue] = pixel.0;
            for (channel, value) in [blue, green, red].into_iter().enumerate() {
                planes[channel * pixels + at] =
                    (f32::from(value) / 255.0 - MEAN[channel]) / DEVIATION[channel];
            }
        }
        let shape = [1, 3, seen_height as usize, seen_width as usize];
        let input = NdTensor::from_data(shape, planes);
        let output = self.model.run_one(input.view().into(), None).map_err(failed)?;
        let map: NdTensor<f32, 4> = output.try_into().map_err(failed)?;
        let [_, _, rows, columns] = map.shape();
        let found = regions(&map.into_data(), columns, rows);
        let (x, y) = (width as f32 / columns as f32, height as f32 / rows as f32);
        Ok(found.into_iter().map(|region| region.grown(UNCLIP).scaled(x, y)).collect())
    }
}

fn seen_size(width: u32, height: u32) -> (u32, u32) {
    let longer = width.max(height).max(1);
    let wanted = longer.clamp(SIDE_MIN, SIDE_MAX);
    let scale = (wanted as f32 / longer as f32).min(ENLARGED_MAX);
    let side = |side: u32| {
        let strides = (side as f32 * scale / STRIDE as f32).round() as u32;
        strides.max(1) * STRIDE
    };
    (side(width), side(height))
}

/// The connected parts of the map above the threshold.
fn regions(map: &[f32], columns: usize, rows: usize) -> Vec<Region> {
    let mut seen = vec![false; map.len()];
    let mut found = Vec::new();
    for start in 0..map.len() {
        if seen[start] || map[start] < PIXEL_MIN {
            continue;
        }
        let part = part(map, columns, rows, start, &mut seen);
        if let Some(region) = part
            && region.size.0.min(region.size.1) >= 3.0
        {
            found.push(region);
        }
        if found.len() >= REGIONS_MAX {
            break;
        }
    }
    found
}

/// The part that holds `start`; its pixels are marked as seen.
fn part(
    map: &[f32],
    columns: usize,
    rows: usize,
    start: usize,
    seen: &mut [bool],
) -> Option<Region> {
    let mut open = vec![start];
    seen[start] = true;
    let (mut sum, mut count) = (0.0_f32, 0_usize);
    let mut ends: std::collections::BTreeMap<usize, (usize, usize)> = Default::default();
    while let Some(at) = open.pop() {
        let (row, column) = (at / columns, at % columns);
        sum += map[at];
        count += 1;
        let end = ends.entry(row).or_insert((column, column));
        *end = (end.0.min(column), end.1.max(column));
        for near_row in row.saturating_sub(1)..=(row + 1).min(rows - 1) {
            for near_column in column.saturating_sub(1)..=(column + 1).min(columns - 1) {
                let near = near_row * columns + near_column;
                if !seen[near] && map[near] >= PIXEL_MIN {
                    seen[near] = true;
                    open.push(near);
                }
            }
        }
    }
    if sum / (count as f32) < REGION_MIN {
        return None;
    }
    let points: Vec<(f32, f32)> = ends
        .into_iter()
        .flat_map(|(row, (left, right))| [(left as f32, row as f32), (right as f32, row as f32)])
        .collect();
    Region::around(&points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_map_become_regions() {
        let (columns, rows) = (40, 20);
        let mut map = vec![0.0; columns * rows];
        for row in 3..8 {
            map[row * columns + 2..row * columns + 30].fill(0.9);
        }
        for row in 12..16 {
            map[row * columns + 5..row * columns + 15].fill(0.4);
        }
        let found = regions(&map, columns, rows);
        assert_eq!(found.len(), 1, "a faint part is no text");
        assert_eq!(found[0].bounds(), (1.5, 2.5, 29.5, 7.5));
    }

    #[test]
    fn what_the_model_sees_is_bounded() {
        assert_eq!(seen_size(5_000, 2_500), (1_600, 800));
        assert_eq!(seen_size(100, 50), (192, 96));
        assert_eq!(seen_size(1, 10_000), (32, 1_600));
    }
}
