// The vectorised row kernels, compiled once per instruction set (see simd_block.hpp).
//
// Two sweeps over a row, the second while it is in the first-level cache: the two largest elements
// and the label, then the sums relative to the second largest. At any instruction set a row is
// summed in as many interleaved chains as a block holds, added up in double in one order. Products
// are fused with sums where the instruction set can, so that levels agree to rounding only.
#pragma once

#include "simd_block.hpp"
#include "uncertainty_rows.hpp"

namespace mcal::detail {
namespace {

// 2^f on [-1/2, 1/2] is 1 + f p(f), exactly 1 at 0: p minimises the relative error (float, 1e-7)
// or interpolates (2^f - 1) / f at Chebyshev nodes (double, 8e-18 before rounding). exp2[0] = 1.
// log2 m is s times a series in s^2, s = (m - 1) / (m + 1), |s| <= 0.172, cut where the next term
// is below 2e-9 and 3e-17.
template <class Real>
struct Constants;

template <>
struct Constants<float> {
  static constexpr int fraction_bits = 23;
  static constexpr std::uint32_t one_bits = 0x3f800000;
  static constexpr std::uint32_t sqrt_half_bits = 0x3f3504f3;
  static constexpr float exponent_bias = 127;
  static constexpr float unit_magic = 0x1p23f;  // its last fraction bit is worth 1
  static constexpr std::uint32_t unit_magic_bits = 0x4b000000;
  static constexpr float lowest_normal = 0x1p-126f;
  static constexpr float lowest_exponent = -87;  // e^-87 is a normal number
  static constexpr float exp2[] = {1,           0.693147f,    0.24022242f,
                                   0.05550734f, 0.009671513f, 0.0013264715f};
  static constexpr int log2_terms = 5;
};

template <>
struct Constants<double> {
  static constexpr int fraction_bits = 52;
  static constexpr std::uint64_t one_bits = 0x3ff0000000000000;
  static constexpr std::uint64_t sqrt_half_bits = 0x3fe6a09e667f3bcd;
  static constexpr double exponent_bias = 1023;
  static constexpr double unit_magic = 0x1p52;
  static constexpr std::uint64_t unit_magic_bits = 0x4330000000000000;
  static constexpr double lowest_normal = 0x1p-1022;
  static constexpr double lowest_exponent = -708;
  static constexpr double exp2[] = {1,
                                    0.6931471805599453094,
                                    0.2402265069591009822,
                                    0.05550410866482159434,
                                    0.009618129107606888527,
                                    0.001333355814641693531,
                                    0.0001540353044173605015,
                                    1.525273382983611839e-5,
                                    1.321544258792168965e-6,
                                    1.017806244584577352e-7,
                                    7.0725859492692237e-9,
                                    4.454960598186518394e-10};
  static constexpr int log2_terms = 11;
};

constexpr double log2_e = 1.4426950408889634074;
constexpr double ln_2 = 0.69314718055994530942;
constexpr Index flush_blocks = 32;  // blocks summed in Real between additions in double

template <class Real, int register_bytes>
struct Kernel {
  using B = Block<Real, register_bytes>;
  // What is summed at a time. Two AVX2 registers at a time need more of them than there are; with
  // 16 bytes a whole block is the faster nonetheless.
  using L = std::conditional_t<register_bytes == 32, Lanes<Real, register_bytes>, B>;
  using K = Constants<Real>;

  static constexpr Real infinity = __builtin_huge_valf();

  static L all(double x) { return L::all(static_cast<Real>(x)); }

  // e^d for lowest_exponent <= d <= 0.
  static L exp(L d) {
    const L magic = L::all(K::unit_magic * Real{1.5});  // rounds to an integer
    const L shifted = multiply_add(d, all(log2_e), magic);
    const L f = multiply_add(d, all(log2_e), magic - shifted);
    constexpr int n = sizeof K::exp2 / sizeof(Real);
    static_assert(n % 2 == 0);
    // Pairs of terms, then Horner's rule in f^2: about half the depth of Horner's rule in f.
    const L f2 = f * f;
    const auto pair = [f](int i) { return multiply_add(f, all(K::exp2[i + 1]), all(K::exp2[i])); };
    L p = pair(n - 2);
    for (int i = n - 4; i >= 0; i -= 2) p = multiply_add(p, f2, pair(i));
    return on_bits(p, shifted, [](auto a, auto b) { return a + (b << K::fraction_bits); });
  }

  // log2 of a normal number; anything for NaN.
  static L log2(L w) {
    const L exponent = on_bits(w, w, [](auto a, auto) {  // biased, behind unit_magic
      return ((a + (K::one_bits - K::sqrt_half_bits)) >> K::fraction_bits) | K::unit_magic_bits;
    });
    const L m = on_bits(w, exponent, [](auto a, auto b) {  // in [sqrt 1/2, sqrt 2)
      return a - (b << K::fraction_bits) + K::one_bits;
    });
    const L s = (m - all(1)) / (m + all(1));
    const L z = s * s;
    L p = all(2 * log2_e / (2 * K::log2_terms - 1));
    for (int i = K::log2_terms - 2; i >= 0; --i) {
      p = multiply_add(p, z, all(2 * log2_e / (2 * i + 1)));
    }
    return exponent - L::all(K::unit_magic + K::exponent_bias) + s * p;
  }

