//! Files that are no ONNX models, told by their first bytes.
//!
//! A protobuf decoder says of such a file only that it is damaged. Its owner is helped by
//! the name of what it is, and for some of them nobody should be tempted to read it at all.

/// What a file is instead, with the remedy; `None` when nothing speaks against ONNX.
pub(crate) fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| {
        bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic))
    };
    if is_pickle(bytes) {
        return Some(
            "a Python pickle (joblib and old PyTorch files are pickles), which can run any code \
             when it is read; convert it to ONNX where it was trained",
        );
    }
    let known: [(usize, &[u8], &str); 13] = [
        (0, b"PK\x03\x04", "a ZIP archive (PyTorch .pt, Keras .keras, NumPy .npz, MLmodel)"),
        (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras .h5)"),
        (0, b"GGUF", "a GGUF file, which is a language model and served as one"),
        (0, b"\x93NUMPY", "a NumPy array"),
        (4, b"TFL3", "a TensorFlow Lite model"),
        (4, b"ORTM", "an ONNX Runtime .ort file"),
        (0, b"\x1f\x8b", "a gzip archive"),
        (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
        (0, b"\x7fELF", "a program"),
        (0, b"%PDF", "a PDF document"),
        (0, b"version https://git-lfs", "a Git LFS pointer and not the file it points to"),
        (0, b"<!DOCTYPE", "a web page"),
        (0, b"<html", "a web page"),
    ];
    if let Some((.., name)) = known.iter().find(|(offset, magic, _)| at(*offset, magic)) {
        return Some(name);
    }
    // Eight bytes of length, then a JSON object.
    let length = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    if at(8, b"{\"") && length.is_some_and(|length| length < bytes.len() as u64) {
        return Some("a safetensors file, which holds weights and no computation; export ONNX");
    }
    None
}

/// Protocols 2 to 5 name themselves; 0 and 1 begin with an opcode and end with a stop.
fn is_pickle(bytes: &[u8]) -> bool {
    match bytes {
        [0x80, 2..=5, ..] => true,
        [b'c', rest @ ..] => {
            let mut lines = rest.splitn(3, |byte| *byte == b'\n');
            let word = |line: Option<&[u8]>| {
                line.is_some_and(|line| {
                    !line.is_empty()
                        && line.len() < 128
                        && line.iter().all(|b| b.is_ascii_alphanumeric() || b"._".contains(b))
                })
            };
            word(lines.next()) && word(lines.next()) && rest.ends_with(b".")
        }
        [b'(' | b']' | b'}', .., b'.'] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_called_by_its_name() {
        let cases: [(&[u8], &str); 12] = [
            (b"\x80\x04\x95\x10\0\0\0.", "pickle"),
            (b"cos\nsystem\n(S'true'\ntR.", "pickle"),
            (b"(dp0\n.", "pickle"),
            (b"PK\x03\x04data.pkl", "ZIP"),
            (b"\x89HDF\r\n\x1a\n\0\0", "HDF5"),
            (b"GGUF\x03\0\0\0", "GGUF"),
            (b"\x02\0\0\0\0\0\0\0{\"}   ", "safetensors"),
            (b"\x1c\0\0\0TFL3", "Lite"),
            (b"\x93NUMPY\x01", "NumPy"),
            (b"\x7fELF\x02", "program"),
            (b"version https://git-lfs.github.com/spec/v1", "LFS"),
            (b"<!DOCTYPE html>", "web page"),
        ];
        for (bytes, name) in cases {
            let found = foreign(bytes).unwrap_or("nothing");
            assert!(found.contains(name), "{name}: {found}");
        }
        assert_eq!(foreign(b"\x08\x08\x12\x05cairn"), None);
        assert_eq!(foreign(b""), None);
    }
}
