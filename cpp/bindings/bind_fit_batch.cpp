#include <pybind11/pybind11.h>

#include "binders.hpp"

void mcal::bindings::bind_fit_batch(pybind11::module_&) {}
