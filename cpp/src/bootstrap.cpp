#include "mcal/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "mcal/fit_batch.hpp"
#include "mcal/parallel.hpp"

namespace mcal {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kFewestPerBin = 0.5;  // test items that an empty bin counts as
constexpr Index kReplicasPerChunk = 4;

std::size_t size(Index n) { return static_cast<std::size_t>(n); }

// Means of neighbours pooled until none is below the one before it.
class Pooling {
 public:
  explicit Pooling(Index n) : blocks_(size(n)) {}

  void clear() { n_ = 0; }

  // Adds an entry of mean value / weight; one without weight joins what follows it.
  void add(double value, double weight) {
    blocks_[n_++] = {value, weight, 1};
    while (n_ > 1) {
      Block& before = blocks_[n_ - 2];
      const Block& last = blocks_[n_ - 1];
      if (before.weight != 0.0 && !(before.value * last.weight > last.value * before.weight)) break;
      join(before, last);
    }
  }

  // Writes the mean of every entry; those at the end without weight take the mean before them.
  void write(double* mean) {
    if (n_ > 1 && blocks_[n_ - 1].weight == 0.0) join(blocks_[n_ - 2], blocks_[n_ - 1]);
    for (std::size_t i = 0; i < n_; ++i) {
      const double m = blocks_[i].value / blocks_[i].weight;
      for (Index j = 0; j < blocks_[i].n; ++j) *mean++ = m;
    }
  }

 private:
  struct Block {
    double value, weight;
    Index n;
  };

  void join(Block& before, const Block& last) {
    before = {before.value + last.value, before.weight + last.weight, before.n + last.n};
    --n_;
  }

  std::vector<Block> blocks_;
  std::size_t n_ = 0;
};

// Items of every bin among the top theta, for all rounds.
std::vector<double> coverage(const RoundsInput& in) {
  const Index n_bins = in.bin_size.cols;
  std::vector<double> covered;
  covered.reserve(size(in.cells.rows * n_bins) * in.thetas.size());
  for (Index r = 0; r < in.cells.rows; ++r) {
    double n_pool = 0.0;
    for (Index j = 0; j < n_bins; ++j) n_pool += in.bin_size(r, j);
    for (const double theta : in.thetas) {
      double above = 0.0;
      for (Index j = 0; j < n_bins; ++j) {
        covered.push_back(std::clamp(theta * n_pool - above, 0.0, in.bin_size(r, j)));
        above += in.bin_size(r, j);
      }
    }
  }
  return covered;
}

// log e of one fitted curve; power_law.hpp has the forms.
class Curve {
 public:
  Curve(Form form, const double* parameters, double chance)
      : form_(form),
        log_alpha_(std::log(parameters[0])),
        gamma_(parameters[1]),
        third_(parameter_count(form) == 3 ? parameters[2] : 0.0),
        order_(form == Form::plateau ? 1.0 : 8.0),
        log_chance_(std::log(chance)) {}

  double error(double n, double log_n) const {
    double eta = log_alpha_ - gamma_ * log_n;
    if (form_ == Form::truncated) eta -= n / third_;
    if (form_ == Form::floor) eta = std::log(std::exp(eta) + third_);
    const double below = std::min(eta, log_chance_);  // without overflow on either side
    const double apart = std::abs(eta - log_chance_);
    return std::exp(below - std::log1p(std::exp(-order_ * apart)) / order_);
  }

 private:
  Form form_;
  double log_alpha_, gamma_, third_, order_, log_chance_;
};

struct Fits {
  std::vector<double> parameters, deviance;
  std::vector<FitStatus> status;

  bool fitted(Index row) const { return status[size(row)] < FitStatus::too_few_points; }
};

Fits fit(const FitInput& input, Form form, double chance) {
  const Index rows = input.wrong.rows;
  const Index width = parameter_count(form);
  Fits f{std::vector<double>(size(rows * width)), std::vector<double>(size(rows)),
         std::vector<FitStatus>(size(rows))};
  std::vector<double> objective(size(rows));
  std::vector<std::int32_t> iterations(size(rows));
  fit_batch(input, {.form = form, .chance = chance},
            {.parameters = {f.parameters.data(), rows, width, width},
             .objective = objective.data(),
             .deviance = f.deviance.data(),
             .status = f.status.data(),
             .iterations = iterations.data()});
  return f;
}

// Rows of one replica on a finer grid of thetas.
class Refinement {
 public:
  Refinement(std::span<const double> thetas, Index n_fine) : coarse_(thetas) {
    const double last = thetas.back();
    for (Index i = 1; i <= n_fine; ++i) {
      const double fine = last * static_cast<double>(i) / static_cast<double>(n_fine);
      const auto right =
          size(std::lower_bound(thetas.begin(), thetas.end(), fine) - thetas.begin());
      const double left = right == 0 ? 0.0 : thetas[right - 1];
      thetas_.push_back(fine);
      right_.push_back(static_cast<Index>(right));
      share_.push_back((fine - left) / (thetas[right] - left));
    }
  }

