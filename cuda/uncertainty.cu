// Label, deficit, entropy and least confidence of every row of a score matrix, which is read once.
// The formulas, and the meaning of q, t and u, are those of cpp/include/mcal/uncertainty.hpp.
//
// A piece of a row is held in registers, V vectors of 16 bytes a lane, by a group of `lanes` lanes
// (a power of two: the whole warp for long rows, one lane for the shortest). Four steps on it:
//   1. the largest element, from the largest of every 8
//   2. where it is: only the 8 that have it are looked at; it is then taken out of its register
//   3. the second largest: the largest of what is left
//   4. t and u of what is left, relative to the second largest: nothing exceeds it, no branch
// Longer rows are several pieces, by one warp or by all warps of a block, whose results merge.
// The last step, exp and log in double, is worth hundreds of instructions: a lane keeps the result
// of a row until all lanes have one.
#include "common.cuh"

namespace mcal {
namespace {

constexpr float lowest_float = -3.4028234663852886e38F;
constexpr float smallest_normal_float = 1.1754943508222875e-38F;
constexpr double ln_2 = 0.69314718055994530942;
constexpr float log2_e = 1.4426950408889634F;
constexpr int no_label = 0x7fffffff;
constexpr int at_once = 8;  // elements whose largest is kept

// MUFU.EX2 and MUFU.LG2 alone, within 2^-22: exp2f and log2f treat subnormal numbers too, which
// costs more than the rest of the loop.
__device__ __forceinline__ float fast_exp2(float x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

__device__ __forceinline__ float fast_log2(float x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return x < smallest_normal_float && x >= 0 ? log2f(0.0F) : log2f(x);
#endif
}

__device__ __forceinline__ bool is_finite(double x) { return x - x == 0; }

// ---- element types: 16 bytes hold n of them, in the order of memory --------------------------

__device__ __forceinline__ unsigned& word_of(uint4& v, int i) {  // i is known when compiled
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

struct Float32 {
  using Element = float;
  static constexpr int n = 4;
  static constexpr float lowest = lowest_float;
  static constexpr double sum_tolerance = 1e-3;
  static __device__ __forceinline__ float get(uint4& v, int e) {
    return __uint_as_float(word_of(v, e));
  }
  static __device__ __forceinline__ void set(uint4& v, int e, float x) {
    word_of(v, e) = __float_as_uint(x);
  }
};

template <class Bits>
struct TwoBytes : Bits {
  static constexpr int n = 8;
  static __device__ __forceinline__ float get(uint4& v, int e) {
    return Bits::from_word(word_of(v, e / 2), e % 2 != 0);
  }
  static __device__ __forceinline__ void set(uint4& v, int e, float x) {
    unsigned& word = word_of(v, e / 2);
    const unsigned bits = Bits::to_bits(x);
    word = e % 2 != 0 ? (word & 0xffffU) | bits << 16 : (word & 0xffff0000U) | bits;
  }
};

struct Float16Bits {
  using Element = __half;
  static constexpr float lowest = -65504;
  static constexpr double sum_tolerance = 1e-3;
  static __device__ __forceinline__ float from_word(unsigned word, bool high) {
    return __half2float(__ushort_as_half(static_cast<unsigned short>(high ? word >> 16 : word)));
  }
  static __device__ __forceinline__ unsigned to_bits(float x) {
    return __half_as_ushort(__float2half_rn(x));
  }
};

struct Bfloat16Bits {
  using Element = __nv_bfloat16;
  static constexpr float lowest = -3.3895313892515355e38F;
  static constexpr double sum_tolerance = 5e-3;  // rounding p1 alone may change the sum by 0.002
  static __device__ __forceinline__ float from_word(unsigned word, bool high) {
    return __uint_as_float(high ? word & 0xffff0000U : word << 16);
  }
  static __device__ __forceinline__ unsigned to_bits(float x) {
    return __bfloat16_as_ushort(__float2bfloat16_rn(x));
  }
};

using Float16 = TwoBytes<Float16Bits>;
using Bfloat16 = TwoBytes<Bfloat16Bits>;

// ---- what is known of a piece, and then of a row ---------------------------------------------

struct Sums {
  float first, second;  // the two largest
  int label;            // where the first is
  double t, u;          // of all but the first, relative to the second
};

struct Ratio {
  double factor, ln;
};

// `none` stands where a row has no element: never the second largest of a row that is trusted, and
// of no weight beside it. NaN, infinities and negative probabilities make t or u not finite.
struct Logits {
  template <class S>
  static constexpr float none = S::lowest;
  static constexpr double log_unit = 1;
  float second;
  explicit __device__ __forceinline__ Logits(float s) : second(s) {}

  __device__ __forceinline__ void weigh(float x, float& w, float& log_w) const {
    log_w = x - second;  // first: x log2 e alone would lose what the difference keeps
    w = fast_exp2(log_w * log2_e);
  }
  static __device__ __forceinline__ Ratio ratio(float x, float to) {
    if (x == to) return {1, 0};
    const double ln = static_cast<double>(x) - static_cast<double>(to);
    return {exp(ln), ln};
  }
  template <class S>
  static __device__ __forceinline__ bool trusted(const Sums& s) {
    return is_finite(s.first) && s.second > S::lowest / 2 && is_finite(s.t) && is_finite(s.u);
  }
  static __device__ __forceinline__ bool allowed(float x) { return is_finite(x); }
  static __device__ __forceinline__ bool right_sum(const Sums&, double) { return true; }
};

struct Probabilities {
  template <class S>
  static constexpr float none = 0;
  static constexpr double log_unit = ln_2;
  float scale, factor;  // two, because 1 / second overflows where second is subnormal
  explicit __device__ __forceinline__ Probabilities(float second) {
    scale = second < 0x1p-64F ? 0x1p80F : 1.0F;
    factor = second > 0 ? 1.0F / (second * scale) : 1.0F;
  }

  __device__ __forceinline__ void weigh(float x, float& w, float& log_w) const {
    w = x * scale * factor;
    log_w = fast_log2(w + smallest_normal_float);  // finite for 0, not for a negative number
  }
  static __device__ __forceinline__ Ratio ratio(float x, float to) {
    if (x == to) return {1, 0};
    if (!(x > 0 && to > 0)) return {0, 0};
    const double factor = static_cast<double>(x) / static_cast<double>(to);
    return {factor, log(factor)};
  }
  template <class S>
  static __device__ __forceinline__ bool trusted(const Sums& s) {
    return s.second >= 0 && is_finite(s.t) && is_finite(s.u) && right_sum(s, S::sum_tolerance);
  }
  static __device__ __forceinline__ bool allowed(float x) { return is_finite(x) && x >= 0; }
  static __device__ __forceinline__ bool right_sum(const Sums& s, double tolerance) {
    const double total = static_cast<double>(s.first) + static_cast<double>(s.second) * s.t;
    return fabs(total - 1) <= tolerance;  // false for NaN
  }
};

template <class Kind>
__device__ Sums merged(const Sums& a, const Sums& b) {
  const bool b_first = b.first > a.first || (b.first == a.first && b.label < a.label);
  const float loser = b_first ? a.first : b.first;
  Sums s;
  s.first = b_first ? b.first : a.first;
  s.label = b_first ? b.label : a.label;
  s.second = fmaxf(fmaxf(a.second, b.second), loser);
  const Ratio of_a = Kind::ratio(a.second, s.second), of_b = Kind::ratio(b.second, s.second);
  const Ratio of_loser = Kind::ratio(loser, s.second);
  s.t = of_a.factor * a.t + of_b.factor * b.t + of_loser.factor;
  s.u = of_a.factor * (a.u + of_a.ln * a.t) + of_b.factor * (b.u + of_b.ln * b.t) +
        of_loser.factor * of_loser.ln;
  return s;
}

// ---- a piece ----------------------------------------------------------------------------------

// A row as vectors on 16-byte boundaries: `shift` elements before it are not its own.
template <class S>
struct Row {
  const typename S::Element* data;
  int cols, shift;

  __device__ Row(const typename S::Element* data_, int cols_) : data(data_), cols(cols_) {
    shift = static_cast<int>(reinterpret_cast<unsigned long long>(data_) % 16 /
                             sizeof(typename S::Element));
  }
  __device__ __forceinline__ bool has_all_of(int vector) const {
    return vector * S::n >= shift && vector * S::n - shift <= cols - S::n;
  }
  __device__ __forceinline__ bool has_some_of(int vector) const {
    return vector * S::n - shift < cols && vector * S::n + S::n > shift;
  }
};

// The vectors first, first + lanes, ... Whole ones are asked for before any is waited for.
template <class S, int V>
__device__ __forceinline__ void load(const Row<S>& row, int first, int lanes, float none,
                                     uint4 (&v)[V]) {
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const int vector = first + k * lanes;
#pragma unroll
    for (int e = 0; e < S::n; ++e) S::set(v[k], e, none);
    if (row.has_all_of(vector)) {
      v[k] = __ldg(reinterpret_cast<const uint4*>(row.data - row.shift) + vector);
    }
  }
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const int vector = first + k * lanes;
    if (row.has_all_of(vector) || !row.has_some_of(vector)) continue;
#pragma unroll
    for (int e = 0; e < S::n; ++e) {
      const int j = vector * S::n + e - row.shift;
      if (j >= 0 && j < row.cols) S::set(v[k], e, to_float(row.data[j]));
    }
  }
}

template <class S, class Kind, int V>
__device__ __forceinline__ Sums sums_of_piece(const Row<S>& row, int first_vector, int lanes) {
  constexpr float none = Kind::template none<S>;
  constexpr int per = at_once / S::n;  // vectors whose largest is kept
  uint4 v[V];
  load<S, V>(row, first_vector, lanes, none, v);

  float largest[V / per], own = none;
#pragma unroll
  for (int g = 0; g < V / per; ++g) {
    largest[g] = none;
#pragma unroll
    for (int i = 0; i < at_once; ++i) {
      largest[g] = fmaxf(largest[g], S::get(v[g * per + i / S::n], i % S::n));
    }
    own = fmaxf(own, largest[g]);
  }
  Sums s;
  s.first = max_of_lanes(own, lanes);

  int at = no_label;
  if (own == s.first) {
#pragma unroll
    for (int g = 0; g < V / per; ++g) {
      if (largest[g] != s.first) continue;
#pragma unroll
      for (int i = 0; i < at_once; ++i) {
        const int k = g * per + i / S::n, e = i % S::n;
        const int j = (first_vector + k * lanes) * S::n + e - row.shift;
        if (S::get(v[k], e) == s.first) at = min(at, j);
      }
    }
  }
  s.label = min_of_lanes(at, lanes);

  if (at == s.label) {
    own = none;
#pragma unroll
    for (int g = 0; g < V / per; ++g) {
      if (largest[g] == s.first) {
        largest[g] = none;
#pragma unroll
        for (int i = 0; i < at_once; ++i) {
          const int k = g * per + i / S::n, e = i % S::n;
          const int j = (first_vector + k * lanes) * S::n + e - row.shift;
          if (j == at) S::set(v[k], e, none);
          largest[g] = fmaxf(largest[g], S::get(v[k], e));
        }
      }
      own = fmaxf(own, largest[g]);
    }
  }
  s.second = max_of_lanes(own, lanes);

  const Kind kind(s.second);
  float t[4] = {0, 0, 0, 0}, u[4] = {0, 0, 0, 0};  // short chains: less rounding, less waiting
#pragma unroll
  for (int k = 0; k < V; ++k) {
#pragma unroll
    for (int e = 0; e < S::n; ++e) {
      float w, log_w;
      kind.weigh(S::get(v[k], e), w, log_w);
      t[e % 4] += w;
      u[e % 4] = fmaf(w, log_w, u[e % 4]);
    }
  }
  s.t = sum_of_lanes((t[0] + t[1]) + (t[2] + t[3]), lanes);
  s.u = Kind::log_unit * sum_of_lanes((u[0] + u[1]) + (u[2] + u[3]), lanes);
  return s;
}

// ---- a row ------------------------------------------------------------------------------------

// One lane alone, in double: for rows with something that is not allowed, and logits so large that
// their differences are beyond float. False if the row is not allowed.
template <class S, class Kind>
__device__ bool sums_of_odd_row(const Row<S>& row, Sums& s) {
  s = {-1.0F / 0.0F, -1.0F / 0.0F, 0, 0, 0};
  for (int j = 0; j < row.cols; ++j) {
    const float x = to_float(row.data[j]);
    if (!Kind::allowed(x)) return false;
    if (x > s.first) {
      s.second = s.first;
      s.first = x;
      s.label = j;
    } else {
      s.second = fmaxf(s.second, x);
    }
  }
  for (int j = 0; j < row.cols; ++j) {
    if (j == s.label) continue;
    const Ratio w = Kind::ratio(to_float(row.data[j]), s.second);
    s.t += w.factor;
    s.u += w.factor * w.ln;
  }
  return Kind::right_sum(s, S::sum_tolerance);
}

struct Output {
  long long* label;
  double *deficit, *entropy, *least_confidence;
};

template <class Kind>
__device__ void write_row(const Sums& s, long long i, const Output& out) {
  const Ratio second = Kind::ratio(s.second, s.first);
  const double others = second.factor * s.t;  // the odds against the label
  const double z = 1 + others;
  out.label[i] = s.label;
  out.deficit[i] = fmin(1.0, (second.factor + others) / z);
  out.least_confidence[i] = others / z;
  out.entropy[i] =
      second.factor > 0 ? log1p(others) - second.factor * (s.u + s.t * second.ln) / z : 0.0;
}

// All of a launch. A unit, one warp or, if `block_a_row`, a block, takes `rounds` times 32 / lanes
// neighbouring rows; rounds <= lanes. Lane i of a group keeps the result of round i.
template <class S, class Kind, int V>
__device__ __forceinline__ void run(const typename S::Element* scores, long long rows, int cols,
                                    long long row_stride, int lanes, int rounds, int block_a_row,
                                    const Output& out, long long* first_bad_row) {
  __shared__ Sums of_warps[warp_lanes];
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes;
  const int warp = static_cast<int>(threadIdx.x) / warp_lanes;
  const int n_warps = static_cast<int>(blockDim.x) / warp_lanes;
  const int group = lane / lanes, lane_of_group = lane % lanes;
  const int rows_at_once = warp_lanes / lanes;
  const long long unit =
      block_a_row != 0 ? blockIdx.x : static_cast<long long>(blockIdx.x) * n_warps + warp;
  const long long first_row = unit * rounds * rows_at_once + group;
  const int piece = lanes * V;  // vectors
  const int pieces_before = block_a_row != 0 ? warp : 0, step = block_a_row != 0 ? n_warps : 1;

  Sums mine{};
  for (int round = 0; round < rounds; ++round) {
    // Rows that are not there are short of elements, not of lanes: shuffles need them all.
    const long long i = first_row + static_cast<long long>(round) * rows_at_once;
    const Row<S> row(scores + (i < rows ? i : 0) * row_stride, i < rows ? cols : 0);
    // The same number for all rows of a warp, again because of the shuffles.
    const int vectors = (cols + (row_stride % S::n == 0 ? row.shift : S::n - 1) + S::n - 1) / S::n;
    Sums s{Kind::template none<S>, Kind::template none<S>, no_label, 0, 0};
    for (int p = pieces_before; p < (vectors + piece - 1) / piece; p += step) {
      const Sums next = sums_of_piece<S, Kind, V>(row, p * piece + lane_of_group, lanes);
      s = p == pieces_before ? next : merged<Kind>(s, next);
    }
    if (block_a_row != 0) {
      __syncthreads();  // the round before has read of_warps
      if (lane == 0) of_warps[warp] = s;
      __syncthreads();
      if (warp == 0) {
        for (int w = 1; w < n_warps; ++w) s = merged<Kind>(s, of_warps[w]);
      }
    }
    if (lane_of_group == round) mine = s;
  }

  const long long i = first_row + static_cast<long long>(lane_of_group) * rows_at_once;
  if (lane_of_group >= rounds || i >= rows || (block_a_row != 0 && warp != 0)) return;
  const bool good = Kind::template trusted<S>(mine) ||
                    sums_of_odd_row<S, Kind>(Row<S>(scores + i * row_stride, cols), mine);
  if (good) {
    write_row<Kind>(mine, i, out);
  } else {
    atomicMin(first_bad_row, i);
  }
}

}  // namespace
}  // namespace mcal

