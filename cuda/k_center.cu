// Exact greedy k-center. CPU twin: cpp/src/k_center.cpp; the orchestration and the reason why it is
// exact: python/mcal/selection/_cuda/k_center.py.
//
// Every distance that decides anything is computed as k_center.hpp says, in 8 interleaved chains of
// fused multiply-adds, each summed in order: by two lanes that hold four chains each, for a lane
// then reads four neighbouring elements at a time, or by eight lanes with a chain each. So picks
// and distances are the same bits as the CPU's. Tensor cores only say which distances need no
// computing; see refine.
#include "common.cuh"

namespace {

using Index = long long;
using Key = unsigned long long;  // as in k_center.cpp: the larger key is picked first

__device__ float infinity() { return __uint_as_float(0x7f800000U); }
constexpr float kTaken = -1.0F;  // value of a row that is a center
constexpr double kLargestSquare = 3.40282346638528859812e38 / 8.0;

__device__ Key key_of(float value, unsigned position) {
  return value < 0.0F ? 0 : Key{__float_as_uint(value)} << 32 | Key{~position};
}
__device__ Index position_of(Key key) { return Index{~static_cast<unsigned>(key)}; }

template <class T>
struct __align__(4 * sizeof(T)) Quad {
  T at[4];
};

// A row in float32, four elements at a time, zeros behind its end; brought to unit length with the
// arithmetic of the CPU if `inverse_length` is not 0.
template <class T, bool aligned>
struct Row {
  const T* data;
  int n;
  double inverse_length;

  __device__ float4 quad(int j) const {
    float4 q = make_float4(0.0F, 0.0F, 0.0F, 0.0F);
    if (aligned) {  // n is a multiple of 4
      if (j < n) {
        const Quad<T> raw = *reinterpret_cast<const Quad<T>*>(data + j);
        q = make_float4(to_float(raw.at[0]), to_float(raw.at[1]), to_float(raw.at[2]),
                        to_float(raw.at[3]));
      }
    } else {
      if (j < n) q.x = to_float(data[j]);
      if (j + 1 < n) q.y = to_float(data[j + 1]);
      if (j + 2 < n) q.z = to_float(data[j + 2]);
      if (j + 3 < n) q.w = to_float(data[j + 3]);
    }
    if (inverse_length != 0.0) q = make_float4(unit(q.x), unit(q.y), unit(q.z), unit(q.w));
    return q;
  }

  __device__ float raw(int j) const { return to_float(data[j]); }
  __device__ float taken(float v) const { return inverse_length != 0.0 ? unit(v) : v; }
  __device__ float unit(float v) const { return __double2float_rn(v * inverse_length); }
};

// A row of one of our own buffers: float32, padded with zeros to a multiple of 8.
struct PaddedRow {
  const float* data;
  __device__ float4 quad(int j) const { return *reinterpret_cast<const float4*>(data + j); }
};

// What the caller gave: rows of one of three types, `stride` elements apart.
struct Matrix {
  const void* data;
  Index stride;
  int n_columns;
  const double* inverse_lengths;  // of the rows, nullptr for rows as they are

