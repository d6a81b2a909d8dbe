#include <algorithm>
#include <cmath>

#include "k_center_fold.hpp"

namespace mcal::detail {
namespace {

float squared_distance(const float* a, const float* b, Index n) {
  float s[8] = {};
  const auto add = [&](Index j, Index lane) {
    const float d = a[j] - b[j];
    s[lane] = std::fma(d, d, s[lane]);
  };
  Index j = 0;
  for (; j + 8 <= n; j += 8) {
    for (Index lane = 0; lane < 8; ++lane) add(j + lane, lane);
  }
  for (Index lane = 0; j + lane < n; ++lane) add(j + lane, lane);
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

}  // namespace

void fold_centers_baseline(const float* const* rows, Index n_rows, MatrixView<const float> centers,
                           float* values) {
  for (Index i = 0; i < n_rows; ++i) {
    for (Index c = 0; c < centers.rows; ++c) {
      values[i] = std::min(values[i], squared_distance(rows[i], centers.row(c), centers.cols));
    }
  }
}

}  // namespace mcal::detail
