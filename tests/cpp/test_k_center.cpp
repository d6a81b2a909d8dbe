#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "mcal/k_center.hpp"
#include "mcal/parallel.hpp"
#include "mcal/simd_level.hpp"

using mcal::CenterMetric;
using mcal::Index;
using mcal::KCenterResult;

namespace {

struct Points {
  Index n, d;
  std::vector<float> data = std::vector<float>(static_cast<std::size_t>(n * d));

  mcal::MatrixView<const float> view() const { return {data.data(), n, d, d}; }
  float* row(Index i) { return &data[static_cast<std::size_t>(i * d)]; }
  const float* row(Index i) const { return &data[static_cast<std::size_t>(i * d)]; }
};

// What k_center.hpp promises, word for word.
float squared_distance(const float* x, const float* c, Index n) {
  float s[8] = {};
  for (Index j = 0; j < n; ++j) {
    const float d = x[j] - c[j];
    s[j % 8] = std::fma(d, d, s[j % 8]);
  }
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

// The plain loop: every point against every center, one at a time.
KCenterResult slow(const Points& x, Index k, const std::vector<Index>& centers = {},
                   const Points& vectors = {0, 0}) {
  std::vector<float> value(static_cast<std::size_t>(x.n), std::numeric_limits<float>::infinity());
  const auto give = [&](const float* center) {
    for (Index i = 0; i < x.n; ++i) {
      float& v = value[static_cast<std::size_t>(i)];
      v = std::min(v, squared_distance(x.row(i), center, x.d));
    }
  };
  for (Index i = 0; i < vectors.n; ++i) give(vectors.row(i));
  for (Index i : centers) give(x.row(i));
  for (Index i : centers) value[static_cast<std::size_t>(i)] = -1.0F;
  KCenterResult result;
  for (; k > 0; --k) {
    const auto best = std::max_element(value.begin(), value.end());
    const Index position = best - value.begin();
    result.positions.push_back(position);
    result.distances.push_back(*best);
    give(x.row(position));
    value[static_cast<std::size_t>(position)] = -1.0F;
  }
  return result;
}

void check_same(const KCenterResult& a, const KCenterResult& b) {
  CHECK(a.positions == b.positions);
  CHECK(a.distances == b.distances);
}

Points random_points(Index n, Index d, unsigned seed) {
  Points p{n, d};
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (float& v : p.data) v = normal(random);
  return p;
}

// Few different values, so that ties abound.
Points coarse_points(Index n, Index d, unsigned seed) {
  Points p{n, d};
  std::mt19937 random(seed);
  for (float& v : p.data) v = static_cast<float>(random() % 3);
  return p;
}

// Against any lazy scheme. All but `n_decoys` points sit at 0, the decoys on ever smaller spheres
// around it, a little under 60 degrees apart. Starting from the first decoy, each next one is
// only just farther than the points at 0, and nearer than these were before the last pick: at
// every pick all of them have fallen below the top and must be looked at.
Points adversarial_points(Index n, Index n_decoys) {
  Points p{n, n_decoys + 1};
  const double step = 1e-3, cosine = 0.5 - step;
  for (Index i = 0; i < n_decoys; ++i) {
    const double radius = 1.0 - step * static_cast<double>(i);
    p.row(i)[0] = static_cast<float>(radius * std::sqrt(cosine));
    p.row(i)[i + 1] = static_cast<float>(radius * std::sqrt(1.0 - cosine));
  }
  return p;
}

KCenterResult fast(const Points& x, Index k, const std::vector<Index>& centers = {},
                   CenterMetric metric = CenterMetric::squared_euclidean) {
  return mcal::select_k_center(x.view(), k, centers, {nullptr, 0, x.d, x.d}, metric);
}

struct AtEveryLevel {
  template <class Body>
  explicit AtEveryLevel(Body body) {
    for (const mcal::SimdLevel level : mcal::supported_simd_levels()) {
      mcal::set_simd_level(mcal::simd_level_name(level));
      CAPTURE(mcal::simd_level_name(level));
      body();
    }
    mcal::set_simd_level("auto");
  }
};

}  // namespace

TEST_CASE("k-center equals the plain loop bit for bit, at every SIMD level and size") {
  AtEveryLevel([] {
    for (Index d : {1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 64, 100}) {
      for (Index n : {1, 2, 3, 5, 31, 130}) {
        CAPTURE(d);
        CAPTURE(n);
        const Index k = std::min<Index>(n, 60);
        const Points smooth = random_points(n, d, 1);
        check_same(fast(smooth, k), slow(smooth, k));
        const Points coarse = coarse_points(n, d, 2);
        check_same(fast(coarse, k), slow(coarse, k));
      }
    }
  });
}

TEST_CASE("k-center takes every point when k = N") {
  const Points x = coarse_points(300, 2, 3);
  check_same(fast(x, 300), slow(x, 300));
}

TEST_CASE("k-center starts from positions and vectors that are given") {
  const Points x = random_points(500, 5, 4);
  const Points vectors = random_points(21, 5, 5);
  const std::vector<Index> centers{499, 0, 17, 250};
  const auto result = mcal::select_k_center(x.view(), 100, centers, vectors.view(),
                                            CenterMetric::squared_euclidean);
  check_same(result, slow(x, 100, centers, vectors));
}

TEST_CASE("k-center of equal points counts up") {
  const Points x{20, 3};
  const auto result = fast(x, 20);
  for (Index i = 0; i < 20; ++i) CHECK(result.positions[static_cast<std::size_t>(i)] == i);
  CHECK(std::isinf(result.distances[0]));
  CHECK(result.distances[19] == 0.0F);
}

TEST_CASE("k-center is exact and goes on plainly on data made to defeat it") {
  const Points x = adversarial_points(3000, 100);
  const auto result = fast(x, 99, {0});
  check_same(result, slow(x, 99, {0}));
  CHECK(result.n_full_passes > 60);
}

TEST_CASE("k-center reads all points a few times only on ordinary data") {
  const Points x = random_points(4000, 64, 8);
  const auto result = fast(x, 100);
  check_same(result, slow(x, 100));
  CHECK(result.n_full_passes < 10);
}

TEST_CASE("k-center keeps recent centers within its memory, and stays exact when it is used up") {
  Points x{100, 1 << 18};  // 64 recent centers fill the 64 MiB
  Points narrow = random_points(100, 16, 12);
  for (Index i = 0; i < x.n; ++i) std::copy_n(narrow.row(i), 16, x.row(i));  // the rest is zero
  check_same(fast(x, 100), slow(narrow, 100));
}

TEST_CASE("cosine k-center is that of the unit rows") {
  Points x = random_points(300, 19, 9);
  Points units{x.n, x.d};
  for (Index i = 0; i < x.n; ++i) {
    double squares = 0.0;
    for (Index j = 0; j < x.d; ++j) squares += double{x.row(i)[j]} * double{x.row(i)[j]};
    for (Index j = 0; j < x.d; ++j) {
      units.row(i)[j] = static_cast<float>(x.row(i)[j] / std::sqrt(squares));
    }
  }
  AtEveryLevel([&] {
    const auto result = fast(x, 80, {3}, CenterMetric::cosine);
    const auto expected = slow(units, 80, {3});
    CHECK(result.positions == expected.positions);
    for (std::size_t i = 0; i < 80; ++i) {
      CHECK(result.distances[i] == doctest::Approx(0.5F * expected.distances[i]).epsilon(1e-5));
    }
  });
}

TEST_CASE("k-center is the same at any number of threads") {
  const Points x = random_points(5000, 40, 10);
  mcal::set_thread_count(1);
  const auto alone = fast(x, 300);
  for (int n : {2, 5}) {
    mcal::set_thread_count(n);
    const auto together = fast(x, 300);
    check_same(together, alone);
    CHECK(together.n_full_passes == alone.n_full_passes);
  }
  mcal::set_thread_count(0);
}

TEST_CASE("k-center names what is wrong") {
  const auto message = [](auto call) {
    try {
      call();
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  Points x = random_points(2000, 3, 11);
  CHECK(message([&] { fast(x, 2001); }).find("k: expected") == 0);
  CHECK(message([&] { fast(x, -1); }).find("k: expected") == 0);
  CHECK(message([&] { fast(x, 1999, {4, 5}); }).find("k: expected") == 0);
  CHECK(message([&] { fast(x, 1, {4, 4}); }) ==
        "centers: expected positions that differ, found 4 repeated");
  CHECK(message([&] { fast(x, 1, {2000}); }) ==
        "centers: expected positions from 0 to 1999, found 2000");
  x.row(1500)[1] = std::numeric_limits<float>::quiet_NaN();
  x.row(300)[2] = -std::numeric_limits<float>::infinity();
  CHECK(message([&] { fast(x, 1); }) ==
        "x: expected finite values in float32, found NaN or infinity in row 300");
  x.row(300)[2] = 1e25F;
  CHECK(message([&] { fast(x, 0); }).find("x: expected squared lengths up to") == 0);
  for (Index j = 0; j < 3; ++j) x.row(200)[j] = 0.0F;
  CHECK(message([&] { fast(x, 1, {}, CenterMetric::cosine); }) ==
        "x: expected no zero row under the cosine metric, found one in row 200");
}
