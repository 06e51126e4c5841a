//! LightGBM's C interface behind two owning handles. The only unsafe code here.
#![expect(unsafe_code, reason = "LightGBM is a C library")]

use std::ffi::{CStr, CString, c_void};
use std::ptr;

use cairn_kernel::{Error, Result, ResultExt};
use lightgbm3_sys as sys;

const FLOAT32: i32 = 0;
const ROW_MAJOR: i32 = 1;
/// Prediction kinds of the C interface.
const RAW_SCORE: i32 = 1;

/// Rows that LightGBM has binned.
#[derive(Debug)]
pub(crate) struct Dataset(sys::DatasetHandle);

/// A model in training, or trained.
#[derive(Debug)]
pub(crate) struct Booster {
    handle: sys::BoosterHandle,
    /// Keeps the rows alive that the handle points to.
    data: Vec<Dataset>,
    outputs: usize,
}

// SAFETY: a handle is an owned heap object without thread affinity; the library locks
// a booster inside every call, and a dataset is only read once it is made.
unsafe impl Send for Dataset {}
// SAFETY: as above.
unsafe impl Send for Booster {}
// SAFETY: as above; the methods that change a booster take `&mut self`.
unsafe impl Sync for Booster {}

fn check(status: i32, doing: &str) -> Result<()> {
    if status == 0 {
        return Ok(());
    }
    // SAFETY: the library returns a pointer to its thread's last message, ended by 0.
    let message = unsafe { CStr::from_ptr(sys::LGBM_GetLastError()) }.to_string_lossy();
    if message.contains("bad_alloc") {
        return Err(Error::unavailable(format!(
            "{doing}: the memory ceiling was reached; train on fewer rows or raise the ceiling"
        )));
    }
    Err(Error::internal(format!("LightGBM failed while {doing}: {message}")))
}

fn text(value: &str) -> Result<CString> {
    CString::new(value).or_internal("passing parameters to LightGBM")
}

fn count(value: usize) -> Result<i32> {
    i32::try_from(value).or_internal("a table beyond LightGBM's size limit")
}

impl Dataset {
    /// Bins a row-major matrix of `width` columns; with `like`, by its bins.
    pub(crate) fn new(
        matrix: &[f32],
        width: usize,
        labels: &[f32],
        parameters: &str,
        like: Option<&Self>,
    ) -> Result<Self> {
        if labels.len() * width != matrix.len() {
            return Err(Error::internal("a matrix and its labels differ in rows"));
        }
        let parameters = text(parameters)?;
        let reference = like.map_or(ptr::null_mut(), |dataset| dataset.0);
        let mut handle = ptr::null_mut();
        // SAFETY: the matrix has `labels.len() * width` values, as checked above, and
        // is only read during the call; `reference` is null or a live dataset.
        let status = unsafe {
            sys::LGBM_DatasetCreateFromMat(
                matrix.as_ptr().cast::<c_void>(),
                FLOAT32,
                count(labels.len())?,
                count(width)?,
                ROW_MAJOR,
                parameters.as_ptr(),
                reference,
                &mut handle,
            )
        };
        check(status, "reading the training rows")?;
        let dataset = Self(handle);
        // SAFETY: the handle is live; the labels are copied during the call.
        let status = unsafe {
            sys::LGBM_DatasetSetField(
                dataset.0,
                c"label".as_ptr(),
                labels.as_ptr().cast::<c_void>(),
                count(labels.len())?,
                FLOAT32,
            )
        };
        check(status, "setting the labels")?;
        Ok(dataset)
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: the handle is live and not used again.
        let _ = unsafe { sys::LGBM_DatasetFree(self.0) };
    }
}

impl Booster {
    /// A model of no trees yet; `outputs` raw scores per row.
    pub(crate) fn new(train: Dataset, parameters: &str, outputs: usize) -> Result<Self> {
        let parameters = text(parameters)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the dataset is live, and is kept as long as the booster.
        let status = unsafe { sys::LGBM_BoosterCreate(train.0, parameters.as_ptr(), &mut handle) };
        check(status, "starting a model")?;
        Ok(Self { handle, data: vec![train], outputs })
    }

    /// Adds rows to be scored after every round (once).
    pub(crate) fn watch(&mut self, valid: Dataset) -> Result<()> {
        // SAFETY: both handles are live, and the dataset is kept as long as the booster.
        let status = unsafe { sys::LGBM_BoosterAddValidData(self.handle, valid.0) };
        check(status, "adding validation rows")?;
        self.data.push(valid);
        Ok(())
    }

    /// Adds one round of trees; `false` when nothing can be split any more.
    pub(crate) fn grow(&mut self) -> Result<bool> {
        let mut finished = 0;
        // SAFETY: the handle is live.
        let status = unsafe { sys::LGBM_BoosterUpdateOneIter(self.handle, &mut finished) };
        check(status, "growing trees")?;
        Ok(finished == 0)
    }

    /// The one configured metric on the watched rows.
    pub(crate) fn watched_loss(&self) -> Result<f64> {
        let mut length = 0;
        let mut values = [0.0; 8];
        // SAFETY: the handle is live, one metric is configured, so one value is written.
        let status =
            unsafe { sys::LGBM_BoosterGetEval(self.handle, 1, &mut length, values.as_mut_ptr()) };
        check(status, "scoring validation rows")?;
        Ok(values[0])
    }

    /// Raw scores of a row-major matrix by the first `rounds` rounds.
    pub(crate) fn raw(&self, matrix: &[f32], width: usize, rounds: usize) -> Result<Vec<f64>> {
        let rows = matrix.len() / width.max(1);
        let mut scores = vec![0.0; rows * self.outputs];
        if rows == 0 {
            return Ok(scores);
        }
        let mut length = 0;
        // SAFETY: the matrix has `rows * width` values and the output room for
        // `outputs` scores per row, which is what raw scores take.
        let status = unsafe {
            sys::LGBM_BoosterPredictForMat(
                self.handle,
                matrix.as_ptr().cast::<c_void>(),
                FLOAT32,
                count(rows)?,
                count(width)?,
                ROW_MAJOR,
                RAW_SCORE,
                0,
                count(rounds)?,
                c"num_threads=1".as_ptr(),
                &mut length,
                scores.as_mut_ptr(),
            )
        };
        check(status, "predicting")?;
        Ok(scores)
    }

    /// The first `rounds` rounds in LightGBM's text format.
    pub(crate) fn text(&self, rounds: usize) -> Result<String> {
        let mut buffer = vec![0_u8; 1 << 20];
        loop {
            let mut length = 0;
            // SAFETY: the buffer has the stated size; the library writes at most that.
            let status = unsafe {
                sys::LGBM_BoosterSaveModelToString(
                    self.handle,
                    0,
                    count(rounds)?,
                    0,
                    buffer.len() as i64,
                    &mut length,
                    buffer.as_mut_ptr().cast(),
                )
            };
            check(status, "writing the model")?;
            let length = usize::try_from(length).or_internal("the length of a model")?;
            if length <= buffer.len() {
                buffer.truncate(length.saturating_sub(1));
                return String::from_utf8(buffer).or_internal("a model that is not text");
            }
            buffer.resize(length, 0);
        }
    }
}

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: the handle is live and not used again; the rows go after it.
        let _ = unsafe { sys::LGBM_BoosterFree(self.handle) };
        self.data.clear();
    }
}
