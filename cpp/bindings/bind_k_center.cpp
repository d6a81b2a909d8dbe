#include <pybind11/pybind11.h>

#include "binders.hpp"

void mcal::bindings::bind_k_center(pybind11::module_&) {}
