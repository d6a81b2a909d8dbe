// Levenberg-Marquardt minimisation of a smooth function of a few bounded parameters, on the stack.
//
// One iteration solves (H + lambda D) s = -g with H the exact Hessian and D its absolute
// diagonal, with bounds as an active set, and takes s when the function falls. lambda is 0 while
// that works, so that the end game is Newton's; it rises tenfold when H is not positive definite
// or the function does not fall.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

namespace mcal {

template <int P>
using Vector = std::array<double, P>;

// The function near a point: value + gradient s + s hessian s / 2. Symmetric, both halves kept.
template <int P>
struct Quadratic {
  double value = 0.0;
  Vector<P> gradient{};
  std::array<Vector<P>, P> hessian{};
};

template <int P>
struct Box {
  Vector<P> lower, upper;
};

struct LevmarOptions {
  int max_iterations = 1000;
  double tolerance = 1e-7;
  double rounding = 0.0;  // differences of the function below this are noise
};

enum class Stop {
  converged,       // predicted fall <= max(tolerance (value + tolerance), rounding), lambda <= 0.01
  stalled,         // no fall at lambda = 1e12
  max_iterations,  // that many evaluations
};

template <int P>
struct LevmarResult {
  Vector<P> x;
  double value;
  int iterations;  // evaluations of the function
  Stop stop;
};

// Solves a x = b for a symmetric positive definite `a`, in place; false when it is not.
template <int P>
bool cholesky_solve(std::array<Vector<P>, P>& a, Vector<P>& b) {
  Vector<P> inverse;  // of D in a = L D L^T; a[i][j] becomes L[i][j] D[j], so no square roots
  for (int j = 0; j < P; ++j) {
    double d = a[j][j];
    for (int k = 0; k < j; ++k) d -= a[j][k] * a[j][k] * inverse[k];
    if (!(d > 1e-14 * std::abs(a[j][j]))) return false;
    inverse[j] = 1.0 / d;
    for (int i = j + 1; i < P; ++i) {
      for (int k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k] * inverse[k];
    }
  }
  for (int i = 0; i < P; ++i) {
    for (int k = 0; k < i; ++k) b[i] -= a[i][k] * inverse[k] * b[k];
  }
  for (int i = P - 1; i >= 0; --i) {
    for (int k = i + 1; k < P; ++k) b[i] -= a[k][i] * b[k];
    b[i] *= inverse[i];
  }
  return true;
}

// The step from x that minimises the damped quadratic inside the box: parameters on a bound that
// the gradient pushes against stay, parameters that a step would carry through a bound go to it,
// and the others are solved for again. False when the damped matrix is not positive definite.
template <int P>
bool bounded_step(const Quadratic<P>& q, const Vector<P>& x, const Box<P>& box, double lambda,
                  Vector<P>& step) {
  double largest = 0.0;
  for (int i = 0; i < P; ++i) largest = std::max(largest, std::abs(q.hessian[i][i]));
  std::array<bool, P> fixed;
  for (int i = 0; i < P; ++i) {
    step[i] = 0.0;
    fixed[i] = (x[i] <= box.lower[i] && q.gradient[i] > 0.0) ||
               (x[i] >= box.upper[i] && q.gradient[i] < 0.0);
  }
  for (int round = 0; round <= P; ++round) {
    auto a = q.hessian;
    Vector<P> b;
    for (int i = 0; i < P; ++i) {
      b[i] = -q.gradient[i];
      for (int j = 0; j < P; ++j) {
        if (fixed[j]) b[i] -= q.hessian[i][j] * step[j];
        if (fixed[i] || fixed[j]) a[i][j] = i == j ? 1.0 : 0.0;
      }
      // The second term gives a parameter without curvature of its own a scale.
      if (!fixed[i]) a[i][i] += lambda * (std::abs(q.hessian[i][i]) + 1e-6 * largest);
    }
    for (int i = 0; i < P; ++i) {
      if (fixed[i]) b[i] = step[i];
    }
    if (!cholesky_solve<P>(a, b)) return false;
    bool inside = true;
    for (int i = 0; i < P; ++i) {
      if (!fixed[i]) {
        step[i] = std::clamp(b[i], box.lower[i] - x[i], box.upper[i] - x[i]);
        fixed[i] = step[i] != b[i];
        inside = inside && !fixed[i];
      }
    }
    if (inside) break;
  }
  return true;
}

template <int P>
double predicted_fall(const Quadratic<P>& q, const Vector<P>& step) {
  double fall = 0.0;
  for (int i = 0; i < P; ++i) {
    double slope = q.gradient[i];
    for (int j = 0; j < P; ++j) slope += 0.5 * q.hessian[i][j] * step[j];
    fall -= slope * step[i];
  }
  return fall;
}

template <int P>
Vector<P> moved(const Vector<P>& x, const Vector<P>& step, const Box<P>& box) {
  Vector<P> y;
  for (int i = 0; i < P; ++i) y[i] = std::clamp(x[i] + step[i], box.lower[i], box.upper[i]);
  return y;
}

// Minimises from `x`, which lies inside the box. evaluate(x) returns a Quadratic<P>.
template <int P, class Evaluate>
LevmarResult<P> minimise(Evaluate&& evaluate, Vector<P> x, const Box<P>& box,
                         const LevmarOptions& options) {
  Quadratic<P> now = evaluate(x);
  double lambda = 0.0;
  int iterations = 1;
  const auto raise = [&lambda] { lambda = lambda == 0.0 ? 1e-6 : 10.0 * lambda; };
  while (lambda <= 1e12) {
    Vector<P> step;
    if (!bounded_step<P>(now, x, box, lambda, step)) {
      raise();
      continue;
    }
    const double fall = predicted_fall<P>(now, step);
    const double enough =
        std::max(options.tolerance * (now.value + options.tolerance), options.rounding);
    if (lambda <= 0.01 && std::abs(fall) <= enough) {
      // The quadratic is exact to far below `enough` here: take its minimum unseen.
      return {moved<P>(x, step, box), now.value - std::max(fall, 0.0), iterations, Stop::converged};
    }
    if (!(fall > 0.0)) {
      raise();
      continue;
    }
    if (iterations == options.max_iterations) {
      return {x, now.value, iterations, Stop::max_iterations};
    }
    const Vector<P> there = moved<P>(x, step, box);
    const Quadratic<P> next = evaluate(there);
    ++iterations;
    if (next.value < now.value) {
      x = there;
      now = next;
      lambda = lambda <= 1e-6 ? 0.0 : 0.1 * lambda;
    } else {
      raise();
    }
  }
  return {x, now.value, iterations, Stop::stalled};
}

}  // namespace mcal
