#include <pybind11/pybind11.h>

#include "binders.hpp"
#include "mcal/parallel.hpp"

void mcal::bindings::bind_parallel(pybind11::module_& m) {
  namespace py = pybind11;
  m.def("thread_count", &thread_count);
  m.def("set_thread_count", &set_thread_count, py::arg("n"));
}
