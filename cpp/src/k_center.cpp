#include "mcal/k_center.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "k_center_fold.hpp"
#include "mcal/parallel.hpp"
#include "mcal/simd_level.hpp"

// How it works. The distance to the nearest center only falls as centers are added, so a value
// that is behind on centers is an upper bound. A heap holds these bounds; when the entry at its
// top is up to date it is the farthest point, and until then the top is brought up to date for the
// centers it has missed. Most points never reach the top and are never looked at again.
//
// On data where most points fall with every pick that would cost more than the plain loop. So the
// work since the heap was built is counted, and when it outruns what the plain loop would have
// spent, some picks are made by full passes, more of them each time it happens again.

namespace mcal {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kTaken = -1.0F;                  // value of a point that is a center itself
constexpr Index kRecentBytes = Index{64} << 20;  // centers kept since the last full pass
constexpr Index kBlockBytes = Index{128} << 10;  // rows, or centers, that share the L2 cache
constexpr Index kMaxGroup = 32;                  // rows brought up to date together
constexpr Index kMaxPlainPicks = 256;
// Costs, measured, in units of one element of one distance.
constexpr Index kVisitCost = 512;  // a visit out of order misses the caches
constexpr Index kHeapCost = 32;
constexpr Index kRowCost = 8;
constexpr Index kParallelCost = Index{1} << 18;  // less work than this stays on one thread

using detail::FoldFunction;

FoldFunction choose_fold() {
#if MCAL_HAS_AVX2_KERNELS
  if (simd_level() == SimdLevel::avx2) return detail::fold_centers_avx2;
#endif
  return detail::fold_centers_baseline;
}

[[noreturn]] void fail(const std::string& name, const std::string& expected,
                       const std::string& found) {
  throw std::invalid_argument(name + ": expected " + expected + ", found " + found);
}

// Sum of squares in double, where no float32 overflows or vanishes.
double sum_of_squares(const float* row, Index n) {
  double s[8] = {};
  Index j = 0;
  for (; j + 8 <= n; j += 8) {
    for (Index lane = 0; lane < 8; ++lane) s[lane] += double{row[j + lane]} * double{row[j + lane]};
  }
  for (Index lane = 0; j + lane < n; ++lane) {
    s[lane] += double{row[j + lane]} * double{row[j + lane]};
  }
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

// |a - c|^2 <= 4 max(|a|^2, |c|^2), with room for rounding.
constexpr double kLargestSquare = std::numeric_limits<float>::max() / 8.0;

bool is_cosine(CenterMetric metric) { return metric == CenterMetric::cosine; }

// The first row that no distance can be computed for, or rows.rows.
Index find_unusable(MatrixView<const float> rows, CenterMetric metric) {
  for (Index i = 0; i < rows.rows; ++i) {
    const double square = sum_of_squares(rows.row(i), rows.cols);
    if (!(square <= kLargestSquare) || (square == 0.0 && is_cosine(metric))) return i;
  }
  return rows.rows;
}

void keep_smallest(std::atomic<Index>& smallest, Index candidate) {
  Index found = smallest;
  while (candidate < found && !smallest.compare_exchange_weak(found, candidate)) {
  }
}

[[noreturn]] void fail_row(const std::string& name, Index row, double square) {
  const std::string at = " in row " + std::to_string(row);
  if (!std::isfinite(square)) fail(name, "finite values in float32", "NaN or infinity" + at);
  if (square == 0.0) fail(name, "no zero row under the cosine metric", "one" + at);
  fail(name, "squared lengths up to " + std::to_string(kLargestSquare),
       std::to_string(square) + at);
}

// A value and a position in one number whose order is the order of picking: the larger goes first,
// which is the farther point or, of equally far ones, the one at the lower position. Values are not
// negative, so that their bits are in their order.
using Key = std::uint64_t;
constexpr Key kNobody = 0;
constexpr Index kMaxRows = std::numeric_limits<std::uint32_t>::max();

Key key_of(float value, Index position) {
  return Key{std::bit_cast<std::uint32_t>(value)} << 32 | ~static_cast<std::uint32_t>(position);
}
float value_of(Key key) { return std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32)); }
Index position_of(Key key) { return Index{~static_cast<std::uint32_t>(key)}; }

// Rows as the kernels want them: in place, or for the cosine metric brought to unit length.
class RowBatch {
 public:
  RowBatch(Index max_rows, Index n, CenterMetric metric) : n_(n), cosine_(is_cosine(metric)) {
    rows_.reserve(static_cast<std::size_t>(max_rows));
    if (cosine_) units_.resize(static_cast<std::size_t>(max_rows * n));
  }

