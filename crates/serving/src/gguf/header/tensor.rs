//! The tensor table: every tensor must lie within the file.

use std::io::Read;

use super::Source;

const NAME_LENGTH_MAX: u64 = 63;
const DIMENSIONS_MAX: u32 = 4;

/// Reads `count` tensor entries and checks that their data ends within the file.
pub(super) fn check_all<R: Read>(
    source: &mut Source<R>,
    count: u64,
    alignment: u64,
) -> Result<(), String> {
    let mut tensors = Vec::new();
    for _ in 0..count {
        tensors.push(read(source)?);
    }
    let data = source.at.checked_next_multiple_of(alignment).ok_or("its header is too long")?;
    for tensor in tensors {
        if tensor.offset % alignment != 0 {
            return Err(format!("tensor '{}' is not aligned", tensor.name));
        }
        let end = data.checked_add(tensor.offset).and_then(|at| at.checked_add(tensor.bytes));
        match end {
            Some(end) if end <= source.length => {}
            Some(end) => {
                return Err(format!(
                    "it is truncated: tensor '{}' ends at byte {end}, and the file has {} \
                     (download it again)",
                    tensor.name, source.length
                ));
            }
            None => return Err(format!("tensor '{}' has an absurd place", tensor.name)),
        }
    }
    Ok(())
}

struct Tensor {
    name: String,
    offset: u64,
    bytes: u64,
}

fn read<R: Read>(source: &mut Source<R>) -> Result<Tensor, String> {
    let name = source.string("a tensor name", NAME_LENGTH_MAX)?;
    let dimensions = source.u32(&name)?;
    if dimensions > DIMENSIONS_MAX {
        return Err(format!("tensor '{name}' claims {dimensions} dimensions"));
    }
    let mut elements: u64 = 1;
    let mut row = 1;
    for dimension in 0..dimensions {
        let size = source.u64(&name)?;
        if dimension == 0 {
            row = size;
        }
        elements = elements
            .checked_mul(size)
            .filter(|elements| *elements > 0 && i64::try_from(*elements).is_ok())
            .ok_or_else(|| format!("tensor '{name}' has an absurd shape"))?;
    }
    let kind = source.u32(&name)?;
    let offset = source.u64(&name)?;
    let (block, size) = layout(kind)
        .ok_or_else(|| format!("tensor '{name}' has the type {kind}, which is not known here"))?;
    if row % block != 0 {
        return Err(format!("tensor '{name}' has rows of {row}, not a multiple of {block}"));
    }
    let bytes = (elements / block)
        .checked_mul(size)
        .ok_or_else(|| format!("tensor '{name}' has an absurd size"))?;
    Ok(Tensor { name, offset, bytes })
}

/// Elements and bytes of one block of a ggml tensor type.
fn layout(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 | 26 => (1, 4),
        1 | 25 | 30 => (1, 2),
        24 => (1, 1),
        27 | 28 => (1, 8),
        2 | 20 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        9 => (32, 36),
        39 => (32, 17),
        40 => (64, 36),
        41 => (128, 18),
        42 => (64, 18),
        10 => (256, 84),
        11 | 21 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        15 => (256, 292),
        16 | 35 => (256, 66),
        17 => (256, 74),
        18 => (256, 98),
        19 => (256, 50),
        22 => (256, 82),
        23 => (256, 136),
        29 => (256, 56),
        34 => (256, 54),
        _ => return None,
    })
}