  template <class T, bool aligned>
  __device__ Row<T, aligned> row(Index i) const {
    return {static_cast<const T*>(data) + i * stride, n_columns,
            inverse_lengths == nullptr ? 0.0 : inverse_lengths[i]};
  }
};

template <class T>
__device__ bool is_aligned(const Matrix& x) {
  return x.n_columns % 4 == 0 && x.stride % 4 == 0 &&
         reinterpret_cast<unsigned long long>(x.data) % sizeof(Quad<T>) == 0;
}

// Calls function<T, aligned>(x, ...) for the layout of x; every thread takes the same way.
#define WITH_LAYOUT(function, dtype, x, ...)                                         \
  do {                                                                               \
    if ((dtype) == 0) {                                                              \
      is_aligned<float>(x) ? function<float, true>(x, __VA_ARGS__)                   \
                           : function<float, false>(x, __VA_ARGS__);                 \
    } else if ((dtype) == 1) {                                                       \
      is_aligned<__half>(x) ? function<__half, true>(x, __VA_ARGS__)                 \
                            : function<__half, false>(x, __VA_ARGS__);               \
    } else {                                                                         \
      is_aligned<__nv_bfloat16>(x) ? function<__nv_bfloat16, true>(x, __VA_ARGS__)   \
                                   : function<__nv_bfloat16, false>(x, __VA_ARGS__); \
    }                                                                                \
  } while (false)

// Four chains of this lane: 0-3 in even lanes, 4-7 in odd ones.
template <class A, class B>
__device__ void add_squares(const A& a, const B& b, int n, float (&s)[4]) {
#pragma unroll 4
  for (int j = 4 * (threadIdx.x & 1); j < n; j += 8) {
    const float4 p = a.quad(j), q = b.quad(j);
    const float d[4] = {__fsub_rn(p.x, q.x), __fsub_rn(p.y, q.y), __fsub_rn(p.z, q.z),
                        __fsub_rn(p.w, q.w)};
    for (int i = 0; i < 4; ++i) s[i] = __fmaf_rn(d[i], d[i], s[i]);
  }
}

// The sum over the eight chains of a pair of lanes, in both, in the order that k_center.hpp fixes.
template <class T>
__device__ T sum_chains(const T (&s)[4]) {
  T t[4];
  for (int i = 0; i < 4; ++i) t[i] = s[i] + __shfl_xor_sync(all_lanes, s[i], 1);
  return (t[0] + t[2]) + (t[1] + t[3]);
}

// The distance of a row to a center, by the whole warp, in every lane. Neighbouring lanes read
// neighbouring elements; then each lane is handed those of the chain that it has, in their order.
template <class A>
__device__ float distance_by_warp(const A& row, const float* center, int n) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float s = 0.0F;
  for (int begin = 0; begin < n; begin += 128) {
    float v[4], w[4], d[4];
    for (int i = 0; i < 4; ++i) {  // reads that do not wait for each other
      const int j = min(begin + 32 * i + lane, n - 1);
      v[i] = row.raw(j);
      w[i] = center[j];
    }
    for (int i = 0; i < 4; ++i) {
      d[i] = begin + 32 * i + lane < n ? __fsub_rn(row.taken(v[i]), w[i]) : 0.0F;
    }
    for (int i = 0; i < 16; ++i) {
      const float of_chain = __shfl_sync(all_lanes, d[i / 4], i % 4 * 8 + lane % 8);
      s = __fmaf_rn(of_chain, of_chain, s);
    }
  }
  return sum_of_lanes(s, 8);  // in the order that k_center.hpp fixes
}

__device__ Key max_of_warp(Key key) {
  const auto high = static_cast<unsigned>(key >> 32);
  const unsigned largest = __reduce_max_sync(all_lanes, high);
  const unsigned low = high == largest ? static_cast<unsigned>(key) : 0;
  return Key{largest} << 32 | Key{__reduce_max_sync(all_lanes, low)};
}

// The largest key of the block, in every thread. of_warp must not be in use any more.
__device__ Key max_of_block(Key key, Key (&of_warp)[32]) {
  key = max_of_warp(key);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = key;
  __syncthreads();
  return max_of_warp(threadIdx.x % 32 < blockDim.x / 32 ? of_warp[threadIdx.x % 32] : 0);
}

__device__ void copy_padded(const float* from, float* to, int n) {
  for (int j = 4 * threadIdx.x; j < n; j += 4 * blockDim.x) {
    *reinterpret_cast<float4*>(to + j) = *reinterpret_cast<const float4*>(from + j);
  }
}

// Which distances of a row can be below its value. In units of the scaled copies y (prepare), with
// w the value's true distance, r and r_c the lengths that rounding to y took from row and center,
// and P the product of the copies from the tensor cores, wrong by at most g |y| |y_c|:
//   distance >= |y - y_c| - r - r_c, and |y - y_c|^2 >= |y|^2 + |y_c|^2 - 2 P - 2 g |y| |y_c|
// so that a distance is at least w where
//   |y_c|^2 - r_c^2 - 2 P - 2 (w + r) r_c - 2 g |y| |y_c| >= (w + r)^2 - |y|^2
// which holds where  q_c - 2 P - 2 h e_c >= t  with h = max(w + r, |y|), e_c = r_c + g |y_c|. All
// of it is computed in double and rounded to the safe side; q_c and e_c also leave room for the
// rounding of the two float32 operations (2^-24 each; 2^-20 and 2^-19 are left).
struct Reach {
  float minus_2h, t;