  void add(const float* row) {
    if (cosine_) {
      float* unit = &units_[rows_.size() * static_cast<std::size_t>(n_)];
      const double inverse_length = 1.0 / std::sqrt(sum_of_squares(row, n_));
      for (Index j = 0; j < n_; ++j) unit[j] = static_cast<float>(row[j] * inverse_length);
      row = unit;
    }
    rows_.push_back(row);
  }

  const float* const* rows() const { return rows_.data(); }
  Index size() const { return static_cast<Index>(rows_.size()); }

 private:
  Index n_;
  bool cosine_;
  std::vector<const float*> rows_;
  std::vector<float> units_;
};

class Greedy {
 public:
  Greedy(MatrixView<const float> x, CenterMetric metric)
      : x_(x),
        metric_(metric),
        fold_(choose_fold()),
        value_(static_cast<std::size_t>(x.rows), kInfinity),
        n_seen_(static_cast<std::size_t>(x.rows)) {}

  // A center that no position of x stands for; checked by the caller.
  void give(const float* center) {
    if (n_recent_ == max_recent()) full_pass();
    RowBatch one(1, x_.cols, metric_);
    one.add(center);
    recent_.insert(recent_.end(), one.rows()[0], one.rows()[0] + x_.cols);
    ++n_recent_;
  }

  void give(Index position) {
    value_[at(position)] = kTaken;
    give(x_.row(position));
  }

  KCenterResult pick(Index k) {
    Key farthest = full_pass();
    // Building a heap costs some passes: let a few plain picks earn it first. The very first
    // center is news to every point, which is no work for a heap.
    plain_run_ = 4 * kHeapCost / (x_.cols + kRowCost);
    plain_left_ = std::max(plain_run_, Index{value_of(farthest) == kInfinity});
    for (Index picked = 0; picked < k; ++picked) {
      if (picked > 0) farthest = plain_left_ > 0 ? pick_plainly() : pick_lazily();
      result_.positions.push_back(position_of(farthest));
      result_.distances.push_back(is_cosine(metric_) ? 0.5F * value_of(farthest)
                                                     : value_of(farthest));
      if (picked + 1 < k) give(position_of(farthest));
    }
    return std::move(result_);
  }

 private:
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  Index rows_in(Index bytes, Index least) const {
    return std::max(least, bytes / (x_.cols * Index{sizeof(float)}));
  }
  Index max_recent() const { return rows_in(kRecentBytes, 64); }
  Index pass_cost() const { return x_.rows * (x_.cols + kRowCost); }

  MatrixView<const float> recent(Index begin, Index end) const {
    return {&recent_[at(begin * x_.cols)], end - begin, x_.cols, x_.cols};
  }

  // Brings every point up to date, which makes the recent centers and the heap obsolete, and
  // returns the farthest. The first pass also checks every row.
  Key full_pass() {
    const Index block = std::min(rows_in(kBlockBytes, 4), Index{4096});
    std::vector<Key> best(at((x_.rows + block - 1) / block));
    std::atomic<Index> bad_row{x_.rows};
    parallel_for(x_.rows, block, [&](Index begin, Index end) {
      if (result_.n_full_passes == 0) {
        const Index bad =
            find_unusable({x_.row(begin), end - begin, x_.cols, x_.row_stride}, metric_);
        if (bad < end - begin) keep_smallest(bad_row, begin + bad);
      }
      best[at(begin / block)] = bring_up_to_date(begin, end);
    });
    if (bad_row < x_.rows) fail_row("x", bad_row, sum_of_squares(x_.row(bad_row), x_.cols));
    recent_.clear();
    n_recent_ = 0;
    heap_.clear();
    ++result_.n_full_passes;
    return *std::max_element(best.begin(), best.end());
  }

  Key bring_up_to_date(Index begin, Index end) {
    RowBatch batch(end - begin, x_.cols, metric_);
    for (Index i = begin; i < end; ++i) batch.add(x_.row(i));
    const Index chunk = rows_in(kBlockBytes, 2);
    for (Index c = 0; c < n_recent_; c += chunk) {
      fold_(batch.rows(), batch.size(), recent(c, std::min(c + chunk, n_recent_)),
            &value_[at(begin)]);
    }
    Key best = kNobody;
    for (Index i = begin; i < end; ++i) {
      if (value_[at(i)] != kTaken) best = std::max(best, key_of(value_[at(i)], i));
    }
    return best;
  }

  Key pick_plainly() {
    --plain_left_;
    return full_pass();
  }

  Key pick_lazily() {
    if (heap_.empty()) build_heap();
    while (!is_up_to_date(heap_.front())) {
      if (spent_ > (n_lazy_picks_ + 1) * pass_cost() / 8) return give_up();
      visit_top();
    }
    ++n_lazy_picks_;
    return pop();
  }

