#include "mcal/power_law.hpp"

namespace mcal {

namespace detail {
extern const PointKernels power_law_baseline;
extern const PointKernels power_law_avx2;
}  // namespace detail

Points Points::in(double* memory, Index n) {
  const auto next = [&memory, n] {
    double* start = memory;
    memory += n;
    return start;
  };
  return {n, next(), next(), next(), next(), next(), next(), {next(), next(), next(), next()}};
}

const PointKernels& point_kernels([[maybe_unused]] SimdLevel level) {
#if MCAL_HAS_AVX2_KERNELS
  if (level == SimdLevel::avx2) return detail::power_law_avx2;
#endif
  return detail::power_law_baseline;
}

}  // namespace mcal
