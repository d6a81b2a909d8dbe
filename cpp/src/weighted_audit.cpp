#include "mcal/weighted_audit.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "mcal/audit.hpp"

namespace mcal {
namespace {

// How far below its mean, in standard deviations, a count of drawn items is looked into: what
// is further down is rarer than 10^-9, and counts as a deception.
constexpr double kDeviations = 6.5;
// A sum ends when no more than this is left to add, and that is added.
constexpr double kRest = 1e-9;
// Intervals narrower than the errors by this factor are not halved again.
constexpr Index kFinest = 1024;

struct Audit {
  Stratum sure, unsure;
  Index errors, tolerated;

  // The chance to be deceived once `drawn` of `wrong` wrong items of `sure` were drawn.
  double deceived(Index drawn, Index wrong) const {
    const Index left = tolerated - drawn * sure.weight;
    const Index needed = errors + 1 - wrong + drawn;  // to be missed in `unsure`
    if (left < 0 || needed > unsure.items - unsure.draws) return 0.0;
    const Index k = left / unsure.weight;
    if (needed <= 0 || k >= unsure.draws) return 1.0;
    return hypergeometric_cdf(k, unsure.items, needed + k, unsure.draws);
  }

  // At least the chance to be deceived with any number from `low` to `high` of wrong items in
  // `sure`; cut short above `risk`.
  double bound(Index low, Index high, double risk) const {
    const auto at_most = [&](Index drawn) {
      return drawn < 0 ? 0.0 : hypergeometric_cdf(drawn, sure.items, low, sure.draws);
    };
    const Index last = std::min({tolerated / sure.weight, low, sure.draws});
    const double mean = static_cast<double>(low) * static_cast<double>(sure.draws) /
                        std::max(1.0, static_cast<double>(sure.items));
    const Index deep = static_cast<Index>(mean - kDeviations * std::sqrt(mean)) - 3;
    const Index first = std::clamp<Index>(deep, 0, last);
    double below = at_most(first - 1), sum = below;
    for (Index drawn = first; drawn <= last && sum <= risk; ++drawn) {
      const double up_to = at_most(drawn), chance = deceived(drawn, high);
      sum += (up_to - below) * chance;
      below = up_to;
      if (const double rest = (1.0 - up_to) * chance; rest < kRest) return sum + rest;
    }
    return sum;
  }
};

}  // namespace

bool weighted_proves(Stratum sure, Stratum unsure, Index errors, Index tolerated, double risk) {
  const Audit audit{sure, unsure, errors, tolerated};
  const Index finest = 1 + errors / kFinest;
  struct Interval {
    Index low, high;
  };
  std::vector<Interval> open{{0, std::min(sure.items, errors + 1 + tolerated / sure.weight)}};
  while (!open.empty()) {
    const auto [low, high] = open.back();
    open.pop_back();
    if (audit.bound(low, high, risk) <= risk) continue;
    if (high - low < finest) return false;
    const Index middle = low + (high - low) / 2;
    open.push_back({low, middle});
    open.push_back({middle + 1, high});
  }
  return true;
}

Index most_weight(Stratum sure, Stratum unsure, Index errors, double risk) {
  // No more than with all wrong items in one stratum.
  Index unproven = sure.draws * sure.weight + unsure.draws * unsure.weight + 1;
  for (const Stratum& only : {sure, unsure}) {
    if (only.items - only.draws <= errors) continue;
    const Index k = most_found(only.items, only.draws, errors, risk);
    unproven = std::min(unproven, (k + 1) * only.weight);
  }
  const auto proves = [&](Index tolerated) {
    return weighted_proves(sure, unsure, errors, tolerated, risk);
  };
  Index proven = unproven - 1;
  for (Index step = 1 + proven / 64; proven >= 0 && !proves(proven); step *= 2) {
    unproven = proven;
    proven = std::max<Index>(-1, proven - step);
  }
  while (unproven - proven > 1) {
    const Index tolerated = proven + (unproven - proven) / 2;
    (proves(tolerated) ? proven : unproven) = tolerated;
  }
  return proven;
}

}  // namespace mcal
