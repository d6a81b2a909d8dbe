// The k smallest or largest of N numbers, in order; equal ones by position. Twin of
// cpp/src/smallest_k.cpp, and equal to it on any input. Numbers become unsigned keys in the order
// wanted, and then
//
//   count: find the k-th key from its leading digits on: how many numbers have which next digit,
//          and, by the last block to come, which digit the k-th has
//
//   tally, scan: how many of a warp's share of the numbers come before the k-th key or equal it
//
//   gather: the k numbers, in order of position
//
//   all: instead of these three where most numbers are wanted
//
//   sort_few: few of them, a bitonic sort by key and position in one block
//
//   digits, scan, scatter: many, a radix sort of 8-bit digits, the least significant first, and so
//                          in order of position among equal keys
//
// Work is shared among warps by neighbouring numbers, and each warp goes through its own in order:
// results depend on nothing but the numbers. No host in between: `state` says what is known.
#include "common.cuh"

namespace {

struct State {                // zeros at the start
  unsigned long long prefix;  // the digits of the k-th key known so far, zeros below
  long long before;           // how many keys have lower ones
  unsigned long long nan;     // ~ of the position of the first NaN, 0 if there is none
  unsigned long long n_done;  // blocks that have counted
};

constexpr int select_digits = 2048, sort_digits = 256;
constexpr int most_warps = 32;                        // of a block
constexpr int sort_warps = sort_digits / warp_lanes;  // of a block of digits and scatter
constexpr int at_once = 8;  // rounds of a warp whose numbers are asked for before any is waited for

template <class T>
struct Ordered;

template <>
struct Ordered<float> {
  using Key = unsigned;
  static __device__ __forceinline__ Key of(float x) {
    const Key bits = __float_as_uint(x + 0.0F);  // -0.0 + 0.0 is 0.0
    return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
  }
};

template <>
struct Ordered<double> {
  using Key = unsigned long long;
  static __device__ __forceinline__ Key of(double x) {
    const Key bits = static_cast<Key>(__double_as_longlong(x + 0.0));
    return bits >> 63 ? ~bits : bits | 1ULL << 63;
  }
};

template <>
struct Ordered<long long> {
  using Key = unsigned long long;
  static __device__ __forceinline__ Key of(long long x) { return static_cast<Key>(x) ^ 1ULL << 63; }
};

template <class T>
__device__ __forceinline__ typename Ordered<T>::Key key_of(T x, int largest) {
  const auto key = Ordered<T>::of(x);
  return largest != 0 ? ~key : key;
}

__device__ __forceinline__ int lane_of_thread() {
  return static_cast<int>(threadIdx.x) % warp_lanes;
}
__device__ __forceinline__ int warp_of_block() {
  return static_cast<int>(threadIdx.x) / warp_lanes;
}
__device__ __forceinline__ long long warp_of_grid() {
  return static_cast<long long>(blockIdx.x) * (blockDim.x / warp_lanes) + warp_of_block();
}
__device__ __forceinline__ unsigned lanes_before() { return (1U << lane_of_thread()) - 1; }

// Sum over the threads of the block before one's own; `total` is that of all. Every thread calls.
__device__ __forceinline__ long long sum_before(long long x, long long& total) {
  __shared__ long long of_warps[most_warps];
  const int warp = warp_of_block(), n_warps = static_cast<int>(blockDim.x) / warp_lanes;
  const long long with_own = running_sum_of_lanes(x);
  if (lane_of_thread() == warp_lanes - 1) of_warps[warp] = with_own;
  __syncthreads();
  long long before = with_own - x;
  total = 0;
  for (int w = 0; w < n_warps; ++w) {
    if (w < warp) before += of_warps[w];
    total += of_warps[w];
  }
  __syncthreads();
  return before;
}

template <class T>
__device__ __forceinline__ void check(T x, long long i, State* state) {
  if (x != x) atomicMax(&state->nan, ~static_cast<unsigned long long>(i));
}

// One block. Which digit the k-th key has; `counts` is left empty for the next.
__device__ void narrow(unsigned long long* counts, int shift, long long k, State* state) {
  const int per_thread = select_digits / static_cast<int>(blockDim.x);
  const int first = static_cast<int>(threadIdx.x) * per_thread;
  const long long wanted = k - state->before;  // of the keys with these digits, from 1
  long long own = 0, total;
  for (int d = first; d < first + per_thread; ++d)
    own += static_cast<long long>(__ldcg(counts + d));
  long long before = sum_before(own, total);
  for (int d = first; d < first + per_thread; ++d) {
    const auto here = static_cast<long long>(__ldcg(counts + d));
    if (before < wanted && wanted <= before + here) {
      state->prefix |= static_cast<unsigned long long>(d) << shift;
      state->before += before;
    }
    before += here;
    counts[d] = 0;
  }
}

// The next digit of the k-th key, of those above `shift`. counts: zeros, and so again behind it.
template <class T>
__device__ void count(const T* values, long long n, long long k, int largest, int shift, int bits,
                      State* state, unsigned long long* counts) {
  __shared__ unsigned own[select_digits];
  __shared__ int is_last;
  const int thread = static_cast<int>(threadIdx.x), n_threads = static_cast<int>(blockDim.x);
  for (int d = thread; d < select_digits; d += n_threads) own[d] = 0;
  __syncthreads();
  const unsigned long long prefix = state->prefix;
  const int known = shift + bits;  // the width of a key while nothing is known
  const bool first_pass = known == 8 * static_cast<int>(sizeof(T));
  const long long stride = static_cast<long long>(gridDim.x) * n_threads;
  for (long long i = static_cast<long long>(blockIdx.x) * n_threads + thread; i < n; i += stride) {
    const T x = values[i];
    const unsigned long long key = key_of(x, largest);
    if (first_pass) check(x, i, state);
    if (first_pass || key >> known == prefix >> known)
      atomicAdd(&own[key >> shift & ((1U << bits) - 1)], 1U);
  }
  __syncthreads();
  for (int d = thread; d < select_digits; d += n_threads)
    if (own[d] != 0) atomicAdd(&counts[d], static_cast<unsigned long long>(own[d]));
  __threadfence();
  __syncthreads();
  if (thread == 0) is_last = atomicAdd(&state->n_done, 1ULL) + 1 == gridDim.x;
  __syncthreads();
  if (is_last == 0) return;
  __threadfence();  // what the others counted is seen from here on
  narrow(counts, shift, k, state);
  if (thread == 0) state->n_done = 0;
}

// Whether a number is before the k-th key, or equal to it.
template <class T>
struct Place {
  bool before, equal;
  __device__ __forceinline__ Place(const T* values, long long i, long long end, int largest,
                                   typename Ordered<T>::Key kth)
      : before(false), equal(false) {
    if (i >= end) return;
    const auto key = key_of(values[i], largest);
    before = key < kth;
    equal = key == kth;
  }
};

// places[w] numbers of warp w's share come before the k-th key, places[n_warps + w] equal it.
template <class T>
__device__ void tally(const T* values, long long n, int largest, const State* state,
                      long long per_warp, long long n_warps, long long* places) {
  const long long w = warp_of_grid();
  if (w >= n_warps) return;
  const auto kth = static_cast<typename Ordered<T>::Key>(state->prefix);
  const long long end = min((w + 1) * per_warp, n);
  long long before = 0, equal = 0;
  for (long long i = w * per_warp; i < end; i += warp_lanes) {
    const Place<T> at(values, i + lane_of_thread(), end, largest, kth);
    before += __popc(__ballot_sync(all_lanes, at.before));
    equal += __popc(__ballot_sync(all_lanes, at.equal));
  }
  if (lane_of_thread() == 0) {
    places[w] = before;
    places[n_warps + w] = equal;
  }
}

// The k numbers by position. places: as tally and scan left them. Of those equal to the k-th key
// the first are in.
template <class T>
__device__ void gather(const T* values, long long n, long long k, int largest, const State* state,
                       long long per_warp, long long n_warps, const long long* places,
                       typename Ordered<T>::Key* keys, long long* positions) {
  const long long w = warp_of_grid();
  if (w >= n_warps) return;
  const auto kth = static_cast<typename Ordered<T>::Key>(state->prefix);
  const long long wanted = k - state->before, end = min((w + 1) * per_warp, n);
  long long before = places[w], equal = places[n_warps + w];
  for (long long start = w * per_warp; start < end; start += warp_lanes) {
    const long long i = start + lane_of_thread();
    const Place<T> at(values, i, end, largest, kth);
    const unsigned all_before = __ballot_sync(all_lanes, at.before);
    const unsigned all_equal = __ballot_sync(all_lanes, at.equal);
    const long long own_before = before + __popc(all_before & lanes_before());
    const long long own_equal = equal + __popc(all_equal & lanes_before());
    if (at.before || (at.equal && own_equal < wanted)) {
      const long long to = own_before + min(own_equal, wanted);
      keys[to] = key_of(values[i], largest);
      positions[to] = i;
    }
    before += __popc(all_before);
    equal += __popc(all_equal);
  }
}

// All numbers by position.
template <class T>
__device__ void all(const T* values, long long n, int largest, State* state,
                    typename Ordered<T>::Key* keys, long long* positions) {
  const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += stride) {
    const T x = values[i];
    check(x, i, state);
    keys[i] = key_of(x, largest);
    positions[i] = i;
  }
}

