// Exact greedy k-center (the core-set rule): repeatedly take the point that is farthest from its
// nearest center. performance.md, "k-center".
//
// Distance. One arithmetic for every path, thread count and SIMD level, so that ties are ties
// everywhere: with 8 float32 sums s, all zero,
//   d_j = x_j - c_j;  s[j mod 8] = fma(d_j, d_j, s[j mod 8])        for j = 0 .. D-1
//   distance = ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
// Cosine is half of this between unit rows: x_j / |x| in double, rounded to float32.
//
// Ties go to the lowest position. Without any center all distances are infinite, so the first
// pick is position 0.
#pragma once

#include <span>
#include <vector>

#include "mcal/views.hpp"

namespace mcal {

enum class CenterMetric { squared_euclidean, cosine };

struct KCenterResult {
  std::vector<Index> positions;  // (K,) in the order of picking
  std::vector<float> distances;  // (K,) of each pick to its nearest center when it was picked
  Index n_full_passes = 0;       // how often all of x was brought up to date
};

// Picks k rows of x (N, D), D >= 1, given the centers at `centers` (positions in x, distinct)
// and at the rows of `center_vectors` (M, D).
//
// Throws std::invalid_argument, naming the argument and the row, when a value is NaN, infinite or
// so large that a squared distance could overflow, when a row is zero under the cosine metric, when
// a position is out of range or repeated, and when 0 <= k <= N - |centers| does not hold.
//
// Memory: O(N), at most 64 MiB of recent centers, and under the cosine metric one block of unit
// rows a thread. x itself is never copied. Full passes read it in order, every row once; between
// them the heap visits single rows wherever they lie.
KCenterResult select_k_center(MatrixView<const float> x, Index k, std::span<const Index> centers,
                              MatrixView<const float> center_vectors, CenterMetric metric);

}  // namespace mcal