  // Lazy picks have become too dear: go on plainly for a while, longer if they never paid.
  Key give_up() {
    const bool paid = n_lazy_picks_ * pass_cost() > spent_ + x_.rows * kHeapCost;
    plain_run_ = paid ? 1 : std::clamp(2 * plain_run_, Index{1}, kMaxPlainPicks);
    plain_left_ = plain_run_;
    return pick_plainly();
  }

  // Brings the top of the heap up to date. One that is far behind takes its neighbours along, so
  // that the centers are read once for all of them.
  void visit_top() {
    const Index seen = n_seen_[at(position_of(heap_.front()))];
    const Index behind = n_recent_ - seen;
    const auto wanted = at(std::clamp(behind / 8, Index{1}, kMaxGroup));
    group_.clear();
    while (group_.size() < wanted && !heap_.empty() &&
           n_seen_[at(position_of(heap_.front()))] == seen) {
      group_.push_back(pop());
    }
    const auto size = static_cast<Index>(group_.size());
    const Index cost = size * behind * x_.cols;
    parallel_for(size, cost < kParallelCost ? size : 4, [&](Index begin, Index end) {
      RowBatch batch(end - begin, x_.cols, metric_);
      float values[kMaxGroup];
      for (Index i = begin; i < end; ++i) {
        batch.add(x_.row(position_of(group_[at(i)])));
        values[i - begin] = value_of(group_[at(i)]);
      }
      fold_(batch.rows(), batch.size(), recent(seen, n_recent_), values);
      for (Index i = begin; i < end; ++i) {
        group_[at(i)] = key_of(values[i - begin], position_of(group_[at(i)]));
      }
    });
    for (const Key key : group_) {
      value_[at(position_of(key))] = value_of(key);
      n_seen_[at(position_of(key))] = static_cast<std::int32_t>(n_recent_);
      heap_.push_back(key);
      std::push_heap(heap_.begin(), heap_.end());
    }
    spent_ += size * kVisitCost + cost;
  }

  void build_heap() {
    for (Index i = 0; i < x_.rows; ++i) {
      if (value_[at(i)] != kTaken) heap_.push_back(key_of(value_[at(i)], i));
    }
    std::make_heap(heap_.begin(), heap_.end());
    std::fill(n_seen_.begin(), n_seen_.end(), 0);
    spent_ = 0;
    n_lazy_picks_ = 0;
  }

  bool is_up_to_date(Key key) const { return n_seen_[at(position_of(key))] == n_recent_; }

  Key pop() {
    std::pop_heap(heap_.begin(), heap_.end());
    const Key top = heap_.back();
    heap_.pop_back();
    return top;
  }

  MatrixView<const float> x_;
  CenterMetric metric_;
  FoldFunction fold_;
  std::vector<float> value_;   // (N,) squared distance to the nearest center, or a bound
  std::vector<float> recent_;  // (n_recent, D) centers since the last full pass
  Index n_recent_ = 0;
  std::vector<Key> heap_;  // empty: to be built
  std::vector<std::int32_t>
      n_seen_;  // (N,) recent centers that value_ knows, while there is a heap
  std::vector<Key> group_;
  Index spent_ = 0;         // since the heap was built
  Index n_lazy_picks_ = 0;  // since the heap was built
  Index plain_left_ = 0;    // picks still to be made by full passes
  Index plain_run_ = 0;
  KCenterResult result_;
};

void check_positions(std::span<const Index> centers, Index n) {
  std::vector<bool> seen(static_cast<std::size_t>(n), false);
  for (const Index i : centers) {
    if (i < 0 || i >= n) {
      fail("centers", "positions from 0 to " + std::to_string(n - 1), std::to_string(i));
    }
    if (seen[static_cast<std::size_t>(i)]) {
      fail("centers", "positions that differ", std::to_string(i) + " repeated");
    }
    seen[static_cast<std::size_t>(i)] = true;
  }
}

}  // namespace

KCenterResult select_k_center(MatrixView<const float> x, Index k, std::span<const Index> centers,
                              MatrixView<const float> center_vectors, CenterMetric metric) {
  if (x.rows > kMaxRows) {
    fail("x", "at most " + std::to_string(kMaxRows) + " rows", std::to_string(x.rows));
  }
  check_positions(centers, x.rows);
  const Index available = x.rows - static_cast<Index>(centers.size());
  if (k < 0 || k > available) {
    fail("k", "0 <= k <= " + std::to_string(available) + ", the points that are no centers yet",
         std::to_string(k));
  }
  const Index bad = find_unusable(center_vectors, metric);
  if (bad < center_vectors.rows) {
    fail_row("center_vectors", bad, sum_of_squares(center_vectors.row(bad), center_vectors.cols));
  }
  Greedy greedy(x, metric);
  for (Index i = 0; i < center_vectors.rows; ++i) greedy.give(center_vectors.row(i));
  for (const Index i : centers) greedy.give(i);
  return greedy.pick(k);
}

}  // namespace mcal
