//! The tensor that requests and answers are made of, apart from any wire format.

mod half;
pub mod raw;

use cairn_kernel::{Error, Result};

pub use half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};

/// Element types, named as in the Open Inference Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Datatype {
    /// Boolean.
    Bool,
    /// 8-bit unsigned integer.
    Uint8,
    /// 16-bit unsigned integer.
    Uint16,
    /// 32-bit unsigned integer.
    Uint32,
    /// 64-bit unsigned integer.
    Uint64,
    /// 8-bit integer.
    Int8,
    /// 16-bit integer.
    Int16,
    /// 32-bit integer.
    Int32,
    /// 64-bit integer.
    Int64,
    /// 16-bit float (IEEE 754 binary16).
    Fp16,
    /// 16-bit float with the exponent of a 32-bit one (bfloat16).
    Bf16,
    /// 32-bit float.
    Fp32,
    /// 64-bit float.
    Fp64,
    /// Byte strings; text is UTF-8.
    Bytes,
}

impl Datatype {
    /// Every type.
    pub const ALL: [Self; 14] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp16,
        Self::Bf16,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Bf16 => "BF16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// The type called `name` on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|datatype| datatype.name() == name)
    }

    /// Bytes of one element in the binary form; `None` for [`Datatype::Bytes`].
    pub fn size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }
}

impl std::fmt::Display for Datatype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The elements of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is the type that it names")]
pub enum TensorData {
    Bool(Vec<bool>),
    Uint8(Vec<u8>),
    Uint16(Vec<u16>),
    Uint32(Vec<u32>),
    Uint64(Vec<u64>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    /// Bit patterns.
    Fp16(Vec<u16>),
    /// Bit patterns.
    Bf16(Vec<u16>),
    Fp32(Vec<f32>),
    Fp64(Vec<f64>),
    Bytes(Vec<Vec<u8>>),
}

impl TensorData {
    /// The element type.
    pub fn datatype(&self) -> Datatype {
        match self {
            Self::Bool(_) => Datatype::Bool,
            Self::Uint8(_) => Datatype::Uint8,
            Self::Uint16(_) => Datatype::Uint16,
            Self::Uint32(_) => Datatype::Uint32,
            Self::Uint64(_) => Datatype::Uint64,
            Self::Int8(_) => Datatype::Int8,
            Self::Int16(_) => Datatype::Int16,
            Self::Int32(_) => Datatype::Int32,
            Self::Int64(_) => Datatype::Int64,
            Self::Fp16(_) => Datatype::Fp16,
            Self::Bf16(_) => Datatype::Bf16,
            Self::Fp32(_) => Datatype::Fp32,
            Self::Fp64(_) => Datatype::Fp64,
            Self::Bytes(_) => Datatype::Bytes,
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(x) => x.len(),
            Self::Uint8(x) => x.len(),
            Self::Uint16(x) => x.len(),
            Self::Uint32(x) => x.len(),
            Self::Uint64(x) => x.len(),
            Self::Int8(x) => x.len(),
            Self::Int16(x) => x.len(),
            Self::Int32(x) => x.len(),
            Self::Int64(x) => x.len(),
            Self::Fp16(x) | Self::Bf16(x) => x.len(),
            Self::Fp32(x) => x.len(),
            Self::Fp64(x) => x.len(),
            Self::Bytes(x) => x.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A named tensor whose element count agrees with its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    name: String,
    shape: Vec<usize>,
    data: TensorData,
}

impl Tensor {
    /// A tensor of `shape` (empty for a scalar).
    ///
    /// # Errors
    /// `Invalid`, naming the tensor, when the number of elements is not the
    /// product of the shape, or an element is larger than 4 GiB.
    pub fn new(name: impl Into<String>, shape: Vec<usize>, data: TensorData) -> Result<Self> {
        let name = name.into();
        let declared = shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        if declared != Some(data.len()) {
            return Err(Error::invalid(format!(
                "tensor '{name}' has the shape {shape:?} and {} elements; the shape asks for {}",
                data.len(),
                declared.map_or_else(|| "too many".to_owned(), |count| count.to_string())
            ))
            .with_param(name));
        }
        // What [`raw`] can say of an element's length.
        let longest = u32::MAX as usize;
        if matches!(&data, TensorData::Bytes(each) if each.iter().any(|one| one.len() > longest)) {
            return Err(Error::invalid(format!("an element of '{name}' is larger than 4 GiB"))
                .with_param(name));
        }
        Ok(Self { name, shape, data })
    }

    /// A BYTES tensor of text.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn text(
        name: impl Into<String>,
        shape: Vec<usize>,
        data: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self> {
        let data = data.into_iter().map(|text| text.into().into_bytes()).collect();
        Self::new(name, shape, TensorData::Bytes(data))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The element type.
    pub fn datatype(&self) -> Datatype {
        self.data.datatype()
    }

    /// The shape, outermost dimension first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// Takes the tensor apart: name, shape, elements.
    pub fn into_parts(self) -> (String, Vec<usize>, TensorData) {
        (self.name, self.shape, self.data)
    }

    /// The elements of a BYTES tensor as text.
    ///
    /// # Errors
    /// `Invalid` for another type or for bytes that are not UTF-8.
    pub fn strings(&self) -> Result<Vec<&str>> {
        let TensorData::Bytes(elements) = &self.data else {
            return Err(Error::invalid(format!(
                "tensor '{}' has the datatype {}, and BYTES is expected",
                self.name,
                self.datatype()
            ))
            .with_param(&self.name));
        };
        let text = elements.iter().enumerate().map(|(at, bytes)| {
            std::str::from_utf8(bytes).map_err(|_| {
                Error::invalid(format!("element {at} of tensor '{}' is not UTF-8 text", self.name))
                    .with_param(&self.name)
            })
        });
        text.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_has_as_many_elements_as_its_shape_says() {
        let data = || TensorData::Fp32(vec![0.0; 6]);
        assert!(Tensor::new("x", vec![2, 3], data()).is_ok());
        assert!(Tensor::new("x", vec![6, 1], data()).is_ok());
        let error = Tensor::new("x", vec![2, 2], data()).unwrap_err();
        assert!(error.message().contains("'x'") && error.message().contains("asks for 4"));
        assert!(Tensor::new("x", vec![usize::MAX, 2], data()).is_err());
        assert!(Tensor::new("x", vec![], TensorData::Int64(vec![7])).is_ok());
        assert!(Tensor::new("x", vec![0, 9], TensorData::Int64(vec![])).is_ok());
    }

    #[test]
    fn names_are_those_of_the_protocol() {
        for datatype in Datatype::ALL {
            assert_eq!(Datatype::from_name(datatype.name()), Some(datatype));
        }
        assert_eq!(Datatype::from_name("FP8"), None);
    }

    #[test]
    fn text_must_be_utf8() {
        let good = Tensor::text("t", vec![2], ["a", "é"]).unwrap();
        assert_eq!(good.strings().unwrap(), ["a", "é"]);
        let bad = Tensor::new("t", vec![1], TensorData::Bytes(vec![vec![0xff]])).unwrap();
        assert!(bad.strings().unwrap_err().message().contains("UTF-8"));
    }
}
