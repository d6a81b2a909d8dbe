#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "mcal/bootstrap.hpp"
#include "mcal/parallel.hpp"
#include "mcal/simd_level.hpp"

namespace {

using mcal::Index;

struct Profiles {
  std::vector<double> wrong, n_test;
};

Profiles profiles(const std::vector<std::int32_t>& counts, Index n_replicas,
                  const std::vector<std::int32_t>& cells, Index n_rounds,
                  const std::vector<double>& bin_size, const std::vector<double>& thetas) {
  const auto n_items = static_cast<Index>(cells.size()) / n_rounds;
  const auto n_bins = static_cast<Index>(bin_size.size()) / n_rounds;
  const auto rows = n_replicas * static_cast<Index>(thetas.size());
  Profiles p{std::vector<double>(static_cast<std::size_t>(rows * n_rounds)),
             std::vector<double>(static_cast<std::size_t>(rows * n_rounds))};
  mcal::replica_profiles({.counts = {counts.data(), n_replicas, n_items, n_items},
                          .cells = {cells.data(), n_rounds, n_items, n_items},
                          .bin_size = {bin_size.data(), n_rounds, n_bins, n_bins},
                          .thetas = thetas},
                         {p.wrong.data(), rows, n_rounds, n_rounds},
                         {p.n_test.data(), rows, n_rounds, n_rounds});
  return p;
}

}  // namespace

TEST_CASE("a profile reads bins at theta, weighted by what a replica drew") {
  // bin 0: one right item, bin 1: one wrong and one right; drawn 2, 1 and 3 times
  const Profiles p = profiles({2, 1, 3}, 1, {0, 3, 2}, 1, {10, 10}, {0.5, 0.75, 1.0});
  CHECK(p.wrong[0] == 0.0);
  CHECK(p.n_test[0] == doctest::Approx(2.0));
  const double n = 15.0 * 15.0 / (100.0 / 2 + 25.0 / 4);
  CHECK(p.n_test[1] == doctest::Approx(n));
  CHECK(p.wrong[1] == doctest::Approx(n * 5.0 * 0.25 / 15.0));
  CHECK(p.wrong[2] / p.n_test[2] == doctest::Approx(0.125));
}

TEST_CASE("rates that fall along the ranking are pooled, empty bins join the next") {
  const Profiles p =
      profiles({1, 1, 1, 1}, 1, {1, 0, 4, 4}, 1, {1, 1, 1, 1}, {0.25, 0.5, 0.75, 1.0});
  for (std::size_t t = 0; t < 4; ++t) CHECK(p.wrong[t] / p.n_test[t] == doctest::Approx(0.25));
}

TEST_CASE("a replica that holds none of a round's items says nothing of it") {
  const Profiles p = profiles({0, 5}, 1, {1, -1, 0, 1}, 2, {3, 3}, {1.0});
  CHECK(p.n_test[0] == 0.0);
  CHECK(p.wrong[0] == 0.0);
  CHECK(p.n_test[1] == doctest::Approx(5.0));
  CHECK(p.wrong[1] == doctest::Approx(5.0));
}

TEST_CASE("forms are drawn by their weights") {
  const std::array<double, 4> same{3.0, 3.0, 3.0, 3.0};
  CHECK(mcal::draw_form(same, 0.0) == 0);
  CHECK(mcal::draw_form(same, 0.2499) == 0);
  CHECK(mcal::draw_form(same, 0.2501) == 1);
  CHECK(mcal::draw_form(same, 1.0) == 3);
  const double two_to_one = 2.0 * std::log(2.0);
  const std::array<double, 3> weighted{5.0 + two_to_one, 1e9, 5.0};
  CHECK(mcal::draw_form(weighted, 0.33) == 0);
  CHECK(mcal::draw_form(weighted, 0.34) == 2);
  CHECK(mcal::draw_form(weighted, 1.0) == 2);
}

