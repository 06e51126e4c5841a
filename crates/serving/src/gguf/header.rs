//! The check of a GGUF file in safe Rust, before any C++ reads it.
//!
//! llama.cpp trusts more of a file than a server may: a truncated or forged file
//! ends in a failed assertion or a bus error. Here every count, length, type and
//! offset is checked against the size of the file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use cairn_kernel::{Error, Kind, Result, ResultExt};

mod tensor;

#[cfg(test)]
mod tests;

const KEYS_MAX: u64 = 65_536;
const TENSORS_MAX: u64 = 131_072;
const KEY_LENGTH_MAX: u64 = 65_535;
const ARRAY_DEPTH_MAX: u32 = 4;

/// What the header of a checked file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Version of the format, 2 or 3.
    pub version: u32,
    /// `general.architecture`.
    pub architecture: String,
    /// `general.name`.
    pub title: Option<String>,
    /// `<architecture>.context_length`: tokens the model was trained with.
    pub context_length: Option<u64>,
    /// Bytes of keys and values that one token of context takes, in 16-bit floats;
    /// `None` where the layers differ or the header does not say.
    pub context_bytes_per_token: Option<u64>,
    /// `<architecture>.pooling_type`, as llama.cpp numbers it: how an encoder makes one vector of
    /// many; absent for what writes text.
    pub pooling: Option<u64>,
    /// `tokenizer.chat_template`.
    pub chat_template: Option<String>,
    /// Whether it is a LoRA adapter for a model and no model itself.
    pub adapter: bool,
    /// Number of tensors.
    pub tensors: u64,
    /// Size of the file in bytes.
    pub file_bytes: u64,
}

/// Checks the file at `path` from its first byte to the end of its last tensor.
///
/// # Errors
/// `NotFound` when it cannot be opened, `Unprocessable` when it is not a whole
/// GGUF file that this build can read; the message says what is wrong with it.
pub fn check(path: &Path) -> Result<Header> {
    let file = File::open(path)
        .or_kind(Kind::NotFound, format!("the model file '{}' cannot be opened", path.display()))?;
    let length = file.metadata().or_internal("asking for the size of a model file")?.len();
    parse(BufReader::with_capacity(1 << 18, file), length).map_err(|fault| {
        Error::new(
            Kind::Unprocessable,
            format!("the model file '{}' cannot be used: {fault}", path.display()),
        )
        .with_code("invalid_model_file")
    })
}

fn parse<R: Read>(reader: R, length: u64) -> Result<Header, String> {
    let mut source = Source { reader, at: 0, length };
    let magic = source.bytes::<4>("the magic bytes")?;
    if &magic != b"GGUF" {
        return Err("it is not a GGUF file (it does not begin with 'GGUF')".to_owned());
    }
    let version = source.u32("the version")?;
    if version.swap_bytes() <= 3 && version > 3 {
        return Err("it is a big-endian GGUF file, which this machine does not read".to_owned());
    }
    if !(2..=3).contains(&version) {
        return Err(format!("GGUF version {version} is not known here (2 and 3 are)"));
    }
    let tensors = source.u64("the tensor count")?;
    let keys = source.u64("the metadata count")?;
    if tensors > TENSORS_MAX || keys > KEYS_MAX {
        return Err(format!("it claims {tensors} tensors and {keys} metadata entries"));
    }
    if tensors == 0 {
        return Err("it has no tensors".to_owned());
    }
    let mut header = Header { version, tensors, file_bytes: length, ..Header::default() };
    let mut alignment = 32;
    let mut numbers = Numbers::default();
    for _ in 0..keys {
        read_key(&mut source, &mut header, &mut alignment, &mut numbers)?;
    }
    if header.architecture.is_empty() {
        return Err("it does not say its architecture (general.architecture)".to_owned());
    }
    header.context_length = numbers.of(&header.architecture, "context_length");
    header.pooling = numbers.of(&header.architecture, "pooling_type");
    header.context_bytes_per_token = numbers.context_bytes_per_token(&header.architecture);
    tensor::check_all(&mut source, tensors, alignment)?;
    Ok(header)
}

fn read_key<R: Read>(
    source: &mut Source<R>,
    header: &mut Header,
    alignment: &mut u64,
    numbers: &mut Numbers,
) -> Result<(), String> {
    let key = source.string("a metadata key", KEY_LENGTH_MAX)?;
    match (key.as_str(), source.value(&key)?) {
        ("general.architecture", Value::Text(text)) => header.architecture = text,
        ("general.name", Value::Text(text)) => header.title = Some(text),
        ("general.type", Value::Text(text)) => header.adapter = text == "adapter",
        ("tokenizer.chat_template", Value::Text(text)) => header.chat_template = Some(text),
        ("general.alignment", Value::Number(value)) => {
            if !value.is_power_of_two() || !(8..=1 << 20).contains(&value) {
                return Err(format!("its alignment is {value}"));
            }
            *alignment = value;
        }
        (_, Value::Number(value)) => numbers.keep(key, value),
        ("general.architecture" | "tokenizer.chat_template", _) => {
            return Err(format!("'{key}' is not a text"));
        }
        _ => {}
    }
    Ok(())
}

