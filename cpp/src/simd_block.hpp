// 64 bytes of numbers, held in as many vector registers as the instruction set needs.
//
// Included once per instruction set. Everything is in an unnamed namespace and nothing of the
// standard library is called: an inline function compiled for AVX2 must never be linked into code
// that runs without it. Each operation goes over all registers before the next begins, which
// gives the processor independent work while it waits for a result.
#pragma once

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <cstdint>
#include <type_traits>
#include <utility>

#include "mcal/views.hpp"

namespace mcal::detail {
namespace {

template <class Real>
using BitsOf = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;

// One register.
template <class R, int bytes>
struct Lanes {
  using Real = R;
  typedef Real Register __attribute__((vector_size(bytes)));
  typedef BitsOf<Real> BitRegister __attribute__((vector_size(bytes)));
  using Signed = std::make_signed_t<BitsOf<Real>>;
  typedef Signed SignedRegister __attribute__((vector_size(bytes)));
  static constexpr int size = bytes / sizeof(Real);

  Register r;

  static SignedRegister counted() {
    SignedRegister x;
    for (int i = 0; i < size; ++i) x[i] = i;
    return x;
  }

  static Lanes all(Real x) { return {Register{} + x}; }
  static Lanes load(const Real* p) {
    Lanes a;
    __builtin_memcpy(&a.r, p, bytes);
    return a;
  }
  void store(Real* p) const { __builtin_memcpy(p, &r, bytes); }
  // The first n elements at p, which alone are read, and `fill` for the others.
  static Lanes load(const Real* p, Index n, Real fill) {
#ifdef __AVX2__
    if constexpr (bytes == 32) {
      const auto is_there =
          (__m256i)(BitRegister)(SignedRegister{} + static_cast<Signed>(n) > counted());
      if constexpr (sizeof(Real) == 4) {
        return {_mm256_blendv_ps(all(fill).r, _mm256_maskload_ps(p, is_there), (__m256)is_there)};
      } else {
        return {_mm256_blendv_pd(all(fill).r, _mm256_maskload_pd(p, is_there), (__m256d)is_there)};
      }
    }
#endif
    Lanes a;
    for (int i = 0; i < size; ++i) a.r[i] = i < n ? p[i] : fill;
    return a;
  }
  friend Lanes operator+(Lanes a, Lanes b) { return {a.r + b.r}; }
  friend Lanes operator-(Lanes a, Lanes b) { return {a.r - b.r}; }
  friend Lanes operator*(Lanes a, Lanes b) { return {a.r * b.r}; }
  friend Lanes operator/(Lanes a, Lanes b) { return {a.r / b.r}; }
  // a b + c, rounded once where the instruction set can.
  friend Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
#ifdef __FMA__
    if constexpr (bytes == 32 && sizeof(Real) == 4) {
      return {_mm256_fmadd_ps(a.r, b.r, c.r)};
    } else if constexpr (bytes == 32) {
      return {_mm256_fmadd_pd(a.r, b.r, c.r)};
    }
#endif
    return a * b + c;
  }
  // Both give b when either is NaN. GCC finds these instructions only if neither is constant.
  friend Lanes min(Lanes a, Lanes b) {
#ifdef __AVX2__
    if constexpr (bytes == 32 && sizeof(Real) == 4) {
      return {_mm256_min_ps(a.r, b.r)};
    } else if constexpr (bytes == 32) {
      return {_mm256_min_pd(a.r, b.r)};
    }
#endif
    return {a.r < b.r ? a.r : b.r};
  }
  friend Lanes max(Lanes a, Lanes b) {
#ifdef __AVX2__
    if constexpr (bytes == 32 && sizeof(Real) == 4) {
      return {_mm256_max_ps(a.r, b.r)};
    } else if constexpr (bytes == 32) {
      return {_mm256_max_pd(a.r, b.r)};
    }
#endif
    return {a.r > b.r ? a.r : b.r};
  }
  // f of the bits of every element.
  template <class F>
  friend Lanes on_bits(Lanes a, Lanes b, F f) {
    return {(Register)f((BitRegister)a.r, (BitRegister)b.r)};
  }
  // All bits set where equal, none elsewhere.
  friend Lanes equal(Lanes a, Lanes b) { return {(Register)(a.r == b.r)}; }
  // a where the bits of `chosen` are set, b where they are not.
  friend Lanes choose(Lanes chosen, Lanes a, Lanes b) {
    return {(BitRegister)chosen.r != 0 ? a.r : b.r};
  }
  // Bit i is the sign of element i.
  std::uint32_t signs() const {
#ifdef __AVX2__
    if constexpr (bytes == 32 && sizeof(Real) == 4) {
      return static_cast<std::uint32_t>(_mm256_movemask_ps(r));
    } else if constexpr (bytes == 32) {
      return static_cast<std::uint32_t>(_mm256_movemask_pd(r));
    }
#endif
    const auto words = (BitRegister)r;
    std::uint32_t all = 0;
    for (int i = 0; i < size; ++i) {
      all |= static_cast<std::uint32_t>(words[i] >> (8 * sizeof(Real) - 1)) << i;
    }
    return all;
  }
  // The largest element; anything beside NaN. The smallest likewise.
  Real largest() const {
    return folded<size / 2>(r, [](Register x, Register y) { return x > y ? x : y; });
  }
  Real smallest() const {
    return folded<size / 2>(r, [](Register x, Register y) { return x < y ? x : y; });
  }
  // The sum of the elements, added up in double.
  double total() const {
    const auto add = [](auto x, auto y) { return x + y; };
#ifdef __AVX2__
    if constexpr (bytes == 32 && sizeof(Real) == 4) {  // GCC 12 would convert one by one
      const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(r));
      return folded<2>(low + _mm256_cvtps_pd(_mm256_extractf128_ps(r, 1)), add);
    }
#endif
    if constexpr (sizeof(Real) == 8) {
      return folded<size / 2>(r, add);
    } else {
      double sum = 0;
      for (int i = 0; i < size; ++i) sum += r[i];
      return sum;
    }
  }

