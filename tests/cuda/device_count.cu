#include <cuda_runtime.h>

#include "device_count.hpp"

int on_device::device_count() {
  int n = 0;
  return cudaGetDeviceCount(&n) == cudaSuccess ? n : 0;
}
