#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "mcal/power_law.hpp"

using mcal::CurveParameters;
using mcal::Form;

namespace {

// Two points of weight, the others filling.
struct Fixture {
  std::vector<double> memory = std::vector<double>(mcal::kPointArrays * mcal::kLanes);
  mcal::Points points = mcal::Points::in(memory.data(), mcal::kLanes);

  explicit Fixture(bool logarithms = false) {
    std::fill_n(points.size, mcal::kLanes, 1.0);
    const double size[] = {0.03, 0.4};
    const double wrong[] = {310.0, 75.5};
    const double trials[] = {500.0, 400.0};
    for (int i = 0; i < 2; ++i) {
      points.size[i] = size[i];
      points.log_size[i] = std::log(size[i]);
      points.wrong[i] = logarithms ? std::log(wrong[i] / trials[i]) : wrong[i];
      points.trials[i] = trials[i];
    }
  }
};

double log_u(Form form, const CurveParameters& x, double size) {
  const double p = std::pow(size, -x.gamma);
  switch (form) {
    case Form::truncated:
      return x.level + std::log(p) - x.third * size;
    case Form::floor:
      return x.level + std::log((1.0 - x.third) * p + x.third);
    default:
      return x.level + std::log(p);
  }
}

double log_error(double eta, double chance, double order) {
  if (std::isinf(chance)) return eta;
  return -std::log(std::exp(-order * eta) + std::pow(chance, -order)) / order;
}

double value(Form form, bool binomial, double chance, const CurveParameters& x,
             const mcal::Points& p) {
  double sum = 0.0;
  for (int i = 0; i < 2; ++i) {
    const double log_e =
        log_error(log_u(form, x, p.size[i]), chance, form == Form::plateau ? 1.0 : 8.0);
    const double w = p.wrong[i], t = p.trials[i];
    sum += binomial ? -w * log_e - (t - w) * std::log1p(-std::exp(log_e))
                    : 0.5 * t * (log_e - w) * (log_e - w);
  }
  return sum;
}

double& part(CurveParameters& x, int j) { return j == 0 ? x.level : j == 1 ? x.gamma : x.third; }

constexpr double kNone = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("sums over the points and their derivatives, at every SIMD level") {
  const int upper[3][3] = {{0, 1, 2}, {1, 3, 4}, {2, 4, 5}};
  for (const auto level : mcal::supported_simd_levels()) {
    const auto& kernels = mcal::point_kernels(level);
    for (const auto form : {Form::power, Form::truncated, Form::floor, Form::plateau}) {
      for (const bool binomial : {true, false}) {
        for (const double chance : {0.9, 0.5, kNone}) {
          if (std::isinf(chance) && (binomial || form == Form::plateau)) continue;
          for (const double height : {-12.0, -3.0, -1.2, -0.2}) {
            const CurveParameters x{height, 0.3, 0.2};
            const Fixture f(!binomial);
            const mcal::Cap cap{chance, std::log(chance)};
            const auto sums = binomial ? kernels.binomial : kernels.log;
            const auto at = sums(form, cap, x, f.points);
            CHECK(at.value == doctest::Approx(value(form, binomial, chance, x, f.points)));
            for (int j = 0; j < mcal::parameter_count(form); ++j) {
              constexpr double h = 1e-5;
              CurveParameters above = x, below = x;
              part(above, j) += h;
              part(below, j) -= h;
              const auto a = sums(form, cap, above, f.points);
              const auto b = sums(form, cap, below, f.points);
              const double slope = (a.value - b.value) / (2 * h);
              CHECK(at.gradient[j] == doctest::Approx(slope).epsilon(1e-5).scale(1.0));
              for (int k = 0; k < mcal::parameter_count(form); ++k) {
                const double bend = (a.gradient[k] - b.gradient[k]) / (2 * h);
                CHECK(at.hessian[upper[j][k]] == doctest::Approx(bend).epsilon(1e-5).scale(1.0));
              }
            }
          }
        }
      }
    }
  }
}

TEST_CASE("far above chance the error is chance") {
  for (const auto level : mcal::supported_simd_levels()) {
    const Fixture f;
    for (const auto form : {Form::power, Form::plateau}) {
      const auto at = mcal::point_kernels(level).binomial(form, {0.9, std::log(0.9)},
                                                          {1e4, 0.3, 0.0}, f.points);
      const double flat = -385.5 * std::log(0.9) - 514.5 * std::log(0.1);
      CHECK(at.value == doctest::Approx(flat).epsilon(1e-12));
      CHECK(at.gradient[0] == doctest::Approx(0.0));
    }
  }
}

TEST_CASE("a scan for a floor gives the least squares of each gamma") {
  for (const auto level : mcal::supported_simd_levels()) {
    const Fixture f(true);
    const mcal::Points& p = f.points;
    for (int i = 0; i < 2; ++i) {
      p.target[i] = -0.5 - i;
      p.weight[i] = 3.0 + i;
    }
    const auto scan = mcal::point_kernels(level).floor_scan(-1.5, 0.4, 0.25, p);
    for (int k = 0; k < mcal::FloorScan::kSize; ++k) {
      double aa = 0.0, ac = 0.0, az = 0.0;
      for (int i = 0; i < 2; ++i) {
        const double v = std::pow(p.size[i], -0.4);
        const double a = std::pow(p.size[i], -0.4 - 0.25 * k) / v;
        aa += p.weight[i] * a * a;
        ac += p.weight[i] * a / v;
        az += p.weight[i] * a * (1.0 + p.target[i] + 1.5 - std::log(v));
      }
      CHECK(scan.aa[k] == doctest::Approx(aa));
      CHECK(scan.ac[k] == doctest::Approx(ac));
      CHECK(scan.az[k] == doctest::Approx(az));
    }
  }
}