 private:
  // Element 0 of f over all elements, in halves.
  template <int half, class T, class F>
  static auto folded(T x, F f) {
    x = f(x, swapped<half>(x, std::make_index_sequence<sizeof(T) / sizeof(x[0])>()));
    if constexpr (half > 1) {
      return folded<half / 2>(x, f);
    } else {
      return x[0];
    }
  }
  template <std::size_t distance, class T, std::size_t... i>
  static T swapped(T x, std::index_sequence<i...>) {
    return __builtin_shufflevector(x, x, (i ^ distance)...);
  }
};

// Two halves side by side.
template <class Half>
struct Pair {
  using Real = typename Half::Real;
  static constexpr int size = 2 * Half::size;

  Half a, b;

  static Pair all(Real x) { return {Half::all(x), Half::all(x)}; }
  static Pair load(const Real* p) { return {Half::load(p), Half::load(p + Half::size)}; }
  void store(Real* p) const {
    a.store(p);
    b.store(p + Half::size);
  }
  static Pair load(const Real* p, Index n, Real fill) {
    return {Half::load(p, n, fill), Half::load(p + Half::size, n - Half::size, fill)};
  }
  friend Pair operator+(Pair x, Pair y) { return {x.a + y.a, x.b + y.b}; }
  friend Pair operator-(Pair x, Pair y) { return {x.a - y.a, x.b - y.b}; }
  friend Pair operator*(Pair x, Pair y) { return {x.a * y.a, x.b * y.b}; }
  friend Pair operator/(Pair x, Pair y) { return {x.a / y.a, x.b / y.b}; }
  friend Pair multiply_add(Pair x, Pair y, Pair z) {
    return {multiply_add(x.a, y.a, z.a), multiply_add(x.b, y.b, z.b)};
  }
  friend Pair min(Pair x, Pair y) { return {min(x.a, y.a), min(x.b, y.b)}; }
  friend Pair max(Pair x, Pair y) { return {max(x.a, y.a), max(x.b, y.b)}; }
  template <class F>
  friend Pair on_bits(Pair x, Pair y, F f) {
    return {on_bits(x.a, y.a, f), on_bits(x.b, y.b, f)};
  }
  friend Pair equal(Pair x, Pair y) { return {equal(x.a, y.a), equal(x.b, y.b)}; }
  std::uint32_t signs() const { return a.signs() | b.signs() << Half::size; }
  friend Pair choose(Pair chosen, Pair x, Pair y) {
    return {choose(chosen.a, x.a, y.a), choose(chosen.b, x.b, y.b)};
  }
  Real largest() const { return max(a, b).largest(); }
  Real smallest() const { return min(a, b).smallest(); }
  double total() const { return a.total() + b.total(); }
};

template <class Real, int register_bytes>
struct BlockOf {
  static_assert(register_bytes == 16 || register_bytes == 32);
  using Register = Lanes<Real, register_bytes>;
  using type = std::conditional_t<register_bytes == 32, Pair<Register>, Pair<Pair<Register>>>;
};

template <class Real, int register_bytes>
using Block = typename BlockOf<Real, register_bytes>::type;

}  // namespace
}  // namespace mcal::detail
