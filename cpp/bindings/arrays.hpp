// The only shape and dtype checks: NumPy arrays in, views out, ValueError on a mismatch. Single
// values: scalars.hpp.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <span>
#include <string>
#include <string_view>

#include "mcal/views.hpp"
#include "scalars.hpp"

namespace mcal::bindings {

namespace py = pybind11;

inline std::string describe(const py::array& a) {
  return "shape " + py::str(a.attr("shape")).cast<std::string>() + " and dtype " +
         py::str(a.dtype()).cast<std::string>();
}

// An array of T in C order; anything NumPy converts to one safely (same kind) is converted,
// which copies, and so is anything empty, as [] is of float64. Values that T cannot hold become
// infinite. `expected` completes the message, for example "float64 of shape (R, T)".
template <class T>
py::array_t<T, py::array::c_style> as_array(const py::object& value, std::string_view name,
                                            int ndim, std::string_view expected) {
  py::array any = py::array::ensure(value);
  if (!any) {
    PyErr_Clear();
    fail(name, expected, py::str(py::type::of(value)).template cast<std::string>());
  }
  const auto numpy = py::module_::import("numpy");
  const auto castable = numpy.attr("can_cast")(any.dtype(), py::dtype::of<T>(), "same_kind");
  if (any.ndim() != ndim || !(any.size() == 0 || castable.template cast<bool>())) {
    fail(name, expected, describe(any));
  }
  const auto quiet = numpy.attr("errstate")(py::arg("over") = "ignore");
  quiet.attr("__enter__")();
  const py::array_t<T, py::array::c_style | py::array::forcecast> converted(any);
  quiet.attr("__exit__")(py::none(), py::none(), py::none());
  return converted;
}

// The array that NumPy makes of `value`, if it has `ndim` dimensions and one of the dtypes `T...`
// exactly.
template <class... T>
py::array as_exactly(const py::object& value, std::string_view name, int ndim,
                     std::string_view expected) {
  py::array any = py::array::ensure(value);
  if (!any) {
    PyErr_Clear();
    fail(name, expected, py::str(py::type::of(value)).template cast<std::string>());
  }
  if (any.ndim() != ndim || !(py::isinstance<py::array_t<T>>(any) || ...)) {
    fail(name, expected, describe(any));
  }
  return any;
}

// A matrix of T as it lies in memory when its rows are contiguous and aligned, whatever the step
// from one to the next; otherwise a copy. `owner` keeps the memory of `view`.
template <class T>
struct Rows {
  py::array owner;
  MatrixView<const T> view;
};

template <class T>
Rows<T> rows_of(const py::array& a) {
  constexpr auto item = static_cast<py::ssize_t>(sizeof(T));
  const bool aligned = a.attr("flags").attr("aligned").template cast<bool>();
  if (a.strides(1) == item && a.strides(0) % item == 0 && aligned) {
    return {a, {static_cast<const T*>(a.data()), a.shape(0), a.shape(1), a.strides(0) / item}};
  }
  const py::array_t<T, py::array::c_style | py::array::forcecast> copy(a);
  return {copy, {copy.data(), copy.shape(0), copy.shape(1), copy.shape(1)}};
}

template <class T>
std::span<const T> span_of(const py::array_t<T, py::array::c_style>& a) {
  return {a.data(), static_cast<std::size_t>(a.size())};
}

template <class T>
std::span<T> mutable_span_of(py::array_t<T, py::array::c_style>& a) {
  return {a.mutable_data(), static_cast<std::size_t>(a.size())};
}

template <class T>
MatrixView<const T> matrix_of(const py::array_t<T, py::array::c_style>& a) {
  return {a.data(), a.shape(0), a.shape(1), a.shape(1)};
}

template <class T>
MatrixView<T> mutable_matrix_of(py::array_t<T, py::array::c_style>& a) {
  return {a.mutable_data(), a.shape(0), a.shape(1), a.shape(1)};
}

}  // namespace mcal::bindings
