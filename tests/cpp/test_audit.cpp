#include <doctest/doctest.h>

#include <vector>

#include "mcal/audit.hpp"

using mcal::Index;

namespace {

// Pascal's triangle: exact in double up to row 50.
double choose(Index n, Index k) {
  if (k < 0 || k > n) return 0.0;
  std::vector<double> row(static_cast<std::size_t>(n) + 1, 0.0);
  row[0] = 1.0;
  for (Index i = 1; i <= n; ++i) {
    for (Index j = i; j > 0; --j) {
      row[static_cast<std::size_t>(j)] += row[static_cast<std::size_t>(j - 1)];
    }
  }
  return row[static_cast<std::size_t>(k)];
}

double slow_cdf(Index k, Index population, Index bad, Index draws) {
  double ways = 0.0;
  for (Index j = 0; j <= k && j <= draws; ++j) {
    ways += choose(bad, j) * choose(population - bad, draws - j);
  }
  return ways / choose(population, draws);
}

}  // namespace

TEST_CASE("hypergeometric_cdf counts the ways") {
  for (const Index population : {0, 1, 5, 12, 23}) {
    for (Index bad = 0; bad <= population; ++bad) {
      for (Index draws = 0; draws <= population; ++draws) {
        for (Index k = -1; k <= draws + 1; ++k) {
          CHECK(mcal::hypergeometric_cdf(k, population, bad, draws) ==
                doctest::Approx(slow_cdf(k, population, bad, draws)).epsilon(1e-12));
        }
      }
    }
  }
}

TEST_CASE("the tails of large populations keep their size and their order") {
  const Index population = 100'000'000;
  double last = 1.0;
  for (Index bad = 1000; bad <= population; bad *= 10) {
    const double tail = mcal::hypergeometric_cdf(5, population, bad, 1'000'000);
    CHECK(tail <= last);
    CHECK(tail >= 0.0);
    last = tail;
  }
  // (1 - 1e-6)^1e6 with 1 bad item in a hundred drawn, to first order
  CHECK(mcal::hypergeometric_cdf(0, population, 100, 1'000'000) ==
        doctest::Approx(0.366032).epsilon(1e-4));
  CHECK(mcal::hypergeometric_cdf(0, population, 50'000'000, 50'000'000) == 0.0);
}

TEST_CASE("fewest_draws and most_found undo each other") {
  for (const Index population : {40, 1000, 5'000'000}) {
    for (const Index errors : {population / 50, population / 10}) {
      for (const Index k : {0, 1, 7}) {
        if (errors + 1 + k > population) continue;
        const Index draws = mcal::fewest_draws(k, population, errors + 1 + k, 0.05);
        CHECK(mcal::hypergeometric_cdf(k, population, errors + 1 + k, draws) <= 0.05);
        CHECK(mcal::hypergeometric_cdf(k, population, errors + 1 + k, draws - 1) > 0.05);
        if (draws + errors >= population) continue;
        CHECK(mcal::most_found(population, draws, errors, 0.05) >= k);
        CHECK(mcal::most_found(population, draws - 1, errors, 0.05) < k);
      }
    }
  }
}

TEST_CASE("without risk only what is certain counts") {
  CHECK(mcal::fewest_draws(0, 10, 3, 0.0) == 8);
  CHECK(mcal::fewest_draws(2, 10, 3, 0.0) == 10);
  CHECK(mcal::most_found(10, 5, 3, 0.0) == -1);
  CHECK(mcal::most_found(10, 0, 3, 0.9) == -1);
}
