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

// ---- element types: 16 bytes hold n of them in 4 words, in the order of memory -----------------

__device__ __forceinline__ unsigned& word_of(uint4& v, int i) {  // i is known when compiled
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

// For each type, of a word: `max` element by element, ignoring NaN; `top`, its largest element;
// `all`, a word of one number; `equal`, all bits of the elements that are equal; `put`, with
// element e replaced by that of another word.
struct Float32 {
  using Element = float;
  static constexpr int per_word = 1, n = 4;
  static constexpr float lowest = lowest_float;
  static constexpr double sum_tolerance = 1e-3;
  static __device__ __forceinline__ float get(unsigned word, int) { return __uint_as_float(word); }
  static __device__ __forceinline__ unsigned all(float x) { return __float_as_uint(x); }
  static __device__ __forceinline__ unsigned max(unsigned a, unsigned b) {
    return __float_as_uint(fmaxf(__uint_as_float(a), __uint_as_float(b)));
  }
  static __device__ __forceinline__ float top(unsigned word) { return __uint_as_float(word); }
  static __device__ __forceinline__ unsigned equal(unsigned a, unsigned b) {
    return __uint_as_float(a) == __uint_as_float(b) ? ~0U : 0U;
  }
  static __device__ __forceinline__ unsigned put(unsigned, int, unsigned from) { return from; }
};

template <class Bits>
struct TwoBytes : Bits {
  using Pair = typename Bits::Pair;
  static constexpr int per_word = 2, n = 8;
  static __device__ __forceinline__ unsigned all(float x) { return Bits::to_bits(x) * 0x10001U; }
  static __device__ __forceinline__ unsigned max(unsigned a, unsigned b) {
    const Pair larger = __hmax2(pair(a), pair(b));
    return *reinterpret_cast<const unsigned*>(&larger);
  }
  static __device__ __forceinline__ float top(unsigned word) {
    return fmaxf(Bits::get(word, 0), Bits::get(word, 1));
  }
  static __device__ __forceinline__ unsigned equal(unsigned a, unsigned b) {
    return __heq2_mask(pair(a), pair(b));
  }
  static __device__ __forceinline__ unsigned put(unsigned word, int e, unsigned from) {
    const unsigned taken = e != 0 ? 0xffff0000U : 0xffffU;
    return (word & ~taken) | (from & taken);
  }

 private:
  static __device__ __forceinline__ Pair pair(unsigned word) {
    return *reinterpret_cast<const Pair*>(&word);
  }
};

struct Float16Bits {
  using Element = __half;
  using Pair = __half2;
  static constexpr float lowest = -65504;
  static constexpr double sum_tolerance = 1e-3;
  static __device__ __forceinline__ float get(unsigned word, int e) {
    return __half2float(__ushort_as_half(static_cast<unsigned short>(e != 0 ? word >> 16 : word)));
  }
  static __device__ __forceinline__ unsigned to_bits(float x) {
    return __half_as_ushort(__float2half_rn(x));
  }
};

struct Bfloat16Bits {
  using Element = __nv_bfloat16;
  using Pair = __nv_bfloat162;
  static constexpr float lowest = -3.3895313892515355e38F;
  static constexpr double sum_tolerance = 5e-3;  // rounding p1 alone may change the sum by 0.002
  static __device__ __forceinline__ float get(unsigned word, int e) {
    return __uint_as_float(e != 0 ? word & 0xffff0000U : word << 16);
  }
  static __device__ __forceinline__ unsigned to_bits(float x) {
    return __float_as_uint(x) >> 16;  // x is one
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
  int cols, shift, first_whole, n_whole;  // vectors that are all its own

  __device__ Row(const typename S::Element* data_, int cols_) : data(data_), cols(cols_) {
    shift = shift_of(data_);
    first_whole = shift > 0 ? 1 : 0;
    n_whole = max((shift + cols) / S::n - first_whole, 0);
  }
  static __device__ __forceinline__ int shift_of(const typename S::Element* data) {
    return static_cast<int>(reinterpret_cast<unsigned long long>(data) % 16 /
                            sizeof(typename S::Element));
  }
  __device__ __forceinline__ bool has_all_of(int vector) const {
    return static_cast<unsigned>(vector - first_whole) < static_cast<unsigned>(n_whole);
  }
  __device__ __forceinline__ bool has_some_of(int vector) const {
    return vector * S::n - shift < cols && vector * S::n + S::n > shift;
  }
  __device__ __forceinline__ bool has_only_whole() const { return shift == 0 && cols % S::n == 0; }
};

// The vectors first, first + lanes, ... Whole ones are asked for before any is waited for.
template <class S, int V>
__device__ __forceinline__ void load(const Row<S>& row, int first, int lanes, float none,
                                     uint4 (&v)[V]) {
  const unsigned fill = S::all(none);
  const auto address = reinterpret_cast<unsigned long long>(row.data);
  const auto* vectors = reinterpret_cast<const uint4*>(address & ~15ULL);
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const int vector = first + k * lanes;
    v[k] = {fill, fill, fill, fill};
    if (row.has_all_of(vector)) v[k] = __ldg(vectors + vector);
  }
  if (row.has_only_whole()) return;
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const int vector = first + k * lanes;
    if (row.has_all_of(vector) || !row.has_some_of(vector)) continue;
#pragma unroll
    for (int e = 0; e < S::n; ++e) {
      const int j = vector * S::n + e - row.shift;
      if (j < 0 || j >= row.cols) continue;
      unsigned& word = word_of(v[k], e / S::per_word);
      word = S::put(word, e % S::per_word, S::all(to_float(row.data[j])));
    }
  }
}

