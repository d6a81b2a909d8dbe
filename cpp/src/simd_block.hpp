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
  static constexpr int size = bytes / sizeof(Real);

  Register r;

  static Lanes all(Real x) { return {Register{} + x}; }
  static Lanes load(const Real* p) {
    Lanes a;
    __builtin_memcpy(&a.r, p, bytes);
    return a;
  }
  void store(Real* p) const { __builtin_memcpy(p, &r, bytes); }
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
  friend Lanes either(Lanes a, Lanes b) {
    return on_bits(a, b, [](auto x, auto y) { return x | y; });
  }
  bool any_bit() const {
#ifdef __AVX2__
    if constexpr (bytes == 32) {
      const auto all = (__m256i)r;
      return !_mm256_testz_si256(all, all);
    }
#endif
    std::uint64_t words[bytes / 8], any = 0;
    __builtin_memcpy(words, &r, bytes);
    for (const std::uint64_t word : words) any |= word;
    return any != 0;
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
  bool any_bit() const { return either(a, b).any_bit(); }
  friend Pair either(Pair x, Pair y) { return {either(x.a, y.a), either(x.b, y.b)}; }
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
