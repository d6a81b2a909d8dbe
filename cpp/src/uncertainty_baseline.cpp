#include "uncertainty_kernel.hpp"

namespace mcal::detail {

template <class Real>
RowKernels<Real> row_kernels_baseline() {
  return Kernel<Real, 16>::kernels();
}

template RowKernels<float> row_kernels_baseline();
template RowKernels<double> row_kernels_baseline();

}  // namespace mcal::detail
