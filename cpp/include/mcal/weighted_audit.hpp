// What an audit proves that draws more where errors are likely: exact, in two strata.
#pragma once

#include "mcal/views.hpp"

namespace mcal {

// One stretch of the ranking: so many items, of which `draws` are drawn without replacement, and
// each wrong one among those drawn adds `weight` to the score.
struct Stratum {
  Index items;
  Index draws;
  Index weight;
};

// Whether an audit is deceived with a chance of at most `risk`, wherever the wrong items lie.
//
// Wrong items go by in the order of the ranking, first those of `sure`, then those of `unsure`. The
// audit is deceived if the score is at most `tolerated` when the (errors + 1)-th wrong item that
// was not drawn goes by. True is proven; false may also be said where the chance is just below
// `risk`. weight >= 1; 0 <= draws <= items; tolerated, errors >= 0.
//
// With e wrong items in `sure`, of which x are drawn, the rest of the law is one hypergeometric
// tail, g(x, e), and the worst that `unsure` can hold is wrong items only. g falls in x and rises
// in e, and x grows with e, so the sum over x of P(x given a) g(x, b) bounds every e in [a, b]:
// intervals are halved until the bound is low enough. Beyond errors + 1 + tolerated / weight, e
// changes nothing. Cost: some hundreds of tails for most_weight in all, no matter how many items.
bool weighted_proves(Stratum sure, Stratum unsure, Index errors, Index tolerated, double risk);

// The largest `tolerated` that weighted_proves, or -1.
Index most_weight(Stratum sure, Stratum unsure, Index errors, double risk);

}  // namespace mcal
