#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "mcal/parallel.hpp"
#include "mcal/plan_search.hpp"

namespace {

using mcal::Index;
using mcal::PlanChoice;

struct Problem {
  std::vector<Index> n_knots;
  std::vector<double> error, thetas;
  mcal::PlanProblem view;

  Problem(std::vector<Index> knots, std::vector<double> errors, std::vector<double> theta_list)
      : n_knots(std::move(knots)), error(std::move(errors)), thetas(std::move(theta_list)) {
    view.n_knots = n_knots;
    view.thetas = thetas;
    view.error = {error.data(), static_cast<Index>(thetas.size()),
                  static_cast<Index>(n_knots.size()), static_cast<Index>(n_knots.size())};
  }
};

Problem random_problem(std::mt19937_64& random) {
  auto integer = [&](Index low, Index high) {
    return std::uniform_int_distribution<Index>(low, high)(random);
  };
  std::vector<Index> knots{integer(0, 3)};
  while (knots.size() < 6) knots.push_back(knots.back() + integer(1, 60));
  std::vector<double> thetas, error;
  for (int t = 1; t <= 7; ++t) thetas.push_back(t / 7.0);
  for (std::size_t t = 0; t < thetas.size(); ++t) {
    for (std::size_t k = 0; k < knots.size(); ++k) {
      const double e = 0.3 * thetas[t] * static_cast<double>(integer(0, 100)) / 100.0;
      error.push_back(integer(0, 20) == 0 ? std::nan("") : e);
    }
  }
  Problem p(knots, error, thetas);
  p.view.n_train = knots.front() + integer(0, 3);
  p.view.n_train_max = std::max(p.view.n_train, knots.back() - integer(0, 3));
  p.view.n_test = integer(0, 20);
  p.view.n_pool = p.view.n_train_max + p.view.n_test + integer(0, 200);
  p.view.batch_min = integer(1, 5);
  p.view.target_error = 0.05;
  p.view.per_machine_label = integer(0, 1) == 1;
  p.view.price_per_label = 1.0;
  p.view.machine_fee = integer(0, 3) == 0 ? 1.5 : 0.25;
  p.view.training = {static_cast<double>(integer(0, 4)), integer(0, 1) * 0.125, 0.0,
                     integer(0, 1) * 0.25};
  return p;
}

// The cheapest row of the whole surface, or people after a training.
PlanChoice exhaustive(const mcal::PlanProblem& p) {
  const Index rows = mcal::surface_rows(p, 1);
  const auto cols = static_cast<Index>(p.thetas.size());
  std::vector<double> cells(static_cast<std::size_t>(rows * cols));
  mcal::plan_surface(p, 1, {cells.data(), rows, cols, cols});
  PlanChoice best{.cost_usd = std::numeric_limits<double>::infinity()};
  for (Index i = p.batch_min; i < rows; ++i) {
    const Index n = p.n_train + i;
    const double people = p.price_per_label * static_cast<double>(p.n_pool) +
                          p.training.of(static_cast<double>(n), static_cast<double>(i));
    double lowest = people;
    for (Index t = 0; t < cols; ++t) {
      lowest = std::min(lowest, cells[static_cast<std::size_t>(i * cols + t)]);
    }
    if (lowest < best.cost_usd) best = {.n_train = n, .cost_usd = lowest};
  }
  return best;
}

}  // namespace

TEST_CASE("labels cost what people's and the machine's cost one by one") {
  const std::vector<mcal::PriceStep> steps{{3, 0.5}, {5, 4.0}, {20, 9.0}};
  mcal::PlanProblem problem;
  problem.n_pool = 8;
  problem.price_per_label = 2.0;
  problem.price_steps = steps;
  problem.machine_fee = 1.0;
  const mcal::LabelCost labels(problem);
  const double people[] = {2.0, 2.0, 2.0, 0.5, 0.5, 4.0, 4.0, 4.0};
  double lowest = std::numeric_limits<double>::infinity(), at = 0.0;
  for (int machine = 0; machine <= 8; ++machine) {
    double usd = machine;
    for (int i = 0; i < 8 - machine; ++i) usd += people[i];
    if (usd < lowest) lowest = usd, at = machine;
    CHECK(labels.usd(machine) == usd);
    CHECK(labels.cheapest(machine) == at);
  }
}

TEST_CASE("proving ranges by their ends finds what visiting every cell finds") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 3000; ++i) {
    const Problem p = random_problem(random);
    if (!mcal::can_go_on(p.view)) continue;
    const PlanChoice got = mcal::best_going_on(p.view);
    const PlanChoice want = exhaustive(p.view);
    CHECK(got.cost_usd == want.cost_usd);
    CHECK(got.n_train == want.n_train);
  }
}

TEST_CASE("the surface is the same at any thread count") {
  std::mt19937_64 random(2);
  const Problem p = random_problem(random);
  std::vector<std::vector<double>> surfaces;
  for (int n_threads : {1, 4}) {
    mcal::set_thread_count(n_threads);
    const Index rows = mcal::surface_rows(p.view, 3);
    std::vector<double> cells(static_cast<std::size_t>(rows) * p.thetas.size());
    mcal::plan_surface(p.view, 3, {cells.data(), rows, 7, 7});
    surfaces.push_back(cells);
  }
  mcal::set_thread_count(0);
  CHECK(surfaces[0] == surfaces[1]);
}

TEST_CASE("all smaller thetas must keep the promise too") {
  Problem p({0, 10}, {0.2, 0.2, 0.0, 0.0}, {0.5, 1.0});
  p.view.n_pool = 100;
  p.view.n_train_max = 10;
  p.view.target_error = 0.05;
  p.view.price_per_label = 1.0;
  const PlanChoice stop = mcal::stop_now(p.view);
  CHECK(stop.n_machine == 0);
  CHECK(stop.theta == 0.0);
  CHECK(stop.cost_usd == 100.0);
}

TEST_CASE("equal totals go to the smallest training set") {
  Problem p({0, 50}, {0.0, 0.0}, {1.0});
  p.view.n_pool = 100;
  p.view.n_train_max = 50;
  p.view.batch_min = 5;
  p.view.target_error = 0.05;
  p.view.price_per_label = 0.0;  // every plan is free
  CHECK(mcal::best_going_on(p.view).n_train == 5);
}

TEST_CASE("a batch that does not fit is no plan") {
  Problem p({0, 10}, {0.0, 0.0}, {1.0});
  p.view.n_pool = 100;
  p.view.n_train = 4;
  p.view.n_train_max = 10;
  p.view.batch_min = 6;
  CHECK(mcal::can_go_on(p.view));
  p.view.batch_min = 7;
  CHECK_FALSE(mcal::can_go_on(p.view));
}
