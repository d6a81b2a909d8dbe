// Many learning-curve fits at once: one row, one curve. Forms and scaling: power_law.hpp.
//
// Binomial: the least half deviance plus penalties,
//   sum_i w_i log(s_i/e_i) + (t_i - w_i) log((1 - s_i)/(1 - e_i)),   s_i = w_i / t_i,
//   + (gamma - 0.5)^2 / (2 0.3^2)  + ratio / 0.15,
// the second line the priors gamma ~ N(0.5, 0.3) and ratio ~ exponential of mean 0.15, where ratio
// is n_max/k or floor/(alpha n_max^-gamma). Rows may bring centres of their own, drawn from these
// priors, as replicas do; the second line is then
//   + (gamma - centre)^2 / (2 0.3^2)  + (ratio - centre)^2 / (2 0.15^2).
// Log: the least sum_i weight_i (log e_i - log s_i)^2 / 2
// without priors. Both with 0 <= gamma <= 3, ratio >= 0 and, uncapped and untruncated, an error at
// n_max of at most 100 E0: past that the data only say "at chance".
#pragma once

#include <cstdint>

#include "mcal/power_law.hpp"
#include "mcal/views.hpp"

namespace mcal {

enum class Objective { binomial = 0, log = 1 };

// How a row ended. The first four give parameters, the others NaN.
enum class FitStatus : std::int32_t {
  converged = 0,       // predicted fall <= max(tolerance (objective + tolerance), rounding)
  no_errors = 1,       // binomial, no wrong item at all: alpha = 0 is the maximum, gamma = 0.5
  stalled = 2,         // no fall at damping 1e12: the best parameters found
  max_iterations = 3,  // as many evaluations: the best parameters found
  too_few_points = 4,  // different training sizes with weight: binomial < 2, log < parameters
  zero_count = 5,      // log: a point with weight has no wrong item, so no logarithm
};

struct FitOptions {
  Form form = Form::truncated;
  Objective objective = Objective::binomial;
  double chance = 0.0;  // E0 in (0, 1]; 0: unknown, taken as 1 where a form or objective needs it
  int max_iterations = 1000;
  double tolerance = 1e-7;
};

// Row-major inputs; row_stride 0 repeats one row. Points with weight 0 or n_test 0 do not count.
struct FitInput {
  MatrixView<const double> n_train;      // (rows, R) > 0
  MatrixView<const double> wrong;        // (rows, R) in [0, n_test]; need not be whole
  MatrixView<const double> n_test;       // (rows, R) >= 0
  MatrixView<const double> weights;      // (rows, R) >= 0; binomial: multiply both counts
  const double* gamma_centre = nullptr;  // (rows,) in [0, 3], binomial; both or none
  const double* ratio_centre = nullptr;  // (rows,) >= 0
};

struct FitOutput {
  MatrixView<double> parameters;  // (rows, P) alpha, gamma, then k (inf: none) or floor
  double* objective;              // (rows,) as above
  double* deviance;               // (rows,) twice the objective without penalties
  FitStatus* status;              // (rows,)
  std::int32_t* iterations;       // (rows,) evaluations, of all starts
};

// Parallel over rows; the same bits at any number of threads. No allocation while solving.
void fit_batch(const FitInput& input, const FitOptions& options, const FitOutput& output);

}  // namespace mcal
