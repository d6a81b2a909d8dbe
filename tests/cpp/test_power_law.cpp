#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "mcal/power_law.hpp"

using mcal::Form;

namespace {

// Two points of weight and two of filling.
struct Fixture {
  std::vector<double> memory = std::vector<double>(mcal::kPointArrays * mcal::kLanes);
  mcal::Points points = mcal::Points::in(memory.data(), mcal::kLanes);

  Fixture() {
    const double size[] = {0.03, 0.4, 1.0, 1.0};
    const double wrong[] = {310.0, 75.5, 0.0, 0.0};
    const double trials[] = {500.0, 400.0, 300.0, 0.0};
    for (int i = 0; i < 4; ++i) {
      points.size[i] = size[i];
      points.log_size[i] = std::log(size[i]);
      points.wrong[i] = wrong[i];
      points.trials[i] = trials[i];
    }
  }
};

double log_u(Form form, const double* x, double size) {
  const double p = std::pow(size, -x[1]);
  switch (form) {
    case Form::truncated:
      return x[0] + std::log(p) - x[2] * size;
    case Form::floor:
      return x[0] + std::log((1.0 - x[2]) * p + x[2]);
    default:
      return x[0] + std::log(p);
  }
}

double log_error(double eta, const mcal::Cap& cap) {
  if (std::isinf(cap.log_chance)) return eta;
  return -std::log(std::exp(-cap.order * eta) + std::exp(-cap.order * cap.log_chance)) / cap.order;
}

}  // namespace

TEST_CASE("predictors and their derivatives, at every SIMD level") {
  const double x[] = {-2.0, 0.7, 0.2};
  for (const auto level : mcal::supported_simd_levels()) {
    const auto& kernels = mcal::point_kernels(level);
    for (const auto form : {Form::power, Form::truncated, Form::floor, Form::plateau}) {
      Fixture f;
      const auto& p = f.points;
      kernels.predict(form, x[0], x[1], x[2], p);
      for (int i = 0; i < 4; ++i) {
        CHECK(p.eta[i] == doctest::Approx(log_u(form, x, p.size[i])).epsilon(1e-14));
        const double h = 1e-6;
        for (int j = 1; j < mcal::parameter_count(form); ++j) {
          double above[] = {x[0], x[1], x[2]}, below[] = {x[0], x[1], x[2]};
          above[j] += h;
          below[j] -= h;
          const double slope =
              (log_u(form, above, p.size[i]) - log_u(form, below, p.size[i])) / (2 * h);
          CHECK((j == 1 ? p.d_gamma : p.d_third)[i] == doctest::Approx(slope).epsilon(1e-7));
        }
      }
      if (form != Form::floor) continue;
      Fixture above, below;
      kernels.predict(form, x[0], x[1] + 1e-6, x[2], above.points);
      kernels.predict(form, x[0], x[1] - 1e-6, x[2], below.points);
      for (int i = 0; i < 4; ++i) {
        const double bend = (above.points.d_gamma[i] - below.points.d_gamma[i]) / 2e-6;
        const double cross = (above.points.d_third[i] - below.points.d_third[i]) / 2e-6;
        CHECK(p.bend[i] == doctest::Approx(bend).epsilon(1e-6));
        CHECK(p.cross[i] == doctest::Approx(cross).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("objective terms and their derivatives, at every SIMD level") {
  const double kNone = std::numeric_limits<double>::infinity();
  for (const auto level : mcal::supported_simd_levels()) {
    const auto& kernels = mcal::point_kernels(level);
    for (const mcal::Cap cap :
         {mcal::Cap{std::log(0.9), 8.0}, mcal::Cap{std::log(0.9), 1.0}, mcal::Cap{kNone, 8.0}}) {
      for (const double eta : {-30.0, -3.0, -0.2, -0.11}) {
        Fixture f, above, below;
        const double h = 1e-5;
        for (int i = 0; i < 4; ++i) {
          f.points.eta[i] = eta;
          above.points.eta[i] = eta + h;
          below.points.eta[i] = eta - h;
        }
        for (const bool binomial : {true, false}) {
          const auto terms = binomial ? kernels.binomial_terms : kernels.log_terms;
          terms(cap, f.points);
          terms(cap, above.points);
          terms(cap, below.points);
          const double log_e = log_error(eta, cap);
          for (int i = 0; i < 4; ++i) {
            const double w = f.points.wrong[i], t = f.points.trials[i];
            const double value = binomial ? -w * log_e - (t - w) * std::log1p(-std::exp(log_e))
                                          : 0.5 * t * (log_e - w) * (log_e - w);
            CHECK(f.points.value[i] == doctest::Approx(value).epsilon(1e-12));
            const double slope = (above.points.value[i] - below.points.value[i]) / (2 * h);
            const double bend = (above.points.slope[i] - below.points.slope[i]) / (2 * h);
            CHECK(f.points.slope[i] == doctest::Approx(slope).epsilon(1e-5).scale(1.0));
            CHECK(f.points.curvature[i] == doctest::Approx(bend).epsilon(1e-5).scale(1.0));
          }
        }
      }
    }
  }
}

TEST_CASE("far above chance the error is chance") {
  for (const auto level : mcal::supported_simd_levels()) {
    Fixture f;
    for (int i = 0; i < 4; ++i) f.points.eta[i] = 1e4;
    mcal::point_kernels(level).binomial_terms({std::log(0.9), 8.0}, f.points);
    CHECK(f.points.value[0] ==
          doctest::Approx(-310.0 * std::log(0.9) - 190.0 * std::log(0.1)).epsilon(1e-12));
    CHECK(f.points.slope[0] == doctest::Approx(0.0));
  }
}
