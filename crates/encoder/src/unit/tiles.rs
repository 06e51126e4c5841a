//! AMX.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

use super::{Block, COLUMNS, LINE, Line, TILE};

/// # Safety
/// The processor must have AMX, the thread be ready, `left` hold 16 rows of `depth` bytes, or 32
/// when `both`, and `right` be `depth` / 2 lines.
#[inline]
pub(super) unsafe fn multiply(
    both: bool,
    depth: usize,
    left: &[u8],
    right: &[Line],
    out: &mut Block,
) {
    let (low, right) = (left.as_ptr(), right.as_ptr().cast::<i8>());
    let out = out.0.as_mut_ptr().cast::<i32>();
    let steps = depth / LINE;
    // SAFETY: all reads and writes are within what the caller vouches for. The compiler uses no
    // tiles of its own.
    unsafe {
        if both {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{low} + {depth}]",
                "tileloadd tmm6, [{near} + {line}]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{far} + {line}]",
                "tdpbusd tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{high} + {depth}]",
                "tdpbusd tmm2, tmm5, tmm6",
                "tdpbusd tmm3, tmm5, tmm7",
                "add {low}, 64",
                "add {high}, 64",
                "add {near}, 1024",
                "add {far}, 1024",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{out} + {width}], tmm0",
                "tilestored [{out} + {width} + 64], tmm1",
                "tilestored [{below} + {width}], tmm2",
                "tilestored [{below} + {width} + 64], tmm3",
                low = inout(reg) low => _,
                high = inout(reg) low.add(TILE * depth) => _,
                near = inout(reg) right => _,
                far = inout(reg) right.add(TILE * depth) => _,
                steps = inout(reg) steps => _,
                depth = in(reg) depth,
                line = in(reg) LINE,
                out = in(reg) out,
                below = in(reg) out.add(TILE * COLUMNS),
                width = in(reg) COLUMNS * size_of::<i32>(),
                options(nostack),
            );
        } else {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "2:",
                "tileloadd tmm4, [{low} + {depth}]",
                "tileloadd tmm6, [{near} + {line}]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{far} + {line}]",
                "tdpbusd tmm1, tmm4, tmm7",
                "add {low}, 64",
                "add {near}, 1024",
                "add {far}, 1024",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{out} + {width}], tmm0",
                "tilestored [{out} + {width} + 64], tmm1",
                low = inout(reg) low => _,
                near = inout(reg) right => _,
                far = inout(reg) right.add(TILE * depth) => _,
                steps = inout(reg) steps => _,
                depth = in(reg) depth,
                line = in(reg) LINE,
                out = in(reg) out,
                width = in(reg) COLUMNS * size_of::<i32>(),
                options(nostack),
            );
        }
    }
}

/// Whether the processor has AMX for integers and 16-bit floats, and the system lets this process use it.
pub(super) fn are_there() -> bool {
    const XSAVE: u32 = 1 << 27;
    const TILES_AND_KINDS: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    const TILE_STATE: u64 = 1 << 17 | 1 << 18;
    if __cpuid(0).eax < 7
        || __cpuid(1).ecx & XSAVE == 0
        || __cpuid_count(7, 0).edx & TILES_AND_KINDS != TILES_AND_KINDS
    {
        return false;
    }
    // SAFETY: the system has switched it on, as was just asked.
    (unsafe { enabled_states() } & TILE_STATE == TILE_STATE) && is_granted()
}

#[target_feature(enable = "xsave")]
fn enabled_states() -> u64 {
    // SAFETY: register 0 is there wherever the instruction is.
    unsafe { _xgetbv(0) }
}

/// Asks Linux for the tiles' data, which a process must before it uses them.
#[cfg(target_os = "linux")]
fn is_granted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: the call takes two numbers and changes what the process may use, nothing else.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0 }
}

/// Other systems are not known to ask.
#[cfg(not(target_os = "linux"))]
fn is_granted() -> bool {
    false
}
