// What a plan search relies on to end and to stay inside its arrays.
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mcal/plan_search.hpp"
#include "mcal/views.hpp"
#include "scalars.hpp"

namespace mcal::bindings {

inline void check_knots(std::span<const Index> n_knots, Index n_train, Index n_train_max) {
  const auto not_rising = std::adjacent_find(n_knots.begin(), n_knots.end(), std::greater_equal{});
  if (not_rising != n_knots.end()) {
    fail("n_knots", "rising sizes",
         std::to_string(not_rising[0]) + " before " + std::to_string(not_rising[1]));
  }
  if (n_knots.empty() || n_knots.front() > n_train || n_knots.back() < n_train_max) {
    const auto both = [](Index a, Index b) {
      return std::to_string(a) + " .. " + std::to_string(b);
    };
    fail("n_knots", "to cover " + both(n_train, n_train_max),
         n_knots.empty() ? "none" : both(n_knots.front(), n_knots.back()));
  }
}

inline void check_thetas(std::span<const double> thetas) {
  double last = 0.0;
  for (const double theta : thetas) {
    if (!(theta > last && theta <= 1.0)) {
      fail("thetas", "rising numbers in (0, 1]",
           std::to_string(theta) + " after " + std::to_string(last));
    }
    last = theta;
  }
}

using PriceSteps = std::vector<std::pair<Index, double>>;

inline std::vector<PriceStep> price_steps_of(const PriceSteps& pairs) {
  std::vector<PriceStep> steps;
  Index last = 0;
  for (const auto& [from, price] : pairs) {
    if (from <= last) {
      fail("price_steps", "to rise from 1 or more",
           std::to_string(from) + " after " + std::to_string(last));
    }
    if (!(price >= 0.0 && price <= std::numeric_limits<double>::max())) {
      fail("price_steps", "finite prices >= 0", std::to_string(price));
    }
    steps.push_back({from, price});
    last = from;
  }
  return steps;
}

}  // namespace mcal::bindings
