// The loops over a row's points. Included by power_law_<level>.cpp and by nothing else: each
// compiles its own copy with the instructions of its level. Every loop is element by element and
// contraction is off (CMakeLists.txt), so that all copies give the same bits. Nothing of the
// standard library is called: an inline function compiled for AVX2 must never be linked into code
// that runs without it (tests/cpp/CMakeLists.txt looks for such symbols).
#pragma once

#include <cstdint>

#include "mcal/power_law.hpp"

namespace mcal {
namespace {

// exp and log without branches or tables, so that the loops around them vectorise. Relative
// error below 2e-14 and 1e-15.

constexpr double kLn2High = 0x1.62e42fee00000p-1;  // k kLn2High is exact for every exponent k
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

inline double at_least(double x, double low) { return x < low ? low : x; }
inline double at_most(double x, double high) { return x > high ? high : x; }

// x in [-700, 700]: Taylor series around the nearest multiple of log 2.
inline double fast_exp(double x) {
  constexpr double kShift = 0x1.8p52;  // adding it leaves an integer in the low bits
  const double shifted = x * 0x1.71547652b82fep0 + kShift;
  const double k = shifted - kShift;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  // Pairs first (Estrin): the loops wait for results rather than for free units.
  const double r2 = r * r;
  const double r4 = r2 * r2;
  const double p01 = 1.0 + r;
  const double p23 = 0.5 + r * (1.0 / 6);
  const double p45 = 1.0 / 24 + r * (1.0 / 120);
  const double p67 = 1.0 / 720 + r * (1.0 / 5040);
  const double p89 = 1.0 / 40320 + r * (1.0 / 362880);
  const double pab = 1.0 / 3628800 + r * (1.0 / 39916800);
  const double p = (p01 + r2 * p23) + r4 * ((p45 + r2 * p67) + r4 * (p89 + r2 * pab));
  const std::uint64_t power = (__builtin_bit_cast(std::uint64_t, shifted) << 52) + (1023ULL << 52);
  return p * __builtin_bit_cast(double, power);
}

// x positive and normal: x = 2^k m with m in [sqrt 1/2, sqrt 2), log m = 2 artanh((m-1)/(m+1)).
inline double fast_log(double x) {
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const auto bits = __builtin_bit_cast(std::uint64_t, x);
  const std::uint64_t biased = bits - kSqrtHalf + (1023ULL << 52);
  const double k =
      __builtin_bit_cast(double, (biased >> 52) | 0x4330000000000000ULL) - 0x1.00000000003ffp52;
  const double f =
      __builtin_bit_cast(double, bits - (biased & 0xfff0000000000000ULL) + (1023ULL << 52)) - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double z2 = z * z;
  const double z4 = z2 * z2;
  const double p01 = 1.0 + z * (1.0 / 3);
  const double p23 = 1.0 / 5 + z * (1.0 / 7);
  const double p45 = 1.0 / 9 + z * (1.0 / 11);
  const double p67 = 1.0 / 13 + z * (1.0 / 15);
  const double p8 = 1.0 / 17;
  const double p = (p01 + z2 * p23) + z4 * ((p45 + z2 * p67) + z4 * p8);
  return k * kLn2High + (2.0 * s * p + k * kLn2Low);
}

constexpr double kTiny = 1e-300;
constexpr double kLargestShare = 1.0 - 1e-15;  // keeps log(1 - e) finite
constexpr double kFarAboveChance = 80.0;       // log(u / chance) where the cap is flat

struct Capped {
  double log_error, q;
};

inline Capped capped(double eta, double log_chance, double order) {
  const double bounded = at_most(eta, log_chance + kFarAboveChance);
  const double s = fast_exp(at_least(order * (bounded - log_chance), -700.0));
  const double q = 1.0 / (1.0 + s);
  return {bounded + fast_log(q) * (1.0 / order), q};
}

struct Uncapped {
  double eta, q;
};

// The eta at which the capped error is `log_error`, or a point somewhat below chance.
inline Uncapped uncapped(double log_error, double log_chance, double order) {
  constexpr double kBelowChance = -0.03;
  const double bounded = at_most(log_error, log_chance + kBelowChance);
  const double q = 1.0 - fast_exp(at_least(order * (bounded - log_chance), -700.0));
  return {bounded - fast_log(q) * (1.0 / order), q};
}

void predict_linear(Index n, double level, double gamma, double third, const double* __restrict L,
                    const double* __restrict size, double* __restrict eta) {
  for (Index i = 0; i < n; ++i) eta[i] = level - gamma * L[i] - third * size[i];
}

void predict_floor(Index n, double level, double gamma, double third, const double* __restrict L,
                   double* __restrict eta, double* __restrict d_gamma, double* __restrict d_third,
                   double* __restrict bend, double* __restrict cross) {
  for (Index i = 0; i < n; ++i) {
    const double p = fast_exp(at_most(-gamma * L[i], 700.0));
    const double sum = (1.0 - third) * p + third;
    const double inverse = 1.0 / sum;
    const double falling = (1.0 - third) * p * inverse;  // share of u that is not floor
    eta[i] = level + fast_log(sum);
    d_gamma[i] = -L[i] * falling;
    d_third[i] = (1.0 - p) * inverse;
    bend[i] = L[i] * L[i] * falling * (1.0 - falling);
    cross[i] = L[i] * p * inverse * inverse;
  }
}

void binomial_loop(Index n, double log_chance, double order, const double* __restrict eta,
                   const double* __restrict wrong, const double* __restrict trials,
                   double* __restrict value, double* __restrict slope,
                   double* __restrict curvature) {
  for (Index i = 0; i < n; ++i) {
    const auto [log_error, q] = capped(eta[i], log_chance, order);
    const double e = at_most(fast_exp(at_least(log_error, -700.0)), kLargestShare);
    const double right = 1.0 - e;
    const double odds = e / right;
    const double residual = wrong[i] - (trials[i] - wrong[i]) * odds;
    value[i] = -wrong[i] * log_error - (trials[i] - wrong[i]) * fast_log(right);
    slope[i] = -q * residual;
    curvature[i] = q * (q * trials[i] * odds + residual * (order * (1.0 - q) - q * odds));
  }
}

void log_loop(Index n, double log_chance, double order, const double* __restrict eta,
              const double* __restrict log_share, const double* __restrict weight,
              double* __restrict value, double* __restrict slope, double* __restrict curvature) {
  for (Index i = 0; i < n; ++i) {
    const auto [log_error, q] = capped(eta[i], log_chance, order);
    const double residual = log_error - log_share[i];
    value[i] = 0.5 * weight[i] * residual * residual;
    slope[i] = weight[i] * residual * q;
    curvature[i] = weight[i] * q * (q - order * residual * (1.0 - q));
  }
}

void binomial_start_loop(Index n, double log_chance, double order, const double* __restrict wrong,
                         const double* __restrict trials, double* __restrict target,
                         double* __restrict curvature, double* __restrict value) {
  for (Index i = 0; i < n; ++i) {
    const double right = trials[i] - wrong[i];
    const double log_share = fast_log((wrong[i] + 0.5) / (trials[i] + 1.0));
    const auto [eta, q] = uncapped(log_share, log_chance, order);
    target[i] = eta;
    curvature[i] = trials[i] * q * q * (wrong[i] + 0.5) / (right + 0.5);
    value[i] = wrong[i] * fast_log(at_least(wrong[i] / at_least(trials[i], kTiny), kTiny)) +
               right * fast_log(at_least(right / at_least(trials[i], kTiny), kTiny));
  }
}

void log_start_loop(Index n, double log_chance, double order, const double* __restrict log_share,
                    const double* __restrict weight, double* __restrict target,
                    double* __restrict curvature, double* __restrict value) {
  for (Index i = 0; i < n; ++i) {
    const auto [eta, q] = uncapped(log_share[i], log_chance, order);
    target[i] = eta;
    curvature[i] = weight[i] * q * q;
    value[i] = 0.0;
  }
}

void predict(Form form, double level, double gamma, double third, const Points& p) {
  if (form == Form::floor) {
    predict_floor(p.n, level, gamma, third, p.log_size, p.eta, p.d_gamma, p.d_third, p.bend,
                  p.cross);
    return;
  }
  predict_linear(p.n, level, gamma, form == Form::truncated ? third : 0.0, p.log_size, p.size,
                 p.eta);
  for (Index i = 0; i < p.n; ++i) {
    p.d_gamma[i] = -p.log_size[i];
    p.d_third[i] = -p.size[i];
  }
}

void binomial_terms(const Cap& cap, const Points& p) {
  binomial_loop(p.n, cap.log_chance, cap.order, p.eta, p.wrong, p.trials, p.value, p.slope,
                p.curvature);
}

void log_terms(const Cap& cap, const Points& p) {
  log_loop(p.n, cap.log_chance, cap.order, p.eta, p.wrong, p.trials, p.value, p.slope, p.curvature);
}

void binomial_start(const Cap& cap, const Points& p) {
  binomial_start_loop(p.n, cap.log_chance, cap.order, p.wrong, p.trials, p.target, p.curvature,
                      p.value);
}

void log_start(const Cap& cap, const Points& p) {
  log_start_loop(p.n, cap.log_chance, cap.order, p.wrong, p.trials, p.target, p.curvature, p.value);
}

constexpr PointKernels kPointKernels{predict, binomial_terms, log_terms, binomial_start, log_start};

}  // namespace
}  // namespace mcal
