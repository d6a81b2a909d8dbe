// What a plan search relies on to end and to stay inside its arrays.
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <string>

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

}  // namespace mcal::bindings