#define MCAL_UNCERTAINTY(name, type, kind, vectors)                                           \
  extern "C" __global__ void __launch_bounds__(256)                                           \
      name(const mcal::type::Element* scores, long long rows, int cols, long long row_stride, \
           int lanes, int rounds, int block_a_row, long long* label, double* deficit,         \
           double* entropy, double* least_confidence, long long* first_bad_row) {             \
    mcal::run<mcal::type, mcal::kind, vectors>(                                               \
        scores, rows, cols, row_stride, lanes, rounds, block_a_row,                           \
        {label, deficit, entropy, least_confidence}, first_bad_row);                          \
  }

MCAL_UNCERTAINTY(uncertainty_float32_logits_4, Float32, Logits, 4)
MCAL_UNCERTAINTY(uncertainty_float32_logits_8, Float32, Logits, 8)
MCAL_UNCERTAINTY(uncertainty_float32_probabilities_4, Float32, Probabilities, 4)
MCAL_UNCERTAINTY(uncertainty_float32_probabilities_8, Float32, Probabilities, 8)
MCAL_UNCERTAINTY(uncertainty_float16_logits_4, Float16, Logits, 4)
MCAL_UNCERTAINTY(uncertainty_float16_logits_8, Float16, Logits, 8)
MCAL_UNCERTAINTY(uncertainty_float16_probabilities_4, Float16, Probabilities, 4)
MCAL_UNCERTAINTY(uncertainty_float16_probabilities_8, Float16, Probabilities, 8)
MCAL_UNCERTAINTY(uncertainty_bfloat16_logits_4, Bfloat16, Logits, 4)
MCAL_UNCERTAINTY(uncertainty_bfloat16_logits_8, Bfloat16, Logits, 8)
MCAL_UNCERTAINTY(uncertainty_bfloat16_probabilities_4, Bfloat16, Probabilities, 4)
MCAL_UNCERTAINTY(uncertainty_bfloat16_probabilities_8, Bfloat16, Probabilities, 8)
