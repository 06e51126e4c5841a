//! Words in pictures: PP-OCR's models (PaddleOCR), run by `rten`.
//!
//! Detection marks the pixels that belong to text (differentiable binarization,
//! arXiv 1911.08947), recognition reads one line of them at a time (CTC), and
//! direction tells lines that stand on their head. Models are loaded once a process.

mod detect;
mod recognise;
mod region;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use image::RgbImage;
use image::imageops;
use rten::Model;
use serde::{Deserialize, Serialize};

use detect::Detector;
use recognise::Recogniser;

use crate::boxes::Place;

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

/// One line of text in a picture; places are pixels, y grows downwards.
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
    Model::load_file(path).or_kind(
        Kind::Unavailable,
        format!("the OCR model {name} cannot be loaded; remove it and pull it again"),
    )
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
        let mut quarters = 0;
        let vertical = regions.iter().filter(|region| region.is_vertical()).count();
        if vertical * 2 > regions.len() && regions.len() >= 4 {
            picture = imageops::rotate90(&picture);
            quarters += 1;
            regions = self.detector.regions(&picture)?;
        }
        if self.recogniser.stands_on_its_head(&picture, &regions)? {
            picture = imageops::rotate180(&picture);
            quarters += 2;
            regions = self.detector.regions(&picture)?;
        }
        let lean = region::lean(&regions);
        let mut words = Vec::new();
        for region in &regions {
            let place = region.place(&picture).turned_back(quarters);
            if known(place) {
                continue;
            }
            if let Some(text) = self.recogniser.text(&picture, region)? {
                let (x0, y0, x1, y1) = region.straightened(lean).bounds();
                words.push(Word { text, x0, y0, x1, y1, height: region.height(), place });
            }
        }
        Ok((words, picture))
    }
}
