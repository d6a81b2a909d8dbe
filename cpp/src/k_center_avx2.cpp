#include "mcal/simd_level.hpp"
#if MCAL_HAS_AVX2_KERNELS

#include <immintrin.h>

#include "k_center_fold.hpp"

namespace mcal::detail {
namespace {

const float* row_of(MatrixView<const float> m, Index i) { return m.data + i * m.row_stride; }

// Ones in the first n of 8 lanes.
__m256i first_lanes(Index n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}

// Four sums of eight lanes, in the order that k_center.hpp fixes.
__m128 sum_lanes(__m256 a, __m256 b, __m256 c, __m256 d) {
  const auto halves = [](__m256 v) {
    return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  };
  __m128 s04 = halves(a), s15 = halves(b), s26 = halves(c), s37 = halves(d);
  _MM_TRANSPOSE4_PS(s04, s15, s26, s37);
  return _mm_add_ps(_mm_add_ps(s04, s26), _mm_add_ps(s15, s37));
}

// Distances of A x B pairs of rows at once: each load serves several pairs, and there are enough
// independent sums to hide the latency of one.
template <int A, int B>
struct Tile {
  __m256 sum[A][B];

  Tile(const float* const (&a)[A], const float* const (&b)[B], Index n) {
    for (int i = 0; i < A; ++i) {
      for (int k = 0; k < B; ++k) sum[i][k] = _mm256_setzero_ps();
    }
    Index j = 0;
    for (; j + 8 <= n; j += 8)
      add(a, b, [j](const float* row) { return _mm256_loadu_ps(row + j); });
    if (j < n) {
      const __m256i mask = first_lanes(n - j);
      add(a, b, [j, mask](const float* row) { return _mm256_maskload_ps(row + j, mask); });
    }
  }

  template <class Load>
  void add(const float* const (&a)[A], const float* const (&b)[B], Load load) {
    __m256 right[B];
    for (int k = 0; k < B; ++k) right[k] = load(b[k]);
    for (int i = 0; i < A; ++i) {
      const __m256 left = load(a[i]);
      for (int k = 0; k < B; ++k) {
        const __m256 d = _mm256_sub_ps(left, right[k]);
        sum[i][k] = _mm256_fmadd_ps(d, d, sum[i][k]);
      }
    }
  }
};

void fold_four(const float* const* rows, MatrixView<const float> centers, float* values) {
  const float* const four[4] = {rows[0], rows[1], rows[2], rows[3]};
  __m128 nearest = _mm_loadu_ps(values);
  const auto fold = [&]<int B>(const Tile<4, B>& t) {
    for (int k = 0; k < B; ++k) {
      nearest = _mm_min_ps(nearest, sum_lanes(t.sum[0][k], t.sum[1][k], t.sum[2][k], t.sum[3][k]));
    }
  };
  Index c = 0;
  for (; c + 2 <= centers.rows; c += 2) {
    fold(Tile<4, 2>(four, {row_of(centers, c), row_of(centers, c + 1)}, centers.cols));
  }
  if (c < centers.rows) fold(Tile<4, 1>(four, {row_of(centers, c)}, centers.cols));
  _mm_storeu_ps(values, nearest);
}

void fold_one(const float* row, MatrixView<const float> centers, float& value) {
  __m128 nearest = _mm_set1_ps(value);
  for (Index c = 0; c < centers.rows; c += 4) {
    // Past the end the last center is taken again, which changes nothing.
    const auto at = [&](Index k) {
      return row_of(centers, c + k < centers.rows ? c + k : centers.rows - 1);
    };
    const Tile<1, 4> t({row}, {at(0), at(1), at(2), at(3)}, centers.cols);
    nearest = _mm_min_ps(nearest, sum_lanes(t.sum[0][0], t.sum[0][1], t.sum[0][2], t.sum[0][3]));
  }
  nearest = _mm_min_ps(nearest, _mm_movehl_ps(nearest, nearest));
  value = _mm_cvtss_f32(_mm_min_ss(nearest, _mm_movehdup_ps(nearest)));
}

}  // namespace

void fold_centers_avx2(const float* const* rows, Index n_rows, MatrixView<const float> centers,
                       float* values) {
  Index i = 0;
  for (; i + 4 <= n_rows; i += 4) fold_four(rows + i, centers, values + i);
  for (; i < n_rows; ++i) fold_one(rows[i], centers, values[i]);
}

}  // namespace mcal::detail

#endif