  __device__ float excess(float product, float q, float e) const {
    return __fmaf_rn(minus_2h, e, __fmaf_rn(-2.0F, product, q));
  }
  __device__ bool may_contain(float excess) const { return !(excess >= t); }  // NaN may
};

__device__ Reach reach_of(float value, double2 norm, double scale, int n) {
  // The float32 distance has n / 8 + 5 roundings of 2^-24 in a row, and n that lose 2^-150.
  const double square =
      (double{value} + n * 0x1p-149) * (scale * scale) * (1.0 + (n + 64) * 0x1p-26);
  const double reach = sqrt(square) * (1.0 + 0x1p-40) + norm.y;
  const double length = sqrt(norm.x) * (1.0 + 0x1p-30);
  const double h = value == infinity() ? length : max(reach, length);
  const double t = reach * reach * (1.0 + 0x1p-30) - norm.x * (1.0 - 0x1p-30) + 0x1p-100;
  return {-2.0F * __double2float_ru(h), __double2float_ru(t)};
}

template <class T, bool aligned>
__device__ void check_row(const Matrix& x, Index n_rows, bool cosine, Index first,
                          double* inverse_lengths, Key* first_bad) {
  const Index pair = (Index{blockIdx.x} * blockDim.x + threadIdx.x) / 2;
  const Index i = min(pair, n_rows - 1);  // warps stay whole
  const auto row = x.row<T, aligned>(i);
  double s[4] = {};
#pragma unroll 4
  for (int j = 4 * (threadIdx.x & 1); j < x.n_columns; j += 8) {
    const float4 q = row.quad(j);
    const double v[4] = {q.x, q.y, q.z, q.w};
    for (int c = 0; c < 4; ++c) s[c] = __fma_rn(v[c], v[c], s[c]);  // the product is exact
  }
  const double square = sum_chains(s);
  if (threadIdx.x % 2 != 0 || pair >= n_rows) return;
  if (!(square <= kLargestSquare) || (cosine && square == 0.0)) {
    atomicMin(first_bad, static_cast<Key>(first + i));
  }
  if (cosine) inverse_lengths[i] = __ddiv_rn(1.0, __dsqrt_rn(square));
}

template <class T, bool aligned>
__device__ void gather_row(const Matrix& x, Index position, float* to, int n) {
  const auto row = x.row<T, aligned>(position);
  for (int j = 4 * (threadIdx.x % 32); j < n; j += 128) {
    *reinterpret_cast<float4*>(to + j) = row.quad(j);
  }
}

template <class T, bool aligned>
__device__ void fold_rows(const Matrix& x, Index n_rows, const float* center, float* values,
                          Key& key) {
  const Index step = Index{gridDim.x} * blockDim.x / 2;
  const Index lane_pair = threadIdx.x % 32 / 2;
  // Warps stay whole: a pair behind the end does the last row's work again.
  for (Index first = (Index{blockIdx.x} * blockDim.x + threadIdx.x) / 32 * 16; first < n_rows;
       first += step) {
    const Index i = min(first + lane_pair, n_rows - 1);
    float s[4] = {};
    add_squares(x.row<T, aligned>(i), PaddedRow{center}, x.n_columns, s);
    const float value = min(values[i], sum_chains(s));
    __syncwarp();  // both lanes have read values[i]
    if (threadIdx.x % 2 == 0 && first + lane_pair < n_rows) values[i] = value;
    key = max(key, key_of(value, static_cast<unsigned>(i)));
  }
}

