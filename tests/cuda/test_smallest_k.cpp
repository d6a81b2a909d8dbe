#include <doctest/doctest.h>

#include <limits>
#include <random>

#include "launches.hpp"
#include "mcal/smallest_k.hpp"

namespace {

// CUDA's 64-bit integer is long long, the core's int64_t: long where this runs.
std::vector<double> as_core(const std::vector<double>& x) { return x; }
std::vector<float> as_core(const std::vector<float>& x) { return x; }
std::vector<std::int64_t> as_core(const std::vector<long long>& x) { return {x.begin(), x.end()}; }

template <class T>
void check(const std::vector<T>& values, long long k) {
  const auto given = as_core(values);
  for (const bool largest : {false, true}) {
    const auto expected = mcal::first_k(
        std::span(given), k, largest ? mcal::Order::largest_first : mcal::Order::smallest_first);
    for (const on_device::SmallestKCut& cut :
         {on_device::SmallestKCut{32, 1}, on_device::SmallestKCut{320, 4096}}) {
      long long first_nan = 0;
      const auto found = on_device::smallest_k(values, k, largest, cut, first_nan);
      CHECK(first_nan == std::numeric_limits<long long>::max());
      CHECK(std::vector<mcal::Index>(found.begin(), found.end()) == expected);
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("smallest_k on the device agrees with the core", T, float, double, long long) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(0, 1e5);
  constexpr std::size_t n = 1100;
  std::vector<T> spread(n), ties(n);
  for (T& x : spread) x = static_cast<T>(normal(random));
  for (T& x : ties) x = static_cast<T>(random() % 3) - 1;
  check(std::vector<T>{5}, 1);
  check(spread, n / 2);
  check(ties, n);
}

TEST_CASE("smallest_k on the device: zeros are equal, the first NaN is named") {
  check(std::vector<double>{0.0, -0.0, 1, -0.0, 0.0, -1, INFINITY, -INFINITY}, 6);
  check(std::vector<float>{0.0F, -0.0F, 1, -0.0F, 0.0F, -1}, 4);
  long long first_nan = 0;
  on_device::smallest_k(std::vector<float>{1, 2, NAN, 0, NAN}, 2, false, {32, 64}, first_nan);
  CHECK(first_nan == 2);
}
