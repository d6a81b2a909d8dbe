#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "mcal/parallel.hpp"
#include "mcal/smallest_k.hpp"

namespace {

using mcal::Index;
using mcal::Order;

template <class T>
std::vector<Index> sorted(const std::vector<T>& values, Index k, Order order) {
  std::vector<Index> p(values.size());
  std::iota(p.begin(), p.end(), Index{0});
  std::stable_sort(p.begin(), p.end(), [&](Index a, Index b) {
    const T x = values[static_cast<std::size_t>(a)], y = values[static_cast<std::size_t>(b)];
    return order == Order::smallest_first ? x < y : x > y;
  });
  p.resize(static_cast<std::size_t>(k));
  return p;
}

template <class T>
std::vector<Index> select(const std::vector<T>& values, Index k, Order order) {
  return mcal::first_k(std::span<const T>(values), k, order);
}

}  // namespace

TEST_CASE_TEMPLATE("first_k is a stable sort cut off at k", T, float, double, std::int64_t) {
  for (const Index n : {1, 2, 1024, 1025, 300000}) {
    std::vector<T> values(static_cast<std::size_t>(n));
    unsigned state = 3;
    for (auto& v : values) {
      state = state * 1664525u + 1013904223u;
      v = static_cast<T>(static_cast<int>(state >> 20) - 2048) / T{4};
    }
    for (const Order order : {Order::smallest_first, Order::largest_first}) {
      for (const Index k : {Index{0}, Index{1}, n / 2, n}) {
        CHECK(select(values, k, order) == sorted(values, k, order));
      }
    }
  }
}

TEST_CASE("bad requests are refused") {
  const std::vector<double> values{1, 2, std::numeric_limits<double>::quiet_NaN()};
  const std::vector<double> none;
  CHECK_THROWS_AS(select(values, 1, Order::smallest_first), std::invalid_argument);
  CHECK_THROWS_AS(select(values, 4, Order::smallest_first), std::invalid_argument);
  CHECK_THROWS_AS(select(values, -1, Order::largest_first), std::invalid_argument);
  CHECK_THROWS_AS(select(none, 0, Order::largest_first), std::invalid_argument);
}
