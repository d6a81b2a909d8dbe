#include "mcal/audit.hpp"

#include <algorithm>
#include <cmath>

namespace mcal {
namespace {

// A term this much smaller than the sum it joins ends the sum: terms fall ever faster.
constexpr double kNothing = 1e-18;

}  // namespace

double hypergeometric_cdf(Index k, Index population, Index bad, Index draws) {
  const Index low = std::max<Index>(0, draws + bad - population);
  const Index high = std::min(draws, bad);
  if (k < low) return 0.0;
  if (k >= high) return 1.0;
  const double n = static_cast<double>(draws), b = static_cast<double>(bad);
  const double rest = static_cast<double>(population - bad - draws);  // may be negative
  const double peak = (n + 1.0) * (b + 1.0) / (static_cast<double>(population) + 2.0);
  const Index mode = std::clamp(static_cast<Index>(peak), low, high);

  double up_to_k = mode <= k ? 1.0 : 0.0, above = mode <= k ? 0.0 : 1.0;
  double term = 1.0;
  for (Index j = mode; j > low && term > 0.0; --j) {
    const double x = static_cast<double>(j);
    term *= x * (rest + x) / ((b - x + 1.0) * (n - x + 1.0));
    (j - 1 <= k ? up_to_k : above) += term;
    if (j - 1 <= k && term < kNothing * up_to_k) break;
  }
  term = 1.0;
  for (Index j = mode; j < high; ++j) {
    const double x = static_cast<double>(j);
    term *= (b - x) * (n - x) / ((x + 1.0) * (rest + x + 1.0));
    (j + 1 <= k ? up_to_k : above) += term;
    if (term < kNothing * (up_to_k + above)) break;
  }
  return up_to_k / (up_to_k + above);
}

Index fewest_draws(Index k, Index population, Index bad, double risk) {
  const auto proves = [&](Index draws) {
    return hypergeometric_cdf(k, population, bad, draws) <= risk;
  };
  Index too_few = k;                            // all of them may be bad
  const Index sure = population - bad + k + 1;  // more than k of them are bad
  const double mean = static_cast<double>(population) / static_cast<double>(bad);
  const double middle = static_cast<double>(k + 1) * mean;  // about k + 1 bad items are drawn
  Index enough = std::clamp(static_cast<Index>(middle), k + 1, sure);
  auto step = static_cast<Index>(middle / std::sqrt(static_cast<double>(k) + 4.0)) + 1;
  while (enough < sure && !proves(enough)) {
    too_few = enough;
    enough = std::min(sure, enough + step);
    step *= 2;
  }
  while (enough - too_few > 1) {
    const Index draws = too_few + (enough - too_few) / 2;
    (proves(draws) ? enough : too_few) = draws;
  }
  return enough;
}

Index most_found(Index population, Index draws, Index errors, double risk) {
  Index proven = -1, unproven = draws;
  while (unproven - proven > 1) {
    const Index k = proven + (unproven - proven) / 2;
    const bool proves = hypergeometric_cdf(k, population, errors + 1 + k, draws) <= risk;
    (proves ? proven : unproven) = k;
  }
  return proven;
}

}  // namespace mcal
