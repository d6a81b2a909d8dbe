#include <pybind11/pybind11.h>

#include <algorithm>
#include <vector>

#include "arrays.hpp"
#include "binders.hpp"
#include "mcal/smallest_k.hpp"

namespace mcal::bindings {
namespace {

using Positions = py::array_t<Index, py::array::c_style>;

template <class T>
Positions select(const py::array& values, Index k, Order order) {
  const py::array_t<T, py::array::c_style | py::array::forcecast> contiguous(values);
  const std::span<const T> view(contiguous.data(), static_cast<std::size_t>(contiguous.size()));
  std::vector<Index> positions;
  {
    const py::gil_scoped_release release;
    positions = first_k(view, k, order);
  }
  Positions result(static_cast<py::ssize_t>(positions.size()));
  std::copy(positions.begin(), positions.end(), result.mutable_data());
  return result;
}

template <Order order>
Positions first_k_of(const py::object& values, const py::object& k) {
  const py::array a = as_exactly<float, double, Index>(values, "values", 1,
                                                       "float32, float64 or int64 of shape (N,)");
  const Index count = as_integer(k, "k");
  if (py::isinstance<py::array_t<float>>(a)) return select<float>(a, count, order);
  if (py::isinstance<py::array_t<double>>(a)) return select<double>(a, count, order);
  return select<Index>(a, count, order);
}

}  // namespace

void bind_smallest_k(py::module_& m) {
  m.def("smallest_k", &first_k_of<Order::smallest_first>, py::arg("values"), py::arg("k"));
  m.def("largest_k", &first_k_of<Order::largest_first>, py::arg("values"), py::arg("k"));
}

}  // namespace mcal::bindings
