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

// 2^f on [-1/2, 1/2] is 1 + f p(f), exactly 1 at 0: p minimises the relative error (float, 3e-6) or
// interpolates (2^f - 1) / f at Chebyshev nodes (double, 8e-18 before rounding). exp2[0] = 1.
// log2 m on [sqrt 1/2, sqrt 2], exactly 0 at 1, is x p(x), x = m - 1, with the least absolute error
// (float, 3e-7), or s times a series in s^2, s = (m - 1) / (m + 1), |s| <= 0.172, cut where the
// next term is below 3e-17 (double).
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
  static constexpr float exp2[] = {1, 0.693124184f, 0.240240382f, 0.0559066283f, 0.00958538239f};
  static constexpr float log2[] = {1.44270042f,  -0.721377039f, 0.480440820f, -0.358921838f,
                                   0.297465346f, -0.273030030f, 0.170464527f};
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
  using K = Constants<Real>;

  static constexpr Real infinity = __builtin_huge_valf();
  static constexpr BitsOf<Real> mantissa = (BitsOf<Real>{1} << K::fraction_bits) - 1;

  static B all(double x) { return B::all(static_cast<Real>(x)); }

  // c[0] + c[1] x + ...
  template <int n>
  static B polynomial(B x, const Real (&c)[n]) {
    B p = B::all(c[n - 1]);
    for (int i = n - 2; i >= 0; --i) p = multiply_add(p, x, B::all(c[i]));
    return p;
  }

  // e^d for lowest_exponent <= d <= 0.
  static B exp(B d) {
    const B magic = B::all(K::unit_magic * Real{1.5});  // rounds to an integer
    const B shifted = multiply_add(d, all(log2_e), magic);
    const B f = multiply_add(d, all(log2_e), magic - shifted);
    const B p = polynomial(f, K::exp2);
    return on_bits(p, shifted, [](auto a, auto b) { return a + (b << K::fraction_bits); });
  }

  // log2 of a normal number; anything for NaN.
  static B log2(B w) {
    const B shifted =
        on_bits(w, w, [](auto a, auto) { return a + (K::one_bits - K::sqrt_half_bits); });
    const B exponent = on_bits(shifted, shifted, [](auto a, auto) {  // biased, behind unit_magic
      return (a >> K::fraction_bits) | K::unit_magic_bits;
    });
    const B m = on_bits(shifted, shifted, [](auto a, auto) {  // in [sqrt 1/2, sqrt 2)
      return (a & mantissa) + K::sqrt_half_bits;
    });
    B log2_m;
    if constexpr (sizeof(Real) == 4) {
      const B x = m - all(1);
      log2_m = x * polynomial(x, K::log2);
    } else {
      const B s = (m - all(1)) / (m + all(1));
      const B z = s * s;
      B p = all(2 * log2_e / (2 * K::log2_terms - 1));
      for (int i = K::log2_terms - 2; i >= 0; --i) {
        p = multiply_add(p, z, all(2 * log2_e / (2 * i + 1)));
      }
      log2_m = s * p;
    }
    return exponent - B::all(K::unit_magic + K::exponent_bias) + log2_m;
  }

  // w and log w, in log_unit, of elements relative to the second largest one. The largest counts as
  // equal to it, so that it adds 1 to t and nothing to u. NaN stays NaN in w or log w, whatever its
  // payload. What may be below the normal numbers is raised to about the lowest of them: nothing
  // beside t >= 1. Few rows have such elements, and the others go without the `check`. `low` and
  // `none` fill up the last block of a row: no larger than any element, and of no weight.
  struct Logits {
    static constexpr Real low = sizeof(Real) == 4 ? -__FLT_MAX__ : -__DBL_MAX__;
    static constexpr Real none = -infinity;
    static constexpr double log_unit = 1;
    B second;
    bool check;
    explicit Logits(const RowSums<Real>& sums)
        : second(B::all(sums.second)), check(!(sums.lowest - sums.second >= K::lowest_exponent)) {}
    template <bool checked>
    void weigh(B x, B& w, B& log_w) const {
      log_w = min(second, x) - second;
      if constexpr (checked) log_w = max(B::all(K::lowest_exponent), log_w);
      w = exp(log_w);
    }
  };
  struct Probabilities {
    static constexpr Real low = 0, none = 0;
    static constexpr double log_unit = ln_2;
    B second, divisor, factor;
    bool check;
    explicit Probabilities(const RowSums<Real>& sums)
        : second(B::all(sums.second)),
          divisor(B::all(sums.second > 0 ? sums.second : Real{1})),
          factor(B::all(1 / sums.second)),
          check(!(sums.second >= K::lowest_normal &&
                  sums.lowest / sums.second >= 2 * K::lowest_normal)) {}
    template <bool checked>
    void weigh(B p, B& w, B& log_w) const {
      if constexpr (checked) {
        w = max(B::all(K::lowest_normal), min(second, p) / divisor);
      } else {
        w = min(second, p) * factor;
      }
      log_w = log2(w);
    }
  };

  // The largest element of every `lanes`-th column, and the smallest of all. Where the largest is,
  // and what comes second, is then read from one such column set alone.
  struct Extremes {
    static constexpr int lanes = 2 * B::size;
    B even, odd, lowest;
    explicit Extremes(Real low) : even(B::all(low)), odd(even), lowest(B::all(infinity)) {}

    void add(B x, B y) {
      even = max(even, x);
      odd = max(odd, y);
      lowest = min(lowest, min(x, y));
    }
    void finish(const Real* row, Index cols, RowSums<Real>& sums) const {
      sums.first = max(even, odd).largest();
      sums.lowest = lowest.smallest();
      const B first = B::all(sums.first), none = B::all(-infinity);
      const B even_is = equal(even, first), odd_is = equal(odd, first);
      Real second = max(choose(even_is, none, even), choose(odd_is, none, odd)).largest();
      Index label = cols;
      for (auto found = even_is.signs() | odd_is.signs() << B::size; found != 0;
           found &= found - 1) {
        if (label < cols) second = sums.first;
        Index j = __builtin_ctz(found);
        for (; j < cols && row[j] != sums.first; j += lanes)
          second = row[j] > second ? row[j] : second;
        label = j < label ? j : label;
        for (j += lanes; j < cols; j += lanes) second = row[j] > second ? row[j] : second;
      }
      sums.second = second;
      sums.label = label < cols ? label : 0;
    }
  };

  // Adds to t and u what n whole blocks and `more` elements after them weigh. The chains of sums
  // are in registers, in Real, and so n is at most flush_blocks.
  template <bool checked, class Elements>
  static void add(const Real* x, Index n, Index more, const Real* next, const Elements& elements,
                  RowSums<Real>& sums) {
    B t = B::all(0), u = t, w, log_w;
    for (Index j = 0; j < n * B::size; j += B::size) {
      __builtin_prefetch(next + j);
      elements.template weigh<checked>(B::load(x + j), w, log_w);
      t = t + w;
      u = multiply_add(w, log_w, u);
    }
    if (more > 0) {
      elements.template weigh<true>(B::load(x + n * B::size, more, Elements::none), w, log_w);
      t = t + w;
      u = multiply_add(w, log_w, u);
    }
    sums.t += t.total();
    sums.u += u.total() * Elements::log_unit;
  }

  template <class Elements>
  static RowSums<Real> run(const Real* row, Index cols, const Real* next_row) {
    RowSums<Real> sums{};
    Extremes extremes(Elements::low);
    Index j = 0;
    for (; j + Extremes::lanes <= cols; j += Extremes::lanes) {
      extremes.add(B::load(row + j), B::load(row + j + B::size));
    }
    if (j < cols) {
      extremes.add(B::load(row + j, cols - j, Elements::low),
                   B::load(row + j + B::size, cols - j - B::size, Elements::low));
    }
    extremes.finish(row, cols, sums);

    const Elements elements(sums);
    constexpr Index flush = flush_blocks * B::size;
    for (j = 0; j < cols; j += flush) {
      const Index here = cols - j < flush ? cols - j : flush;
      if (elements.check) {
        add<true>(row + j, here / B::size, here % B::size, next_row + j, elements, sums);
      } else {
        add<false>(row + j, here / B::size, here % B::size, next_row + j, elements, sums);
      }
    }
    // Beside a second largest of 0 nothing is relative to it; t is then of no consequence.
    sums.t = sums.t < 2 ? 1 : sums.t - 1;
    return sums;
  }

  static RowKernels<Real> kernels() { return {&run<Logits>, &run<Probabilities>}; }
};

}  // namespace
}  // namespace mcal::detail
