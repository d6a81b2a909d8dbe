#include "mcal/simd_level.hpp"

#if MCAL_HAS_AVX2_KERNELS
#include "uncertainty_kernel.hpp"

namespace mcal::detail {

template <class Real>
RowKernels<Real> row_kernels_avx2() {
  return Kernel<Real, 32>::kernels();
}

template RowKernels<float> row_kernels_avx2();
template RowKernels<double> row_kernels_avx2();

}  // namespace mcal::detail
#endif
