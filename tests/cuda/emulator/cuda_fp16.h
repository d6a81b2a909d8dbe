// Half precision: the type, its conversions, and of pairs the larger and the equal.
#pragma once

#include "cuda_emulator.hpp"

struct __half {
  unsigned short bits;
};
struct __align__(4) __half2 {
  __half x, y;
};
using half = __half;

inline __half __ushort_as_half(unsigned short bits) { return {bits}; }
inline unsigned short __half_as_ushort(__half a) { return a.bits; }
inline float __half2float(__half a) {
  _Float16 value;
  std::memcpy(&value, &a, sizeof(value));
  return static_cast<float>(value);
}
inline __half __float2half_rn(float a) {
  const auto value = static_cast<_Float16>(a);
  __half result;
  std::memcpy(&result, &value, sizeof(result));
  return result;
}
inline __half __float2half(float a) { return __float2half_rn(a); }
inline float2 __half22float2(__half2 a) { return {__half2float(a.x), __half2float(a.y)}; }
inline float __low2float(__half2 a) { return __half2float(a.x); }
inline float __high2float(__half2 a) { return __half2float(a.y); }
namespace emulator {
inline __half larger(__half a, __half b) {  // the number beside a NaN; 0.0 above -0.0
  const float x = __half2float(a), y = __half2float(b);
  if (x == y) return (a.bits & 0x8000) != 0 ? b : a;
  return y != y || x > y ? a : b;
}
inline bool same(__half a, __half b) { return __half2float(a) == __half2float(b); }
}  // namespace emulator
inline __half2 __hmax2(__half2 a, __half2 b) {
  return {emulator::larger(a.x, b.x), emulator::larger(a.y, b.y)};
}
inline unsigned __heq2_mask(__half2 a, __half2 b) {
  return (emulator::same(a.x, b.x) ? 0xffffU : 0) | (emulator::same(a.y, b.y) ? 0xffff0000U : 0);
}
