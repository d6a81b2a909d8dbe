// Device memory and launches for the test program, on a device or emulated.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <type_traits>
#include <vector>

namespace on_device {

inline void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}

// An array of exactly n elements of its own, so that memcheck sees any other access.
template <class T>
class Array {
 public:
  explicit Array(std::size_t n) : n_(n) {
    void* at = nullptr;
    check(cudaMalloc(&at, (n > 0 ? n : 1) * sizeof(T)));
    data_ = static_cast<T*>(at);
  }
  explicit Array(const std::vector<T>& host) : Array(host.size()) {
    check(cudaMemcpy(data_, host.data(), n_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { cudaFree(data_); }

  T* data() const { return data_; }
  std::vector<T> on_host() const {
    std::vector<T> host(n_);
    check(cudaMemcpy(host.data(), data_, n_ * sizeof(T), cudaMemcpyDeviceToHost));
    return host;
  }

 private:
  T* data_ = nullptr;
  std::size_t n_;
};

struct Shape {
  unsigned grid, block;
  std::size_t shared_bytes = 0;
  bool cooperative = false;
};

// Waits for the end, and throws what went wrong.
template <class... Parameters>
void launch(void (*kernel)(Parameters...), Shape shape,
            std::common_type_t<Parameters>... arguments) {
  void* addresses[] = {const_cast<void*>(static_cast<const void*>(&arguments))...};
  const dim3 grid(shape.grid), block(shape.block);
  check(
      shape.cooperative
          ? cudaLaunchCooperativeKernel(kernel, grid, block, addresses, shape.shared_bytes, nullptr)
          : cudaLaunchKernel(kernel, grid, block, addresses, shape.shared_bytes, nullptr));
  check(cudaDeviceSynchronize());
}

}  // namespace on_device
