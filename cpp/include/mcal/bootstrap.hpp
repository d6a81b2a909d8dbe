// Replicas of the test items through profile, fits and plan search. algorithm.md sections 3 and 4.
//
// A replica counts test item i as often as counts(b, i) says, the same at every round. Randomness
// is the caller's: everything here is a function of its arrays, the same bits at any number of
// threads and, but for the fits, at any SIMD level.
#pragma once

#include <cstdint>
#include <span>

#include "mcal/plan_search.hpp"
#include "mcal/power_law.hpp"
#include "mcal/views.hpp"

namespace mcal {

inline constexpr int kForms = 4;

// Rounds as replicas see them. Bins are intervals of confidence that hold bin_size(r, .) items of
// the unlabelled pool U, most confident first; bins that a round does not have are empty.
struct RoundsInput {
  MatrixView<const std::int32_t> counts;  // (replicas, n_test) >= 0
  MatrixView<const std::int32_t> cells;   // (R, n_test) 2 bin + wrong, or -1: not counted
  MatrixView<const double> bin_size;      // (R, bins) >= 0
  std::span<const double> thetas;         // (T,) rising, in (0, 1]
};

// The error profile of every replica at every round: per bin the share of wrong items, made rising
// by pooling adjacent violators, read at theta; n_test is the size of a plain sample that would
// know it as well (Kish) and wrong = error * n_test. Both (replicas * T, R), replicas outermost; 0
// where a replica holds none of a round's items.
void replica_profiles(const RoundsInput& input, MatrixView<double> wrong,
                      MatrixView<double> n_test);

struct CurvesInput {
  std::span<const double> n_train;        // (R,) > 0
  MatrixView<const double> wrong;         // (replicas * T, R), as replica_profiles gives them
  MatrixView<const double> n_test;        // (replicas * T, R)
  std::span<const double> thetas;         // (T,)
  double chance = 0.0;                    // E0 in (0, 1)
  std::span<const Form> forms;            // different ones, at least one
  const double* gamma_centre;             // (replicas,) see FitInput
  MatrixView<const double> ratio_centre;  // (forms, replicas)
  const double* form_draw;                // (replicas,) in [0, 1)
  std::span<const double> n_at;           // (K,) > 0
};

// error (replicas * T, K): every theta's fit of the one form that the replica draws, see
// draw_form, with theta * error made non-decreasing over theta, at most chance; NaN where a form
// could not be fitted. drawn (replicas,) is an index into `forms`, -1 when no theta was fitted by
// all forms. Threaded.
void replica_curves(const CurvesInput& input, MatrixView<double> error, std::int32_t* drawn);

// Which form `draw` in [0, 1) picks when each has the weight exp(-deviance / 2) of its own. The
// deviance is the mean over thetas: curves of different thetas count the same wrong items again.
// No parameters are counted: what a third one may do is already drawn with its prior's centre.
int draw_form(std::span<const double> mean_deviance, double draw);

struct PlanReplica {
  PlanChoice stop, go_on;  // go_on.cost_usd is NaN when no purchase fits
};

// The plan of every replica. `problem` holds all but its thetas and errors; `thetas` and the rows
// of `error` (replicas * T, K) are refined to n_fine even thetas: wrong labels theta * error are
// linear between thetas, from 0 at theta = 0. cost(b, k) is the least total of buying up to knot k
// in one step (stopping now, at |B| itself), NaN where no purchase ends there. Threaded.
void replica_plans(const PlanProblem& problem, std::span<const double> thetas,
                   MatrixView<const double> error, Index n_fine, PlanReplica* plans,
                   MatrixView<double> cost);

}  // namespace mcal
