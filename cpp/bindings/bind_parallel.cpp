#include "binders.hpp"
#include "mcal/parallel.hpp"
#include "scalars.hpp"

void mcal::bindings::bind_parallel(pybind11::module_& m) {
  m.def("thread_count", &thread_count);
  m.def(
      "set_thread_count",
      [](const py::object& n) { set_thread_count(static_cast<int>(as_integer(n, "n", 0, 1024))); },
      py::arg("n"));
}
