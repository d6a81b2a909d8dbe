// The part of the CUDA language that the kernels use, for an ordinary C++ compiler. Include it
// before a kernel's text. Only what is here exists: a kernel that needs more does not compile, and
// whoever needs it adds it, with the types and overloads that CUDA has and no others.
//
// Dynamic shared memory has one name: `extern __shared__ unsigned char dynamic_shared[];`
// __shared__ variables have no initialisers, as in CUDA. Not emulated: inline PTX, so a kernel
// keeps it behind `#ifdef __CUDA_ARCH__` with the same in C++ beside it.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "scheduler.hpp"

#ifndef __global__  // whoever looks for the kernels' names defines it as itself
#define __global__
#endif
#define __device__
#define __host__
#define __constant__ static const
#define __shared__ thread_local  // see scheduler.cpp
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

#define EMULATOR_VECTORS(type, name)                                                            \
  struct __align__(2 * sizeof(type)) name##2 { type x, y; };                                    \
  struct name##3 { type x, y, z; };                                                             \
  struct __align__(4 * sizeof(type) < 16 ? 4 * sizeof(type) : 16) name##4 { type x, y, z, w; }; \
  inline name##2 make_##name##2(type x, type y) { return {x, y}; }                              \
  inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
EMULATOR_VECTORS(float, float)
EMULATOR_VECTORS(double, double)
EMULATOR_VECTORS(int, int)
EMULATOR_VECTORS(short, short)
EMULATOR_VECTORS(unsigned short, ushort)
EMULATOR_VECTORS(unsigned char, uchar)
EMULATOR_VECTORS(long long, longlong)
EMULATOR_VECTORS(unsigned long long, ulonglong)
#undef EMULATOR_VECTORS
struct __align__(8) uint2 {
  unsigned x, y;
};
struct __align__(16) uint4 {
  unsigned x, y, z, w;
};
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// The caller's line is the default argument's, so kernels write the functions as in CUDA.
#define EMULATOR_SITE emulator::Site site = {__builtin_FUNCTION(), __builtin_LINE()}

inline void __syncthreads(EMULATOR_SITE) { emulator::barrier(emulator::BarrierOp::none, 0, site); }
inline int __syncthreads_or(int p, EMULATOR_SITE) {
  return emulator::barrier(emulator::BarrierOp::any, p, site);
}
inline int __syncthreads_and(int p, EMULATOR_SITE) {
  return emulator::barrier(emulator::BarrierOp::all, p, site);
}
inline int __syncthreads_count(int p, EMULATOR_SITE) {
  return emulator::barrier(emulator::BarrierOp::count, p, site);
}
inline void __syncwarp(unsigned mask = 0xffffffffU, EMULATOR_SITE) {
  emulator::warp(emulator::WarpOp::sync, mask, 0, 0, 32, site);
}
inline unsigned __ballot_sync(unsigned mask, int p, EMULATOR_SITE) {
  return static_cast<unsigned>(
      emulator::warp(emulator::WarpOp::ballot, mask, p != 0 ? 1 : 0, 0, 32, site));
}
inline int __any_sync(unsigned mask, int p, EMULATOR_SITE) {
  return __ballot_sync(mask, p, site) != 0;
}
inline int __all_sync(unsigned mask, int p, EMULATOR_SITE) {
  return (__ballot_sync(mask, p, site) & mask) == mask;
}

namespace emulator {
// Types that the device's warp functions take.
template <class T>
constexpr bool is_lane_value =
    std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8) && !std::is_same_v<T, bool>;

template <class T>
std::uint64_t bits_of(T value) {
  static_assert(is_lane_value<T>, "the device has no warp function for this type");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}