  // w and ln w of elements relative to the second largest one. The largest counts as equal to it,
  // so that it adds 1 to t and nothing to u. What is below the normal numbers is raised to about
  // the lowest of them: nothing beside t >= 1. `low` and `none` fill up the last block of a row:
  // no larger than any element, and of no weight. NaN stays NaN in ln w, whatever its payload.
  struct Logits {
    static constexpr Real low = sizeof(Real) == 4 ? -__FLT_MAX__ : -__DBL_MAX__;
    static constexpr Real none = -infinity;
    L second;
    explicit Logits(Real x2) : second(L::all(x2)) {}
    void operator()(L x, L& w, L& ln_w) const {
      ln_w = max(L::all(K::lowest_exponent), min(second, x) - second);
      w = exp(ln_w);
    }
  };
  struct Probabilities {
    static constexpr Real low = 0, none = 0;
    L second, divisor;
    explicit Probabilities(Real p2) : second(L::all(p2)), divisor(L::all(p2 > 0 ? p2 : Real{1})) {}
    void operator()(L p, L& w, L& ln_w) const {
      w = max(L::all(K::lowest_normal), min(second, p) / divisor);
      ln_w = log2(w) * all(ln_2);
    }
  };

  // The block at row + j, of which only the first cols - j elements are there.
  static B rest(const Real* row, Index j, Index cols, Real fill) {
    Real x[B::size];
    for (int i = 0; i < B::size; ++i) x[i] = j + i < cols ? row[j + i] : fill;
    return B::load(x);
  }

  // In halves, the same at any instruction set.
  template <class T>
  static T sum(T (&x)[B::size]) {
    for (int n = B::size / 2; n > 0; n /= 2) {
      for (int i = 0; i < n; ++i) x[i] += x[i + n];
    }
    return x[0];
  }

  // The two largest elements and the smallest.
  struct Extremes {
    B first, second, lowest;
    explicit Extremes(Real low) : first(B::all(low)), second(first), lowest(B::all(infinity)) {}

    void add(B x) {
      second = max(second, min(first, x));
      first = max(first, x);
      lowest = min(lowest, x);
    }
    void finish(RowSums<Real>& sums) const {
      Real f[B::size], s[B::size], l[B::size];
      first.store(f);
      second.store(s);
      lowest.store(l);
      for (int n = B::size / 2; n > 0; n /= 2) {
        for (int i = 0; i < n; ++i) {
          const Real larger = s[i] > s[i + n] ? s[i] : s[i + n];
          const Real beaten = f[i] < f[i + n] ? f[i] : f[i + n];
          s[i] = larger > beaten ? larger : beaten;
          f[i] = f[i] > f[i + n] ? f[i] : f[i + n];
          l[i] = l[i] < l[i + n] ? l[i] : l[i + n];
        }
      }
      sums.first = f[0];
      sums.second = s[0];
      sums.lowest = l[0];
    }
  };

  static Index find(const Real* row, Index cols, Real value) {
    Index j = 0;
    while (j + B::size <= cols && !equal(B::load(row + j), B::all(value)).any_bit()) j += B::size;
    while (j < cols && row[j] != value) ++j;
    return j;
  }

  // The sums of w and of w ln w, in double.
  struct Sums {
    double t[B::size] = {}, u[B::size] = {};

    template <class Elements>
    static void add(L x, const Elements& elements, L& ts, L& us) {
      L w, ln_w;
      elements(x, w, ln_w);
      ts = ts + w;
      us = multiply_add(w, ln_w, us);
    }
    template <class Half, class Elements>
    static void add(Pair<Half> x, const Elements& elements, Pair<Half>& ts, Pair<Half>& us) {
      add(x.a, elements, ts.a, us.a);
      add(x.b, elements, ts.b, us.b);
    }
    // Adds n blocks. Their chains are local, and so stay in registers.
    template <class Elements>
    void add(const Real* x, Index n, const Real* next, const Elements& elements) {
      B ts = B::all(0), us = ts;
      for (Index j = 0; j < n * B::size; j += B::size) {
        __builtin_prefetch(next + j);
        add(B::load(x + j), elements, ts, us);
      }
      Real a[B::size], b[B::size];
      ts.store(a);
      us.store(b);
      for (int i = 0; i < B::size; ++i) {
        t[i] += a[i];
        u[i] += b[i];
      }
    }
  };

  template <class Elements>
  static RowSums<Real> run(const Real* row, Index cols, const Real* next_row) {
    RowSums<Real> sums;
    const Index whole = cols - cols % B::size;
    Extremes extremes(Elements::low);
    for (Index j = 0; j < whole; j += B::size) {
      extremes.add(B::load(row + j));
    }
    if (whole < cols) extremes.add(rest(row, whole, cols, Elements::low));
    extremes.finish(sums);
    sums.label = find(row, cols, sums.first);

    const Elements elements(sums.second);
    Sums chains;
    constexpr Index flush = flush_blocks * B::size;
    for (Index j = 0; j < whole; j += flush) {
      const Index left = whole - j < flush ? whole - j : flush;
      chains.add(row + j, left / B::size, next_row + j, elements);
    }
    if (whole < cols) {
      Real x[B::size];
      rest(row, whole, cols, Elements::none).store(x);
      chains.add(x, 1, next_row + whole, elements);
    }
    // Beside a second largest of 0 nothing is relative to it; t is then of no consequence.
    const double t = sum(chains.t);
    sums.t = t < 2 ? 1 : t - 1;
    sums.u = sum(chains.u);
    return sums;
  }

  static RowKernels<Real> kernels() { return {&run<Logits>, &run<Probabilities>}; }
};

}  // namespace
}  // namespace mcal::detail
