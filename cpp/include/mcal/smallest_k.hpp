// The k smallest or largest of N numbers, in order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mcal/views.hpp"

namespace mcal {

enum class Order { smallest_first, largest_first };

// Positions of the first k values in `order`; equal values (and -0.0 and 0.0) by lowest position
// first, in both orders. What a stable sort of everything gives, in O(N + k) time: a histogram of
// the leading bits finds which values can be among the first k, and a radix sort orders those.
// The same result at any thread count. 0 <= k <= N, N >= 1; throws std::invalid_argument otherwise,
// and for NaN, naming the first.
std::vector<Index> first_k(std::span<const float> values, Index k, Order order);
std::vector<Index> first_k(std::span<const double> values, Index k, Order order);
std::vector<Index> first_k(std::span<const std::int64_t> values, Index k, Order order);

}  // namespace mcal
