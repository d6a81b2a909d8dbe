// What the kernels share: element types as float, reductions of lanes.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

extern __shared__ __align__(16) unsigned char dynamic_shared[];

constexpr unsigned all_lanes = 0xffffffffU;
constexpr int warp_lanes = 32;

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

// Reductions over each group of `lanes` neighbouring lanes, a power of two; every lane of the warp
// takes part, and every lane of a group has the result. The order is fixed, so that sums have the
// same bits each time.
template <class T>
__device__ __forceinline__ T max_of_lanes(T x, int lanes = warp_lanes) {
  for (int d = lanes / 2; d > 0; d /= 2) x = max(x, __shfl_xor_sync(all_lanes, x, d));
  return x;
}

template <class T>
__device__ __forceinline__ T min_of_lanes(T x, int lanes = warp_lanes) {
  for (int d = lanes / 2; d > 0; d /= 2) x = min(x, __shfl_xor_sync(all_lanes, x, d));
  return x;
}

template <class T>
__device__ __forceinline__ T sum_of_lanes(T x, int lanes = warp_lanes) {
  for (int d = lanes / 2; d > 0; d /= 2) x += __shfl_xor_sync(all_lanes, x, d);
  return x;
}

// Sum over the lanes up to and including one's own.
template <class T>
__device__ __forceinline__ T running_sum_of_lanes(T x) {
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes;
  for (int d = 1; d < warp_lanes; d *= 2) {
    const T before = __shfl_up_sync(all_lanes, x, d);
    if (lane >= d) x += before;
  }
  return x;
}