// One block. k <= few, a power of two; keys come in order of position.
template <class Key>
__device__ void sort_few(const Key* keys, const long long* positions, int k, int few,
                         long long* sorted_positions) {
  auto* key = reinterpret_cast<Key*>(dynamic_shared);
  auto* rank = reinterpret_cast<int*>(key + few);  // in order of position
  const int thread = static_cast<int>(threadIdx.x), n_threads = static_cast<int>(blockDim.x);
  for (int i = thread; i < few; i += n_threads) {
    key[i] = i < k ? keys[i] : ~Key{0};
    rank[i] = i;
  }
  for (int size = 2; size <= few; size *= 2) {
    for (int stride = size / 2; stride > 0; stride /= 2) {
      __syncthreads();
      for (int pair = thread; pair < few / 2; pair += n_threads) {
        const int a = pair / stride * stride * 2 + pair % stride, b = a + stride;
        const bool falling = (a & size) != 0;
        const bool later = key[a] != key[b] ? key[a] > key[b] : rank[a] > rank[b];
        if (later != falling) {
          const Key key_a = key[a];
          const int rank_a = rank[a];
          key[a] = key[b];
          rank[a] = rank[b];
          key[b] = key_a;
          rank[b] = rank_a;
        }
      }
    }
  }
  __syncthreads();
  for (int i = thread; i < k; i += n_threads) sorted_positions[i] = positions[rank[i]];
}

