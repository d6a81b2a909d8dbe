#include <pybind11/pybind11.h>

#include "binders.hpp"

void mcal::bindings::bind_smallest_k(pybind11::module_&) {}
