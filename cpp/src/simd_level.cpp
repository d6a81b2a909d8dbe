#include "mcal/simd_level.hpp"

#include <atomic>
#include <stdexcept>
#include <string>

namespace mcal {
namespace {

std::vector<SimdLevel> detect() {
  std::vector<SimdLevel> levels{SimdLevel::baseline};
#if MCAL_HAS_AVX2_KERNELS
  // The AVX2 files are compiled with -mavx2 -mfma.
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    levels.push_back(SimdLevel::avx2);
  }
#endif
  return levels;
}

std::atomic<SimdLevel>& chosen() {
  static std::atomic<SimdLevel> level{supported_simd_levels().back()};
  return level;
}

}  // namespace

const std::vector<SimdLevel>& supported_simd_levels() {
  static const std::vector<SimdLevel> levels = detect();
  return levels;
}

SimdLevel simd_level() { return chosen().load(std::memory_order_relaxed); }

std::string_view simd_level_name(SimdLevel level) {
  return level == SimdLevel::avx2 ? "avx2" : "baseline";
}

void set_simd_level(std::string_view name) {
  const auto& levels = supported_simd_levels();
  if (name == "auto") {
    chosen().store(levels.back());
    return;
  }
  std::string expected = "auto";
  for (const SimdLevel level : levels) {
    if (name == simd_level_name(level)) {
      chosen().store(level);
      return;
    }
    expected.append(", ").append(simd_level_name(level));
  }
  throw std::invalid_argument("name: expected one of " + expected + ", found " + std::string(name));
}

}  // namespace mcal
