// The inner loop of k-center, once per SIMD level.
#pragma once

#include <span>

#include "mcal/views.hpp"

namespace mcal::detail {

// values[i] = min(values[i], smallest squared distance of rows[i] to the centers), with the
// arithmetic of k_center.hpp. Every row has centers.cols elements.
using FoldFunction = void (*)(std::span<const float* const> rows, MatrixView<const float> centers,
                              float* values);

void fold_centers_baseline(std::span<const float* const> rows, MatrixView<const float> centers,
                           float* values);
void fold_centers_avx2(std::span<const float* const> rows, MatrixView<const float> centers,
                       float* values);

}  // namespace mcal::detail
