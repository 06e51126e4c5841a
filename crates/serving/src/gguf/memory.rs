//! Whether a model fits into memory, asked before it is loaded: the kernel would end
//! some process, and not always the one that asked for too much.

use cairn_kernel::{Error, Result};

use super::handle::GgufConfig;
use super::header::Header;

/// What the engine takes beside weights and context: its program, the buffers of a
/// step, the vocabulary.
const BESIDE_BYTES: u64 = 128 << 20;

/// Most memory for caches of slots that were given away.
const SPILL_BYTES_MAX: u64 = 512 << 20;

/// Memory for those caches: an eighth of what is available, up to half a gibibyte, and
/// none where the system does not tell.
pub(super) fn spill_bytes(available: Option<u64>) -> u64 {
    (available.unwrap_or(0) / 8).min(SPILL_BYTES_MAX)
}

/// Refuses a model that needs more than the `available` bytes.
///
/// # Errors
/// `Unavailable`, with the figures.
pub(super) fn check(config: &GgufConfig, header: &Header, available: Option<u64>) -> Result<()> {
    let Some(available) = available else { return Ok(()) };
    let context = header.context_length.map_or(config.context_tokens, |trained| {
        config.context_tokens.min(u32::try_from(trained).unwrap_or(u32::MAX))
    });
    let tokens = u64::from(context).saturating_mul(config.slots.into());
    let context_bytes =
        header.context_bytes_per_token.map_or(0, |bytes| bytes.saturating_mul(tokens));
    let need = header.file_bytes.saturating_add(context_bytes).saturating_add(BESIDE_BYTES);
    if need <= available {
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    Err(Error::unavailable(format!(
        "the model '{}' needs about {} MiB (weights {}, context of {} slots with {context} tokens \
         {}, engine {}), and {} MiB of memory are available: take a smaller model, or fewer slots \
         or a shorter context",
        config.name,
        mib(need),
        mib(header.file_bytes),
        config.slots,
        mib(context_bytes),
        mib(BESIDE_BYTES),
        mib(available),
    ))
    .with_code("insufficient_memory"))
}

/// Memory that can be had without swapping, in bytes, and within the limit of the
/// control group; `None` where the system does not tell.
pub(super) fn available_bytes() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let free = meminfo_available(&info)?;
    Some(group_left().map_or(free, |left| left.min(free)))
}

fn meminfo_available(info: &str) -> Option<u64> {
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// What is left of this process's control group (version 2), if it has a limit. Pages of
/// files count as used there, but are given back when needed.
fn group_left() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let folder = std::path::Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/'));
    let number = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let (most, used) = (number("memory.max")?, number("memory.current")?);
    let stat = std::fs::read_to_string(folder.join("memory.stat")).ok()?;
    let reclaimable = stat.lines().find_map(|line| line.strip_prefix("inactive_file "))?;
    Some(most.saturating_sub(used.saturating_sub(reclaimable.trim().parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(context_tokens: u32, slots: u32) -> GgufConfig {
        GgufConfig {
            adapter: None,
            path: "model.gguf".into(),
            sha256: String::new(),
            name: "small".into(),
            context_tokens,
            slots,
            threads: 1,
            pooling: None,
        }
    }

    #[test]
    fn a_model_that_does_not_fit_is_told_the_figures() {
        let header = Header {
            file_bytes: 1 << 30,
            context_length: Some(8192),
            context_bytes_per_token: Some(1 << 15),
            ..Header::default()
        };
        // 4 slots of 8,192 tokens, the most it was trained with: 1 GiB of context.
        let need = (1 << 30) + (1 << 30) + BESIDE_BYTES;
        assert!(check(&config(100_000, 4), &header, Some(need)).is_ok());
        let error = check(&config(100_000, 4), &header, Some(need - 1)).unwrap_err();
        assert_eq!(error.code(), Some("insufficient_memory"));
        for figure in ["'small'", "2176 MiB", "weights 1024", "8192 tokens 1024", "2175 MiB"] {
            assert!(error.message().contains(figure), "{figure} in {}", error.message());
        }
        assert!(check(&config(2048, 1), &header, None).is_ok());
    }

    #[test]
    fn the_system_is_asked_in_its_own_words() {
        let info = "MemTotal:  16 kB\nMemAvailable:    12345 kB\n";
        assert_eq!(meminfo_available(info), Some(12_345 << 10));
        assert_eq!(meminfo_available("MemTotal: 1 kB"), None);
    }
}
