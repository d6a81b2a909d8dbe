// The loops over a row's points. Included by power_law_<level>.cpp and by nothing else: each
// compiles its own copy with the instructions of its level. Sums run in kLanes interleaved chains,
// products are never fused with them and contraction is off (CMakeLists.txt), so that all copies
// give the same bits. Nothing of the standard library is called: an inline function compiled for
// AVX2 must never be linked into code that runs without it (tests/cpp/CMakeLists.txt looks for
// such symbols).
#pragma once

#include "mcal/power_law.hpp"
#include "simd_block.hpp"

namespace mcal {
namespace {

// Three vectors in step: the chain of exp, division and log leaves most units idle otherwise.
template <class T>
struct Triple {
  T a, b, c;

  static Triple all(double x) { return {T::all(x), T::all(x), T::all(x)}; }
  static Triple load(const double* p) {
    return {T::load(p), T::load(p + T::size), T::load(p + 2 * T::size)};
  }
  void store(double* p) const {
    a.store(p);
    b.store(p + T::size);
    c.store(p + 2 * T::size);
  }
  friend Triple operator+(Triple x, Triple y) { return {x.a + y.a, x.b + y.b, x.c + y.c}; }
  friend Triple operator-(Triple x, Triple y) { return {x.a - y.a, x.b - y.b, x.c - y.c}; }
  friend Triple operator*(Triple x, Triple y) { return {x.a * y.a, x.b * y.b, x.c * y.c}; }
  friend Triple operator/(Triple x, Triple y) { return {x.a / y.a, x.b / y.b, x.c / y.c}; }
  friend Triple min(Triple x, Triple y) { return {min(x.a, y.a), min(x.b, y.b), min(x.c, y.c)}; }
  friend Triple max(Triple x, Triple y) { return {max(x.a, y.a), max(x.b, y.b), max(x.c, y.c)}; }
  template <class F>
  friend Triple on_bits(Triple x, Triple y, F f) {
    return {on_bits(x.a, y.a, f), on_bits(x.b, y.b, f), on_bits(x.c, y.c, f)};
  }
};

#ifdef __AVX2__
using Vector4 = detail::Lanes<double, 32>;
#else
using Vector4 = detail::Pair<detail::Lanes<double, 16> >;
#endif
using Lanes = Triple<Vector4>;
static_assert(3 * Vector4::size == kLanes);

inline Lanes all(double x) { return Lanes::all(x); }
inline Lanes operator+(double x, Lanes y) { return all(x) + y; }
inline Lanes operator-(double x, Lanes y) { return all(x) - y; }
inline Lanes operator*(double x, Lanes y) { return all(x) * y; }
inline Lanes operator/(double x, Lanes y) { return all(x) / y; }
inline Lanes at_least(Lanes x, double low) { return max(x, all(low)); }
inline Lanes at_most(Lanes x, double high) { return min(x, all(high)); }

inline double sum(Lanes x) {
  double lane[Vector4::size];
  ((x.a + x.b) + x.c).store(lane);
  return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

template <class F>
Lanes bits(Lanes x, F f) {
  return on_bits(x, x, [f](auto b, auto) { return f(b); });
}

// exp and log without branches or tables. Relative error below 2e-14 and 1e-15.

constexpr double kLn2High = 0x1.62e42fee00000p-1;  // k kLn2High is exact for every exponent k
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// x in [-700, 700]: Taylor series around the nearest multiple of log 2.
inline Lanes fast_exp(Lanes x) {
  constexpr double kShift = 0x1.8p52;  // adding it leaves an integer in the low bits
  const Lanes shifted = 0x1.71547652b82fep0 * x + all(kShift);
  const Lanes k = shifted - all(kShift);
  const Lanes r = (x - kLn2High * k) - kLn2Low * k;
  // Pairs first (Estrin): the loops wait for results rather than for free units.
  const Lanes r2 = r * r;
  const Lanes r4 = r2 * r2;
  const Lanes p01 = 1.0 + r;
  const Lanes p23 = 0.5 + (1.0 / 6) * r;
  const Lanes p45 = 1.0 / 24 + (1.0 / 120) * r;
  const Lanes p67 = 1.0 / 720 + (1.0 / 5040) * r;
  const Lanes p89 = 1.0 / 40320 + (1.0 / 362880) * r;
  const Lanes pab = 1.0 / 3628800 + (1.0 / 39916800) * r;
  const Lanes p = (p01 + r2 * p23) + r4 * ((p45 + r2 * p67) + r4 * (p89 + r2 * pab));
  return p * bits(shifted, [](auto b) { return (b << 52) + (1023ULL << 52); });
}

constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
constexpr std::uint64_t kBias = 1023ULL << 52;

// x positive and normal: x = 2^k m with m in [sqrt 1/2, sqrt 2), log m = 2 artanh((m-1)/(m+1)).
inline Lanes fast_log(Lanes x) {
  const auto biased = [](auto b) { return b - kSqrtHalf + kBias; };
  const Lanes shifted = bits(x, [=](auto b) { return (biased(b) >> 52) | 0x4330000000000000ULL; });
  const Lanes k = shifted - all(0x1.00000000003ffp52);
  const Lanes m = bits(x, [=](auto b) { return b - (biased(b) & 0xfff0000000000000ULL) + kBias; });
  const Lanes f = m - all(1.0);
  const Lanes s = f / (2.0 + f);
  const Lanes z = s * s;
  const Lanes z2 = z * z;
  const Lanes z4 = z2 * z2;
  const Lanes p01 = 1.0 + (1.0 / 3) * z;
  const Lanes p23 = 1.0 / 5 + (1.0 / 7) * z;
  const Lanes p45 = 1.0 / 9 + (1.0 / 11) * z;
  const Lanes p67 = 1.0 / 13 + (1.0 / 15) * z;
  const Lanes p8 = all(1.0 / 17);
  const Lanes p = (p01 + z2 * p23) + z4 * ((p45 + z2 * p67) + z4 * p8);
  return kLn2High * k + ((2.0 * s) * p + kLn2Low * k);
}

constexpr double kTiny = 1e-300;
constexpr double kLargestShare = 1.0 - 1e-15;  // keeps log(1 - e) finite
constexpr double kFarAboveChance = 80.0;       // log(u / chance) where the cap is flat

constexpr double order_of(Form form) { return form == Form::plateau ? 1.0 : 8.0; }

// log u and its derivatives but those by the level, which are 1 and 0.
struct Curve {
  Lanes eta, d_gamma, d_third;
  Lanes bend,
      cross;  // floor only: d2 by gamma twice, and by gamma and third; d third2 = -d_third^2
};

template <Form form>
Curve curve(const CurveParameters& x, const Points& p, Index i) {
  const Lanes L = Lanes::load(p.log_size + i);
  Curve c;
  if constexpr (form == Form::floor) {
    const Lanes power = fast_exp(at_most(-x.gamma * L, 700.0));
    const Lanes over = (1.0 - x.third) * power;
    const Lanes u = over + all(x.third);
    const Lanes inverse = 1.0 / u;
    const Lanes falling = over * inverse;  // share of u that is not floor
    c.eta = x.level + fast_log(u);
    c.d_gamma = -1.0 * L * falling;
    c.d_third = (1.0 - power) * inverse;
    c.bend = L * L * falling * (1.0 - falling);
    c.cross = L * power * inverse * inverse;
  } else {
    c.eta = x.level - x.gamma * L;
    c.d_gamma = -1.0 * L;
    if constexpr (form == Form::truncated) {
      const Lanes size = Lanes::load(p.size + i);
      c.eta = c.eta - x.third * size;
      c.d_third = -1.0 * size;
    }
  }
  return c;
}

// What a point adds, as a function of eta = log u.
struct Term {
  Lanes value, slope, curvature;
};

struct Capped {
  Lanes log_error, error, q;
};

template <Form form>
Capped capped(Lanes eta, const Cap& cap) {
  const Lanes above = at_most(eta - all(cap.log_chance), kFarAboveChance);
  if constexpr (form == Form::plateau) {
    const Lanes s = fast_exp(at_least(above, -700.0));
    const Lanes q = 1.0 / (1.0 + s);
    return {cap.log_chance + (above + fast_log(q)), cap.chance * (s * q), q};
  } else {
    const Lanes s = fast_exp(at_least(8.0 * above, -700.0));
    const Lanes q = 1.0 / (1.0 + s);
    const Lanes log_error = cap.log_chance + (above + (1.0 / 8) * fast_log(q));
    return {log_error, fast_exp(at_least(log_error, -700.0)), q};
  }
}

struct Binomial {
  template <Form form>
  static Term term(Lanes eta, const Cap& cap, const Points& p, Index i) {
    const auto [log_error, error, q] = capped<form>(eta, cap);
    const Lanes wrong = Lanes::load(p.wrong + i);
    const Lanes trials = Lanes::load(p.trials + i);
    const Lanes e = at_most(error, kLargestShare);
    const Lanes right = 1.0 - e;
    const Lanes odds = e / right;
    const Lanes residual = wrong - (trials - wrong) * odds;
    return {-1.0 * wrong * log_error - (trials - wrong) * fast_log(right), -1.0 * q * residual,
            q * (q * trials * odds + residual * (order_of(form) * (1.0 - q) - q * odds))};
  }
};

struct CappedLog {
  template <Form form>
  static Term term(Lanes eta, const Cap& cap, const Points& p, Index i) {
    const auto [log_error, error, q] = capped<form>(eta, cap);
    const Lanes weight = Lanes::load(p.trials + i);
    const Lanes residual = log_error - Lanes::load(p.wrong + i);
    return {0.5 * weight * residual * residual, weight * residual * q,
            weight * q * (q - order_of(form) * residual * (1.0 - q))};
  }
};

struct PlainLog {
  template <Form>
  static Term term(Lanes eta, const Cap&, const Points& p, Index i) {
    const Lanes weight = Lanes::load(p.trials + i);
    const Lanes residual = eta - Lanes::load(p.wrong + i);
    return {0.5 * weight * residual * residual, weight * residual, weight};
  }
};

template <Form form>
class Total {
 public:
  void add(const Term& t, const Curve& c) {
    const Lanes bent = t.curvature * c.d_gamma;
    value_ = value_ + t.value;
    g0_ = g0_ + t.slope;
    g1_ = g1_ + t.slope * c.d_gamma;
    h00_ = h00_ + t.curvature;
    h01_ = h01_ + bent;
    h11_ = h11_ + bent * c.d_gamma;
    if constexpr (parameter_count(form) == 3) {
      const Lanes slope2 = t.slope * c.d_third;
      const Lanes bent2 = t.curvature * c.d_third;
      g2_ = g2_ + slope2;
      h02_ = h02_ + bent2;
      h12_ = h12_ + bent2 * c.d_gamma;
      h22_ = h22_ + bent2 * c.d_third;
      if constexpr (form == Form::floor) {
        h11_ = h11_ + t.slope * c.bend;
        h12_ = h12_ + t.slope * c.cross;
        h22_ = h22_ - slope2 * c.d_third;
      }
    }
  }

  PointSums sums() const {
    return {.value = sum(value_),
            .gradient = {sum(g0_), sum(g1_), sum(g2_)},
            .hessian = {sum(h00_), sum(h01_), sum(h02_), sum(h11_), sum(h12_), sum(h22_)}};
  }

 private:
  Lanes value_ = all(0.0), g0_ = all(0.0), g1_ = all(0.0), g2_ = all(0.0);
  Lanes h00_ = all(0.0), h01_ = all(0.0), h02_ = all(0.0);
  Lanes h11_ = all(0.0), h12_ = all(0.0), h22_ = all(0.0);
};

template <class Objective, Form form>
PointSums evaluate(const Cap& cap, const CurveParameters& x, const Points& p) {
  Total<form> total;
  for (Index i = 0; i < p.n; i += kLanes) {
    const Curve c = curve<form>(x, p, i);
    total.add(Objective::template term<form>(c.eta, cap, p, i), c);
  }
  return total.sums();
}

// What a point's share of errors says of log u, and the log-likelihood of that very share.
struct Target {
  Lanes eta, weight, saturated;
};

struct Uncapped {
  Lanes eta, q;
};

// The eta at which the capped error is `log_error`, or a point somewhat below chance.
template <Form form>
Uncapped uncapped(Lanes log_error, const Cap& cap) {
  constexpr double order = order_of(form);
  constexpr double kBelowChance = -0.03;
  const Lanes bounded = at_most(log_error, cap.log_chance + kBelowChance);
  const Lanes q = 1.0 - fast_exp(at_least(order * (bounded - all(cap.log_chance)), -700.0));
  return {bounded - (1.0 / order) * fast_log(q), q};
}

struct BinomialTarget {
  template <Form form>
  static Target target(const Cap& cap, const Points& p, Index i) {
    const Lanes wrong = Lanes::load(p.wrong + i);
    const Lanes trials = Lanes::load(p.trials + i);
    const Lanes right = trials - wrong;
    const Lanes some = at_least(trials, kTiny);
    const auto [eta, q] = uncapped<form>(fast_log((wrong + all(0.5)) / (trials + all(1.0))), cap);
    return {eta, trials * q * q * (wrong + all(0.5)) / (right + all(0.5)),
            wrong * fast_log(at_least(wrong / some, kTiny)) +
                right * fast_log(at_least(right / some, kTiny))};
  }
};

struct LogTarget {
  template <Form form>
  static Target target(const Cap& cap, const Points& p, Index i) {
    const auto [eta, q] = uncapped<form>(Lanes::load(p.wrong + i), cap);
    return {eta, Lanes::load(p.trials + i) * q * q, all(0.0)};
  }
};

// `form` says how errors are capped, `line` what goes through the targets.
template <class Kind, Form form, Form line>
PointSums regress(const Cap& cap, const CurveParameters& x, const Points& p) {
  Total<line> total;
  for (Index i = 0; i < p.n; i += kLanes) {
    const Target t = Kind::template target<form>(cap, p, i);
    t.eta.store(p.target + i);
    t.weight.store(p.weight + i);
    const Curve c = curve<line>(x, p, i);
    total.add({t.saturated, t.weight * (c.eta - t.eta), t.weight}, c);
  }
  return total.sums();
}

template <class Objective>
PointSums terms(Form form, const Cap& cap, const CurveParameters& x, const Points& p) {
  switch (form) {
    case Form::power:
      return evaluate<Objective, Form::power>(cap, x, p);
    case Form::truncated:
      return evaluate<Objective, Form::truncated>(cap, x, p);
    case Form::floor:
      return evaluate<Objective, Form::floor>(cap, x, p);
    case Form::plateau:
      return evaluate<Objective, Form::plateau>(cap, x, p);
  }
  __builtin_unreachable();
}

PointSums binomial(Form form, const Cap& cap, const CurveParameters& x, const Points& p) {
  return terms<Binomial>(form, cap, x, p);
}

PointSums log(Form form, const Cap& cap, const CurveParameters& x, const Points& p) {
  return cap.chance > 1.0 ? terms<PlainLog>(form, cap, x, p) : terms<CappedLog>(form, cap, x, p);
}

template <class Kind>
PointSums start(Form form, const Cap& cap, const CurveParameters& x, const Points& p) {
  switch (form) {
    case Form::truncated:
      return regress<Kind, Form::truncated, Form::truncated>(cap, x, p);
    case Form::plateau:
      return regress<Kind, Form::plateau, Form::power>(cap, x, p);
    default:
      return regress<Kind, Form::power, Form::power>(cap, x, p);
  }
}

PointSums binomial_start(Form form, const Cap& cap, const CurveParameters& x, const Points& p) {
  return start<BinomialTarget>(form, cap, x, p);
}

PointSums log_start(Form form, const Cap& cap, const CurveParameters& x, const Points& p) {
  return start<LogTarget>(form, cap, x, p);
}

FloorScan floor_scan(double level, double gamma, double step, const Points& p) {
  const auto [column, ratio, constant, response] = p.scratch;
  FloorScan scan;
  Lanes cc = all(0.0), cz = all(0.0);
  for (Index i = 0; i < p.n; i += kLanes) {
    const Lanes L = Lanes::load(p.log_size + i);
    const Lanes weight = Lanes::load(p.weight + i);
    const Lanes z = 1.0 + (Lanes::load(p.target + i) - (all(level) - gamma * L));
    const Lanes c = fast_exp(at_least(gamma * L, -700.0));
    cc = cc + weight * c * c;
    cz = cz + weight * c * z;
    all(1.0).store(column + i);
    fast_exp(at_most(-step * L, 40.0)).store(ratio + i);
    c.store(constant + i);
    z.store(response + i);
  }
  scan.cc = sum(cc);
  scan.cz = sum(cz);
  for (int k = 0; k < FloorScan::kSize; ++k) {
    Lanes aa = all(0.0), ac = all(0.0), az = all(0.0);
    for (Index i = 0; i < p.n; i += kLanes) {
      const Lanes a = Lanes::load(column + i);
      const Lanes weighted = Lanes::load(p.weight + i) * a;
      aa = aa + weighted * a;
      ac = ac + weighted * Lanes::load(constant + i);
      az = az + weighted * Lanes::load(response + i);
      (a * Lanes::load(ratio + i)).store(column + i);
    }
    scan.aa[k] = sum(aa);
    scan.ac[k] = sum(ac);
    scan.az[k] = sum(az);
  }
  return scan;
}

constexpr PointKernels kPointKernels{binomial, log, binomial_start, log_start, floor_scan};

}  // namespace
}  // namespace mcal
