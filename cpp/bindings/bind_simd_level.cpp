#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>

#include "binders.hpp"
#include "mcal/simd_level.hpp"

void mcal::bindings::bind_simd_level(pybind11::module_& m) {
  namespace py = pybind11;
  m.def("simd_level", [] { return std::string(simd_level_name(simd_level())); });
  m.def("supported_simd_levels", [] {
    std::vector<std::string> names;
    for (const SimdLevel level : supported_simd_levels()) {
      names.emplace_back(simd_level_name(level));
    }
    return names;
  });
  m.def("set_simd_level", &set_simd_level, py::arg("name"));
}
