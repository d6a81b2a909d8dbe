// The part of the runtime that the test program uses. Memory is the heap's, and starts as garbage:
// under the address sanitizer a kernel that leaves an array is told.
#pragma once

#include <cstdlib>
#include <cstring>

#include "launcher.hpp"

enum cudaError_t { cudaSuccess = 0, cudaErrorLaunchFailure = 719 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
using cudaStream_t = void*;

namespace emulator {
inline std::string& last_failure() {
  static std::string text;
  return text;
}
inline cudaError_t kept(std::string failure) {
  if (failure.empty()) return cudaSuccess;
  last_failure() = std::move(failure);
  return cudaErrorLaunchFailure;
}
inline std::uint64_t next_seed() {
  static std::uint64_t seed = 0;
  return ++seed;
}
}  // namespace emulator

inline const char* cudaGetErrorString(cudaError_t) { return emulator::last_failure().c_str(); }
inline cudaError_t cudaGetDeviceCount(int* n) {
  *n = 1;
  return cudaSuccess;
}
inline cudaError_t cudaMalloc(void** at, std::size_t bytes) {
  *at = std::memset(std::malloc(bytes), 0xA5, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaFree(void* at) {
  std::free(at);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  if (bytes > 0) std::memcpy(to, from, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*)(Parameters...), cudaFuncAttribute, int) {
  return cudaSuccess;
}
template <class... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, void** arguments,
                             std::size_t shared_bytes, cudaStream_t) {
  return emulator::kept(emulator::launch(kernel,
                                         {{grid.x, grid.y, grid.z},
                                          {block.x, block.y, block.z},
                                          shared_bytes,
                                          false,
                                          emulator::next_seed()},
                                         arguments));
}
template <class... Parameters>
cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block,
                                        void** arguments, std::size_t shared_bytes, cudaStream_t) {
  return emulator::kept(emulator::launch(kernel,
                                         {{grid.x, grid.y, grid.z},
                                          {block.x, block.y, block.z},
                                          shared_bytes,
                                          true,
                                          emulator::next_seed()},
                                         arguments));
}
