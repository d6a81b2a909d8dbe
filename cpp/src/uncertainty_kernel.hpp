// The vectorised row kernels, compiled once per instruction set (see simd_block.hpp).
//
// The same bits at every instruction set: a row is summed in as many interleaved chains as a block
// holds, however many registers that takes; products and sums are rounded separately
// (-ffp-contract=off); and the chains are added up in double, in order.
#pragma once

#include "simd_block.hpp"
#include "uncertainty_rows.hpp"

namespace mcal::detail {
namespace {

// 2^f on [-1/2, 1/2] is 1 + f p(f), p interpolating (2^f - 1) / f at Chebyshev nodes: relative
// error 5e-9 (float) and 8e-18 (double) before rounding, and exactly 1 at 0. exp2[0] = 1.
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
  static constexpr float lowest_log2 = -126;
  static constexpr float exp2[] = {
      1, 0.693147188f, 0.240226508f, 0.0555035711f, 0.00961808256f, 0.00133908634f, 0.00015453163f};
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
  static constexpr double lowest_log2 = -1022;
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

  static B all(double x) { return B::all(static_cast<Real>(x)); }

  // 2^y for lowest_log2 <= y <= 0; NaN stays NaN.
  static B exp2(B y) {
    const B magic = B::all(K::unit_magic * Real{1.5});  // rounds to an integer
    const B shifted = y + magic;
    const B f = y - (shifted - magic);
    const B f2 = f * f;
    // Odd and even powers apart: half the depth of Horner's rule.
    constexpr int n = sizeof K::exp2 / sizeof(Real);
    B p = B::all(K::exp2[n - 1]), q = B::all(K::exp2[n - 2]);
    for (int i = n - 3; i > 0; i -= 2) {
      p = p * f2 + B::all(K::exp2[i]);
      q = q * f2 + B::all(K::exp2[i - 1]);
    }
    if constexpr (n % 2 == 0) {
      p = q + f * p;
    } else {
      p = p * f2 + B::all(K::exp2[0]) + f * q;
    }
    return on_bits(p, shifted, [](auto a, auto b) { return a + (b << K::fraction_bits); });
  }

  // log2 of a normal number; anything for NaN.
  static B log2(B w) {
    const B exponent = on_bits(w, w, [](auto a, auto) {  // biased, behind unit_magic
      return ((a + (K::one_bits - K::sqrt_half_bits)) >> K::fraction_bits) | K::unit_magic_bits;
    });
    const B m = on_bits(w, exponent, [](auto a, auto b) {  // in [sqrt 1/2, sqrt 2)
      return a - (b << K::fraction_bits) + K::one_bits;
    });
    const B s = (m - all(1)) / (m + all(1));
    const B z = s * s;
    B p = all(2 * log2_e / (2 * K::log2_terms - 1));
    for (int i = K::log2_terms - 2; i >= 0; --i) p = p * z + all(2 * log2_e / (2 * i + 1));
    return exponent - B::all(K::unit_magic + K::exponent_bias) + s * p;
  }

  // w and log2 w of elements relative to the second largest one. The largest counts as equal to
  // it, so that it adds 1 to t and nothing to u. What is below the normal numbers is raised to the
  // lowest of them: nothing beside t >= 1.
  struct LogitWeights {
    B second;
    explicit LogitWeights(Real x2) : second(B::all(x2)) {}
    void operator()(B x, B& w, B& log2_w) const {
      log2_w = max(B::all(K::lowest_log2), (min(second, x) - second) * all(log2_e));
      w = exp2(log2_w);
    }
  };
  struct ProbabilityWeights {
    B second, divisor;
    explicit ProbabilityWeights(Real p2)
        : second(B::all(p2)), divisor(B::all(p2 > 0 ? p2 : Real{1})) {}
    void operator()(B p, B& w, B& log2_w) const {
      w = max(B::all(K::lowest_normal), min(second, p) / divisor);
      log2_w = log2(w);
    }
  };

  // The two largest elements and the smallest.
  static void extremes(const Real* row, Index cols, RowSums<Real>& sums) {
    constexpr Real infinity = __builtin_huge_valf();
    Real first = -infinity, second = -infinity, lowest = infinity;
    const auto take = [&](Real x) {
      const Real beaten = x > first ? first : x;
      second = beaten > second ? beaten : second;
      first = x > first ? x : first;
      lowest = x < lowest ? x : lowest;
    };
    Index j = 0;
    if (cols >= B::size) {
      B firsts = B::all(-infinity), seconds = firsts, lowests = B::all(infinity);
      for (; j + B::size <= cols; j += B::size) {
        const B x = B::load(row + j);
        seconds = max(seconds, min(firsts, x));
        firsts = max(firsts, x);
        lowests = min(lowests, x);
      }
      Real f[B::size], s[B::size], l[B::size];
      firsts.store(f);
      seconds.store(s);
      lowests.store(l);
      for (int i = 0; i < B::size; ++i) {
        take(f[i]);
        second = s[i] > second ? s[i] : second;
        lowest = l[i] < lowest ? l[i] : lowest;
      }
    }
    for (; j < cols; ++j) take(row[j]);
    sums.first = first;
    sums.second = second;
    sums.lowest = lowest;
  }

  static Index find(const Real* row, Index cols, Real value) {
    Index j = 0;
    while (j + B::size <= cols && !equal(B::load(row + j), B::all(value)).any_bit()) j += B::size;
    while (j < cols && row[j] != value) ++j;
    return j;
  }

  struct Sums {
    B t = B::all(0), u = t;

    template <class Weights>
    void add(B x, const Weights& weights) {
      B w, log2_w;
      weights(x, w, log2_w);
      t = t + w;
      u = u + w * log2_w;
    }
    // Adds the first n chains up in double, and empties all.
    void flush(Index n, double& t_total, double& u_total) {
      Real ts[B::size], us[B::size];
      t.store(ts);
      u.store(us);
      for (Index i = 0; i < n; ++i) {
        t_total += ts[i];
        u_total += us[i];
      }
      t = u = B::all(0);
    }
  };

  template <class Weights>
  static RowSums<Real> run(const Real* row, Index cols, const Real* next_row) {
    RowSums<Real> sums;
    extremes(row, cols, sums);
    sums.label = find(row, cols, sums.first);
    const Weights weights(sums.second);
    Sums chains;
    double t = 0, u = 0;
    Index j = 0;
    while (j + B::size <= cols) {
      const Index left = (cols - j) / B::size;
      const Index end = j + B::size * (left < flush_blocks ? left : flush_blocks);
      for (; j < end; j += B::size) {
        __builtin_prefetch(next_row + j);
        chains.add(B::load(row + j), weights);
      }
      chains.flush(B::size, t, u);
    }
    if (j < cols) {
      // The last block is filled up; the chains that take the filling are not counted.
      Real rest[B::size];
      for (int i = 0; i < B::size; ++i) rest[i] = j + i < cols ? row[j + i] : sums.second;
      chains.add(B::load(rest), weights);
      chains.flush(cols - j, t, u);
    }
    sums.t = t - 1;
    sums.u = u * ln_2;
    return sums;
  }

  static RowKernels<Real> kernels() { return {&run<LogitWeights>, &run<ProbabilityWeights>}; }
};

}  // namespace
}  // namespace mcal::detail
