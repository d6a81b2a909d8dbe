#include <pybind11/pybind11.h>

#include "binders.hpp"

PYBIND11_MODULE(_core, m) {
  m.doc() = "Compiled core of mcal. The public functions with their documentation are in mcal.";
  using namespace mcal::bindings;
  bind_scalars(m);
  bind_parallel(m);
  bind_simd_level(m);
  bind_fit_batch(m);
  bind_plan_search(m);
  bind_audit(m);
  bind_bootstrap(m);
  bind_uncertainty(m);
  bind_smallest_k(m);
  bind_k_center(m);
}
