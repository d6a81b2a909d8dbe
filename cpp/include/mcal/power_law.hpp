// Learning curves, the error of a classifier against the number of its training labels, and what
// a point of such a curve contributes to a fit. algorithm.md section 3; Eq. 3 of the paper.
//
// With p = alpha n^-gamma and E0 the error of guessing:
//
//   power      u = p                                               alpha, gamma
//   truncated  u = p e^(-n/k)                                      alpha, gamma, k
//   floor      u = p + floor                                       alpha, gamma, floor
//   plateau    e = E0 / (1 + E0/p), a logistic curve in log n      alpha, gamma
//
// The first three are soft-capped at guessing by e = (u^-8 + E0^-8)^(-1/8). The plateau is the
// same cap of order 1 instead of 8, so a form is a predictor eta = log u and the order m of
//
//   e = (u^-m + E0^-m)^(-1/m),   log e = eta + log(q)/m,   q = d log e / d eta = 1/(1 + (u/E0)^m).
//
// A fit works on x = (level, gamma, third), scaled to the largest training size n_max of its row,
// with L = log(n/n_max):
//
//   power, plateau  log u = level - gamma L                     level = log(alpha n_max^-gamma)
//   truncated       log u = level - gamma L - third n/n_max     third = n_max/k
//   floor           log u = level + log((1-third) e^(-gamma L) + third)
//                                    third = floor/u(n_max), the share of the floor at n_max
#pragma once

#include <limits>

#include "mcal/simd_level.hpp"
#include "mcal/views.hpp"

namespace mcal {

enum class Form { power = 0, truncated = 1, floor = 2, plateau = 3 };

constexpr int parameter_count(Form form) {
  return form == Form::truncated || form == Form::floor ? 3 : 2;
}

// The soft cap at `chance`, of the form's own order; infinite: none.
struct Cap {
  double chance = std::numeric_limits<double>::infinity();
  double log_chance = std::numeric_limits<double>::infinity();
};

// Arrays of one row, one entry a point, `n` of them: a multiple of kLanes, filled up with points
// of no weight and size 1. The kernels below write the lines marked "out".
inline constexpr Index kLanes = 12;
inline constexpr int kPointArrays = 10;

struct Points {
  Index n = 0;
  double* log_size;    // L = log(n_train / n_max) <= 0
  double* size;        // n_train / n_max
  double* wrong;       // binomial: wrong items; log: log(wrong / n_test)
  double* trials;      // binomial: items tested; log: weight
  double* target;      // out of *_start: the log u that would meet the point
  double* weight;      // out of *_start: d2 value / d (log u)2 there
  double* scratch[4];  // of floor_scan

  // Lays the arrays out in `memory`, kPointArrays * n doubles.
  static Points in(double* memory, Index n);
};

struct CurveParameters {
  double level, gamma, third;  // forms of two parameters ignore the third
};

// A sum over the points with its gradient and the upper triangle of its Hessian, row by row. Of
// forms of two parameters what belongs to the third is 0.
struct PointSums {
  double value;
  double gradient[3];
  double hessian[6];
};

// Coefficients of quadratics in (a, c): aa a^2/2 + ac a c + cc c^2/2 - az a - cz c.
struct FloorScan {
  static constexpr int kSize = 8;
  double aa[kSize], ac[kSize], az[kSize];
  double cc, cz;
};

// The work on a row's points, compiled once per SIMD level; every level gives the same bits.
struct PointKernels {
  // value = -(w log e + (t - w) log(1 - e)): minus the log-likelihood of w wrong in t trials.
  PointSums (*binomial)(Form form, const Cap& cap, const CurveParameters& x, const Points& points);

  // value = weight (log e - y)^2 / 2.
  PointSums (*log)(Form form, const Cap& cap, const CurveParameters& x, const Points& points);

  // target: log u at the observed share of wrong items, moved inside (0, chance) by half an item
  // for the sake of a starting point only. Returns the regression of the targets on (1, -L, -n),
  // linearised at x; but its value is the log-likelihood of the saturated model, in which every e
  // is the observed share.
  PointSums (*binomial_start)(Form form, const Cap& cap, const CurveParameters& x,
                              const Points& points);

  // The same for log residuals, where the saturated model is worth 0.
  PointSums (*log_start)(Form form, const Cap& cap, const CurveParameters& x, const Points& points);

  // With v = e^(level - gamma L) a power law near the targets, log u is v's log plus u/v - 1 to
  // first order, and sum weight (log u - target)^2 / 2 is, but for a constant, a quadratic in a
  // and c where u = e^level (a e^(-(gamma + k step) L) + c). Returns it for k = 0, 1, ...
  FloorScan (*floor_scan)(double level, double gamma, double step, const Points& points);
};

const PointKernels& point_kernels(SimdLevel level);

}  // namespace mcal
