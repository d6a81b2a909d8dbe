// Non-owning views of the caller's arrays. Shape letters: N pool, C classes, D embedding,
// T thetas, R rounds, K chosen.
#pragma once

#include <cstdint>
#include <span>

namespace mcal {

using Index = std::int64_t;

// A row-major matrix whose rows are contiguous; row_stride counts elements, not bytes.
template <class T>
struct MatrixView {
  T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index row_stride = 0;

  T* row(Index i) const { return data + i * row_stride; }
  T& operator()(Index i, Index j) const { return data[i * row_stride + j]; }
};

}  // namespace mcal
