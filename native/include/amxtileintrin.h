/* GCC 12 declares the AMX instructions without the memory they read: `ldtilecfg` says it reads 8 of
   the configuration's 64 bytes, `tileloadd` says it reads none. The compiler may then drop or delay the
   stores before them, and llama.cpp dies of an illegal instruction on machines that have AMX (Sapphire
   Rapids and later). This header stands before the compiler's own and adds what is missing; native/cxx
   puts it there. */

#include_next <amxtileintrin.h>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(CAIRN_AMX)
#define CAIRN_AMX

static inline __attribute__((always_inline, unused)) void cairn_tile_loadconfig(const void *config) {
  __asm__ volatile("ldtilecfg\t%0" : : "m"(*(const char(*)[64])config));
}
#define _tile_loadconfig cairn_tile_loadconfig

#undef _tile_loadd_internal
#define _tile_loadd_internal(dst, base, stride)                                     \
  __asm__ volatile("{tileloadd\t(%0,%1,1), %%tmm" #dst "|tileloadd\t%%tmm" #dst ", [%0+%1*1]}" \
                   : : "r"((const void *)(base)), "r"((long)(stride)) : "memory")

#undef _tile_stream_loadd_internal
#define _tile_stream_loadd_internal(dst, base, stride)                              \
  __asm__ volatile("{tileloaddt1\t(%0,%1,1), %%tmm" #dst "|tileloaddt1\t%%tmm" #dst ", [%0+%1*1]}" \
                   : : "r"((const void *)(base)), "r"((long)(stride)) : "memory")

#endif
