#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "mcal/parallel.hpp"
#include "mcal/simd_level.hpp"
#include "mcal/uncertainty.hpp"

namespace {

using mcal::Index;
using mcal::ScoreKind;

struct Result {
  std::vector<Index> label;
  std::vector<double> deficit, entropy, least_confidence;
};

template <class Real>
Result compute(mcal::MatrixView<const Real> scores, ScoreKind kind) {
  const auto n = static_cast<std::size_t>(scores.rows);
  Result r{std::vector<Index>(n), std::vector<double>(n), std::vector<double>(n),
           std::vector<double>(n)};
  mcal::uncertainty(scores, kind, {r.label, r.deficit, r.entropy, r.least_confidence});
  return r;
}

// Rows of numbers without structure, `stride` apart; what lies between them is NaN.
template <class Real>
std::vector<Real> logits(Index rows, Index cols, Index stride) {
  std::vector<Real> x(static_cast<std::size_t>(rows * stride),
                      std::numeric_limits<Real>::quiet_NaN());
  unsigned state = 1;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) {
      state = state * 1664525u + 1013904223u;
      x[static_cast<std::size_t>(i * stride + j)] = static_cast<Real>(state >> 8) / Real(1 << 20);
    }
  }
  return x;
}

struct Level {
  explicit Level(mcal::SimdLevel level) { mcal::set_simd_level(mcal::simd_level_name(level)); }
  ~Level() { mcal::set_simd_level("auto"); }
};

}  // namespace

TEST_CASE_TEMPLATE("every level is right and reads only its rows", Real, float, double) {
  for (const Index cols : {2, 7, 8, 9, 16, 17, 100, 1031}) {
    const Index rows = 5, stride = cols + 3;
    const auto x = logits<Real>(rows, cols, stride);
    const mcal::MatrixView<const Real> view{x.data(), rows, cols, stride};
    for (const auto level : mcal::supported_simd_levels()) {
      const Level forced(level);
      const auto found = compute(view, ScoreKind::logits);
      for (Index i = 0; i < rows; ++i) {
        // The plain definitions, in double.
        const auto at = static_cast<std::size_t>(i);
        const Index label = found.label[at];
        double others = 0, second = 0, weighted = 0;
        for (Index j = 0; j < cols; ++j) {
          const double d = static_cast<double>(view(i, j)) - static_cast<double>(view(i, label));
          CHECK(d <= 0);
          if (j == label) continue;
          others += std::exp(d);
          second = std::max(second, std::exp(d));
          weighted += std::exp(d) * d;
        }
        const double z = 1 + others;
        const double tolerance = sizeof(Real) == 4 ? 4e-6 : 1e-13;
        const auto close = [&](double wanted) {
          return doctest::Approx(wanted).epsilon(tolerance);
        };
        CHECK(found.deficit[at] == close((others + second) / z));
        CHECK(found.least_confidence[at] == close(others / z));
        CHECK(found.entropy[at] == close(std::log1p(others) - weighted / z));
      }
    }
  }
}

TEST_CASE("logits and their softmax agree, also for two classes") {
  const std::vector<double> x{0.0, -40.0};
  const double p = std::exp(-40.0) / (1 + std::exp(-40.0));
  const std::vector<double> y{1 - p, p};
  const auto a = compute<double>({x.data(), 1, 2, 2}, ScoreKind::logits);
  const auto b = compute<double>({y.data(), 1, 2, 2}, ScoreKind::probabilities);
  CHECK(a.deficit[0] == doctest::Approx(2 * p).epsilon(1e-13));
  CHECK(b.deficit[0] == doctest::Approx(2 * p).epsilon(1e-13));
  CHECK(a.entropy[0] == doctest::Approx(p * 41).epsilon(1e-13));
  CHECK(b.entropy[0] == doctest::Approx(p * 41).epsilon(1e-13));
}

TEST_CASE("NaN with a payload is refused at every position") {
  const Index cols = 37;
  for (const auto level : mcal::supported_simd_levels()) {
    const Level forced(level);
    for (const std::uint64_t bits : {0x7ff00000000007a2, 0x7ff8000000000001, 0x7ff0000000000001}) {
      for (Index j = 0; j < cols; ++j) {
        auto x = logits<double>(3, cols, cols);
        x[static_cast<std::size_t>(cols + j)] = std::bit_cast<double>(bits);
        const mcal::MatrixView<const double> view{x.data(), 3, cols, cols};
        CHECK_THROWS_AS(compute(view, ScoreKind::logits), std::invalid_argument);
      }
    }
  }
}

TEST_CASE("the message names the first offending row") {
  std::vector<float> x(300 * 20, 0.05f);
  x[7 * 20 + 4] = -0.5f;
  x[9 * 20] = std::numeric_limits<float>::infinity();
  const mcal::MatrixView<const float> view{x.data(), 300, 20, 20};
  const auto message = [&](ScoreKind kind) -> std::string {
    try {
      compute(view, kind);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "none";
  };
  CHECK(message(ScoreKind::logits) ==
        "scores: expected finite logits, found inf in row 9, class 0");
  CHECK(message(ScoreKind::probabilities) ==
        "scores: expected probabilities >= 0 whose rows sum to 1 within 0.001, found -0.5 in row "
        "7, class 4");
}
