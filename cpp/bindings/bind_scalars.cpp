#include <pybind11/stl.h>

#include <optional>

#include "binders.hpp"
#include "scalars.hpp"

// For Python's own arguments, so that there is one rule and one wording.
void mcal::bindings::bind_scalars(py::module_& m) {
  using py::arg;
  m.def(
      "as_integer",
      [](const py::object& value, const std::string& name, Index low, std::optional<Index> high) {
        return as_integer(value, name, low, high.value_or(kHighest));
      },
      "The integer in [low, high] that value is.", arg("value"), arg("name"), arg("low"),
      arg("high") = py::none());
  m.def(
      "as_number",
      [](const py::object& value, const std::string& name, double low, std::optional<double> high,
         bool open) {
        return as_number(value, name,
                         {low, high.value_or(std::numeric_limits<double>::infinity()), open});
      },
      "The finite number from low to high that value is; open excludes both.", arg("value"),
      arg("name"), arg("low"), arg("high") = py::none(), arg("open") = false);
}
