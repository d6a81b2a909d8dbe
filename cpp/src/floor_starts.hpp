// Where fits of a floor start. The error of a power law with a floor can have several minima: with
// a small floor, with a large one, and, where curves begin at chance, with a steep fall. The
// further starts and their numbers are chosen by trial: those that, on 42,000 random curves of 4 to
// 14 points, left the fewest minima above the best of 53 starts (docs/decisions.md).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "mcal/levmar.hpp"
#include "mcal/power_law.hpp"

namespace mcal {

template <int P>
struct Starts {
  int n = 0;
  std::array<Vector<P>, 5> x;
  // A later start is left out where the objective is as many times the least found so far.
  double hopeless = std::numeric_limits<double>::infinity();

  void add(const Vector<P>& one) { x[static_cast<std::size_t>(n++)] = one; }
};

// The least of a scanned quadratic over a, c >= 0 with its value; a = 1, c = 0 is the power law.
struct Mix {
  double a = 1.0, c = 0.0, value = 0.0;
};

inline Mix best_mix(const FloorScan& s, int k) {
  const double determinant = s.aa[k] * s.cc - s.ac[k] * s.ac[k];
  Mix m;
  m.a = (s.az[k] * s.cc - s.cz * s.ac[k]) / determinant;
  m.c = (s.cz * s.aa[k] - s.az[k] * s.ac[k]) / determinant;
  if (!(m.c > 0.0)) {
    m.a = std::max(s.az[k] / s.aa[k], 0.0);
    m.c = 0.0;
  } else if (!(m.a > 0.0)) {
    m.a = 0.0;
    m.c = s.cz / s.cc;
  }
  m.value = -0.5 * (s.az[k] * m.a + s.cz * m.c);
  return m;
}

// (level, gamma, share of the floor) of a mix on the power law `line`.
inline Vector<3> mixed(const Vector<3>& line, const Mix& m, double gamma) {
  const double u = std::max(m.a + m.c, 1e-3);
  return {line[0] + std::log(u), gamma, m.c / u};
}

// For log residuals; one start unless errors are near chance, where targets say little. `line` is
// the regression without a floor, `scan` went on from its gamma in steps of `step`.
inline Starts<3> log_floor_starts(const Vector<3>& line, const FloorScan& scan, double step,
                                  bool near_chance) {
  int best = 0;
  Mix mix{.value = 0.5 * scan.aa[0] - scan.az[0]};
  for (int k = 1; k < FloorScan::kSize; ++k) {
    const Mix other = best_mix(scan, k);
    if (other.value < mix.value) {
      best = k;
      mix = other;
    }
  }
  Starts<3> starts;
  starts.add(mixed(line, mix, line[1] + best * step));
  if (near_chance) {
    constexpr int kSteepest = FloorScan::kSize - 1;
    starts.add(line);
    starts.add({line[0], 2.9, 0.9});
    starts.add({line[0], 2.0, 0.05});
    starts.add(mixed(line, best_mix(scan, kSteepest), line[1] + kSteepest * step));
  }
  return starts;
}

// For binomial fits, whose priors prefer small floors.
inline Starts<3> binomial_floor_starts(const Vector<3>& line, bool near_chance) {
  Starts<3> starts;
  starts.add(line);
  if (near_chance) starts.add({line[0], 2.9, 0.02});
  starts.hopeless = 30.0;
  return starts;
}

}  // namespace mcal
