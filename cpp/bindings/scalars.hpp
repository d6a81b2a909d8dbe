// The only checks of single values: Python objects in, C++ values out, ValueError on a mismatch.
#pragma once

#include <pybind11/pybind11.h>

#include <cmath>
#include <cstdio>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>

#include "mcal/views.hpp"

namespace mcal::bindings {

namespace py = pybind11;

// Raises ValueError "<name>: expected <expected>, found <found>".
[[noreturn]] inline void fail(std::string_view name, std::string_view expected,
                              std::string_view found) {
  std::string text(name);
  text.append(": expected ").append(expected).append(", found ").append(found);
  throw py::value_error(text);
}

[[noreturn]] inline void fail_value(std::string_view name, std::string_view expected,
                                    const py::object& value) {
  fail(name, expected, py::repr(value).cast<std::string>());
}

inline constexpr Index kLowest = std::numeric_limits<Index>::min();
inline constexpr Index kHighest = std::numeric_limits<Index>::max();

// A Python integer in [low, high], or what acts as one; True and False do not count as integers.
inline Index as_integer(const py::object& value, std::string_view name, Index low = kLowest,
                        Index high = kHighest) {
  std::string expected = "an integer";
  if (low != kLowest) expected += " >= " + std::to_string(low);
  if (high != kHighest) expected += " and <= " + std::to_string(high);
  if (PyBool_Check(value.ptr())) fail_value(name, expected, value);
  const auto integer = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  const Index result = integer ? PyLong_AsLongLong(integer.ptr()) : -1;
  const bool failed = PyErr_Occurred() != nullptr;
  if (failed) PyErr_Clear();
  if (failed || result < low || result > high) fail_value(name, expected, value);
  return result;
}

// Limits of a number; `open` excludes them.
struct Range {
  double low;
  double high = std::numeric_limits<double>::infinity();
  bool open = false;
};

// A finite number in the range; text, True and False do not count as numbers.
inline double as_number(const py::object& value, std::string_view name, const Range& range) {
  char low[32], high[32];
  std::snprintf(low, sizeof low, " %s %g", range.open ? ">" : ">=", range.low);
  std::snprintf(high, sizeof high, " and %s %g", range.open ? "<" : "<=", range.high);
  const std::string expected =
      std::string("a finite number") + low + (std::isinf(range.high) ? "" : high);
  if (PyBool_Check(value.ptr()) || PyUnicode_Check(value.ptr())) fail_value(name, expected, value);
  const double x = PyFloat_AsDouble(value.ptr());
  const bool failed = PyErr_Occurred() != nullptr;
  if (failed) PyErr_Clear();
  const bool inside =
      range.open ? x > range.low && x < range.high : x >= range.low && x <= range.high;
  if (failed || !inside || std::isinf(x)) fail_value(name, expected, value);
  return x;
}

// Which of the words `value` is.
inline int as_choice(const py::object& value, std::string_view name,
                     std::initializer_list<std::string_view> words) {
  std::string expected;
  int i = 0;
  for (const std::string_view word : words) {
    if (py::isinstance<py::str>(value) && value.cast<std::string>() == word) return i;
    expected.append(i++ == 0 ? "'" : " or '").append(word).append("'");
  }
  fail_value(name, expected, value);
}

}  // namespace mcal::bindings
