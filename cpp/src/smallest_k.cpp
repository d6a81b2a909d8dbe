#include "mcal/smallest_k.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "mcal/parallel.hpp"

namespace mcal {
namespace {

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <class T>
constexpr KeyOf<T> sign_bit = KeyOf<T>{1} << (8 * sizeof(T) - 1);

// Unsigned integers in the order wanted: a < b exactly if key(a) < key(b).
template <class T>
KeyOf<T> key_of(T x, Order order) {
  KeyOf<T> key;
  if constexpr (std::is_integral_v<T>) {
    key = static_cast<KeyOf<T>>(x) ^ sign_bit<T>;
  } else {
    const auto bits = std::bit_cast<KeyOf<T>>(x + T{0});  // -0.0 + 0.0 is 0.0
    key = bits & sign_bit<T> ? ~bits : bits | sign_bit<T>;
  }
  return order == Order::smallest_first ? key : ~key;
}

template <class T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(x);
  return false;
}

template <class Key>
struct Item {
  Key key;
  Index position;
};

// Least significant digit first, hence stable: items in order of position stay so when equal.
template <class Key>
void radix_sort(std::vector<Item<Key>>& items) {
  constexpr int digit_bits = 8, n_digits = 8 * sizeof(Key) / digit_bits;
  constexpr std::size_t n_values = std::size_t{1} << digit_bits;
  const auto digit = [](Key key, int d) {
    return static_cast<std::size_t>(key >> (digit_bits * d)) % n_values;
  };
  std::vector<std::array<std::size_t, n_values>> counts(n_digits);
  for (const auto& item : items) {
    for (int d = 0; d < n_digits; ++d) ++counts[static_cast<std::size_t>(d)][digit(item.key, d)];
  }
  std::vector<Item<Key>> sorted(items.size());
  for (int d = 0; d < n_digits; ++d) {
    auto& count = counts[static_cast<std::size_t>(d)];
    if (count[digit(items.front().key, d)] == items.size()) continue;  // all alike here
    std::size_t before = 0;
    for (auto& c : count) before += std::exchange(c, before);
    for (const auto& item : items) sorted[count[digit(item.key, d)]++] = item;
    items.swap(sorted);
  }
}

template <class Key>
void sort_items(std::vector<Item<Key>>& items) {
  constexpr std::size_t few = 1024;  // below this, counting digits costs more than comparing
  if (items.size() > few) return radix_sort(items);
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) {
    return a.key != b.key ? a.key < b.key : a.position < b.position;
  });
}

// Counts of the leading bits of the keys, chunk by chunk.
template <class T>
class Histogram {
 public:
  static constexpr std::size_t n_buckets = std::size_t{1} << 16;

  Histogram(std::span<const T> values, Order order)
      : values_(values), order_(order), n_(static_cast<Index>(values.size())) {
    counts_.resize(static_cast<std::size_t>((n_ + grain() - 1) / grain()) * n_buckets);
    constexpr Index none = std::numeric_limits<Index>::max();
    std::atomic<Index> first_nan{none};
    parallel_for(n_, grain(), [&](Index begin, Index end) {
      std::uint32_t* count = chunk(begin);
      for (Index i = begin; i < end; ++i) {
        const T x = value(i);
        if (is_nan(x)) {
          Index seen = first_nan.load();
          while (i < seen && !first_nan.compare_exchange_weak(seen, i)) {
          }
          return;
        }
        ++count[bucket_of(x)];
      }
    });
    if (first_nan != none) {
      throw std::invalid_argument("values: expected no NaN, found one at position " +
                                  std::to_string(first_nan.load()));
    }
  }

  // In order of position, all items that can be among the first k >= 1: those up to the bucket
  // with the k-th.
  std::vector<Item<KeyOf<T>>> candidates(Index k) const {
    const std::size_t n_chunks = counts_.size() / n_buckets;
    std::vector<std::size_t> offset(n_chunks, 0);  // candidates of a chunk, then of those before
    std::size_t last = 0, total = 0;
    for (;; ++last) {
      for (std::size_t c = 0; c < n_chunks; ++c) offset[c] += counts_[c * n_buckets + last];
      for (std::size_t c = 0; c < n_chunks; ++c) total += counts_[c * n_buckets + last];
      if (total >= static_cast<std::size_t>(k)) break;
    }
    std::size_t before = 0;
    for (auto& o : offset) before += std::exchange(o, before);
    std::vector<Item<KeyOf<T>>> found(total);
    parallel_for(n_, grain(), [&](Index begin, Index end) {
      std::size_t at = offset[static_cast<std::size_t>(begin / grain())];
      for (Index i = begin; i < end; ++i) {
        if (bucket_of(value(i)) <= last) found[at++] = {key_of(value(i), order_), i};
      }
    });
    return found;
  }

 private:
  // At most 64 chunks, so that the counts stay small beside the values.
  Index grain() const { return std::max<Index>(Index{1} << 18, (n_ + 63) / 64); }
  T value(Index i) const { return values_[static_cast<std::size_t>(i)]; }
  std::uint32_t* chunk(Index begin) {
    return counts_.data() + static_cast<std::size_t>(begin / grain()) * n_buckets;
  }
  std::size_t bucket_of(T x) const {
    return static_cast<std::size_t>(key_of(x, order_) >> (8 * sizeof(T) - 16));
  }

  std::span<const T> values_;
  Order order_;
  Index n_;
  std::vector<std::uint32_t> counts_;
};

template <class T>
std::vector<Index> run(std::span<const T> values, Index k, Order order) {
  const auto n = static_cast<Index>(values.size());
  if (n == 0) throw std::invalid_argument("values: expected at least 1 value, found 0");
  if (k < 0 || k > n) {
    throw std::invalid_argument("k: expected 0 to " + std::to_string(n) + ", found " +
                                std::to_string(k));
  }
  const Histogram<T> histogram(values, order);
  if (k == 0) return {};
  auto items = histogram.candidates(k);
  sort_items(items);
  std::vector<Index> positions(static_cast<std::size_t>(k));
  std::transform(items.begin(), items.begin() + k, positions.begin(),
                 [](const auto& item) { return item.position; });
  return positions;
}

}  // namespace

std::vector<Index> first_k(std::span<const float> values, Index k, Order order) {
  return run(values, k, order);
}

std::vector<Index> first_k(std::span<const double> values, Index k, Order order) {
  return run(values, k, order);
}

std::vector<Index> first_k(std::span<const std::int64_t> values, Index k, Order order) {
  return run(values, k, order);
}

}  // namespace mcal
