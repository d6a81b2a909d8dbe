#include "launches.hpp"
#include "on_device.hpp"
#include "smallest_k.cu"

namespace on_device {
namespace {

constexpr unsigned threads = 256;

unsigned blocks_of(long long n_warps) {
  return static_cast<unsigned>((n_warps + threads / warp_lanes - 1) / (threads / warp_lanes));
}

// One set of names for kernels of one type.
template <class T>
struct Kernels;
#define MCAL_KERNELS(T, name, key_name)                               \
  template <>                                                         \
  struct Kernels<T> {                                                 \
    static constexpr auto count = &smallest_k_count_##name;           \
    static constexpr auto tally = &smallest_k_tally_##name;           \
    static constexpr auto gather = &smallest_k_gather_##name;         \
    static constexpr auto all = &smallest_k_all_##name;               \
    static constexpr auto sort_few = &smallest_k_sort_few_##key_name; \
    static constexpr auto digits = &smallest_k_digits_##key_name;     \
    static constexpr auto scatter = &smallest_k_scatter_##key_name;   \
  };
MCAL_KERNELS(float, float32, uint32)
MCAL_KERNELS(double, float64, uint64)
MCAL_KERNELS(long long, int64, uint64)

}  // namespace

template <class T>
std::vector<long long> smallest_k(const std::vector<T>& host, long long k, bool largest_first,
                                  const SmallestKCut& cut, long long& first_nan) {
  using K = Kernels<T>;
  using Key = typename Ordered<T>::Key;
  const auto n = static_cast<long long>(host.size());
  const int largest = largest_first ? 1 : 0;
  const Array<T> values(host);
  const Array<State> state(std::vector<State>(1));
  const Array<unsigned long long> digit_counts(std::vector<unsigned long long>(select_digits, 0));
  const auto taken = static_cast<std::size_t>(k);
  const Array<Key> keys(taken), other_keys(taken);
  const Array<long long> positions(taken), other_positions(taken);
  const long long n_warps = (n + cut.per_warp - 1) / cut.per_warp;
  const Array<long long> places(static_cast<std::size_t>(2 * n_warps)), totals(sort_digits);
  if (k == n) {
    launch(K::all, {3, threads}, values.data(), n, largest, state.data(), keys.data(),
           positions.data());
  } else {
    for (int known = 8 * static_cast<int>(sizeof(T)); known > 0;) {
      const int bits = known < 11 ? known : 11;
      known -= bits;
      launch(K::count, {3, threads}, values.data(), n, k, largest, known, bits, state.data(),
             digit_counts.data());
    }
    launch(K::tally, {blocks_of(n_warps), threads}, values.data(), n, largest, state.data(),
           cut.per_warp, n_warps, places.data());
    launch(&smallest_k_scan, {2, threads}, places.data(), n_warps, totals.data());
    launch(K::gather, {blocks_of(n_warps), threads}, values.data(), n, k, largest, state.data(),
           cut.per_warp, n_warps, places.data(), keys.data(), positions.data());
  }
  first_nan = static_cast<long long>(~state.on_host()[0].nan & ~(1ULL << 63));

  if (k <= cut.few) {
    const auto shared_bytes = static_cast<std::size_t>(cut.few) * (sizeof(Key) + 4);
    launch(K::sort_few, {1, 128, shared_bytes}, keys.data(), positions.data(), static_cast<int>(k),
           static_cast<int>(cut.few), other_positions.data());
    return other_positions.on_host();
  }
  const long long sort_warps_of_k = (k + cut.per_warp - 1) / cut.per_warp;
  const Array<long long> counts(static_cast<std::size_t>(sort_digits * sort_warps_of_k));
  const Array<Key>*from = &keys, *to = &other_keys;
  const Array<long long>*from_positions = &positions, *to_positions = &other_positions;
  for (int shift = 0; shift < 8 * static_cast<int>(sizeof(T)); shift += 8) {
    launch(K::digits, {blocks_of(sort_warps_of_k), threads}, from->data(), k, shift, cut.per_warp,
           sort_warps_of_k, counts.data());
    launch(&smallest_k_scan, {sort_digits, threads}, counts.data(), sort_warps_of_k, totals.data());
    launch(K::scatter, {blocks_of(sort_warps_of_k), threads}, from->data(), from_positions->data(),
           k, shift, cut.per_warp, sort_warps_of_k, counts.data(), totals.data(), to->data(),
           to_positions->data());
    std::swap(from, to);
    std::swap(from_positions, to_positions);
  }
  return from_positions->on_host();
}

template std::vector<long long> smallest_k(const std::vector<float>&, long long, bool,
                                           const SmallestKCut&, long long&);
template std::vector<long long> smallest_k(const std::vector<double>&, long long, bool,
                                           const SmallestKCut&, long long&);
template std::vector<long long> smallest_k(const std::vector<long long>&, long long, bool,
                                           const SmallestKCut&, long long&);

}  // namespace on_device