/// The numbers that the architecture gives a name; it may come after them.
#[derive(Default)]
struct Numbers(Vec<(String, u64)>);

impl Numbers {
    const KEPT: [&'static str; 8] = [
        "context_length",
        "pooling_type",
        "block_count",
        "embedding_length",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
    ];

    fn keep(&mut self, key: String, value: u64) {
        let name = key.split_once('.').map(|(_, name)| name);
        if name.is_some_and(|name| Self::KEPT.contains(&name)) {
            self.0.push((key, value));
        }
    }

    fn of(&self, architecture: &str, name: &str) -> Option<u64> {
        let wanted = format!("{architecture}.{name}");
        self.0.iter().find(|(key, _)| *key == wanted).map(|(_, value)| *value)
    }

    fn context_bytes_per_token(&self, architecture: &str) -> Option<u64> {
        let of = |name| self.of(architecture, name);
        let heads = of("attention.head_count")?;
        let width = of("embedding_length")?.checked_div(heads)?;
        let (key, value) = (of("attention.key_length"), of("attention.value_length"));
        let each = key.unwrap_or(width).checked_add(value.unwrap_or(width))?;
        let shared = of("attention.head_count_kv")?;
        of("block_count")?.checked_mul(shared)?.checked_mul(each)?.checked_mul(2)
    }
}

/// A metadata value, as far as anything here needs it.
enum Value {
    Text(String),
    Number(u64),
    Other,
}

/// Reads the file front to back and knows how much of it is left.
struct Source<R> {
    reader: R,
    at: u64,
    length: u64,
}

impl<R: Read> Source<R> {
    fn need(&self, count: u64, what: &str) -> Result<(), String> {
        if count > self.length.saturating_sub(self.at) {
            return Err(format!(
                "it is truncated or damaged: {what} needs {count} bytes at {}, and the file has \
                 {} (download it again)",
                self.at, self.length
            ));
        }
        Ok(())
    }

    fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        self.need(N as u64, what)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32, String> {
        self.bytes(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, String> {
        self.bytes(what).map(u64::from_le_bytes)
    }

    fn skip(&mut self, count: u64, what: &str) -> Result<(), String> {
        self.need(count, what)?;
        let skipped = std::io::copy(&mut self.reader.by_ref().take(count), &mut std::io::sink());
        match skipped {
            Ok(skipped) if skipped == count => self.at += count,
            Ok(_) => return Err(format!("it ends within {what}")),
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    fn string(&mut self, what: &str, longest: u64) -> Result<String, String> {
        let length = self.u64(what)?;
        if length > longest {
            return Err(format!("{what} claims a length of {length} bytes"));
        }
        self.need(length, what)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|error| error.to_string())?];
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        self.at += length;
        String::from_utf8(bytes).map_err(|_| format!("{what} is not UTF-8"))
    }

    fn value(&mut self, key: &str) -> Result<Value, String> {
        let kind = self.u32(key)?;
        match kind {
            8 if matches!(
                key,
                "general.architecture"
                    | "general.name"
                    | "general.type"
                    | "tokenizer.chat_template"
            ) =>
            {
                self.string(key, 16 << 20).map(Value::Text)
            }
            4 => self.u32(key).map(|value| Value::Number(value.into())),
            10 => self.u64(key).map(Value::Number),
            _ => self.skip_value(kind, key, 0).map(|()| Value::Other),
        }
    }

    fn skip_value(&mut self, kind: u32, key: &str, depth: u32) -> Result<(), String> {
        if let Some(width) = width(kind) {
            return self.skip(width, key);
        }
        match kind {
            8 => {
                let length = self.u64(key)?;
                self.skip(length, key)
            }
            9 if depth < ARRAY_DEPTH_MAX => self.skip_array(key, depth),
            _ => Err(format!("'{key}' has the unknown value type {kind}")),
        }
    }

    fn skip_array(&mut self, key: &str, depth: u32) -> Result<(), String> {
        let kind = self.u32(key)?;
        let count = self.u64(key)?;
        if let Some(width) = width(kind) {
            return self.skip(count.saturating_mul(width), key);
        }
        // Every string and array takes eight bytes at least.
        self.need(count.saturating_mul(8), key)?;
        for _ in 0..count {
            self.skip_value(kind, key, depth + 1)?;
        }
        Ok(())
    }
}

/// Bytes of a scalar metadata value.
fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
