#include <algorithm>
#include <cstring>
#include <limits>

#include "elements.hpp"
#include "k_center.cu"
#include "launches.hpp"
#include "on_device.hpp"

namespace on_device {
namespace {

constexpr unsigned threads = 256;
constexpr double scale = 1024.0;

unsigned blocks(long long n, long long each) {
  return static_cast<unsigned>((n + each - 1) / each);
}

// The greedy with the least around the kernels: what else there is to do is done on the host.
template <class Element>
class Greedy {
 public:
  Greedy(const std::vector<float>& x, int d, int dtype, bool cosine, const KCenterCut& cut)
      : n_(static_cast<long long>(x.size()) / d),
        d_(d),
        dtype_(dtype),
        cosine_(cosine ? 1 : 0),
        cut_(cut),
        stride_((d + 7) / 8 * 8),
        x_(elements_of<Element>(x)),
        values_(std::vector<float>(count(n_), std::numeric_limits<float>::infinity())),
        inverse_lengths_(count(n_)),
        mean_(std::vector<float>(count(stride_), 0.25F)) {}

  // The first row without distances, or the largest number.
  long long check_rows() {
    const Array<Key> first_bad(std::vector<Key>{Key{1} << 62});
    launch(&k_center_check, {blocks(n_, threads / 2), threads}, dtype_, x_.data(), d_, n_, d_,
           cosine_, 0, inverse_lengths_.data(), first_bad.data());
    return static_cast<long long>(first_bad.on_host()[0]);
  }

  // Makes centers of rows, one after the other (fold), or all at once (refine).
  void give(const std::vector<long long>& positions) {
    const auto n = static_cast<int>(positions.size());
    const Array<float> centers(count(n) * count(stride_));
    const Array<Key> keys(keys_of(positions));
    gather(keys, n, centers, 1);
    if (cut_.by_products) {
      refine(centers, n);
      return;
    }
    const Array<Key> best(std::vector<Key>{0});
    for (int i = 0; i < n; ++i) {
      launch(&k_center_fold, {3, threads, count(stride_) * sizeof(float)}, dtype_, x_.data(), d_,
             n_, d_, inverse_lengths_.data(), cosine_, centers.data() + i * stride_, stride_,
             values_.data(), best.data());
    }
  }

  // Picks at least once and at most `limit` times; the values know nothing of it afterwards.
  void pick(int limit, KCenterPicks& picks) {
    auto order = candidates();
    const std::vector<float> values = values_.on_host();
    Key outside = 0;
    std::vector<long long> slots(
        order.begin(),
        order.begin() + std::min<long>(cut_.candidates, static_cast<long>(order.size())));
    std::sort(slots.begin(), slots.end());
    if (slots.size() < order.size()) {
      const long long next = order[slots.size()];
      const auto slot = std::lower_bound(slots.begin(), slots.end(), next) - slots.begin();
      const float value = values[count(next)];
      outside = Key{bits_of(value)} << 32 | static_cast<unsigned>(~slot);
    }
    const auto n = static_cast<int>(slots.size());
    limit = std::min(limit, n);
    const Array<float> rows(count(n) * count(stride_));
    gather(Array<Key>(keys_of(slots)), n, rows, 0);
    std::vector<float> own;
    for (const long long i : slots) own.push_back(values[count(i)]);
    const Array<float> own_values(own);
    const Array<Key> best(std::vector<Key>(count(limit), 0));
    const Array<Key> published(std::vector<Key>(count(limit) * count(cut_.blocks), 0));
    const Array<int> n_picked(1);
    const int each = (n + cut_.blocks - 1) / cut_.blocks;
    const std::size_t row = limit > 1 ? 128 * count((d_ + 31) / 32 | 1) : 0;
    const std::size_t shared = count(1 + each) * row + count(each) * sizeof(float);
    launch(&k_center_pick, {static_cast<unsigned>(cut_.blocks), threads, shared, true}, rows.data(),
           stride_, d_, n, outside, limit, own_values.data(), published.data(), best.data(),
           n_picked.data());
    std::vector<long long> picked;
    for (int i = 0; i < n_picked.on_host()[0]; ++i) {
      const Key key = best.on_host()[count(i)];
      picked.push_back(slots[~static_cast<unsigned>(key)]);
      picks.distances.push_back(float_of_bits(static_cast<unsigned>(key >> 32)));
    }
    picks.positions.insert(picks.positions.end(), picked.begin(), picked.end());
    give(picked);
  }

