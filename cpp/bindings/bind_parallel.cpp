#include "binders.hpp"
#include "mcal/parallel.hpp"
#include "scalars.hpp"

void mcal::bindings::bind_parallel(pybind11::module_& m) {
  m.def("thread_count", &thread_count, R"(Number of threads that the compiled functions use, >= 1.

The caller's own thread is one of them. Results are the same, bit for bit, at any number.)");
  m.def(
      "set_thread_count",
      [](const py::object& n) { set_thread_count(static_cast<int>(as_integer(n, "n", 0, 1024))); },
      py::arg("n"),
      R"(Set the number of threads that the compiled functions use, for the whole process.

torch and NumPy have settings of their own, which this leaves alone.

Parameters
----------
n : int
    0 to 1024; 0 restores the default, the number of processors that this process may use.

Raises
------
ValueError
    No integer, or one out of range.)");
}
