//! Constant tensors and how to read their elements.

use crate::error::{OnnxError, Result};
use crate::model::StringStringEntryProto;

/// A constant tensor. Elements are in `raw_data` (little-endian) or in the
/// typed field of their type, row-major.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorProto {
    /// The shape.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// A [`DataType`] as its number.
    #[prost(int32, optional, tag = "2")]
    pub data_type: Option<i32>,
    /// Elements of FLOAT and COMPLEX64.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Elements of INT32 and everything narrower.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Elements of STRING, UTF-8.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub string_data: Vec<Vec<u8>>,
    /// Elements of INT64.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Name of the tensor.
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
    /// Elements of any fixed-size type, little-endian.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub raw_data: Option<Vec<u8>>,
    /// Elements of DOUBLE and COMPLEX128.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Elements of UINT32 and UINT64.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: Vec<u64>,
    /// Documentation.
    #[prost(string, optional, tag = "12")]
    pub doc_string: Option<String>,
    /// Where the elements are, when in another file (`location`, `offset`, `length`).
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    /// Whether the elements are in another file.
    #[prost(enumeration = "DataLocation", optional, tag = "14")]
    pub data_location: Option<i32>,
}

/// Where the elements of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum DataLocation {
    /// In the message.
    Default = 0,
    /// In the file that `external_data` names.
    External = 1,
}

/// Element types, with their numbers in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum DataType {
    /// Not said.
    Undefined = 0,
    /// 32-bit float.
    Float = 1,
    /// 8-bit unsigned integer.
    Uint8 = 2,
    /// 8-bit integer.
    Int8 = 3,
    /// 16-bit unsigned integer.
    Uint16 = 4,
    /// 16-bit integer.
    Int16 = 5,
    /// 32-bit integer.
    Int32 = 6,
    /// 64-bit integer.
    Int64 = 7,
    /// UTF-8 string.
    String = 8,
    /// Boolean, one byte.
    Bool = 9,
    /// 16-bit float.
    Float16 = 10,
    /// 64-bit float.
    Double = 11,
    /// 32-bit unsigned integer.
    Uint32 = 12,
    /// 64-bit unsigned integer.
    Uint64 = 13,
    /// Two 32-bit floats.
    Complex64 = 14,
    /// Two 64-bit floats.
    Complex128 = 15,
    /// 16-bit brain float.
    Bfloat16 = 16,
}

impl DataType {
    /// Bytes of one element in `raw_data`; `None` for strings and types without a fixed size.
    pub fn size(self) -> Option<usize> {
        match self {
            Self::Uint8 | Self::Int8 | Self::Bool => Some(1),
            Self::Uint16 | Self::Int16 | Self::Float16 | Self::Bfloat16 => Some(2),
            Self::Float | Self::Int32 | Self::Uint32 => Some(4),
            Self::Int64 | Self::Double | Self::Uint64 | Self::Complex64 => Some(8),
            Self::Complex128 => Some(16),
            Self::Undefined | Self::String => None,
        }
    }
}

impl TensorProto {
    /// The number of elements that the shape declares; `None` for a negative
    /// dimension or a product that does not fit.
    pub fn elements(&self) -> Option<usize> {
        self.dims
            .iter()
            .try_fold(1_usize, |product, &dim| product.checked_mul(usize::try_from(dim).ok()?))
    }

    /// Whether the elements are in another file.
    pub fn is_external(&self) -> bool {
        self.data_location == Some(DataLocation::External as i32)
    }

    /// The file that holds the elements, as written in the model.
    pub fn external_location(&self) -> Option<&str> {
        self.external_data.iter().find(|e| e.key() == "location").map(|e| e.value())
    }

    /// The elements of a FLOAT tensor. Fails for another type or for external data.
    pub fn f32s(&self) -> Result<Vec<f32>> {
        self.expect(DataType::Float)?;
        Ok(match &self.raw_data {
            Some(raw) => raw.as_chunks().0.iter().map(|c| f32::from_le_bytes(*c)).collect(),
            None => self.float_data.clone(),
        })
    }

    /// The elements of a DOUBLE tensor. Fails for another type or for external data.
    pub fn f64s(&self) -> Result<Vec<f64>> {
        self.expect(DataType::Double)?;
        Ok(match &self.raw_data {
            Some(raw) => raw.as_chunks().0.iter().map(|c| f64::from_le_bytes(*c)).collect(),
            None => self.double_data.clone(),
        })
    }

    /// The elements of an INT64 tensor. Fails for another type or for external data.
    pub fn i64s(&self) -> Result<Vec<i64>> {
        self.expect(DataType::Int64)?;
        Ok(match &self.raw_data {
            Some(raw) => raw.as_chunks().0.iter().map(|c| i64::from_le_bytes(*c)).collect(),
            None => self.int64_data.clone(),
        })
    }

    /// The elements of a STRING tensor. Fails for another type and for text that is not UTF-8.
    pub fn strings(&self) -> Result<Vec<String>> {
        self.expect(DataType::String)?;
        self.string_data
            .iter()
            .map(|bytes| String::from_utf8(bytes.clone()))
            .collect::<Result<_, _>>()
            .map_err(|_| self.invalid("holds a string that is not UTF-8"))
    }

    fn expect(&self, wanted: DataType) -> Result<()> {
        if self.data_type() != wanted as i32 {
            return Err(self.invalid(&format!("is not of type {wanted:?}")));
        }
        if self.is_external() {
            return Err(self.invalid("has its data in another file"));
        }
        Ok(())
    }

    pub(crate) fn invalid(&self, what: &str) -> OnnxError {
        OnnxError::Invalid(format!("tensor '{}' {what}", self.name()))
    }
}