template <class T, bool aligned>
__device__ void prepare_row(const Matrix& x, Index i, const float* mean, double scale, __half* y,
                            int n, double& square, double& lost) {
  const auto row = x.row<T, aligned>(i);
  for (int j = 4 * (threadIdx.x % 32); j < n; j += 128) {
    const float4 a = row.quad(j), m = PaddedRow{mean}.quad(j);
    const double v[4] = {(double{a.x} - m.x) * scale, (double{a.y} - m.y) * scale,
                         (double{a.z} - m.z) * scale, (double{a.w} - m.w) * scale};
    Quad<__half> rounded;
    for (int c = 0; c < 4; ++c) {
      // Below half's normal numbers the device may do as it likes: nothing is left there.
      const double kept = fabs(v[c]) < 0x1p-14 ? 0.0 : max(-65504.0, min(65504.0, v[c]));
      rounded.at[c] = __float2half_rn(__double2float_rn(kept));
      const double copy = __half2float(rounded.at[c]);
      square = __fma_rn(copy, copy, square);
      lost = __fma_rn(v[c] - copy, v[c] - copy, lost);
    }
    *reinterpret_cast<Quad<__half>*>(y + j) = rounded;
  }
}

// The centers that a row is compared with, and what the tensor cores say of them.
struct Centers {
  const float* rows;
  int stride, n;
  const float *products, *q, *e;  // products with the row
};

// Brings `value` down to the least distance; `nearest` is the center to begin with.
template <class T, bool aligned>
__device__ void visit_centers(const Matrix& x, Index i, const Centers& centers, int nearest,
                              double2 norm, double scale, float& value) {
  const auto row = x.row<T, aligned>(i);
  const auto center = [&](int c) { return centers.rows + Index{c} * centers.stride; };
  value = min(value, distance_by_warp(row, center(nearest), x.n_columns));

  const int lane = static_cast<int>(threadIdx.x) % 32;
  int begin = -32;
  unsigned left = 0;  // lanes whose center, at begin + lane, is still to be visited
  for (;;) {
    const Reach reach = reach_of(value, norm, scale, x.n_columns);
    for (;;) {
      const int c = begin + lane;
      left &= __ballot_sync(all_lanes, c >= 0 && c < centers.n && c != nearest &&
                                           reach.may_contain(reach.excess(
                                               centers.products[c], centers.q[c], centers.e[c])));
      if (left != 0) break;
      begin += 32;
      if (begin >= centers.n) return;
      left = all_lanes;
    }
    int mine = -1;  // the center of this pair of lanes, -1 for none
    for (int pair = 0; pair < 16 && left != 0; ++pair) {
      if (pair == lane / 2) mine = begin + __ffs(static_cast<int>(left)) - 1;
      left &= left - 1;
    }
    float s[4] = {};
    if (mine >= 0) add_squares(row, PaddedRow{center(mine)}, x.n_columns, s);
    const float distance = sum_chains(s);
    value = min(value, min_of_lanes(mine >= 0 ? distance : infinity()));
  }
}

// A row as eight lanes read it: its chains one after the other, each in quads with zeros behind its
// end. Chains are an odd number of quads apart, so that neither eight lanes that read a quad each
// nor a warp that writes neighbouring elements ask a bank of shared memory for two things.
struct ChainLayout {
  int n_quads, stride;

  __device__ explicit ChainLayout(int n_columns)
      : n_quads((n_columns + 31) / 32), stride(4 * (n_quads | 1)) {}

  __device__ int row_stride() const { return 8 * stride; }

  // By the whole block; `from` is a padded row of n elements.
  __device__ void copy_row(const float* from, int n, float* to) const {
    for (int j = 4 * static_cast<int>(threadIdx.x); j < 32 * n_quads;
         j += 4 * static_cast<int>(blockDim.x)) {
      const float4 q = j < n ? __ldg(reinterpret_cast<const float4*>(from + j))
                             : make_float4(0.0F, 0.0F, 0.0F, 0.0F);
      float* const at = to + j % 8 * stride + j / 8;
      at[0] = q.x;
      at[stride] = q.y;
      at[2 * stride] = q.z;
      at[3 * stride] = q.w;
    }
  }
};