 private:
  static std::size_t count(long long n) { return static_cast<std::size_t>(n); }
  static unsigned bits_of(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, sizeof(bits));
    return bits;
  }
  static float float_of_bits(unsigned bits) {
    float x;
    std::memcpy(&x, &bits, sizeof(x));
    return x;
  }
  static std::vector<Key> keys_of(const std::vector<long long>& positions) {
    std::vector<Key> keys;
    for (const long long i : positions) keys.push_back(~static_cast<Key>(i));
    return keys;
  }

  void gather(const Array<Key>& keys, int n, const Array<float>& rows, int take) {
    launch(&k_center_gather, {blocks(n, threads / 32), threads}, dtype_, x_.data(), d_, d_,
           inverse_lengths_.data(), cosine_, keys.data(), n, rows.data(), stride_, values_.data(),
           take);
  }

  void refine(const Array<float>& centers, int n) {
    const int n_products = (n + 3) / 4 * 4;
    const double lost = (stride_ + 16) * 0x1p-22;
    const Array<__half> y(count(n_) * count(stride_)), of_centers(count(n) * count(stride_));
    const Array<double2> norms(count(n_)), center_norms(count(n));
    const Array<float> row_q(count(n_)), row_e(count(n_));
    // Whole vectors are read: zeros behind the last center, as in the product.
    const std::vector<float> nothing(count(n_products), 0.0F);
    const Array<float> q(nothing), e(nothing);
    launch(&k_center_prepare, {blocks(n_, threads / 32), threads}, dtype_, x_.data(), d_, n_, d_,
           inverse_lengths_.data(), cosine_, mean_.data(), scale, lost, y.data(), stride_,
           norms.data(), row_q.data(), row_e.data());
    launch(&k_center_prepare, {blocks(n, threads / 32), threads}, 0, centers.data(), stride_, n, d_,
           inverse_lengths_.data(), 0, mean_.data(), scale, lost, of_centers.data(), stride_,
           center_norms.data(), q.data(), e.data());
    const std::vector<__half> a = y.on_host(), b = of_centers.on_host();
    std::vector<float> products(count(n_) * count(n_products), 0.0F);
    for (long long i = 0; i < n_; ++i) {
      for (int c = 0; c < n; ++c) {
        double sum = 0.0;
        for (int j = 0; j < stride_; ++j) {
          sum += double{float_of(a[count(i * stride_ + j)])} *
                 double{float_of(b[count(c * stride_ + j)])};
        }
        products[count(i * n_products + c)] = static_cast<float>(sum);
      }
    }
    const Array<float> on_device(products);
    launch(&k_center_refine, {blocks(n_, threads / 32), threads}, dtype_, x_.data(), d_, n_, d_,
           inverse_lengths_.data(), cosine_, norms.data(), scale, on_device.data(), n_products,
           q.data(), e.data(), centers.data(), stride_, n, values_.data());
  }

  // Rows that are no centers, the farthest first.
  std::vector<long long> candidates() {
    const std::vector<float> values = values_.on_host();
    std::vector<long long> order;
    for (long long i = 0; i < n_; ++i) {
      if (values[count(i)] >= 0.0F) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return values[count(a)] > values[count(b)]; });
    return order;
  }

  long long n_;
  int d_, dtype_, cosine_;
  KCenterCut cut_;
  int stride_;
  Array<Element> x_;
  Array<float> values_;
  Array<double> inverse_lengths_;
  Array<float> mean_;
};

template <class Element>
KCenterPicks run(const std::vector<float>& x, int d, int dtype, int k,
                 const std::vector<long long>& centers, bool cosine, const KCenterCut& cut) {
  Greedy<Element> greedy(x, d, dtype, cosine, cut);
  KCenterPicks picks;
  picks.first_bad_row = greedy.check_rows();
  if (picks.first_bad_row < Index{1} << 62) return picks;
  greedy.give(centers);
  while (static_cast<int>(picks.positions.size()) < k) {
    greedy.pick(k - static_cast<int>(picks.positions.size()), picks);
  }
  if (cosine) {
    for (float& distance : picks.distances) distance *= 0.5F;
  }
  return picks;
}

}  // namespace

KCenterPicks k_center(const std::vector<float>& x, int d, const std::string& dtype, int k,
                      const std::vector<long long>& centers, bool cosine, const KCenterCut& cut) {
  if (dtype == "float16") return run<__half>(x, d, 1, k, centers, cosine, cut);
  if (dtype == "bfloat16") return run<__nv_bfloat16>(x, d, 2, k, centers, cosine, cut);
  return run<float>(x, d, 0, k, centers, cosine, cut);
}

}  // namespace on_device
