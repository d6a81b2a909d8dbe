#include <pybind11/pybind11.h>

#include "binders.hpp"

void mcal::bindings::bind_plan_search(pybind11::module_&) {}
