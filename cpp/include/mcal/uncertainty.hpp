// How unsure a model is of each item, in one pass over its scores.
//
// With p1 >= p2 the two largest class probabilities of a row:
//
//   label             argmax p, the lowest class on a tie
//   deficit           (1 - p1) + p2 = 1 - margin, in [0, 1]; small is confident
//   least_confidence  1 - p1, in [0, 1)
//   entropy           -sum p ln p in nats, 0 ln 0 = 0, in [0, ln C]; not divided by ln C
//
// None is computed by subtracting from 1: a float32 margin is exactly 1 for every confident item,
// while the deficit keeps its relative precision down to 1e-300. With x1 >= x2 the two largest
// logits, everything is taken relative to the second, so that the sums are at least 1 and the one
// small number is a factor:
//
//   q = exp(x2 - x1) = p2 / p1            in double
//   t = sum over the others of w_j        w_j = exp(x_j - x2) = p_j / p2, in [1, C - 1]
//   u = sum over the others of w_j ln w_j
//   1 - p1 = q t / (1 + q t)              deficit = q (1 + t) / (1 + q t)
//   entropy = ln(1 + q t) - q (u + t ln q) / (1 + q t)      both terms >= 0
//
// (design: algorithm.md section 2, performance.md "Uncertainty")
#pragma once

#include <span>

#include "mcal/views.hpp"

namespace mcal {

enum class ScoreKind {
  logits,         // any finite numbers; p = softmax
  probabilities,  // >= 0; p = the row divided by its sum, which must be 1 within 1e-3
};

// Each of N elements.
struct UncertaintyOutput {
  std::span<Index> label;
  std::span<double> deficit, entropy, least_confidence;
};

// scores (N, C), C >= 2, rows at any stride. Each number is within 4e-6 (float) or 1e-14 (double)
// of the exact value, relative, at every SIMD level. At one level a row gives the same bits at any
// thread count and wherever it stands; between levels the values differ by rounding. Throws
// std::invalid_argument naming the first row that has NaN (any payload), an infinity, a negative
// probability or a sum other than 1; the output is then unspecified.
void uncertainty(MatrixView<const float> scores, ScoreKind kind, const UncertaintyOutput& out);
void uncertainty(MatrixView<const double> scores, ScoreKind kind, const UncertaintyOutput& out);

}  // namespace mcal