// As max_of_lanes and so on, in fewer steps where they are the whole warp. No NaN.
__device__ __forceinline__ float max_of_group(float x, int lanes) {
  if (lanes < warp_lanes) return max_of_lanes(x, lanes);
  // Numbers are ordered as integers are once the magnitude of negative ones is turned around.
  const auto turned = [](int bits) { return bits ^ (bits >> 31 & 0x7fffffff); };
  return __int_as_float(turned(__reduce_max_sync(all_lanes, turned(__float_as_int(x)))));
}

__device__ __forceinline__ int min_of_group(int x, int lanes) {
  return lanes < warp_lanes ? min_of_lanes(x, lanes) : __reduce_min_sync(all_lanes, x);
}

__device__ __forceinline__ float sum_of_group(float x, int lanes) {
  return lanes < warp_lanes ? sum_of_lanes(x, lanes) : sum_of_lanes(x);
}

// The largest of 8 elements, as far as one word can tell.
template <class S>
__device__ __forceinline__ unsigned largest_of(uint4* v, int eight) {
  constexpr int words = at_once / S::per_word;
  unsigned largest = word_of(v[eight * words / 4], eight * words % 4);
#pragma unroll
  for (int i = 1; i < words; ++i) {
    largest = S::max(largest, word_of(v[(eight * words + i) / 4], (eight * words + i) % 4));
  }
  return largest;
}