__device__ void add_squares(float4 p, float4 q, float& s) {
  const float d[4] = {__fsub_rn(p.x, q.x), __fsub_rn(p.y, q.y), __fsub_rn(p.z, q.z),
                      __fsub_rn(p.w, q.w)};
  for (int i = 0; i < 4; ++i) s = __fmaf_rn(d[i], d[i], s);
}

// Brings values of a block's rows down to their distances to one center; the largest key of this
// thread's. Eight lanes take kRowsAtOnce rows, with one look at the center for all of them.
constexpr int kRowsAtOnce = 2;

__device__ Key visit_rows(const ChainLayout& layout, const float* rows, int n, const float* center,
                          float* values, int first_position) {
  const int chain = static_cast<int>(threadIdx.x) % 8;
  const int group = static_cast<int>(threadIdx.x) % 32 / 8;
  const PaddedRow of_center{center + chain * layout.stride};
  Key key = 0;
  // Warps stay whole: lanes behind the end do the last row's work again.
  for (int first = static_cast<int>(threadIdx.x) / 32 * 4 * kRowsAtOnce; first < n;
       first += static_cast<int>(blockDim.x) / 8 * kRowsAtOnce) {
    PaddedRow row[kRowsAtOnce];
    float s[kRowsAtOnce] = {};
    for (int i = 0; i < kRowsAtOnce; ++i) {
      row[i].data =
          rows + min(first + 4 * i + group, n - 1) * layout.row_stride() + chain * layout.stride;
    }
#pragma unroll 4
    for (int j = 0; j < 4 * layout.n_quads; j += 4) {
      const float4 c = of_center.quad(j);
      for (int i = 0; i < kRowsAtOnce; ++i) add_squares(row[i].quad(j), c, s[i]);
    }
    for (int i = 0; i < kRowsAtOnce; ++i) {
      const int r = first + 4 * i + group;
      const float distance = sum_of_lanes(s[i], 8);  // in the order that k_center.hpp fixes
      if (chain != 0 || r >= n) continue;
      values[r] = min(values[r], distance);
      key = max(key, key_of(values[r], static_cast<unsigned>(first_position + r)));
    }
  }
  return key;
}

}  // namespace

// Squared lengths as the CPU sums them: finds the first row, counted from `first`, that no distance
// can be computed for, and writes what brings a row to unit length. Two lanes a row.
extern "C" __global__ void k_center_check(int dtype, const void* data, Index stride, Index n_rows,
                                          int n_columns, int cosine, Index first,
                                          double* inverse_lengths, Key* first_bad) {
  const Matrix x = {data, stride, n_columns, nullptr};
  WITH_LAYOUT(check_row, dtype, x, n_rows, cosine != 0, first, inverse_lengths, first_bad);
}

// rows[i] = the row of x at the position in keys[i], as a padded row, one warp each. `take` makes
// that row a center.
extern "C" __global__ void k_center_gather(int dtype, const void* data, Index stride, int n_columns,
                                           const double* inverse_lengths, int cosine,
                                           const Key* keys, int n, float* rows, int row_stride,
                                           float* values, int take) {
  const Matrix x = {data, stride, n_columns, cosine != 0 ? inverse_lengths : nullptr};
  const int i = static_cast<int>((blockIdx.x * blockDim.x + threadIdx.x) / 32);
  if (i >= n) return;
  const Index position = position_of(keys[i]);
  WITH_LAYOUT(gather_row, dtype, x, position, rows + Index{i} * row_stride, row_stride);
  if (take != 0 && threadIdx.x % 32 == 0) values[position] = kTaken;
}

