#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include "launches.hpp"
#include "mcal/k_center.hpp"

namespace {

const on_device::KCenterCut cuts[] = {
    {20, 3, true},   // several rounds
    {70, 1, false},  // more rows than a block visits at once
    {1, 2, true},
};

void check(const std::vector<float>& given, int d, int k, const std::string& dtype, bool cosine) {
  const std::vector<float> x = on_device::rounded(given, dtype);
  const auto n = static_cast<mcal::Index>(x.size()) / d;
  const std::vector<mcal::Index> centers{0, n / 2};
  const auto expected = mcal::select_k_center(
      {x.data(), n, d, d}, k, centers, {nullptr, 0, d, d},
      cosine ? mcal::CenterMetric::cosine : mcal::CenterMetric::squared_euclidean);
  for (const on_device::KCenterCut& cut : cuts) {
    CAPTURE(d);
    CAPTURE(dtype);
    CAPTURE(cosine);
    CAPTURE(cut.candidates);
    const auto found =
        on_device::k_center(x, d, dtype, k, {centers.begin(), centers.end()}, cosine, cut);
    CHECK(std::vector<mcal::Index>(found.positions.begin(), found.positions.end()) ==
          expected.positions);
    CHECK(found.distances == expected.distances);
  }
}

}  // namespace

TEST_CASE("k_center on the device has the core's picks and distances to the last bit") {
  std::mt19937_64 random(11);
  std::normal_distribution<float> normal(0.5F, 1);
  for (const int d : {1, 8, 19, 68, 97}) {
    std::vector<float> spread(static_cast<std::size_t>(75 * d)), ties(spread.size());
    for (float& value : spread) value = normal(random);
    for (float& value : ties) value = static_cast<float>(random() % 3);
    for (const bool cosine : {false, true}) {
      check(spread, d, 30, "float32", cosine);
      check(spread, d, 12, "float16", cosine);
      check(spread, d, 12, "bfloat16", cosine);
    }
    check(ties, d, 73, "float32", false);
  }
}

TEST_CASE("k_center on the device finds the first row that has no distances") {
  std::vector<float> x(300, 1.0F);
  const auto first_bad = [&](bool cosine) {
    return on_device::k_center(x, 3, "float32", 1, {0}, cosine, cuts[0]).first_bad_row;
  };
  CHECK(first_bad(true) >= 100);
  x[3 * 70] = x[3 * 70 + 1] = x[3 * 70 + 2] = 0.0F;
  CHECK(first_bad(false) >= 100);
  CHECK(first_bad(true) == 70);
  x[3 * 60 + 2] = std::numeric_limits<float>::quiet_NaN();
  x[3 * 90 + 2] = INFINITY;
  CHECK(first_bad(false) == 60);
  x[3 * 50] = 1e19F;
  CHECK(first_bad(false) == 50);
}
