#include <pybind11/pybind11.h>

#include "binders.hpp"

void mcal::bindings::bind_simd_level(pybind11::module_&) {}
