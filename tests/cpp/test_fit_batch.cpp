#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "mcal/fit_batch.hpp"

using mcal::FitStatus;
using mcal::Index;

namespace {

struct Fits {
  std::vector<double> parameters, objective, deviance;
  std::vector<FitStatus> status;
  std::vector<std::int32_t> iterations;
};

Fits fit(const std::vector<double>& n, const std::vector<double>& wrong,
         const std::vector<double>& n_test, const mcal::FitOptions& options) {
  const auto rounds = static_cast<Index>(n.size());
  const auto rows = rounds == 0 ? 0 : static_cast<Index>(wrong.size()) / rounds;
  const auto count = static_cast<std::size_t>(rows);
  const Index width = mcal::parameter_count(options.form);
  const std::vector<double> ones(n.size(), 1.0);
  Fits f{.parameters = std::vector<double>(count * static_cast<std::size_t>(width)),
         .objective = std::vector<double>(count),
         .deviance = std::vector<double>(count),
         .status = std::vector<FitStatus>(count),
         .iterations = std::vector<std::int32_t>(count)};
  mcal::fit_batch({.n_train = {n.data(), rows, rounds, 0},
                   .wrong = {wrong.data(), rows, rounds, rounds},
                   .n_test = {n_test.data(), rows, rounds, 0},
                   .weights = {ones.data(), rows, rounds, 0}},
                  options,
                  {.parameters = {f.parameters.data(), rows, width, width},
                   .objective = f.objective.data(),
                   .deviance = f.deviance.data(),
                   .status = f.status.data(),
                   .iterations = f.iterations.data()});
  return f;
}

const std::vector<double> kSizes{100.0, 200.0, 400.0, 800.0, 1600.0};

}  // namespace

TEST_CASE("an exact power law is found again") {
  const std::vector<double> tested(5, 1000.0);
  std::vector<double> wrong;
  for (const double n : kSizes) wrong.push_back(1000.0 * 2.0 * std::pow(n, -0.5));
  const Fits f =
      fit(kSizes, wrong, tested, {.form = mcal::Form::power, .objective = mcal::Objective::log});
  CHECK(f.status[0] == FitStatus::converged);
  CHECK(f.parameters[0] == doctest::Approx(2.0).epsilon(1e-9));
  CHECK(f.parameters[1] == doctest::Approx(0.5).epsilon(1e-9));
  // gamma is at the mean of its prior, so that the binomial fit is the same.
  const Fits b = fit(kSizes, wrong, tested, {.form = mcal::Form::power});
  CHECK(b.parameters[1] == doctest::Approx(0.5).epsilon(2e-3));
}

TEST_CASE("no rows, and rows that cannot be fitted") {
  CHECK(fit(kSizes, {}, std::vector<double>(5, 10.0), {}).status.empty());
  const Fits f = fit(kSizes, std::vector<double>(5, 0.0), std::vector<double>(5, 10.0), {});
  CHECK(f.status[0] == FitStatus::no_errors);
  CHECK(f.parameters[0] == 0.0);
  CHECK(std::isinf(f.parameters[2]));
  const Fits one = fit({100.0}, {3.0}, {10.0}, {});
  CHECK(one.status[0] == FitStatus::too_few_points);
  CHECK(std::isnan(one.parameters[0]));
  const Fits zero = fit(kSizes, {5, 4, 3, 2, 0}, std::vector<double>(5, 10.0),
                        {.objective = mcal::Objective::log});
  CHECK(zero.status[0] == FitStatus::zero_count);
}

TEST_CASE("odd numbers of rounds and extreme counts stay finite in every form") {
  for (const auto form :
       {mcal::Form::power, mcal::Form::truncated, mcal::Form::floor, mcal::Form::plateau}) {
    for (std::size_t rounds = 2; rounds <= 9; ++rounds) {
      std::vector<double> n, wrong, tested;
      for (std::size_t i = 0; i < rounds; ++i) {
        n.push_back(std::pow(10.0, static_cast<double>(i)));
        tested.push_back(1e6);
        wrong.push_back(i % 2 == 0 ? 1e6 : 0.0);
      }
      for (const double chance : {0.0, 0.5, 0.999}) {
        const Fits f = fit(n, wrong, tested, {.form = form, .chance = chance});
        CHECK(f.status[0] < FitStatus::too_few_points);
        CHECK(std::isfinite(f.objective[0]));
        CHECK(f.parameters[1] >= 0.0);
      }
    }
  }
}
