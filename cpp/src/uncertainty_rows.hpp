// What the vectorised kernels of uncertainty compute for one row, and where to find them.
#pragma once

#include "mcal/views.hpp"

namespace mcal::detail {

// Meaningful only if all but the label are finite; otherwise the row has NaN or an infinity. NaN
// anywhere makes u NaN, but may be lost from the extremes. See uncertainty.hpp for t and u.
template <class Real>
struct RowSums {
  Real first, second;  // the two largest elements; equal on a tie
  Real lowest;         // the smallest
  Index label;         // position of the first element equal to `first`
  double t, u;
};

// `next_row` has `cols` elements too, and is brought into the cache meanwhile.
template <class Real>
using RowKernel = RowSums<Real> (*)(const Real* row, Index cols, const Real* next_row);

template <class Real>
struct RowKernels {
  RowKernel<Real> logits, probabilities;
};

template <class Real>
RowKernels<Real> row_kernels_baseline();
template <class Real>
RowKernels<Real> row_kernels_avx2();

}  // namespace mcal::detail
