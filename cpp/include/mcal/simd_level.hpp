// Which instruction set the vectorised kernels use.
//
// A kernel is compiled once per level, in a file of its own (<stem>_baseline.cpp,
// <stem>_avx2.cpp), and every public function asks simd_level() once per call. The level affects
// speed only: a stem's kernels give the same bits at every level, except that those of uncertainty
// differ by rounding. AVX-512 is left out until there
// is a machine to test it on.
#pragma once

#include <string_view>
#include <vector>

// The architectures for which files *_avx2.cpp have anything in them.
#if defined(__x86_64__)
#define MCAL_HAS_AVX2_KERNELS 1
#else
#define MCAL_HAS_AVX2_KERNELS 0
#endif

namespace mcal {

enum class SimdLevel {
  baseline,  // what every processor of the architecture has: SSE2 on x86-64
  avx2,
};

// Levels that both this build and this processor have, slowest first; never empty.
const std::vector<SimdLevel>& supported_simd_levels();

// The level in use: the last one set, else the fastest supported.
SimdLevel simd_level();

// "baseline", "avx2".
std::string_view simd_level_name(SimdLevel level);

// Forces a level by name for the whole process; "auto" restores the fastest supported. Throws
// std::invalid_argument for a name that is unknown or not supported here.
void set_simd_level(std::string_view name);

}  // namespace mcal
