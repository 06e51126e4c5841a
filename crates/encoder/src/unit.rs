//! The instructions that integers are multiplied with.

use std::arch::asm;
use std::arch::x86_64::{
    __cpuid, __cpuid_count, __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_storeu_si512, _xgetbv,
};
use std::sync::OnceLock;

/// Rows of a block.
pub(crate) const ROWS: usize = 32;
/// Columns of a block.
pub(crate) const COLUMNS: usize = 32;
/// The rows and the columns of one tile; a block has four.
pub(crate) const TILE: usize = 16;
/// Bytes of a row of a tile. What a row of weights' tile holds are four numbers of each of
/// [`TILE`] columns.
pub(crate) const LINE: usize = 64;

/// Numbers as they come out, row by row.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Block(pub(crate) [[i32; COLUMNS]; ROWS]);

/// A line of weights.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line(pub(crate) [i8; LINE]);

/// What a processor multiplies integers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// AMX: a block of tiles at once; 16-bit floats too.
    Tiles,
    /// AVX-512 VNNI: four products for each of sixteen columns at once.
    Lanes,
}

impl Unit {
    /// The best that this processor has; nothing where it has neither.
    pub(crate) fn best() -> Option<Self> {
        static BEST: OnceLock<Option<Unit>> = OnceLock::new();
        *BEST.get_or_init(|| {
            let lanes = std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512dq")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("avx512vnni")
                && std::arch::is_x86_feature_detected!("fma");
            let halves = std::arch::is_x86_feature_detected!("avx512bf16");
            lanes.then(|| if halves && has_tiles() { Self::Tiles } else { Self::Lanes })
        })
    }

    /// Makes the calling thread ready for [`Ready::block`].
    pub(crate) fn ready(self) -> Ready {
        if self == Self::Tiles {
            static SHAPES: Shapes = Shapes {
                palette: 1,
                start: 0,
                reserved: [0; 14],
                bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
                rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
            };
            // SAFETY: `best` saw the instructions and asked the system for them; the 64 bytes
            // are of palette 1, within its limits of 16 rows and 64 bytes.
            unsafe {
                asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack, readonly));
            };
        }
        Ready { unit: self, _thread: std::marker::PhantomData }
    }
}

/// The shapes of the tiles, as the processor reads them.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

/// A thread that is ready to multiply; a thread has one at a time, as its end takes the shapes away.
#[derive(Debug)]
pub(crate) struct Ready {
    unit: Unit,
    /// The shapes belong to the thread.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Drop for Ready {
    fn drop(&mut self) {
        if self.unit == Unit::Tiles {
            // SAFETY: as in `ready`. The system need not save tiles of the thread any more.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }
    }
}

impl Ready {
    /// # Panics
    /// When the thread is ready for anything else.
    pub(crate) fn expect_tiles(&self) {
        assert_eq!(self.unit, Unit::Tiles, "products of tiles");
    }

    /// Multiplies `rows` rows (1 to [`ROWS`]) of `depth` numbers each, which stand one after
    /// another in `left`, with [`COLUMNS`] columns of `right`: two tiles' worth of columns one
    /// after the other, each of `depth` / 4 lines. What other rows of `out` hold is of no use.
    ///
    /// # Panics
    /// When a slice is too short, that of `left` for the next multiple of [`TILE`] of rows, or
    /// `depth` no multiple of [`LINE`].
    pub(crate) fn block(
        &self,
        rows: usize,
        depth: usize,
        left: &[u8],
        right: &[Line],
        out: &mut Block,
    ) {
        assert!((1..=ROWS).contains(&rows), "{rows} rows in a block");
        assert!(depth > 0 && depth.is_multiple_of(LINE), "{depth} numbers in a row");
        let read = rows.next_multiple_of(TILE);
        assert!(left.len() >= read * depth && right.len() == depth / 2, "a part of a block");
        match self.unit {
            // SAFETY: the thread is ready for tiles; both slices are as long as is read.
            Unit::Tiles => unsafe { tiles(rows > TILE, depth, left, right, out) },
            // SAFETY: `best` saw the instructions.
            Unit::Lanes => unsafe { lanes(rows, depth, left, right, out) },
        }
    }
}

/// # Safety
/// The processor must have AMX, the thread be ready, `left` hold 16 rows of `depth` bytes, or 32
/// when `both`, and `right` be `depth` / 2 lines.
#[inline]
unsafe fn tiles(both: bool, depth: usize, left: &[u8], right: &[Line], out: &mut Block) {
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

/// Rows that are multiplied at once at most: as many as leave registers for their sums.
const MOST_LANE_ROWS: usize = 12;

/// Multiplies `rows` rows in groups of about the same size.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn lanes(rows: usize, depth: usize, left: &[u8], right: &[Line], out: &mut Block) {
    let mut first = 0;
    for groups in (1..=rows.div_ceil(MOST_LANE_ROWS)).rev() {
        let some = (rows - first).div_ceil(groups);
        let (left, out) = (&left[first * depth..], &mut out.0[first..]);
        match some {
            1 => few_lanes::<1>(depth, left, right, out),
            2 => few_lanes::<2>(depth, left, right, out),
            3 => few_lanes::<3>(depth, left, right, out),
            4 => few_lanes::<4>(depth, left, right, out),
            5 => few_lanes::<5>(depth, left, right, out),
            6 => few_lanes::<6>(depth, left, right, out),
            7 => few_lanes::<7>(depth, left, right, out),
            8 => few_lanes::<8>(depth, left, right, out),
            9 => few_lanes::<9>(depth, left, right, out),
            10 => few_lanes::<10>(depth, left, right, out),
            11 => few_lanes::<11>(depth, left, right, out),
            _ => few_lanes::<MOST_LANE_ROWS>(depth, left, right, out),
        }
        first += some;
    }
}

/// Multiplies the first `N` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn few_lanes<const N: usize>(
    depth: usize,
    left: &[u8],
    right: &[Line],
    out: &mut [[i32; COLUMNS]],
) {
    assert!(left.len() >= N * depth && right.len() == depth / 2 && out.len() >= N, "rows");
    let mut sums: [[__m512i; 2]; N] = [[_mm512_setzero_si512(); 2]; N];
    let rows = left.as_ptr().cast::<i32>();
    for at in 0..depth / 4 {
        // SAFETY: both are within `right`.
        let (near, far) = unsafe {
            let near = right.as_ptr().add(at);
            (_mm512_loadu_si512(near.cast()), _mm512_loadu_si512(near.add(depth / 4).cast()))
        };
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: within the rows of `left`; four bytes of any alignment.
            let four = unsafe { rows.add(row * (depth / 4) + at).read_unaligned() };
            let four = _mm512_set1_epi32(four);
            sums[0] = _mm512_dpbusd_epi32(sums[0], four, near);
            sums[1] = _mm512_dpbusd_epi32(sums[1], four, far);
        }
    }
    for (sums, row) in sums.iter().zip(out) {
        let row = row.as_mut_ptr();
        // SAFETY: a row has 32 numbers.
        unsafe {
            _mm512_storeu_si512(row.cast(), sums[0]);
            _mm512_storeu_si512(row.add(TILE).cast(), sums[1]);
        }
    }
}

/// Whether the processor has AMX for integers and 16-bit floats, and the system lets this process use it.
fn has_tiles() -> bool {
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