TEST_CASE("curves are the same at any thread count and SIMD level, and meet their points") {
  constexpr Index n_replicas = 37, n_thetas = 3, n_rounds = 5, n_at = 4;
  const std::vector<double> n_train{250, 500, 1000, 2000, 4000}, thetas{0.3, 0.6, 1.0};
  const std::vector<double> at{4000, 8000, 16000, 1e6};
  const std::vector<mcal::Form> forms{mcal::Form::power, mcal::Form::truncated, mcal::Form::floor,
                                      mcal::Form::plateau};
  std::mt19937_64 random(1);
  std::vector<double> wrong, n_test, gamma, ratio, draw;
  for (Index row = 0; row < n_replicas * n_thetas; ++row) {
    for (Index r = 0; r < n_rounds; ++r) {
      const double theta = thetas[static_cast<std::size_t>(row % n_thetas)];
      const double error = 0.4 * theta * std::pow(2.0, -0.5 * static_cast<double>(r));
      n_test.push_back(1e6 * theta);
      wrong.push_back(std::round(n_test.back() * error));
    }
  }
  for (Index b = 0; b < n_replicas; ++b) {
    const double u = static_cast<double>(random() % 1000) / 1000.0;
    gamma.push_back(u);
    ratio.push_back(0.3 * u);
    draw.push_back(u);
  }
  const Index rows = n_replicas * n_thetas;
  const mcal::CurvesInput input{.n_train = n_train,
                                .wrong = {wrong.data(), rows, n_rounds, n_rounds},
                                .n_test = {n_test.data(), rows, n_rounds, n_rounds},
                                .thetas = thetas,
                                .chance = 0.9,
                                .forms = forms,
                                .gamma_centre = gamma.data(),
                                .ratio_centre = {ratio.data(), 4, n_replicas, 0},
                                .form_draw = draw.data(),
                                .n_at = at};
  std::vector<std::vector<double>> errors;
  std::vector<std::int32_t> drawn(n_replicas);
  for (const int n_threads : {1, 3}) {
    for (const mcal::SimdLevel level : mcal::supported_simd_levels()) {
      mcal::set_thread_count(n_threads);
      mcal::set_simd_level(mcal::simd_level_name(level));
      std::vector<double> error(static_cast<std::size_t>(rows * n_at));
      mcal::replica_curves(input, {error.data(), rows, n_at, n_at}, drawn.data());
      errors.push_back(error);
    }
  }
  mcal::set_thread_count(0);
  mcal::set_simd_level("auto");
  for (const std::vector<double>& error : errors) CHECK(error == errors[0]);
  for (Index row = 0; row < rows; ++row) {  // a million items: the power law it is
    const double want = 0.1 * thetas[static_cast<std::size_t>(row % n_thetas)];
    CHECK(errors[0][static_cast<std::size_t>(row * n_at)] == doctest::Approx(want).epsilon(0.02));
  }
}

TEST_CASE("plans of replicas are those of the search, and a knot's total is the best there") {
  const std::vector<Index> knots{100, 200};
  const std::vector<double> thetas{0.5, 1.0};
  const std::vector<double> error{0.10, 0.05, 0.20, 0.05, 0.10, 0.10, 0.20, 0.20};
  mcal::PlanProblem problem;
  problem.n_knots = knots;
  problem.n_pool = 1000;
  problem.n_train = 100;
  problem.n_train_max = 200;
  problem.batch_min = 100;
  problem.target_error = 0.05;
  problem.price_per_label = 1.0;
  problem.training = {.fixed = 10.0};
  std::vector<mcal::PlanReplica> plans(2);
  std::vector<double> cost(4);
  mcal::replica_plans(problem, thetas, {error.data(), 4, 2, 2}, 2, plans.data(),
                      {cost.data(), 2, 2, 2});
  CHECK(plans[0].stop.cost_usd == 550.0);
  CHECK(plans[0].go_on.cost_usd == 210.0);
  CHECK(plans[0].go_on.n_machine == 800);
  CHECK(plans[1].go_on.cost_usd == 610.0);
  CHECK(cost == std::vector<double>{550.0, 210.0, 550.0, 610.0});
  problem.batch_min = 101;
  mcal::replica_plans(problem, thetas, {error.data(), 4, 2, 2}, 2, plans.data(),
                      {cost.data(), 2, 2, 2});
  CHECK(std::isnan(plans[0].go_on.cost_usd));
  CHECK(std::isnan(cost[1]));
}