template <class T>
T value_of(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
template <class T>
T shuffle(WarpOp op, unsigned mask, T value, unsigned parameter, int width, Site site) {
  return value_of<T>(warp(op, mask, bits_of(value), parameter, width, site));
}
}  // namespace emulator

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32, EMULATOR_SITE) {
  return emulator::shuffle(emulator::WarpOp::shuffle, mask, value, static_cast<unsigned>(from),
                           width, site);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATOR_SITE) {
  return emulator::shuffle(emulator::WarpOp::shuffle_up, mask, value, delta, width, site);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATOR_SITE) {
  return emulator::shuffle(emulator::WarpOp::shuffle_down, mask, value, delta, width, site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, EMULATOR_SITE) {
  return emulator::shuffle(emulator::WarpOp::shuffle_xor, mask, value,
                           static_cast<unsigned>(lane_mask), width, site);
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value, EMULATOR_SITE) {
  return static_cast<unsigned>(
      emulator::warp(emulator::WarpOp::match, mask, emulator::bits_of(value), 0, 32, site));
}

namespace emulator {
// Signed numbers are ordered as unsigned ones are once their sign is turned.
template <class T>
T reduce(WarpOp op, unsigned mask, T value, Site site) {
  static_assert(sizeof(T) == 4);
  constexpr unsigned sign = std::is_signed_v<T> ? 0x80000000U : 0;
  return value_of<T>(warp(op, mask, bits_of(value) ^ sign, 0, 32, site) ^ sign);
}
}  // namespace emulator
#define EMULATOR_REDUCE(type)                                               \
  inline type __reduce_max_sync(unsigned mask, type value, EMULATOR_SITE) { \
    return emulator::reduce(emulator::WarpOp::max, mask, value, site);      \
  }                                                                         \
  inline type __reduce_min_sync(unsigned mask, type value, EMULATOR_SITE) { \
    return emulator::reduce(emulator::WarpOp::min, mask, value, site);      \
  }
EMULATOR_REDUCE(int)
EMULATOR_REDUCE(unsigned)
#undef EMULATOR_REDUCE

inline void __threadfence() { emulator::maybe_yield(); }
inline void __threadfence_block() { emulator::maybe_yield(); }
inline void __nanosleep(unsigned) { emulator::sleep(); }
[[noreturn]] inline void __trap() { std::abort(); }

namespace emulator {
template <class T, class Change>
T atomically(T* at, Change change) {
  maybe_yield();  // or orders of atomics would never vary within a pass
  const T old = *at;
  *at = change(old);
  return old;
}
}  // namespace emulator

// Overloads for exactly CUDA's types: int64_t is `long` on Linux, and has none there either.
#define EMULATOR_ATOMIC(name, type, result)                                               \
  inline type name(type* at, type value) {                                                \
    return emulator::atomically(at, [&](type old) { return static_cast<type>(result); }); \
  }
#define EMULATOR_ATOMICS(type)                                \
  EMULATOR_ATOMIC(atomicMin, type, value < old ? value : old) \
  EMULATOR_ATOMIC(atomicMax, type, value > old ? value : old) \
  EMULATOR_ATOMIC(atomicAnd, type, old& value)                \
  EMULATOR_ATOMIC(atomicOr, type, old | value)                \
  EMULATOR_ATOMIC(atomicXor, type, old ^ value)
EMULATOR_ATOMICS(int)
EMULATOR_ATOMICS(unsigned)
EMULATOR_ATOMICS(unsigned long long)
EMULATOR_ATOMIC(atomicMin, long long, value < old ? value : old)
EMULATOR_ATOMIC(atomicMax, long long, value > old ? value : old)
EMULATOR_ATOMIC(atomicAdd, int, old + value)
EMULATOR_ATOMIC(atomicAdd, unsigned, old + value)
EMULATOR_ATOMIC(atomicAdd, unsigned long long, old + value)
EMULATOR_ATOMIC(atomicAdd, float, old + value)
EMULATOR_ATOMIC(atomicAdd, double, old + value)
EMULATOR_ATOMIC(atomicSub, int, old - value)
EMULATOR_ATOMIC(atomicSub, unsigned, old - value)
EMULATOR_ATOMIC(atomicExch, int, ((void)old, value))
EMULATOR_ATOMIC(atomicExch, unsigned, ((void)old, value))
EMULATOR_ATOMIC(atomicExch, unsigned long long, ((void)old, value))
EMULATOR_ATOMIC(atomicExch, float, ((void)old, value))
#undef EMULATOR_ATOMICS
#undef EMULATOR_ATOMIC
#define EMULATOR_CAS(type)                                                                    \
  inline type atomicCAS(type* at, type expected, type value) {                                \
    return emulator::atomically(at, [&](type old) { return old == expected ? value : old; }); \
  }
EMULATOR_CAS(int)
EMULATOR_CAS(unsigned)
EMULATOR_CAS(unsigned long long)
#undef EMULATOR_CAS

template <class T>
T __ldg(const T* at) {
  return *at;
}
template <class T>
T __ldcg(const T* at) {
  return *at;
}
template <class T>
T __ldcs(const T* at) {
  return *at;
}
template <class T>
void __stcs(T* at, T value) {
  *at = value;
}
template <class T>
void __stcg(T* at, T value) {
  *at = value;
}

inline float __fmaf_rn(float a, float b, float c) { return std::fmaf(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return std::sqrt(a); }
inline unsigned __float_as_uint(float a) {
  return emulator::value_of<unsigned>(emulator::bits_of(a));
}
inline int __float_as_int(float a) { return emulator::value_of<int>(emulator::bits_of(a)); }
inline float __uint_as_float(unsigned a) { return emulator::value_of<float>(a); }
inline float __int_as_float(int a) { return emulator::value_of<float>(static_cast<unsigned>(a)); }
inline long long __double_as_longlong(double a) {
  return emulator::value_of<long long>(emulator::bits_of(a));
}
inline double __longlong_as_double(long long a) {
  return emulator::value_of<double>(static_cast<unsigned long long>(a));
}
inline float __double2float_rn(double a) { return static_cast<float>(a); }
inline float __double2float_ru(double a) {
  const auto near = static_cast<float>(a);
  return static_cast<double>(near) < a ? std::nextafterf(near, HUGE_VALF) : near;
}
inline float __fadd_ru(float a, float b) {
  return __double2float_ru(static_cast<double>(a) + static_cast<double>(b));
}
inline float __fmul_ru(float a, float b) {
  return __double2float_ru(static_cast<double>(a) * static_cast<double>(b));
}
inline int __clz(int a) { return a == 0 ? 32 : __builtin_clz(static_cast<unsigned>(a)); }
inline int __clzll(long long a) {
  return a == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(a));
}
inline int __popc(unsigned a) { return __builtin_popcount(a); }
inline int __popcll(unsigned long long a) { return __builtin_popcountll(a); }
inline int __ffs(int a) { return __builtin_ffs(a); }
inline int __ffsll(long long a) { return __builtin_ffsll(a); }
inline float rsqrtf(float a) { return 1.0F / std::sqrt(a); }
using std::isfinite;
using std::isinf;
using std::isnan;

#define EMULATOR_MIN_MAX(type)                              \
  inline type min(type a, type b) { return b < a ? b : a; } \
  inline type max(type a, type b) { return a < b ? b : a; }
EMULATOR_MIN_MAX(int)
EMULATOR_MIN_MAX(unsigned)
EMULATOR_MIN_MAX(long)
EMULATOR_MIN_MAX(unsigned long)
EMULATOR_MIN_MAX(long long)
EMULATOR_MIN_MAX(unsigned long long)
#undef EMULATOR_MIN_MAX
// As on the device: the number beside a NaN.
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); }
inline double max(double a, double b) { return std::fmax(a, b); }

extern thread_local unsigned char dynamic_shared[];
