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

// The soft cap e = (u^-order + chance^-order)^(-1/order); an infinite log_chance is no cap.
struct Cap {
  double log_chance = std::numeric_limits<double>::infinity();
  double order = 8.0;
};

// Arrays of one row, one entry a point, `n` of them: a multiple of kLanes, filled up with points
// of no weight. The kernels below write the lines marked "out".
inline constexpr Index kLanes = 4;
inline constexpr int kPointArrays = 13;

struct Points {
  Index n = 0;
  double* log_size;   // L = log(n_train / n_max) <= 0
  double* size;       // n_train / n_max
  double* wrong;      // binomial: wrong items; log: log(wrong / n_test)
  double* trials;     // binomial: items tested; log: weight
  double* eta;        // out: log u
  double* d_gamma;    // out: d eta / d gamma
  double* d_third;    // out: d eta / d third
  double* bend;       // out, floor only: d2 eta / d gamma2
  double* cross;      // out, floor only: d2 eta / d gamma d third, while d third2 = -d_third^2
  double* value;      // out: the point's share of the objective
  double* slope;      // out: d value / d eta
  double* curvature;  // out: d2 value / d eta2
  double* target;     // out of start_*: where eta would meet the point

  // Lays the arrays out in `memory`, kPointArrays * n doubles.
  static Points in(double* memory, Index n);
};

// The work on a row's points, compiled once per SIMD level; every level gives the same bits.
struct PointKernels {
  // eta and its derivatives; `third` is ignored by forms of two parameters.
  void (*predict)(Form form, double level, double gamma, double third, const Points& points);

  // value = -(w log e + (t - w) log(1 - e)): minus the log-likelihood of w wrong in t trials.
  void (*binomial_terms)(const Cap& cap, const Points& points);

  // value = weight (log e - y)^2 / 2.
  void (*log_terms)(const Cap& cap, const Points& points);

  // target: eta at the observed share of wrong items, moved inside (0, chance) by half an item
  // for the sake of a starting point only; curvature: its weight there. value: the log-likelihood
  // of the saturated model, in which every e is the observed share.
  void (*binomial_start)(const Cap& cap, const Points& points);

  // The same for log residuals, where the saturated model is worth 0.
  void (*log_start)(const Cap& cap, const Points& points);
};

const PointKernels& point_kernels(SimdLevel level);

}  // namespace mcal
