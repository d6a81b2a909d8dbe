// The inner loop of k-center, once per SIMD level. Pointers only: an inline function of a class,
// compiled for AVX2, must never be linked into code that runs without it.
#pragma once

#include "mcal/views.hpp"

namespace mcal::detail {

// values[i] = min(values[i], smallest squared distance of rows[i] to the centers) for i < n_rows,
// with the arithmetic of k_center.hpp. Every row has centers.cols elements.
using FoldFunction = void (*)(const float* const* rows, Index n_rows,
                              MatrixView<const float> centers, float* values);

void fold_centers_baseline(const float* const* rows, Index n_rows, MatrixView<const float> centers,
                           float* values);
void fold_centers_avx2(const float* const* rows, Index n_rows, MatrixView<const float> centers,
                       float* values);

}  // namespace mcal::detail
