#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "arrays.hpp"
#include "binders.hpp"
#include "mcal/k_center.hpp"

namespace mcal::bindings {
namespace {

template <class T>
py::array_t<T> to_array(const std::vector<T>& values) {
  py::array_t<T> a(static_cast<py::ssize_t>(values.size()));
  std::copy(values.begin(), values.end(), a.mutable_data());
  return a;
}

// In place where the rows lie as they should, else a copy.
Rows<float> float_rows(const py::object& value, std::string_view name, std::string_view expected) {
  if (py::isinstance<py::array_t<float>>(value)) {
    return rows_of<float>(as_exactly<float>(value, name, 2, expected));
  }
  return rows_of<float>(as_array<float>(value, name, 2, expected));
}

using Arrays = std::tuple<py::array_t<Index>, py::array_t<float>, Index>;

Arrays k_center(const py::object& x, const py::object& k, const py::object& centers,
                const py::object& center_vectors, const py::object& metric) {
  const auto points = float_rows(x, "x", "float32 of shape (N, D)");
  if (points.owner.size() == 0) {
    fail("x", "at least one row and one column", describe(points.owner));
  }
  const Index n_picks = as_integer(k, "k");
  const auto taken = as_array<Index>(centers, "centers", 1, "int64 of shape (M,)");
  const auto vectors =
      center_vectors.is_none()
          ? Rows<float>{{}, {nullptr, 0, points.view.cols, points.view.cols}}
          : float_rows(center_vectors, "center_vectors", "float32 of shape (M, D)");
  if (vectors.view.cols != points.view.cols) {
    fail("center_vectors", std::to_string(points.view.cols) + " columns, as many as x",
         describe(vectors.owner));
  }
  const CenterMetric parsed = as_choice(metric, "metric", {"squared_euclidean", "cosine"}) == 0
                                  ? CenterMetric::squared_euclidean
                                  : CenterMetric::cosine;
  KCenterResult result;
  {
    const py::gil_scoped_release release;
    result = select_k_center(points.view, n_picks, span_of(taken), vectors.view, parsed);
  }
  return {to_array(result.positions), to_array(result.distances), result.n_full_passes};
}

}  // namespace

void bind_k_center(py::module_& m) {
  m.def("k_center", &k_center, py::arg("x"), py::arg("k"), py::kw_only(), py::arg("centers"),
        py::arg("center_vectors"), py::arg("metric"));
}

}  // namespace mcal::bindings
