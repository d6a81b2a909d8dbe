// Exact greedy k-center. CPU twin: cpp/src/k_center.cpp; the orchestration and the reason why it is
// exact: python/mcal/selection/_cuda/k_center.py.
//
// Every distance that decides anything is computed as k_center.hpp says, in 8 interleaved chains of
// fused multiply-adds, by two lanes that hold four chains each: a chain must be summed in order,
// and a lane then reads four neighbouring elements at a time. So picks and distances are the same
// bits as the CPU's. Tensor cores only say which distances need no computing; see refine.
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

// The largest key of the block, in thread 0.
__device__ Key block_max(Key key) {
  __shared__ Key of_warp[32];
  key = max_of_lanes(key);
  __syncthreads();  // of_warp may still be read from before
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = key;
  __syncthreads();
  if (threadIdx.x < 32)
    key = max_of_lanes(threadIdx.x < blockDim.x / 32 ? of_warp[threadIdx.x] : 0);
  return key;
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
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int mine = lane < 2 ? nearest : -1;  // the center of this pair of lanes, -1 for none
  int begin = -32;
  unsigned left = 0;  // lanes whose center, at begin + lane, is still to be visited
  for (;;) {
    float s[4] = {};
    if (mine >= 0) {
      add_squares(row, PaddedRow{centers.rows + Index{mine} * centers.stride}, x.n_columns, s);
    }
    const float distance = sum_chains(s);
    value = min(value, min_of_lanes(mine >= 0 ? distance : infinity()));

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
    mine = -1;
    for (int pair = 0; pair < 16 && left != 0; ++pair) {
      if (pair == lane / 2) mine = begin + __ffs(static_cast<int>(left)) - 1;
      left &= left - 1;
    }
  }
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
  float* const shared_center = reinterpret_cast<float*>(dynamic_shared);
  copy_padded(center, shared_center, n_padded);
  __syncthreads();
  const Matrix x = {data, stride, n_columns, cosine != 0 ? inverse_lengths : nullptr};
  Key key = 0;
  WITH_LAYOUT(fold_rows, dtype, x, n_rows, shared_center, values, key);
  key = block_max(key);
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
// outside, which is at most `outside`. Launched cooperatively; each block keeps its candidates'
// values, and as many of their rows as n_kept, in shared memory for the whole launch. Keys hold
// slots for positions: candidates lie in the order of their positions.
//
// A pick costs one barrier of the grid: the maximum over all blocks of pick p is formed in
// best[p], which is 0 at first and which nobody touches again after the barrier.
//
// Dynamic shared memory: a center, n_kept rows, the values of a block's candidates.
extern "C" __global__ void __launch_bounds__(256)
    k_center_pick(const float* rows, int row_stride, int n_columns, int n_rows, int n_kept,
                  Key outside, int limit, float* values, Key* best, unsigned* arrived,
                  int* n_picked) {
  extern __shared__ __align__(16) unsigned char dynamic_shared[];
  __shared__ Key shared_key;
  float* const center = reinterpret_cast<float*>(dynamic_shared);
  float* const kept = center + row_stride;
  float* const value = kept + Index{n_kept} * row_stride;
  const int per_block = (n_rows + static_cast<int>(gridDim.x) - 1) / static_cast<int>(gridDim.x);
  const int begin = min(n_rows, static_cast<int>(blockIdx.x) * per_block);
  const int n = min(n_rows - begin, per_block);
  rows += Index{begin} * row_stride;  // of this block; slot 0 is at -begin

  copy_padded(rows, kept, min(n, n_kept) * row_stride);
  Key key = 0;
  for (int r = static_cast<int>(threadIdx.x); r < n; r += static_cast<int>(blockDim.x)) {
    value[r] = values[begin + r];
    key = max(key, key_of(value[r], static_cast<unsigned>(begin + r)));
  }

  int pick = 0;
  for (; pick < limit; ++pick) {
    key = block_max(key);
    if (threadIdx.x == 0) {
      if (key != 0) atomicMax(best + pick, key);
      grid_arrive_and_wait(arrived, static_cast<unsigned>(pick + 1) * gridDim.x);
      shared_key = *static_cast<volatile Key*>(best + pick);
    }
    __syncthreads();
    const Key winner = shared_key;
    if (winner <= outside) break;
    const int slot = static_cast<int>(position_of(winner)) - begin;
    if (threadIdx.x == 0 && slot >= 0 && slot < n) value[slot] = kTaken;
    if (pick + 1 == limit) continue;  // nobody is going to ask
    copy_padded(rows + Index{slot} * row_stride, center, row_stride);
    __syncthreads();

    key = 0;
    const int lane_pair = static_cast<int>(threadIdx.x) % 32 / 2;
    const auto visit = [&](const float* block_rows, int from, int to) {
      for (int first = from + static_cast<int>(threadIdx.x) / 32 * 16; first < to;
           first += static_cast<int>(blockDim.x) / 2) {
        const int r = min(first + lane_pair, to - 1);
        float s[4] = {};
        add_squares(PaddedRow{block_rows + Index{r} * row_stride}, PaddedRow{center}, n_columns, s);
        const float nearer = min(value[r], sum_chains(s));
        __syncwarp();  // both lanes have read value[r]
        if (threadIdx.x % 2 == 0 && first + lane_pair < to) value[r] = nearer;
        key = max(key, key_of(nearer, static_cast<unsigned>(begin + r)));
      }
    };
    visit(kept, 0, min(n, n_kept));
    visit(rows, min(n, n_kept), n);
  }
  __syncthreads();
  for (int r = static_cast<int>(threadIdx.x); r < n; r += static_cast<int>(blockDim.x)) {
    values[begin + r] = value[r];
  }
  if (blockIdx.x == 0 && threadIdx.x == 0) *n_picked = pick;
}
