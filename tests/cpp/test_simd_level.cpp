#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "mcal/simd_level.hpp"

TEST_CASE("every supported level can be forced, and auto takes the fastest") {
  const auto& levels = mcal::supported_simd_levels();
  REQUIRE(levels.front() == mcal::SimdLevel::baseline);
  for (const auto level : levels) {
    mcal::set_simd_level(mcal::simd_level_name(level));
    CHECK(mcal::simd_level() == level);
  }
  mcal::set_simd_level("baseline");
  mcal::set_simd_level("auto");
  CHECK(mcal::simd_level() == levels.back());
}

TEST_CASE("an unknown level is refused and changes nothing") {
  const auto before = mcal::simd_level();
  CHECK_THROWS_AS(mcal::set_simd_level("sse9"), std::invalid_argument);
  CHECK_THROWS_AS(mcal::set_simd_level(""), std::invalid_argument);
  CHECK(mcal::simd_level() == before);
}
