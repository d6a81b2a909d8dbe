#include "mcal/fit_batch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "floor_starts.hpp"
#include "mcal/levmar.hpp"
#include "mcal/parallel.hpp"

namespace mcal {
namespace {

constexpr double kGammaMean = 0.5;
constexpr double kGammaDeviation = 0.3;
constexpr double kGammaMax = 3.0;
constexpr double kThirdMean = 0.15;
constexpr double kLargestOverChance = 100.0;
constexpr double kLargestFloorShare = 1.0 - 1e-9;
constexpr double kNearChance = 0.95;  // of E0
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kRowsPerChunk = 32;

// What the fit of one row knows besides its points.
struct Row {
  FitOptions options;
  Cap cap;
  const PointKernels& kernels;
  Points points;
  double log_n_max = 0.0;
  double trials = 0.0;         // sum over the points
  double largest_share = 0.0;  // of wrong items
  double saturated = 0.0;      // log-likelihood when every error is the observed share
  double gamma_centre = kGammaMean;
  double ratio_centre = -1.0;  // negative: the prior of the ratio is exponential
};

Cap cap_of(const FitOptions& o) {
  const bool needs_chance = o.form == Form::plateau || o.objective == Objective::binomial;
  const double chance = o.chance > 0.0 ? o.chance : (needs_chance ? 1.0 : kInfinity);
  return {.chance = chance, .log_chance = std::log(chance)};
}

// Copies the points that count, scaled to the largest training size among them.
// converged stands for "can be solved".
FitStatus gather(const FitInput& input, const double* log_n, Index row, int n_parameters, Row& r) {
  const Index n_rounds = input.wrong.cols;
  const double* n_train = input.n_train.row(row);
  const double* wrong = input.wrong.row(row);
  const double* n_test = input.n_test.row(row);
  const double* weights = input.weights.row(row);
  const bool binomial = r.options.objective == Objective::binomial;
  Points& p = r.points;

  Index n = 0;
  double n_max = 0.0;
  double total_wrong = 0.0;
  for (Index i = 0; i < n_rounds; ++i) {
    const double trials = weights[i] * n_test[i];
    if (!(trials > 0.0)) continue;
    if (!binomial && wrong[i] == 0.0) return FitStatus::zero_count;
    p.size[n] = n_train[i];
    p.log_size[n] = log_n[i];
    p.wrong[n] = binomial ? weights[i] * wrong[i] : std::log(wrong[i] / n_test[i]);
    p.trials[n] = binomial ? trials : weights[i];
    total_wrong += wrong[i];
    r.trials += trials;
    r.largest_share = std::max(r.largest_share, wrong[i] / n_test[i]);
    if (n_train[i] > n_max) {
      n_max = n_train[i];
      r.log_n_max = log_n[i];
    }
    ++n;
  }

  int n_sizes = 0;  // counted up to what is needed
  const int needed = binomial ? 2 : n_parameters;
  for (Index i = 0; i < n && n_sizes < needed; ++i) {
    n_sizes += std::find(p.size, p.size + i, p.size[i]) == p.size + i;
  }
  if (n_sizes < needed) return FitStatus::too_few_points;
  if (total_wrong == 0.0) return FitStatus::no_errors;

  p.n = (n + kLanes - 1) / kLanes * kLanes;
  for (Index i = 0; i < n; ++i) {
    p.size[i] /= n_max;
    p.log_size[i] -= r.log_n_max;
  }
  for (Index i = n; i < p.n; ++i) {
    p.size[i] = 1.0;
    p.log_size[i] = p.wrong[i] = p.trials[i] = 0.0;
  }
  return FitStatus::converged;
}

// What the prior of the third parameter is about: n_max/k, or floor/(alpha n_max^-gamma).
double ratio(Form form, double third) {
  return form == Form::floor ? third / (1.0 - third) : third;
}

template <int P>
double penalty(const Row& r, const Vector<P>& x) {
  if (r.options.objective == Objective::log) return 0.0;
  const double z = (x[1] - r.gamma_centre) / kGammaDeviation;
  double sum = 0.5 * z * z;
  if constexpr (P == 3) {
    const double in_means = ratio(r.options.form, x[2]) / kThirdMean;
    const double off = in_means - r.ratio_centre / kThirdMean;
    sum += r.ratio_centre < 0.0 ? in_means : 0.5 * off * off;
  }
  return sum;
}

template <int P>
CurveParameters curve_at(const Vector<P>& x) {
  return {x[0], x[1], P == 3 ? x[P - 1] : 0.0};
}

// The points' sums and the penalties at x.
template <int P>
Quadratic<P> with_penalty(const Row& r, const PointSums& sums, const Vector<P>& x) {
  Quadratic<P> q;
  q.value = sums.value + penalty<P>(r, x);
  q.gradient[0] = sums.gradient[0];
  q.gradient[1] = sums.gradient[1];
  q.hessian[0][0] = sums.hessian[0];
  q.hessian[0][1] = q.hessian[1][0] = sums.hessian[1];
  q.hessian[1][1] = sums.hessian[3];
  if constexpr (P == 3) {
    q.gradient[2] = sums.gradient[2];
    q.hessian[0][2] = q.hessian[2][0] = sums.hessian[2];
    q.hessian[1][2] = q.hessian[2][1] = sums.hessian[4];
    q.hessian[2][2] = sums.hessian[5];
  }
  if (r.options.objective == Objective::binomial) {
    constexpr double kPrecision = 1.0 / (kGammaDeviation * kGammaDeviation);
    q.gradient[1] += kPrecision * (x[1] - r.gamma_centre);
    q.hessian[1][1] += kPrecision;
    if constexpr (P == 3) {
      const bool is_floor = r.options.form == Form::floor;
      const double rest = is_floor ? 1.0 - x[2] : 1.0;
      const double slope = 1.0 / (kThirdMean * rest * rest);  // of ratio / kThirdMean
      const double bend = is_floor ? 2.0 * slope / rest : 0.0;
      if (r.ratio_centre < 0.0) {
        q.gradient[2] += slope;
        q.hessian[2][2] += bend;
      } else {
        const double off = (ratio(r.options.form, x[2]) - r.ratio_centre) / kThirdMean;
        q.gradient[2] += off * slope;
        q.hessian[2][2] += slope * slope + std::max(0.0, off) * bend;
      }
    }
  }
  return q;
}

template <int P>
Quadratic<P> evaluate(const Row& r, const Vector<P>& x) {
  const auto sums = r.options.objective == Objective::binomial ? r.kernels.binomial : r.kernels.log;
  Quadratic<P> q = with_penalty<P>(r, sums(r.options.form, r.cap, curve_at<P>(x), r.points), x);
  q.value += r.saturated;
  return q;
}

// One weighted linear regression of the points' targets, priors included; a floor, which enters
// log u too crookedly for that, is 0. It also sets r.saturated.
template <int P>
Vector<P> regression(Row& r, const Box<P>& box) {
  Vector<P> x;
  x[0] = std::min(0.0, box.upper[0]);
  x[1] = r.gamma_centre;
  if constexpr (P == 3) x[2] = r.options.form == Form::floor ? 0.0 : kThirdMean;
  const auto regress =
      r.options.objective == Objective::binomial ? r.kernels.binomial_start : r.kernels.log_start;
  const PointSums sums = regress(r.options.form, r.cap, curve_at<P>(x), r.points);
  r.saturated = sums.value;
  Vector<P> step;
  if (bounded_step<P>(with_penalty<P>(r, sums, x), x, box, 1e-6, step)) x = moved<P>(x, step, box);
  return x;
}

// Curves that begin at chance can be flat there and steep afterwards.
Starts<3> floor_starts(const Row& r, const Vector<3>& line) {
  const bool near_chance = r.largest_share > kNearChance * r.cap.chance;
  if (r.options.objective == Objective::binomial) return binomial_floor_starts(line, near_chance);
  const double step = (kGammaMax - line[1]) / (FloorScan::kSize - 1);
  const FloorScan scan = r.kernels.floor_scan(line[0], line[1], step, r.points);
  return log_floor_starts(line, scan, step, near_chance);
}

template <int P>
Starts<P> starts_of(Row& r, const Box<P>& box) {
  const Vector<P> line = regression<P>(r, box);
  if constexpr (P == 3) {
    if (r.options.form == Form::floor) return floor_starts(r, line);
  }
  Starts<P> starts;
  starts.add(line);
  return starts;
}

template <int P>
FitStatus solve(Row& r, double* parameters, double& objective, double& deviance,
                std::int32_t& iterations) {
  Box<P> box;
  box.lower.fill(0.0);
  box.upper.fill(kInfinity);
  box.lower[0] = -kInfinity;
  box.upper[0] = r.cap.log_chance + std::log(kLargestOverChance);
  box.upper[1] = kGammaMax;
  if (r.options.form == Form::floor) box.upper[P - 1] = kLargestFloorShare;

  const Starts<P> starts = starts_of<P>(r, box);
  LevmarOptions solver{.max_iterations = r.options.max_iterations,
                       .tolerance = r.options.tolerance,
                       .rounding = r.options.objective == Objective::binomial
                                       ? 1e-15 * (r.trials - r.saturated)
                                       : 0.0};
  const auto minimise_from = [&](const Vector<P>& x) {
    return minimise<P>([&r](const Vector<P>& at) { return evaluate<P>(r, at); },
                       moved<P>(x, Vector<P>{}, box), box, solver);
  };
  LevmarResult<P> result = minimise_from(starts.x[0]);
  iterations = result.iterations;
  for (int i = 1; i < starts.n && iterations < r.options.max_iterations; ++i) {
    ++iterations;
    if (evaluate<P>(r, starts.x[i]).value > starts.hopeless * result.value) continue;
    if (iterations == r.options.max_iterations) break;
    solver.max_iterations = r.options.max_iterations - iterations;
    const LevmarResult<P> other = minimise_from(starts.x[i]);
    iterations += other.iterations;
    if (other.value < result.value) result = other;
  }

  double level = result.x[0];
  if constexpr (P == 3) {
    const double third = result.x[2];
    if (r.options.form == Form::floor) {
      parameters[2] = third * std::exp(level);
      level += std::log1p(-third);
    } else {
      parameters[2] = std::exp(r.log_n_max) / third;
    }
  }
  parameters[0] = std::exp(level + result.x[1] * r.log_n_max);
  parameters[1] = result.x[1];
  objective = result.value;
  deviance = 2.0 * (result.value - penalty<P>(r, result.x));
  switch (result.stop) {
    case Stop::converged:
      return FitStatus::converged;
    case Stop::stalled:
      return FitStatus::stalled;
    case Stop::max_iterations:
      return FitStatus::max_iterations;
  }
  return FitStatus::stalled;
}

}  // namespace

void fit_batch(const FitInput& input, const FitOptions& options, const FitOutput& output) {
  const Index n_rows = input.wrong.rows;
  const Index n_rounds = input.wrong.cols;
  const int n_parameters = parameter_count(options.form);
  const Cap cap = cap_of(options);
  const PointKernels& kernels = point_kernels(simd_level());

  // Training sizes are usually shared by all rows, and then so are their logarithms.
  const Index n_log_rows = input.n_train.row_stride == 0 ? std::min<Index>(n_rows, 1) : n_rows;
  std::vector<double> log_n(static_cast<std::size_t>(n_log_rows * n_rounds));
  for (Index i = 0; i < n_log_rows; ++i) {
    for (Index j = 0; j < n_rounds; ++j) {
      log_n[static_cast<std::size_t>(i * n_rounds + j)] = std::log(input.n_train(i, j));
    }
  }

  parallel_for(n_rows, kRowsPerChunk, [&](Index begin, Index end) {
    const Index n_padded = (n_rounds + kLanes - 1) / kLanes * kLanes;
    std::vector<double> memory(static_cast<std::size_t>(kPointArrays * n_padded));
    for (Index row = begin; row < end; ++row) {
      Row r{.options = options,
            .cap = cap,
            .kernels = kernels,
            .points = Points::in(memory.data(), n_padded)};
      if (input.gamma_centre != nullptr) {
        r.gamma_centre = input.gamma_centre[row];
        r.ratio_centre = input.ratio_centre[row];
      }
      double* parameters = output.parameters.row(row);
      double& objective = output.objective[row];
      double& deviance = output.deviance[row];
      std::int32_t& iterations = output.iterations[row];
      FitStatus& status = output.status[row];

      const double* log_row = log_n.data() + (n_log_rows == 1 ? 0 : row * n_rounds);
      status = gather(input, log_row, row, n_parameters, r);
      objective = deviance = kNaN;
      iterations = 0;
      std::fill_n(parameters, n_parameters, kNaN);
      if (status == FitStatus::converged) {
        status = n_parameters == 3 ? solve<3>(r, parameters, objective, deviance, iterations)
                                   : solve<2>(r, parameters, objective, deviance, iterations);
      } else if (status == FitStatus::no_errors) {
        parameters[0] = 0.0;
        parameters[1] = r.gamma_centre;
        if (n_parameters == 3) parameters[2] = options.form == Form::truncated ? kInfinity : 0.0;
        objective = deviance = 0.0;
      }
    }
  });
}

}  // namespace mcal
