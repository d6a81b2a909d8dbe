#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include "launches.hpp"
#include "mcal/uncertainty.hpp"

namespace {

using mcal::Index;
using on_device::UncertaintyCut;

struct Problem {
  Index rows, cols, row_stride;
  std::vector<float> scores;
};

Problem problem(Index rows, Index cols, bool logits, Index padding = 0) {
  std::mt19937 random(static_cast<unsigned>(rows * 1000 + cols));
  std::normal_distribution<double> normal(0, 4);
  Problem p{rows, cols, cols + padding, {}};
  p.scores.assign(static_cast<std::size_t>(rows * p.row_stride), NAN);
  for (Index i = 0; i < rows; ++i) {
    double total = 0;
    std::vector<double> row(static_cast<std::size_t>(cols));
    for (double& x : row) total += std::exp(x = normal(random));
    for (Index j = 0; j < cols; ++j) {
      const double x = row[static_cast<std::size_t>(j)];
      p.scores[static_cast<std::size_t>(i * p.row_stride + j)] =
          static_cast<float>(logits ? x : std::exp(x) / total);
    }
  }
  return p;
}

on_device::UncertaintyResult on_core(const std::vector<float>& scores, const Problem& p,
                                     bool logits) {
  const auto n = static_cast<std::size_t>(p.rows);
  std::vector<Index> label(n);
  on_device::UncertaintyResult r{
      {}, std::vector<double>(n), std::vector<double>(n), std::vector<double>(n), 0};
  mcal::uncertainty({scores.data(), p.rows, p.cols, p.row_stride},
                    logits ? mcal::ScoreKind::logits : mcal::ScoreKind::probabilities,
                    {label, r.deficit, r.entropy, r.least_confidence});
  r.label.assign(label.begin(), label.end());
  return r;
}

bool close(const std::vector<double>& a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(std::abs(a[i] - b[i]) <= 8e-6 * std::abs(b[i]))) return false;  // 4e-6 each
  }
  return a.size() == b.size();
}

constexpr auto none = std::numeric_limits<long long>::max();

// All ways to hold the row that the tests of the orchestration do not already choose, too.
const UncertaintyCut cuts[] = {{4, 1, 1, false},   {4, 4, 3, false},  {8, 16, 16, false},
                               {4, 32, 32, false}, {8, 32, 5, false}, {4, 32, 1, true},
                               {8, 32, 3, true}};

}  // namespace

TEST_CASE("uncertainty on the device agrees with the core, however the launch is cut") {
  for (const bool logits : {true, false}) {
    for (const char* dtype : {"float32", "float16", "bfloat16"}) {
      // Rounded probabilities of few classes do not sum to 1 as the core wants it.
      if (!logits && std::string(dtype) != "float32") continue;
      for (const Index cols : {2, 11, 128, 1003}) {
        for (const UncertaintyCut& cut : cuts) {
          CAPTURE(logits);
          CAPTURE(dtype);
          CAPTURE(cols);
          CAPTURE(cut.lanes);
          CAPTURE(cut.block_a_row);
          const Problem p = problem(cols < 100 ? 67 : 5, cols, logits, cols % 3);
          const auto found = on_device::uncertainty(p.scores, p.rows, static_cast<int>(p.cols),
                                                    p.row_stride, dtype, logits, cut);
          const auto expected = on_core(on_device::rounded(p.scores, dtype), p, logits);
          CHECK(found.first_bad_row == none);
          CHECK(found.label == expected.label);
          CHECK(close(found.deficit, expected.deficit));
          CHECK(close(found.entropy, expected.entropy));
          CHECK(close(found.least_confidence, expected.least_confidence));
        }
      }
    }
  }
}

TEST_CASE("uncertainty on the device names the first bad row") {
  for (const UncertaintyCut& cut : cuts) {
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      Problem p = problem(40, 33, true);
      for (const Index i : {39, 12, 30}) {
        p.scores[static_cast<std::size_t>(i * p.row_stride + i % p.cols)] = bad;
      }
      CHECK(on_device::uncertainty(p.scores, p.rows, 33, p.row_stride, "float32", true, cut)
                .first_bad_row == 12);
    }
  }
}
