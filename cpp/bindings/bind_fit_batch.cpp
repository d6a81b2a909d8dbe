#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <cstdint>
#include <limits>
#include <string>

#include "arrays.hpp"
#include "binders.hpp"
#include "mcal/fit_batch.hpp"

namespace mcal::bindings {
namespace {

using Matrix = py::array_t<double, py::array::c_style>;
using Whole = py::array_t<std::int32_t, py::array::c_style>;

// float64 of shape (1, R), the same for every row, or (rows, R).
Matrix row_matrix(const py::object& value, const char* name, const Matrix& like) {
  const std::string expected = "float64 of shape (1, R) or (rows, R)";
  Matrix m = as_array<double>(value, name, 2, expected);
  if (m.shape(1) != like.shape(1) || (m.shape(0) != 1 && m.shape(0) != like.shape(0))) {
    fail(name, expected, describe(m));
  }
  return m;
}

MatrixView<const double> repeated(const Matrix& m, Index rows) {
  return {m.data(), rows, m.shape(1), m.shape(0) == 1 ? 0 : m.shape(1)};
}

// parameters, status, objective, deviance, iterations: see fit_batch.hpp.
py::typing::Tuple<Matrix, Whole, Matrix, Matrix, Whole> fit(
    const py::object& n_train, const py::object& wrong, const py::object& n_test,
    const py::object& weights, const py::object& form, const py::object& objective,
    const py::object& chance, const py::object& max_iterations, const py::object& tolerance) {
  const Matrix w = as_array<double>(wrong, "wrong", 2, "float64 of shape (rows, R)");
  const Matrix n = row_matrix(n_train, "n_train", w);
  const Matrix t = row_matrix(n_test, "n_test", w);
  const Matrix v = row_matrix(weights, "weights", w);
  const Index rows = w.shape(0);
  constexpr Index kMaxIterations = std::numeric_limits<std::int32_t>::max();
  const FitOptions options{
      .form = static_cast<Form>(as_integer(form, "form", 0, 3)),
      .objective = static_cast<Objective>(as_integer(objective, "objective", 0, 1)),
      .chance = as_number(chance, "chance", {0.0, 1.0}),
      .max_iterations =
          static_cast<int>(as_integer(max_iterations, "max_iterations", 1, kMaxIterations)),
      .tolerance = as_number(tolerance, "tolerance", {0.0, 1.0, true})};
  Matrix parameters({rows, static_cast<Index>(parameter_count(options.form))});
  Matrix values(rows), deviance(rows);
  Whole status(rows), iterations(rows);
  const FitInput input{repeated(n, rows), matrix_of(w), repeated(t, rows), repeated(v, rows)};
  static_assert(sizeof(FitStatus) == sizeof(std::int32_t));
  const FitOutput output{
      mutable_matrix_of(parameters), values.mutable_data(), deviance.mutable_data(),
      reinterpret_cast<FitStatus*>(status.mutable_data()), iterations.mutable_data()};
  {
    const py::gil_scoped_release release;
    fit_batch(input, options, output);
  }
  return py::make_tuple(parameters, status, values, deviance, iterations);
}

}  // namespace

void bind_fit_batch(py::module_& m) {
  m.def("fit_batch", &fit, py::arg("n_train"), py::arg("wrong"), py::arg("n_test"),
        py::arg("weights"), py::kw_only(), py::arg("form"), py::arg("objective"), py::arg("chance"),
        py::arg("max_iterations"), py::arg("tolerance"));
}

}  // namespace mcal::bindings
