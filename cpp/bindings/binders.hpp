// One binder per stem, each defined in bind_<stem>.cpp.
#pragma once

#include <pybind11/pybind11.h>

namespace mcal::bindings {

void bind_scalars(pybind11::module_& m);
void bind_parallel(pybind11::module_& m);
void bind_simd_level(pybind11::module_& m);
void bind_fit_batch(pybind11::module_& m);
void bind_plan_search(pybind11::module_& m);
void bind_audit(pybind11::module_& m);
void bind_bootstrap(pybind11::module_& m);
void bind_uncertainty(pybind11::module_& m);
void bind_smallest_k(pybind11::module_& m);
void bind_k_center(pybind11::module_& m);

}  // namespace mcal::bindings
