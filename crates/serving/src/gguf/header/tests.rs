use std::io::Write as _;

use super::*;

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A small valid file: two keys of interest, an array, one tensor of 2 × 32 Q4_1.
fn file() -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend(1u64.to_le_bytes());
    out.extend(8u64.to_le_bytes());
    for (key, value) in [("general.architecture", "llama"), ("tokenizer.chat_template", "{{x}}")] {
        text(&mut out, key);
        out.extend(8u32.to_le_bytes());
        text(&mut out, value);
    }
    for (key, value) in [
        ("llama.context_length", 8192_u32),
        ("llama.block_count", 30),
        ("llama.embedding_length", 576),
        ("llama.attention.head_count", 9),
        ("llama.attention.head_count_kv", 3),
    ] {
        text(&mut out, key);
        out.extend(4u32.to_le_bytes());
        out.extend(value.to_le_bytes());
    }
    text(&mut out, "tokenizer.ggml.tokens");
    out.extend(9u32.to_le_bytes());
    out.extend(8u32.to_le_bytes());
    out.extend(2u64.to_le_bytes());
    text(&mut out, "a");
    text(&mut out, "b");
    text(&mut out, "output.weight");
    out.extend(2u32.to_le_bytes());
    out.extend(32u64.to_le_bytes());
    out.extend(2u64.to_le_bytes());
    out.extend(3u32.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.resize(out.len().next_multiple_of(32) + 40, 7);
    out
}

fn parsed(bytes: &[u8]) -> Result<Header, String> {
    parse(bytes, bytes.len() as u64)
}

#[test]
fn a_whole_file_is_read() {
    let header = parsed(&file()).unwrap();
    assert_eq!(header.architecture, "llama");
    assert_eq!(header.chat_template.as_deref(), Some("{{x}}"));
    assert_eq!(header.context_length, Some(8192));
    // 30 layers, 3 heads, 64 numbers of key and of value, 2 bytes each.
    assert_eq!(header.context_bytes_per_token, Some(30 * 3 * (64 + 64) * 2));
    assert_eq!(header.tensors, 1);
}

#[test]
fn every_truncation_is_refused() {
    let whole = file();
    for length in 0..whole.len() {
        assert!(parsed(&whole[..length]).is_err(), "cut to {length} of {}", whole.len());
    }
    let fault = parsed(&whole[..whole.len() - 1]).unwrap_err();
    assert!(fault.contains("truncated") && fault.contains("output.weight"), "{fault}");
}

#[test]
fn no_single_changed_byte_makes_it_panic() {
    let whole = file();
    for at in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= change;
            let _ = parsed(&damaged);
        }
    }
}

#[test]
fn forged_counts_are_refused_before_memory_is_taken() {
    let mut forged = file();
    forged[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(parsed(&forged).unwrap_err().contains("tensors"));
    let mut forged = file();
    let at = forged.windows(8).position(|w| w == b"ggml.tok").unwrap() + 12;
    forged[at + 4..at + 12].copy_from_slice(&(1u64 << 40).to_le_bytes());
    assert!(parsed(&forged).unwrap_err().contains("truncated or damaged"));
}

#[test]
fn other_files_are_named_for_what_they_are() {
    assert!(parsed(b"PK\x03\x04 not a model").unwrap_err().contains("not a GGUF file"));
    let mut old = file();
    old[4] = 1;
    assert!(parsed(&old).unwrap_err().contains("version 1"));
}

#[test]
fn the_error_of_a_file_names_the_file() {
    let mut held = tempfile::NamedTempFile::new().unwrap();
    held.write_all(&file()[..100]).unwrap();
    let error = check(held.path()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
    assert!(error.message().contains(&*held.path().to_string_lossy()));
    assert_eq!(check(Path::new("/no/such.gguf")).unwrap_err().kind(), Kind::NotFound);
}
