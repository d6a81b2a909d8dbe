// bfloat16: the type, its conversions, and of pairs the larger and the equal.
#pragma once

#include "cuda_emulator.hpp"

struct __nv_bfloat16 {
  unsigned short bits;
};
struct __align__(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};

inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return {bits}; }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 a) { return a.bits; }
inline float __bfloat162float(__nv_bfloat16 a) {
  return __uint_as_float(static_cast<unsigned>(a.bits) << 16);
}
inline __nv_bfloat16 __float2bfloat16_rn(float a) {
  const unsigned bits = __float_as_uint(a);
  if (a != a) return {0x7fff};
  return {static_cast<unsigned short>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}
inline __nv_bfloat16 __float2bfloat16(float a) { return __float2bfloat16_rn(a); }
inline float2 __bfloat1622float2(__nv_bfloat162 a) {
  return {__bfloat162float(a.x), __bfloat162float(a.y)};
}
namespace emulator {
inline __nv_bfloat16 larger(__nv_bfloat16 a,
                            __nv_bfloat16 b) {  // the number beside a NaN; 0.0 above -0.0
  const float x = __bfloat162float(a), y = __bfloat162float(b);
  if (x == y) return (a.bits & 0x8000) != 0 ? b : a;
  return y != y || x > y ? a : b;
}
inline bool same(__nv_bfloat16 a, __nv_bfloat16 b) {
  return __bfloat162float(a) == __bfloat162float(b);
}
}  // namespace emulator
inline __nv_bfloat162 __hmax2(__nv_bfloat162 a, __nv_bfloat162 b) {
  return {emulator::larger(a.x, b.x), emulator::larger(a.y, b.y)};
}
inline unsigned __heq2_mask(__nv_bfloat162 a, __nv_bfloat162 b) {
  return (emulator::same(a.x, b.x) ? 0xffffU : 0) | (emulator::same(a.y, b.y) ? 0xffff0000U : 0);
}
