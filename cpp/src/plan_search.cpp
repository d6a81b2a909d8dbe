#include "mcal/plan_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mcal/parallel.hpp"

namespace mcal {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Sizes [begin, end) over which every error curve is one straight line from knot `left`.
struct Piece {
  Index left;
  bool is_knot;  // the knot alone, whatever stands at the next one
};

class Search {
 public:
  explicit Search(const PlanProblem& problem)
      : p_(problem),
        n_thetas_(static_cast<Index>(problem.thetas.size())),
        labels_(problem),
        limit_(problem.per_machine_label
                   ? problem.target_error
                   : problem.target_error * static_cast<double>(problem.n_pool)) {}

  Piece piece_at(Index n) const {
    const auto after = std::upper_bound(p_.n_knots.begin(), p_.n_knots.end(), n);
    const Index left = after - p_.n_knots.begin() - 1;
    return {left, knot(left) == n};
  }

  // First size beyond the piece that holds n.
  Index end_of(Piece piece, Index n) const {
    return piece.is_knot ? n + 1 : std::min(knot(piece.left + 1), p_.n_train_max + 1);
  }

  double error(Piece piece, Index t, Index n) const {
    const double* e = p_.error.row(t) + piece.left;
    if (piece.is_knot) return e[0];
    const auto width = static_cast<double>(knot(piece.left + 1) - knot(piece.left));
    return e[0] + (e[1] - e[0]) / width * static_cast<double>(n - knot(piece.left));
  }

  double machine_labels(Index t, Index n) const {
    return std::floor(p_.thetas[static_cast<std::size_t>(t)] *
                      static_cast<double>(p_.n_pool - p_.n_test - n));
  }

  // False for NaN.
  bool keeps_promise(double n_machine, double error) const {
    return (p_.per_machine_label ? error : n_machine * error) <= limit_;
  }

  double training_usd(Index n) const {
    if (n == p_.n_train) return 0.0;
    return p_.training.of(static_cast<double>(n), static_cast<double>(n - p_.n_train));
  }

  double total_usd(double n_machine, Index n) const {
    return labels_.usd(n_machine) + training_usd(n);
  }

  // The choice at n when thetas 0 .. n_held - 1 hold there.
  PlanChoice choice(Piece piece, Index n, Index n_held) const {
    const double most = n_held > 0 ? machine_labels(n_held - 1, n) : 0.0;
    const double n_machine = labels_.cheapest(most);
    PlanChoice c{
        .n_train = n, .labels_usd = labels_.usd(n_machine), .cost_usd = total_usd(n_machine, n)};
    if (n_machine > 0.0) {
      Index t = n_held - 1;
      c.theta = p_.thetas[static_cast<std::size_t>(t)];
      if (n_machine < most) {
        while (t > 0 && machine_labels(t - 1, n) >= n_machine) --t;
        c.theta = n_machine / static_cast<double>(p_.n_pool - p_.n_test - n);
      }
      c.n_machine = static_cast<Index>(n_machine);
      c.error = n_machine * error(piece, t, n) / static_cast<double>(p_.n_pool);
    }
    return c;
  }

  // Brings `best` up to date with [begin, end), given that the first n_held thetas hold there.
  void visit(Piece piece, Index begin, Index end, Index n_held, PlanChoice& best) const {
    if (choice(piece, begin, n_thetas_).cost_usd >= best.cost_usd) return;  // even if all hold
    for (; n_held < n_thetas_; ++n_held) {
      const double e_begin = error(piece, n_held, begin);
      const double e_last = error(piece, n_held, end - 1);
      if (!keeps_promise(machine_labels(n_held, end - 1), std::min(e_begin, e_last))) break;
      if (!keeps_promise(machine_labels(n_held, begin), std::max(e_begin, e_last))) {
        const Index middle = begin + (end - begin) / 2;
        visit(piece, begin, middle, n_held, best);
        visit(piece, middle, end, n_held, best);
        return;
      }
    }
    const PlanChoice candidate = choice(piece, begin, n_held);
    if (candidate.cost_usd < best.cost_usd) best = candidate;
  }

 private:
  Index knot(Index i) const { return p_.n_knots[static_cast<std::size_t>(i)]; }

  const PlanProblem& p_;
  Index n_thetas_;
  LabelCost labels_;
  double limit_;
};

}  // namespace

LabelCost::LabelCost(const PlanProblem& problem) {
  const auto n_pool = static_cast<double>(problem.n_pool);
  double usd = 0.0;
  PriceStep step{0, problem.price_per_label};
  // From the first label bought to the last; then machine labels replace them from the last on.
  std::vector<PriceStep> steps{step};
  for (const PriceStep& later : problem.price_steps) {
    if (later.from >= problem.n_pool) break;
    usd += step.price * static_cast<double>(later.from - step.from);
    steps.push_back(step = later);
  }
  usd += step.price * static_cast<double>(problem.n_pool - step.from);
  double begin = 0.0, cheapest = 0.0, least_usd = usd;
  for (std::size_t i = steps.size(); i-- > 0;) {
    if (usd < least_usd) cheapest = begin, least_usd = usd;
    const double gain = steps[i].price - problem.machine_fee;
    pieces_.push_back({begin, usd, gain, cheapest, least_usd});
    const double end = n_pool - static_cast<double>(steps[i].from);
    usd -= gain * (end - begin);
    begin = end;
  }
}

PlanChoice stop_now(const PlanProblem& problem) {
  const Search search(problem);
  PlanChoice best{.cost_usd = infinity};
  search.visit(search.piece_at(problem.n_train), problem.n_train, problem.n_train + 1, 0, best);
  return best;
}

bool can_go_on(const PlanProblem& problem) {
  return problem.batch_min <= problem.n_train_max - problem.n_train;
}

PlanChoice best_going_on(const PlanProblem& problem) {
  const Search search(problem);
  PlanChoice best{.cost_usd = infinity};
  for (Index n = problem.n_train + problem.batch_min; n <= problem.n_train_max;) {
    const Piece piece = search.piece_at(n);
    const Index end = search.end_of(piece, n);
    search.visit(piece, n, end, 0, best);
    n = end;
  }
  return best;
}

Index surface_rows(const PlanProblem& problem, Index stride) {
  return (problem.n_train_max - problem.n_train) / stride + 1;
}

void plan_surface(const PlanProblem& problem, Index stride, MatrixView<double> cost) {
  const Search search(problem);
  parallel_for(cost.rows, 1024, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index n = problem.n_train + i * stride;
      const Piece piece = search.piece_at(n);
      bool holds = i == 0 || n - problem.n_train >= problem.batch_min;
      for (Index t = 0; t < cost.cols; ++t) {
        const double n_machine = search.machine_labels(t, n);
        holds = holds && search.keeps_promise(n_machine, search.error(piece, t, n));
        cost(i, t) = holds ? search.total_usd(n_machine, n) : infinity;
      }
    }
  });
}

}  // namespace mcal