// counts[d * n_warps + w]: how many keys of warp w's share have the digit d. Blocks of sort_digits
// threads.
template <class Key>
__device__ void digits(const Key* keys, long long n, int shift, long long per_warp,
                       long long n_warps, long long* counts) {
  __shared__ unsigned of_warps[sort_warps][sort_digits];
  const long long w = warp_of_grid();
  if (w >= n_warps) return;
  unsigned* own = of_warps[warp_of_block()];
  for (int d = lane_of_thread(); d < sort_digits; d += warp_lanes) own[d] = 0;
  __syncwarp();
  const long long end = min((w + 1) * per_warp, n);
  for (long long start = w * per_warp; start < end; start += at_once * warp_lanes) {
    Key key[at_once];
#pragma unroll
    for (int r = 0; r < at_once; ++r) {
      const long long i = start + r * warp_lanes + lane_of_thread();
      key[r] = i < end ? keys[i] : 0;
    }
#pragma unroll
    for (int r = 0; r < at_once; ++r) {
      if (start + r * warp_lanes + lane_of_thread() < end)
        atomicAdd(&own[key[r] >> shift & (sort_digits - 1)], 1U);
    }
  }
  __syncwarp();
  for (int d = lane_of_thread(); d < sort_digits; d += warp_lanes) counts[d * n_warps + w] = own[d];
}