  std::span<const double> thetas() const { return thetas_; }

  // error (T, K) in, fine (n_fine, K) out. A NaN on the left of a coarse theta does not count.
  void apply(MatrixView<const double> error, MatrixView<double> fine) const {
    for (Index i = 0; i < fine.rows; ++i) {
      const Index right = right_[size(i)];
      const double share = share_[size(i)];
      const double theta = thetas_[size(i)];
      const double up = coarse_[size(right)] * share / theta;
      const double down = right == 0 ? 0.0 : coarse_[size(right - 1)] * (1.0 - share) / theta;
      for (Index k = 0; k < fine.cols; ++k) {
        double e = up * error(right, k);
        if (down > 0.0) e += down * error(right - 1, k);
        fine(i, k) = e > 1.0 ? 1.0 : e;
      }
    }
  }

 private:
  std::span<const double> coarse_;
  std::vector<double> thetas_, share_;
  std::vector<Index> right_;
};

}  // namespace

void replica_profiles(const RoundsInput& in, MatrixView<double> wrong, MatrixView<double> n_test) {
  const Index n_rounds = in.cells.rows;
  const Index n_bins = in.bin_size.cols;
  const auto n_thetas = static_cast<Index>(in.thetas.size());
  const std::vector<double> covered = coverage(in);

  parallel_for(in.counts.rows, kReplicasPerChunk, [&](Index begin, Index end) {
    std::vector<std::int64_t> tally(size(2 * n_bins + 1));  // the first: not counted
    std::vector<double> rate(size(n_bins)), in_bin(size(n_bins));
    Pooling pooling(n_bins);
    for (Index b = begin; b < end; ++b) {
      const std::int32_t* count = in.counts.row(b);
      for (Index r = 0; r < n_rounds; ++r) {
        std::fill(tally.begin(), tally.end(), 0);
        const std::int32_t* cell = in.cells.row(r);
        for (Index i = 0; i < in.cells.cols; ++i) tally[size(cell[i] + 1)] += count[i];

        pooling.clear();
        double n_counted = 0.0;
        for (Index j = 0; j < n_bins; ++j) {
          const auto n_wrong = static_cast<double>(tally[size(2 * j + 2)]);
          in_bin[size(j)] = static_cast<double>(tally[size(2 * j + 1)]) + n_wrong;
          n_counted += in_bin[size(j)];
          pooling.add(n_wrong, in_bin[size(j)]);
        }
        if (n_counted > 0.0) pooling.write(rate.data());
        for (Index t = 0; t < n_thetas; ++t) {
          const Index row = b * n_thetas + t;
          wrong(row, r) = n_test(row, r) = 0.0;
          if (n_counted == 0.0) continue;
          const double* share = covered.data() + (r * n_thetas + t) * n_bins;
          double total = 0.0, errors = 0.0, spread = 0.0;
          for (Index j = 0; j < n_bins; ++j) {
            total += share[j];
            errors += share[j] * rate[size(j)];
            spread += share[j] * share[j] / std::max(in_bin[size(j)], kFewestPerBin);
          }
          n_test(row, r) = total * total / spread;
          wrong(row, r) = std::min(errors / total, 1.0) * n_test(row, r);
        }
      }
    }
  });
}

int draw_form(std::span<const double> mean_deviance, double draw) {
  const double least = *std::min_element(mean_deviance.begin(), mean_deviance.end());
  double total = 0.0;
  for (const double d : mean_deviance) total += std::exp(-0.5 * (d - least));
  double rest = draw * total;
  int last = 0;
  for (std::size_t f = 0; f < mean_deviance.size(); ++f) {
    const double weight = std::exp(-0.5 * (mean_deviance[f] - least));
    if (weight == 0.0) continue;
    last = static_cast<int>(f);
    if (rest < weight) break;
    rest -= weight;
  }
  return last;
}

