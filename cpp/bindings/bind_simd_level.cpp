#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>

#include "binders.hpp"
#include "mcal/simd_level.hpp"

void mcal::bindings::bind_simd_level(pybind11::module_& m) {
  namespace py = pybind11;
  m.def(
      "simd_level", [] { return std::string(simd_level_name(simd_level())); },
      R"(Name of the instruction set that the compiled functions use: "baseline" or "avx2".

It is the fastest that this processor has, unless another was set. It affects speed only: results
are the same, bit for bit, at every level.)");
  m.def(
      "supported_simd_levels",
      [] {
        std::vector<std::string> names;
        for (const SimdLevel level : supported_simd_levels()) {
          names.emplace_back(simd_level_name(level));
        }
        return names;
      },
      R"(Names of the instruction sets that this build and this processor have, slowest first.)");
  m.def("set_simd_level", &set_simd_level, py::arg("name"),
        R"(Force an instruction set for the whole process: to test or to time the others.

Parameters
----------
name : str
    One of ``supported_simd_levels()``, or "auto" for the fastest of them.

Raises
------
ValueError
    A name that is unknown or not supported here.)");
}
