// The kernels as functions of host arrays: what the tests call. No CUDA type in here, and C++17,
// so that nvcc compiles one side and any C++20 compiler the other.
#pragma once

#include <string>
#include <vector>

namespace on_device {

struct UncertaintyCut {
  int vectors, lanes, rounds;
  bool block_a_row;
};

struct UncertaintyResult {
  std::vector<long long> label;
  std::vector<double> deficit, entropy, least_confidence;
  long long first_bad_row;
};

// dtype "float32", "float16" or "bfloat16": what the scores are rounded to first.
UncertaintyResult uncertainty(const std::vector<float>& scores, long long rows, int cols,
                              long long row_stride, const std::string& dtype, bool logits,
                              const UncertaintyCut& cut);

// The values as the kernels see them.
std::vector<float> rounded(const std::vector<float>& values, const std::string& dtype);

struct SmallestKCut {
  long long per_warp;  // of the gather and the sort
  long long few;       // sorted by one block up to here, a power of two
};

// k >= 1. `first_nan` is where the first NaN is, or the largest number.
template <class T>
std::vector<long long> smallest_k(const std::vector<T>& values, long long k, bool largest,
                                  const SmallestKCut& cut, long long& first_nan);

struct KCenterCut {
  int candidates;
  int blocks;        // of the kernel that picks
  bool by_products;  // else a pass of one center each
};

struct KCenterPicks {
  std::vector<long long> positions;
  std::vector<float> distances;
  long long first_bad_row;  // beyond all rows if there is none
};

// At least one center. Rows of d columns.
KCenterPicks k_center(const std::vector<float>& x, int d, const std::string& dtype, int k,
                      const std::vector<long long>& centers, bool cosine, const KCenterCut& cut);

}  // namespace on_device