// counts and totals: as digits and scan left them. Blocks of sort_digits threads.
template <class Key>
__device__ void scatter(const Key* keys, const long long* positions, long long n, int shift,
                        long long per_warp, long long n_warps, const long long* counts,
                        const long long* totals, Key* sorted_keys, long long* sorted_positions) {
  __shared__ long long first[sort_digits];             // where the keys with a digit begin
  __shared__ long long next[sort_warps][sort_digits];  // where a warp's next one goes
  long long total;
  first[threadIdx.x] = sum_before(totals[threadIdx.x], total);
  __syncthreads();
  const long long w = warp_of_grid();
  if (w >= n_warps) return;
  long long* own = next[warp_of_block()];
  for (int d = lane_of_thread(); d < sort_digits; d += warp_lanes)
    own[d] = first[d] + counts[d * n_warps + w];
  const long long end = min((w + 1) * per_warp, n);
  for (long long start = w * per_warp; start < end; start += at_once * warp_lanes) {
    Key key[at_once];
    long long position[at_once];
#pragma unroll
    for (int r = 0; r < at_once; ++r) {
      const long long i = start + r * warp_lanes + lane_of_thread();
      key[r] = i < end ? keys[i] : 0;
      position[r] = i < end ? positions[i] : 0;
    }
#pragma unroll
    for (int r = 0; r < at_once; ++r) {
      if (start + r * warp_lanes >= end) break;
      const bool there = start + r * warp_lanes + lane_of_thread() < end;
      const int d = there ? static_cast<int>(key[r] >> shift & (sort_digits - 1)) : sort_digits;
      const unsigned alike = __match_any_sync(all_lanes, d);
      const int rank = __popc(alike & lanes_before());
      __syncwarp();  // the round before has moved `own` on
      const long long to = there ? own[d] + rank : 0;
      __syncwarp();
      if (!there) continue;
      if (rank == 0) own[d] += __popc(alike);
      sorted_keys[to] = key[r];
      sorted_positions[to] = position[r];
    }
  }
}

}  // namespace

// A block a row of `counts` (rows, n): each becomes the sum of those before it in its row.
extern "C" __global__ void __launch_bounds__(1024)
    smallest_k_scan(long long* counts, long long n, long long* totals) {
  long long* row = counts + blockIdx.x * n;
  long long before = 0;
  for (long long start = 0; start < n; start += blockDim.x) {
    const long long i = start + threadIdx.x;
    long long total;
    const long long sum = sum_before(i < n ? row[i] : 0, total);
    if (i < n) row[i] = before + sum;
    before += total;
  }
  if (threadIdx.x == 0) totals[blockIdx.x] = before;
}

#define MCAL_SELECT(name, T)                                                                     \
  extern "C" __global__ void __launch_bounds__(256)                                              \
      smallest_k_count_##name(const T* values, long long n, long long k, int largest, int shift, \
                              int bits, State* state, unsigned long long* counts) {              \
    count(values, n, k, largest, shift, bits, state, counts);                                    \
  }                                                                                              \
  extern "C" __global__ void __launch_bounds__(256)                                              \
      smallest_k_tally_##name(const T* values, long long n, int largest, const State* state,     \
                              long long per_warp, long long n_warps, long long* places) {        \
    tally(values, n, largest, state, per_warp, n_warps, places);                                 \
  }                                                                                              \
  extern "C" __global__ void __launch_bounds__(256) smallest_k_gather_##name(                    \
      const T* values, long long n, long long k, int largest, const State* state,                \
      long long per_warp, long long n_warps, const long long* places, Ordered<T>::Key* keys,     \
      long long* positions) {                                                                    \
    gather(values, n, k, largest, state, per_warp, n_warps, places, keys, positions);            \
  }                                                                                              \
  extern "C" __global__ void __launch_bounds__(256)                                              \
      smallest_k_all_##name(const T* values, long long n, int largest, State* state,             \
                            Ordered<T>::Key* keys, long long* positions) {                       \
    all(values, n, largest, state, keys, positions);                                             \
  }

#define MCAL_SORT(name, Key)                                                                      \
  extern "C" __global__ void __launch_bounds__(1024) smallest_k_sort_few_##name(                  \
      const Key* keys, const long long* positions, int k, int few, long long* sorted_positions) { \
    sort_few(keys, positions, k, few, sorted_positions);                                          \
  }                                                                                               \
  extern "C" __global__ void __launch_bounds__(256)                                               \
      smallest_k_digits_##name(const Key* keys, long long n, int shift, long long per_warp,       \
                               long long n_warps, long long* counts) {                            \
    digits(keys, n, shift, per_warp, n_warps, counts);                                            \
  }                                                                                               \
  extern "C" __global__ void __launch_bounds__(256) smallest_k_scatter_##name(                    \
      const Key* keys, const long long* positions, long long n, int shift, long long per_warp,    \
      long long n_warps, const long long* counts, const long long* totals, Key* sorted_keys,      \
      long long* sorted_positions) {                                                              \
    scatter(keys, positions, n, shift, per_warp, n_warps, counts, totals, sorted_keys,            \
            sorted_positions);                                                                    \
  }

MCAL_SELECT(float32, float)
MCAL_SELECT(float64, double)
MCAL_SELECT(int64, long long)
MCAL_SORT(uint32, unsigned)
MCAL_SORT(uint64, unsigned long long)
