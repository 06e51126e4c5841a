//! Words in pictures: PP-OCR's models (PaddleOCR), run by `rten`.
//!
//! Detection marks the pixels that belong to text (differentiable binarization,
//! arXiv 1911.08947), recognition reads one line of them at a time (CTC), and
//! direction tells lines that stand on their head. Models are loaded once a process.

mod detect;
mod gaps;
mod recognise;
mod region;
mod weights;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use image::RgbImage;
use image::imageops;
use rten::Model;
use serde::{Deserialize, Serialize};

use detect::Detector;
use recognise::Recogniser;

use crate::document::Place;

/// Where the models for reading pictures are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OcrModels {
    /// PP-OCR's text detection, as ONNX.
    pub detection: PathBuf,
    /// PP-OCR's text recognition, as ONNX, with its characters in the metadata.
    pub recognition: PathBuf,
    /// PP-OCR's text direction (0 or 180 degrees), as ONNX.
    pub direction: Option<PathBuf>,
}

/// A line of text in a picture, or a part of one that wide gaps part; places are pixels, y grows downwards.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) x0: f32,
    pub(crate) y0: f32,
    pub(crate) x1: f32,
    pub(crate) y1: f32,
    /// The height of its letters' line.
    pub(crate) height: f32,
    /// Where it is in the picture as it was given, neither turned nor straightened.
    pub(crate) place: Place,
}

/// Loaded models.
pub(crate) struct Engine {
    detector: Detector,
    recogniser: Recogniser,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// The engine for `models`, loaded at the first call.
///
/// # Errors
/// `Unavailable` when a model cannot be read or is not what it should be.
pub(crate) fn engine(models: &OcrModels) -> Result<Arc<Engine>> {
    static LOADED: Mutex<Option<(OcrModels, Arc<Engine>)>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, engine)) = loaded.as_ref()
        && of == models
    {
        return Ok(Arc::clone(engine));
    }
    let engine = Arc::new(Engine {
        detector: Detector::new(load(&models.detection)?),
        recogniser: Recogniser::new(
            load(&models.recognition)?,
            models.direction.as_ref().map(load).transpose()?,
        )?,
    });
    *loaded = Some((models.clone(), Arc::clone(&engine)));
    Ok(engine)
}

fn load(path: &PathBuf) -> Result<Model> {
    let name = path.display();
    let reason = || format!("the OCR model {name} cannot be loaded; remove it and pull it again");
    let bytes = std::fs::read(path).or_kind(Kind::Unavailable, reason())?;
    Model::load(weights::without_subnormals(bytes)).or_kind(Kind::Unavailable, reason())
}

/// An engine's failure on a picture.
fn failed(cause: impl std::fmt::Display) -> Error {
    Error::internal(format!("the OCR engine failed on a picture: {cause}"))
}

impl Engine {
    /// The lines of text in `picture`, in no order. A picture that lies on its side or
    /// stands on its head is turned first, one that leans is straightened; places are
    /// those in the upright picture, which comes back as well. Lines at places that are
    /// `known` are left out; where all of them are, nothing is read.
    pub(crate) fn read_beside(
        &self,
        mut picture: RgbImage,
        known: &dyn Fn(Place) -> bool,
    ) -> Result<(Vec<Word>, RgbImage)> {
        let mut regions = self.detector.regions(&picture)?;
        if regions.iter().all(|region| known(region.place(&picture))) {
            return Ok((Vec::new(), picture));
        }
        let quarters = self.recogniser.turn(&picture, &regions)?;
        if quarters > 0 {
            picture = turned(&picture, quarters);
            regions = self.detector.regions(&picture)?;
        }
        let lean = region::lean(&regions);
        regions.retain(|region| !known(region.place(&picture).turned_back(quarters)));
        let lines = self.recogniser.lines(&picture, &regions)?;
        let mut words = Vec::new();
        for (region, parts) in regions.iter().zip(lines) {
            words.extend(parts.into_iter().map(|part| {
                let stretch = region.stretch(part.from, part.to);
                let place = stretch.place(&picture).turned_back(quarters);
                let (x0, y0, x1, y1) = stretch.straightened(lean).bounds();
                Word { text: part.text, x0, y0, x1, y1, height: region.height(), place }
            }));
        }
        Ok((words, picture))
    }
}

/// `picture` turned clockwise by so many quarters.
fn turned(picture: &RgbImage, quarters: u32) -> RgbImage {
    match quarters % 4 {
        1 => imageops::rotate90(picture),
        2 => imageops::rotate180(picture),
        3 => imageops::rotate270(picture),
        _ => picture.clone(),
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn a_place_in_a_turned_picture_is_found_in_the_one_that_was_given() {
        let picture = RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8, y as u8, 0]));
        for quarters in 0..4 {
            let turned = turned(&picture, quarters);
            let (width, height) = (turned.width() as f32, turned.height() as f32);
            // The pixel that is at the top left now.
            let place = Place { x0: 0.0, y0: 0.0, x1: 1.0 / width, y1: 1.0 / height };
            let place = place.turned_back(quarters);
            let (x, y) = ((place.x0 * 3.0).round(), (place.y0 * 2.0).round());
            assert_eq!(turned.get_pixel(0, 0), picture.get_pixel(x as u32, y as u32), "{quarters}");
        }
    }
}
