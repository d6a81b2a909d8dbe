// Hypergeometric tails and their inverses: what an audit without replacement proves.
#pragma once

#include "mcal/views.hpp"

namespace mcal {

// P(X <= k), X the bad items among `draws` drawn without replacement from a population that holds
// `bad` of them. Terms are summed outwards from the mode by their ratios and divided by their own
// total: only positive numbers are added, and there is no log-gamma to cancel. Relative error below
// 1e-10 up to a population of 10^8; 0 where the tail is below about 1e-300.
// Cost: about 40 standard deviations of X. 0 <= bad, draws <= population.
double hypergeometric_cdf(Index k, Index population, Index bad, Index draws);

// The fewest draws with P(X <= k) <= risk. The law is symmetric in `bad` and `draws`, so this is
// also the fewest bad items with P(X <= k) <= risk for a given number of draws.
// 0 <= k < bad <= population, 0 <= risk < 1.
Index fewest_draws(Index k, Index population, Index bad, double risk);

// The largest k with P(X <= k) <= risk where the population holds errors + 1 + k bad items, or -1:
// if at most k bad items are drawn, at most `errors` were missed, but for `risk`.
// draws + errors < population, 0 <= risk < 1.
Index most_found(Index population, Index draws, Index errors, double risk);

}  // namespace mcal
