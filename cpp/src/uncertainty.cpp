#include "mcal/uncertainty.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>

#include "mcal/parallel.hpp"
#include "mcal/simd_level.hpp"
#include "uncertainty_rows.hpp"

namespace mcal {
namespace {

constexpr double sum_tolerance = 1e-3;
constexpr Index no_row = std::numeric_limits<Index>::max();

template <class Real>
detail::RowKernel<Real> choose_kernel(ScoreKind kind) {
  auto kernels = detail::row_kernels_baseline<Real>();
#if MCAL_HAS_AVX2_KERNELS
  if (simd_level() == SimdLevel::avx2) kernels = detail::row_kernels_avx2<Real>();
#endif
  return kind == ScoreKind::logits ? kernels.logits : kernels.probabilities;
}

// The row as the formulas of uncertainty.hpp see it: q, ln q, t, u.
struct Odds {
  double q, ln_q, t, u;
};

template <class Real>
Odds odds_of(const detail::RowSums<Real>& s, ScoreKind kind) {
  const auto first = static_cast<double>(s.first), second = static_cast<double>(s.second);
  if (kind == ScoreKind::logits) {
    const double ln_q = second - first;
    return {std::exp(ln_q), ln_q, s.t, s.u};
  }
  const double q = second / first;
  return {q, std::log(q), s.t, s.u};
}

void write_item(const Odds& o, Index i, const UncertaintyOutput& out) {
  const auto at = static_cast<std::size_t>(i);
  const double others = o.q * o.t;  // the odds against the label
  const double z = 1 + others;
  out.deficit[at] = std::min(1.0, (o.q + others) / z);
  out.least_confidence[at] = others / z;
  // q is 0 beside a one-hot row, and ln q then has no finite value.
  out.entropy[at] = o.q > 0 ? std::log1p(others) - o.q * (o.u + o.t * o.ln_q) / z : 0.0;
}

template <class Real>
double total_of(const detail::RowSums<Real>& s) {
  return static_cast<double>(s.first) + static_cast<double>(s.second) * s.t;
}

template <class Real>
bool is_valid(const detail::RowSums<Real>& s, ScoreKind kind) {
  if (!std::isfinite(s.first) || !std::isfinite(s.second) || !std::isfinite(s.lowest) ||
      !std::isfinite(s.t) || !std::isfinite(s.u)) {
    return false;
  }
  return kind == ScoreKind::logits || (s.lowest >= 0 && std::abs(total_of(s) - 1) <= sum_tolerance);
}

std::string in_few_digits(double x) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", x);
  return text.data();
}

template <class Real>
void refuse_row(MatrixView<const Real> scores, Index i, ScoreKind kind) {
  const bool logits = kind == ScoreKind::logits;
  const std::string expected =
      logits ? "finite logits" : "probabilities >= 0 whose rows sum to 1 within 0.001";
  const auto refuse = [&](const std::string& found) {
    throw std::invalid_argument("scores: expected " + expected + ", found " + found);
  };
  double total = 0;
  for (Index j = 0; j < scores.cols; ++j) {
    const auto x = static_cast<double>(scores(i, j));
    if (!std::isfinite(x) || (!logits && x < 0)) {
      refuse(in_few_digits(x) + " in row " + std::to_string(i) + ", class " + std::to_string(j));
    }
    total += x;
  }
  refuse("sum " + in_few_digits(total) + " in row " + std::to_string(i));
}

template <class Real>
void run(MatrixView<const Real> scores, ScoreKind kind, const UncertaintyOutput& out) {
  const auto kernel = choose_kernel<Real>(kind);
  const Index row_bytes = scores.cols * static_cast<Index>(sizeof(Real));
  const Index grain = std::max<Index>(1, (Index{1} << 18) / row_bytes);
  std::atomic<Index> first_bad{no_row};
  parallel_for(scores.rows, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const auto sums = kernel(scores.row(i), scores.cols, scores.row(i + 1 < end ? i + 1 : i));
      if (!is_valid(sums, kind)) {
        Index seen = first_bad.load();
        while (i < seen && !first_bad.compare_exchange_weak(seen, i)) {
        }
        return;
      }
      out.label[static_cast<std::size_t>(i)] = sums.label;
      write_item(odds_of(sums, kind), i, out);
    }
  });
  if (first_bad != no_row) refuse_row(scores, first_bad.load(), kind);
}

}  // namespace

void uncertainty(MatrixView<const float> scores, ScoreKind kind, const UncertaintyOutput& out) {
  run(scores, kind, out);
}

void uncertainty(MatrixView<const double> scores, ScoreKind kind, const UncertaintyOutput& out) {
  run(scores, kind, out);
}

}  // namespace mcal
