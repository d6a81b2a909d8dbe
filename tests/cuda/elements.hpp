// Host arrays of the types that kernels take, from float.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <vector>

namespace on_device {

template <class Element>
Element element_of(float x);
template <>
inline float element_of<float>(float x) {
  return x;
}
template <>
inline __half element_of<__half>(float x) {
  return __float2half_rn(x);
}
template <>
inline __nv_bfloat16 element_of<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}
inline float float_of(__half x) { return __half2float(x); }
inline float float_of(__nv_bfloat16 x) { return __bfloat162float(x); }

template <class Element>
std::vector<Element> elements_of(const std::vector<float>& values) {
  std::vector<Element> elements;
  for (const float x : values) elements.push_back(element_of<Element>(x));
  return elements;
}

}  // namespace on_device