template <class S, class Kind, int V>
__device__ __forceinline__ Sums sums_of_piece(const Row<S>& row, int first_vector, int lanes) {
  constexpr float none = Kind::template none<S>;
  constexpr int words = at_once / S::per_word, eights = 4 * V / words;
  uint4 v[V];
  load<S, V>(row, first_vector, lanes, none, v);

  unsigned largest[eights], own = 0;
#pragma unroll
  for (int g = 0; g < eights; ++g) {
    largest[g] = largest_of<S>(v, g);
    own = g == 0 ? largest[0] : S::max(own, largest[g]);
  }
  Sums s;
  float own_top = fmaxf(S::top(own), none);  // not NaN
  s.first = max_of_group(own_top, lanes);

  int at = no_label, at_eight = -1, at_element = 0;
  if (own_top == s.first) {
    const unsigned first = S::all(s.first);
#pragma unroll
    for (int g = eights - 1; g >= 0; --g) {
      if (S::equal(largest[g], first) == 0) continue;
      unsigned places = 0;  // bit e, or of a word's upper half bit e + 16, for element e
#pragma unroll
      for (int i = 0; i < words; ++i) {
        const int w = g * words + i;
        const unsigned of_word = S::per_word == 1 ? 1U << i : 0x20001U << 2 * i;
        places |= S::equal(word_of(v[w / 4], w % 4), first) & of_word;
      }
      at_eight = g;
      at_element = __ffs(static_cast<int>(places | places >> 16)) - 1;
      const int vector = first_vector + (g * at_once + at_element) / S::n * lanes;
      at = vector * S::n + at_element % S::n - row.shift;
    }
  }
  s.label = min_of_group(at, lanes);

  if (at == s.label) {
#pragma unroll
    for (int g = 0; g < eights; ++g) {
      if (g == at_eight) {
#pragma unroll
        for (int i = 0; i < words; ++i) {
          unsigned& word = word_of(v[(g * words + i) / 4], (g * words + i) % 4);
          if (at_element / S::per_word == i) {
            word = S::put(word, at_element % S::per_word, S::all(none));
          }
        }
        largest[g] = largest_of<S>(v, g);
      }
      own = g == 0 ? largest[0] : S::max(own, largest[g]);
    }
    own_top = fmaxf(S::top(own), none);
  }
  s.second = max_of_group(own_top, lanes);

  const Kind kind(s.second);
  float t[4] = {0, 0, 0, 0}, u[4] = {0, 0, 0, 0};  // short chains: less rounding, less waiting
#pragma unroll
  for (int k = 0; k < V; ++k) {
#pragma unroll
    for (int e = 0; e < S::n; ++e) {
      float w, log_w;
      kind.weigh(S::get(word_of(v[k], e / S::per_word), e % S::per_word), w, log_w);
      t[e % 4] += w;
      u[e % 4] = fmaf(w, log_w, u[e % 4]);
    }
  }
  s.t = sum_of_group((t[0] + t[1]) + (t[2] + t[3]), lanes);
  s.u = Kind::log_unit * sum_of_group((u[0] + u[1]) + (u[2] + u[3]), lanes);
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
                                    const Output& out, unsigned long long* bad) {
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
  // The same number for all rows of a warp, because shuffles need all lanes.
  const int most_shift = row_stride % S::n == 0 ? Row<S>::shift_of(scores) : S::n - 1;
  const int pieces = ((cols + most_shift + S::n - 1) / S::n + piece - 1) / piece;

  Sums mine{};
  for (int round = 0; round < rounds; ++round) {
    // Rows that are not there are short of elements, not of lanes, which shuffles need.
    const long long i = first_row + static_cast<long long>(round) * rows_at_once;
    const Row<S> row(scores + (i < rows ? i : 0) * row_stride, i < rows ? cols : 0);
    Sums s{Kind::template none<S>, Kind::template none<S>, no_label, 0, 0};
    for (int p = pieces_before; p < pieces; p += step) {
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
    atomicMax(bad, ~static_cast<unsigned long long>(i));  // the first row is the largest, 0 none
  }
}

}  // namespace
}  // namespace mcal

// Blocks that a multiprocessor holds at once, at the least: with too few it waits for memory, with
// too many the registers do not hold a row.
template <int vectors>
constexpr int resident_blocks = vectors == 4 ? 4 : 3;

// values (3, value_stride): deficit, entropy and least confidence.
#define MCAL_UNCERTAINTY(name, type, kind, vectors)                                           \
  extern "C" __global__ void __launch_bounds__(256, resident_blocks<vectors>)                 \
      name(const mcal::type::Element* scores, long long rows, int cols, long long row_stride, \
           int lanes, int rounds, int block_a_row, long long* label, double* values,          \
           long long value_stride, unsigned long long* bad) {                                 \
    mcal::run<mcal::type, mcal::kind, vectors>(                                               \
        scores, rows, cols, row_stride, lanes, rounds, block_a_row,                           \
        {label, values, values + value_stride, values + 2 * value_stride}, bad);              \
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
