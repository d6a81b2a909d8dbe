#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "mcal/levmar.hpp"

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const mcal::Box<2> kEverywhere{{-kInfinity, -kInfinity}, {kInfinity, kInfinity}};

// Rosenbrock's valley: its Hessian is indefinite on the way to the minimum (1, 1).
mcal::Quadratic<2> valley(const mcal::Vector<2>& x) {
  const double a = 1.0 - x[0];
  const double b = x[1] - x[0] * x[0];
  return {.value = a * a + 100.0 * b * b,
          .gradient = {-2.0 * a - 400.0 * x[0] * b, 200.0 * b},
          .hessian = {
              {{2.0 - 400.0 * (b - 2.0 * x[0] * x[0]), -400.0 * x[0]}, {-400.0 * x[0], 200.0}}}};
}

}  // namespace

TEST_CASE("a curved valley with an indefinite Hessian is followed to its end") {
  const auto r = mcal::minimise<2>(valley, {-1.2, 1.0}, kEverywhere, {});
  CHECK(r.stop == mcal::Stop::converged);
  CHECK(r.x[0] == doctest::Approx(1.0).epsilon(1e-8));
  CHECK(r.x[1] == doctest::Approx(1.0).epsilon(1e-8));
  CHECK(r.iterations < 60);
}

TEST_CASE("bounds hold, and are left again where the function falls inwards") {
  const mcal::Box<2> box{{-2.0, -2.0}, {0.5, 3.0}};
  const auto r = mcal::minimise<2>(valley, {0.5, 3.0}, box, {});
  CHECK(r.stop == mcal::Stop::converged);
  CHECK(r.x[0] == 0.5);
  CHECK(r.x[1] == doctest::Approx(0.25));

  const mcal::Box<2> wide{{-2.0, 0.0}, {2.0, 3.0}};
  const auto free = mcal::minimise<2>(valley, {-1.0, 0.0}, wide, {});
  CHECK(free.x[0] == doctest::Approx(1.0).epsilon(1e-6));
}

TEST_CASE("the ways to stop") {
  CHECK(mcal::minimise<2>(valley, {-1.2, 1.0}, kEverywhere, {.max_iterations = 3}).stop ==
        mcal::Stop::max_iterations);
  // A gradient that lies: no step is ever a fall.
  const auto liar = [](const mcal::Vector<2>& x) {
    return mcal::Quadratic<2>{.value = x[0] * x[0] + x[1] * x[1],
                              .gradient = {1.0, 1.0},
                              .hessian = {{{1.0, 0.0}, {0.0, 1.0}}}};
  };
  const auto r = mcal::minimise<2>(liar, {0.0, 0.0}, kEverywhere, {});
  CHECK(r.stop == mcal::Stop::stalled);
  CHECK(r.x == mcal::Vector<2>{0.0, 0.0});
}

TEST_CASE("cholesky_solve solves, and says when it cannot") {
  std::array<mcal::Vector<3>, 3> a{{{4.0, 2.0, 1.0}, {2.0, 5.0, 3.0}, {1.0, 3.0, 6.0}}};
  mcal::Vector<3> b{4.0 + 4.0 + 3.0, 2.0 + 10.0 + 9.0, 1.0 + 6.0 + 18.0};  // a (1, 2, 3)
  REQUIRE(mcal::cholesky_solve<3>(a, b));
  for (int i = 0; i < 3; ++i) CHECK(b[i] == doctest::Approx(i + 1.0));
  std::array<mcal::Vector<2>, 2> saddle{{{1.0, 2.0}, {2.0, 1.0}}};
  mcal::Vector<2> c{1.0, 1.0};
  CHECK_FALSE(mcal::cholesky_solve<2>(saddle, c));
}
