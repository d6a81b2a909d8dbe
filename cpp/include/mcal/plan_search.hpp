// The cheapest plan: how many labels to buy for training (|B|), and which share theta of the rest
// the machine then labels. Paper Eq. 1 and 2, Algorithm 1 line 18; algorithm.md section 4.
//
//   U(n)    = n_pool - n_test - n                      still unlabelled at |B| = n
//   S(n, t) = floor(theta_t * U(n))                    machine labels
//   theta_t holds at n when theta_0 .. theta_t all keep the promise:
//             S * error(t, n) <= target_error * n_pool (Eq. 2), or error(t, n) <= target_error
//   C(n)    = people(n_pool - S(n)) + fee * S(n) + training            (Eq. 1)
//
// people(m) is what m labels of people cost: price * m, or linear in pieces with volume prices.
// S(n) is S(n, t) of the largest theta_t that holds, 0 when none does; where fewer machine labels
// make the sum cheaper (a fee above some price), it is the number below S(n, t) at which it is
// least. error(t, .) is piecewise linear between knots: e + (e' - e) / (k' - k) * (n - k); a NaN
// knot makes itself and everything up to its neighbours break the promise.
//
// Exact without visiting every n: where the same theta holds over a range of n, labels
// and training can only cost more as n rises, so the first n of the range wins; and a range is
// proved to be such by its two ends, because S falls and error is linear in between. A range is
// skipped when it could not win even if every theta held. Every step is monotone in floating point
// too, so the answer is bit for bit that of the exhaustive search.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "mcal/views.hpp"

namespace mcal {

// Dollars of one training at size n that adds d items; no coefficient is negative.
struct TrainingCost {
  double fixed = 0.0;
  double per_item = 0.0;
  double per_item_squared = 0.0;
  double per_new_item = 0.0;

  double of(double n, double d) const {
    return fixed + per_item * n + per_item_squared * (n * n) + per_new_item * d;
  }
};

// People's labels `from` and later, in the order bought and counted from 0, cost `price` each.
struct PriceStep {
  Index from = 0;
  double price = 0.0;
};

struct PlanProblem {
  std::span<const Index> n_knots;  // (K,) rising, covers [n_train, n_train_max]
  MatrixView<const double> error;  // (T, K) in [0, 1] or NaN
  std::span<const double> thetas;  // (T,) rising, in (0, 1]
  Index n_pool = 0;
  Index n_test = 0;
  Index n_train = 0;      // bought already
  Index n_train_max = 0;  // <= n_pool - n_test
  Index batch_min = 1;    // smallest purchase
  double target_error = 0.0;
  bool per_machine_label = false;  // promise error(S) <= target_error instead of Eq. 2
  double price_per_label = 0.0;
  std::span<const PriceStep> price_steps;  // later prices, rising from >= 1; often none
  double machine_fee = 0.0;
  TrainingCost training;
};

struct PlanChoice {
  Index n_train = 0;
  double theta = 0.0;  // 0 when the machine labels nothing
  Index n_machine = 0;
  double error = 0.0;       // predicted errors among the machine labels / n_pool
  double labels_usd = 0.0;  // people's and the machine's
  double cost_usd = 0.0;
};

// What all labels cost as a function of the machine's: linear in pieces.
class LabelCost {
 public:
  explicit LabelCost(const PlanProblem& problem);

  double usd(double n_machine) const {
    const Piece& piece = at(n_machine);
    return piece.usd - piece.gain * (n_machine - piece.begin);
  }

  // The number in 0 .. most at which labels cost least, the smallest of such.
  double cheapest(double most) const {
    const Piece& piece = at(most);
    return usd(most) < piece.least_usd ? most : piece.cheapest;
  }

 private:
  struct Piece {
    double begin;      // machine labels
    double usd;        // of all labels there
    double gain;       // saved by one machine label more
    double cheapest;   // of the begins up to here, the one at which labels cost least
    double least_usd;  // there
  };

  const Piece& at(double n_machine) const {
    std::size_t i = pieces_.size() - 1;
    while (pieces_[i].begin > n_machine) --i;
    return pieces_[i];
  }

  std::vector<Piece> pieces_;
};

// The machine labels with what is bought already; no more training.
PlanChoice stop_now(const PlanProblem& problem);

// True when a further purchase fits: n_train + batch_min <= n_train_max.
bool can_go_on(const PlanProblem& problem);

// The cheapest |B| >= n_train + batch_min, bought in one step; equal costs go to the smallest |B|.
// Needs can_go_on.
PlanChoice best_going_on(const PlanProblem& problem);

// Rows of the surface: |B| = n_train, n_train + stride, ... <= n_train_max.
Index surface_rows(const PlanProblem& problem, Index stride);

// cost(i, t) = total when row i's |B| is bought in one step and theta_t is machine-labelled, inf
// where theta_t does not hold or the purchase is smaller than batch_min. Threaded over rows.
void plan_surface(const PlanProblem& problem, Index stride, MatrixView<double> cost);

}  // namespace mcal