// Distances of all rows to one center: values become the smaller ones, and *best at least the
// largest key. This is the plain loop's step. Two lanes a row; dynamic shared memory: the center.
extern "C" __global__ void __launch_bounds__(256)
    k_center_fold(int dtype, const void* data, Index stride, Index n_rows, int n_columns,
                  const double* inverse_lengths, int cosine, const float* center, int n_padded,
                  float* values, Key* best) {
  extern __shared__ __align__(16) unsigned char dynamic_shared[];
  __shared__ Key of_warp[32];
  float* const shared_center = reinterpret_cast<float*>(dynamic_shared);
  copy_padded(center, shared_center, n_padded);
  __syncthreads();
  const Matrix x = {data, stride, n_columns, cosine != 0 ? inverse_lengths : nullptr};
  Key key = 0;
  WITH_LAYOUT(fold_rows, dtype, x, n_rows, shared_center, values, key);
  key = max_of_block(key, of_warp);
  if (threadIdx.x == 0) atomicMax(best, key);
}

// Copies of rows for the tensor cores: y = half((x - mean) * scale), one warp a row, and what
// Reach needs to know of them. Whatever rounding, saturation and flushing take from a row is
// measured, not estimated: norms[i] = {|y|^2, length of (x - mean) * scale - y, rounded up}. q and
// e are for rows that are centers.
extern "C" __global__ void k_center_prepare(int dtype, const void* data, Index stride, Index n_rows,
                                            int n_columns, const double* inverse_lengths,
                                            int cosine, const float* mean, double scale,
                                            double accumulation, __half* y, int y_stride,
                                            double2* norms, float* q, float* e) {
  const Matrix x = {data, stride, n_columns, cosine != 0 ? inverse_lengths : nullptr};
  const Index i = (Index{blockIdx.x} * blockDim.x + threadIdx.x) / 32;
  if (i >= n_rows) return;
  double square = 0.0, lost = 0.0;
  WITH_LAYOUT(prepare_row, dtype, x, i, mean, scale, y + i * y_stride, y_stride, square, lost);
  square = sum_of_lanes(square);
  lost = sum_of_lanes(lost);
  if (threadIdx.x % 32 != 0) return;
  const double r = sqrt(lost) * (1.0 + 0x1p-30);
  const double length = sqrt(square) * (1.0 + 0x1p-30);
  norms[i] = make_double2(square, r);
  q[i] = -__double2float_ru((square + r * r) * 0x1p-20 + r * r - square);
  e[i] = __double2float_ru((r + (accumulation + 0x1p-19) * length) * (1.0 + 0x1p-20) + 0x1p-100);
}

// Brings rows up to date with centers, given the products of their copies: values become what
// n_centers steps of fold would make of them, but only distances that can be below a value are
// computed. One warp a row. products has rows of n_products elements, a multiple of 4, of which
// the first n_centers count; q and e have as many.
extern "C" __global__ void __launch_bounds__(256, 3)
    k_center_refine(int dtype, const void* data, Index stride, Index n_rows, int n_columns,
                    const double* inverse_lengths, int cosine, const double2* norms, double scale,
                    const float* products, int n_products, const float* q, const float* e,
                    const float* centers, int center_stride, int n_centers, float* values) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const Index i = (Index{blockIdx.x} * blockDim.x + threadIdx.x) / 32;
  if (i >= n_rows) return;
  float value = values[i];
  if (value <= 0.0F) return;  // a center, or a row that can come no nearer
  products += i * n_products;
  const Reach reach = reach_of(value, norms[i], scale, n_columns);

  // Mostly no center is near enough.
  bool found = false;
  float least = infinity();
  int nearest = 0;
  for (int c = 4 * lane; c < n_products; c += 128) {
    const float4 p = PaddedRow{products}.quad(c);
    const float4 of_q = PaddedRow{q}.quad(c), of_e = PaddedRow{e}.quad(c);
    const float excess[4] = {reach.excess(p.x, of_q.x, of_e.x), reach.excess(p.y, of_q.y, of_e.y),
                             reach.excess(p.z, of_q.z, of_e.z), reach.excess(p.w, of_q.w, of_e.w)};
    for (int part = 0; part < 4; ++part) {
      if (c + part >= n_centers) break;
      found = found || reach.may_contain(excess[part]);
      if (excess[part] < least) {
        least = excess[part];
        nearest = c + part;
      }
    }
  }
  if (__any_sync(all_lanes, found) == 0) return;

  // The one that seems the nearest goes first: few others are left after it.
  const unsigned holders = __ballot_sync(all_lanes, least == min_of_lanes(least));
  nearest = __shfl_sync(all_lanes, nearest, max(0, __ffs(static_cast<int>(holders)) - 1));
  const Matrix x = {data, stride, n_columns, cosine != 0 ? inverse_lengths : nullptr};
  const Centers all = {centers, center_stride, n_centers, products, q, e};
  WITH_LAYOUT(visit_centers, dtype, x, i, all, nearest, norms[i], scale, value);
  if (lane == 0) values[i] = value;
}