void replica_curves(const CurvesInput& in, MatrixView<double> error, std::int32_t* drawn) {
  const auto n_thetas = static_cast<Index>(in.thetas.size());
  const auto n_forms = static_cast<Index>(in.forms.size());
  const Index rows = in.wrong.rows;
  const Index n_rounds = in.wrong.cols;

  std::vector<double> gamma_centre(size(rows)), ratio_centre(size(rows));
  const std::vector<double> ones(size(n_rounds), 1.0);
  const FitInput fit_input{.n_train = {in.n_train.data(), rows, n_rounds, 0},
                           .wrong = in.wrong,
                           .n_test = in.n_test,
                           .weights = {ones.data(), rows, n_rounds, 0},
                           .gamma_centre = gamma_centre.data(),
                           .ratio_centre = ratio_centre.data()};
  std::vector<Fits> fits;
  for (Index f = 0; f < n_forms; ++f) {
    for (Index row = 0; row < rows; ++row) {
      gamma_centre[size(row)] = in.gamma_centre[row / n_thetas];
      ratio_centre[size(row)] = in.ratio_centre(f, row / n_thetas);
    }
    fits.push_back(fit(fit_input, in.forms[size(f)], in.chance));
  }

  std::vector<double> log_n;
  for (const double n : in.n_at) log_n.push_back(std::log(n));

  parallel_for(rows / n_thetas, kReplicasPerChunk, [&](Index begin, Index end) {
    std::vector<double> deviance(size(n_forms));
    std::vector<Index> usable(size(n_thetas));
    std::vector<double> isotonic(size(n_thetas));
    Pooling pooling(n_thetas);
    for (Index b = begin; b < end; ++b) {
      std::fill(deviance.begin(), deviance.end(), 0.0);
      std::size_t n_usable = 0;
      for (Index t = 0; t < n_thetas; ++t) {
        const Index row = b * n_thetas + t;
        std::fill_n(error.row(row), error.cols, kNaN);
        bool all = true;
        for (const Fits& f : fits) all = all && f.fitted(row);
        if (!all) continue;
        usable[n_usable++] = t;
        for (Index f = 0; f < n_forms; ++f) {
          deviance[size(f)] += fits[size(f)].deviance[size(row)];
        }
      }
      drawn[b] = -1;
      if (n_usable == 0) continue;
      for (double& d : deviance) d /= static_cast<double>(n_usable);
      drawn[b] = draw_form(deviance, in.form_draw[b]);

      const Form form = in.forms[size(drawn[b])];
      const Fits& chosen = fits[size(drawn[b])];
      for (std::size_t i = 0; i < n_usable; ++i) {
        const Index row = b * n_thetas + usable[i];
        const Curve curve(form, chosen.parameters.data() + row * parameter_count(form), in.chance);
        for (Index k = 0; k < error.cols; ++k) {
          error(row, k) = curve.error(in.n_at[size(k)], log_n[size(k)]);
        }
      }
      for (Index k = 0; k < error.cols; ++k) {
        pooling.clear();
        for (std::size_t i = 0; i < n_usable; ++i) {
          const Index t = usable[i];
          pooling.add(in.thetas[size(t)] * error(b * n_thetas + t, k), 1.0);
        }
        pooling.write(isotonic.data());
        for (std::size_t i = 0; i < n_usable; ++i) {
          const Index t = usable[i];
          error(b * n_thetas + t, k) = std::min(isotonic[i] / in.thetas[size(t)], in.chance);
        }
      }
    }
  });
}

void replica_plans(const PlanProblem& problem, std::span<const double> thetas,
                   MatrixView<const double> error, Index n_fine, PlanReplica* plans,
                   MatrixView<double> cost) {
  const auto n_thetas = static_cast<Index>(thetas.size());
  const Index n_knots = error.cols;
  const Refinement refinement(thetas, n_fine);
  parallel_for(cost.rows, 1, [&](Index begin, Index end) {
    std::vector<double> memory(size(n_fine * n_knots));
    const MatrixView<double> fine{memory.data(), n_fine, n_knots, n_knots};
    PlanProblem p = problem;
    p.thetas = refinement.thetas();
    p.error = {memory.data(), n_fine, n_knots, n_knots};
    for (Index b = begin; b < end; ++b) {
      refinement.apply({error.row(b * n_thetas), n_thetas, n_knots, error.row_stride}, fine);
      plans[b].stop = stop_now(p);
      plans[b].go_on = can_go_on(p) ? best_going_on(p) : PlanChoice{.cost_usd = kNaN};
      for (Index k = 0; k < n_knots; ++k) {
        const Index n = problem.n_knots[size(k)];
        if (n == problem.n_train) {
          cost(b, k) = plans[b].stop.cost_usd;
        } else if (n - problem.n_train < problem.batch_min || n > problem.n_train_max) {
          cost(b, k) = kNaN;
        } else {
          PlanProblem there = p;
          there.batch_min = n - problem.n_train;
          there.n_train_max = n;
          cost(b, k) = best_going_on(there).cost_usd;
        }
      }
    }
  });
}

}  // namespace mcal
