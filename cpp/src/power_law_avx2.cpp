#include "mcal/simd_level.hpp"

#if MCAL_HAS_AVX2_KERNELS

#include "power_law_loops.hpp"

namespace mcal::detail {

extern const PointKernels power_law_avx2;
const PointKernels power_law_avx2 = kPointKernels;

}  // namespace mcal::detail

#endif