// Picks among candidates, whose values are exact, while the best of them is better than everything
// outside, which is at most `outside`. Launched cooperatively; each block keeps its candidates and
// their values in shared memory for the whole launch. Keys hold slots for positions: candidates lie
// in the order of their positions.
//
// A pick costs one trip through memory: every block publishes its best key in a word of its own,
// which is 0 before and never changes again, and waits for the words of all others. A key is all
// that blocks tell each other: it comes whole, as aligned words of 8 bytes do, and rows are never
// written, so that nothing must become visible with it and there is no fence.
//
// Dynamic shared memory: a center, the block's rows, both as ChainLayout has them, and its values;
// only the values if limit is 1, for a last pick is followed by no distances.
extern "C" __global__ void __launch_bounds__(256)
    k_center_pick(const float* rows, int row_stride, int n_columns, int n_rows, Key outside,
                  int limit, float* values, Key* published, Key* best, int* n_picked) {
  extern __shared__ __align__(16) unsigned char dynamic_shared[];
  __shared__ Key of_warp[2][32];
  const ChainLayout layout(n_columns);
  const int per_block = (n_rows + static_cast<int>(gridDim.x) - 1) / static_cast<int>(gridDim.x);
  const int begin = min(n_rows, static_cast<int>(blockIdx.x) * per_block);
  const int n = min(n_rows - begin, per_block);
  float* const center = reinterpret_cast<float*>(dynamic_shared);
  float* const kept = center + layout.row_stride();
  float* const value = limit > 1 ? kept + per_block * layout.row_stride() : center;

  Key key = 0;
  for (int r = static_cast<int>(threadIdx.x); r < n; r += static_cast<int>(blockDim.x)) {
    value[r] = values[begin + r];
    key = max(key, key_of(value[r], static_cast<unsigned>(begin + r)));
  }
  for (int r = 0; limit > 1 && r < n; ++r) {
    layout.copy_row(rows + Index{begin + r} * row_stride, row_stride,
                    kept + r * layout.row_stride());
  }

  int pick = 0;
  for (; pick < limit; ++pick, published += gridDim.x) {
    key = max_of_block(key, of_warp[0]);
    if (threadIdx.x == 0) {
      // 1 says that nothing is left here: less than the key of any slot, and not 0.
      *static_cast<volatile Key*>(published + blockIdx.x) = max(key, Key{1});
    }
    for (unsigned b = threadIdx.x; b < gridDim.x; b += blockDim.x) {
      Key other = 0;
      for (int patience = 64; other == 0; --patience) {
        if (patience < 0) __nanosleep(100);
        other = *static_cast<volatile const Key*>(published + b);
      }
      key = max(key, other);
    }
    const Key winner = max_of_block(key, of_warp[1]);
    if (winner <= outside) break;
    const int slot = static_cast<int>(position_of(winner));
    if (threadIdx.x == 0) {
      if (slot >= begin && slot < begin + n) value[slot - begin] = kTaken;
      if (blockIdx.x == 0) best[pick] = winner;
    }
    if (pick + 1 == limit) continue;  // nobody is going to ask
    layout.copy_row(rows + Index{slot} * row_stride, row_stride, center);
    __syncthreads();
    key = visit_rows(layout, kept, n, center, value, begin);
  }
  __syncthreads();
  for (int r = static_cast<int>(threadIdx.x); r < n; r += static_cast<int>(blockDim.x)) {
    values[begin + r] = value[r];
  }
  if (blockIdx.x == 0 && threadIdx.x == 0) *n_picked = pick;
}
