#include <doctest/doctest.h>

#include "mcal/audit.hpp"
#include "mcal/weighted_audit.hpp"

using mcal::Stratum;

TEST_CASE("one empty stratum leaves the uniform law") {
  for (const mcal::Index errors : {1, 20, 100}) {
    const mcal::Index k = mcal::most_found(4000, 400, errors, 0.05);
    CHECK(mcal::most_weight({0, 0, 3}, {4000, 400, 1}, errors, 0.05) == k);
    // The errors may lie above an empty part as well.
    CHECK(mcal::most_weight({4000, 400, 1}, {0, 0, 3}, errors, 0.05) == k);
  }
}

TEST_CASE("the largest score that proves is followed by one that does not") {
  const Stratum sure{3000, 120, 50}, unsure{2000, 300, 16};
  const mcal::Index score = mcal::most_weight(sure, unsure, 120, 0.05);
  CHECK(score > 0);
  CHECK(mcal::weighted_proves(sure, unsure, 120, score, 0.05));
  CHECK_FALSE(mcal::weighted_proves(sure, unsure, 120, score + 1, 0.05));
}

TEST_CASE("without draws nothing is proven, and with too few items everything") {
  CHECK(mcal::most_weight({100, 0, 2}, {100, 0, 1}, 5, 0.05) == -1);
  CHECK(mcal::weighted_proves({10, 5, 2}, {10, 5, 1}, 10, 15, 0.05));
}
