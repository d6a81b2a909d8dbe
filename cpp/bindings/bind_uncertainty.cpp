#include <pybind11/pybind11.h>

#include <string>
#include <tuple>

#include "arrays.hpp"
#include "binders.hpp"
#include "mcal/uncertainty.hpp"

namespace mcal::bindings {
namespace {

using Labels = py::array_t<Index, py::array::c_style>;
using Values = py::array_t<double, py::array::c_style>;

template <class T>
void compute(const py::array& scores, ScoreKind kind, const UncertaintyOutput& out) {
  const auto rows = rows_of<T>(scores);
  const py::gil_scoped_release release;
  uncertainty(rows.view, kind, out);
}

std::tuple<Labels, Values, Values, Values> uncertainty_of(const py::object& scores,
                                                          const py::object& kind_name) {
  constexpr auto expected = "float32 or float64 of shape (N >= 1, C >= 2)";
  const ScoreKind kind = as_choice(kind_name, "kind", {"logits", "probabilities"}) == 0
                             ? ScoreKind::logits
                             : ScoreKind::probabilities;
  const py::array a = as_exactly<float, double>(scores, "scores", 2, expected);
  const py::ssize_t n = a.shape(0);
  if (n < 1 || a.shape(1) < 2) fail("scores", expected, describe(a));
  Labels label(n);
  Values deficit(n), entropy(n), least_confidence(n);
  const UncertaintyOutput out{mutable_span_of(label), mutable_span_of(deficit),
                              mutable_span_of(entropy), mutable_span_of(least_confidence)};
  if (py::isinstance<py::array_t<float>>(a)) {
    compute<float>(a, kind, out);
  } else {
    compute<double>(a, kind, out);
  }
  return {label, deficit, entropy, least_confidence};
}

}  // namespace

void bind_uncertainty(py::module_& m) {
  m.def("uncertainty", &uncertainty_of, py::arg("scores"), py::arg("kind"));
}

}  // namespace mcal::bindings
