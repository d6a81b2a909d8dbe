#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "binders.hpp"
#include "mcal/bootstrap.hpp"
#include "plan_checks.hpp"

namespace mcal::bindings {
namespace {

using Reals = py::array_t<double, py::array::c_style>;
using Whole = py::array_t<std::int32_t, py::array::c_style>;

void check_range(const Whole& values, const char* name, std::int32_t low, std::int32_t high) {
  const auto [least, most] = std::minmax_element(values.data(), values.data() + values.size());
  if (values.size() > 0 && (*least < low || *most > high)) {
    fail(name, "numbers from " + std::to_string(low) + " to " + std::to_string(high),
         std::to_string(*least) + " to " + std::to_string(*most));
  }
}

// One number for each replica, in [low, high].
Reals per_replica(const py::object& value, const char* name, Index n, double low, double high) {
  Reals numbers = as_array<double>(value, name, 1, "float64 of shape (replicas,)");
  if (numbers.size() != n) {
    fail(name, "shape (" + std::to_string(n) + ",)", describe(numbers));
  }
  for (const double x : span_of(numbers)) {
    if (!(x >= low && x <= high)) {
      fail(name, "numbers from " + std::to_string(low) + " to " + std::to_string(high),
           std::to_string(x));
    }
  }
  return numbers;
}

// wrong, n_test: (replicas * T, R), see replica_profiles.
py::typing::Tuple<Reals, Reals> profiles(const py::object& counts_any, const py::object& cells_any,
                                         const py::object& bin_size_any,
                                         const py::object& thetas_any) {
  const auto counts =
      as_array<std::int32_t>(counts_any, "counts", 2, "int32 of shape (replicas, n_test)");
  const auto cells = as_array<std::int32_t>(cells_any, "cells", 2, "int32 of shape (R, n_test)");
  const auto bin_size =
      as_array<double>(bin_size_any, "bin_size", 2, "float64 of shape (R, bins), bins >= 1");
  const auto thetas = as_array<double>(thetas_any, "thetas", 1, "float64 of shape (T,)");
  if (cells.shape(1) != counts.shape(1)) {
    fail("cells", "one column for each of " + std::to_string(counts.shape(1)) + " items",
         describe(cells));
  }
  if (bin_size.shape(0) != cells.shape(0) || bin_size.shape(1) == 0) {
    fail("bin_size", "bins for each of " + std::to_string(cells.shape(0)) + " rounds",
         describe(bin_size));
  }
  for (const double n : span_of(bin_size)) {
    if (!(n >= 0.0)) fail("bin_size", "numbers >= 0", std::to_string(n));
  }
  check_range(counts, "counts", 0, std::numeric_limits<std::int32_t>::max());
  check_range(cells, "cells", -1, static_cast<std::int32_t>(2 * bin_size.shape(1) - 1));
  check_thetas(span_of(thetas));
  const Index rows = counts.shape(0) * thetas.size();
  Reals wrong({rows, cells.shape(0)}), n_test({rows, cells.shape(0)});
  const auto wrong_view = mutable_matrix_of(wrong), n_test_view = mutable_matrix_of(n_test);
  {
    const py::gil_scoped_release unlocked;
    replica_profiles({matrix_of(counts), matrix_of(cells), matrix_of(bin_size), span_of(thetas)},
                     wrong_view, n_test_view);
  }
  return py::make_tuple(wrong, n_test);
}

// error (replicas * T, K) and drawn (replicas,), see replica_curves.
py::typing::Tuple<Reals, Whole> curves(const py::object& n_train_any, const py::object& wrong_any,
                                       const py::object& n_test_any, const py::object& thetas_any,
                                       const py::object& n_at_any,
                                       const std::vector<Index>& form_numbers,
                                       const py::object& chance_any,
                                       const py::object& gamma_centre_any,
                                       const py::object& ratio_centre_any,
                                       const py::object& form_draw_any) {
  const auto n_train = as_array<double>(n_train_any, "n_train", 1, "float64 of shape (R,)");
  const auto wrong = as_array<double>(wrong_any, "wrong", 2, "float64 of shape (replicas * T, R)");
  const auto n_test =
      as_array<double>(n_test_any, "n_test", 2, "float64 of shape (replicas * T, R)");
  const auto thetas = as_array<double>(thetas_any, "thetas", 1, "float64 of shape (T,), T >= 1");
  const auto n_at = as_array<double>(n_at_any, "n_at", 1, "float64 of shape (K,)");
  check_thetas(span_of(thetas));
  const Index n_thetas = thetas.size();
  if (n_thetas == 0 || wrong.shape(0) % n_thetas != 0 || wrong.shape(1) != n_train.size()) {
    fail("wrong", "rows for each theta and a column for each round", describe(wrong));
  }
  if (n_test.shape(0) != wrong.shape(0) || n_test.shape(1) != wrong.shape(1)) {
    fail("n_test", "the shape of wrong", describe(n_test));
  }
  std::vector<Form> forms;
  for (const Index number : form_numbers) {
    if (number < 0 || number >= kForms) {
      fail("forms", "numbers from 0 to 3", std::to_string(number));
    }
    forms.push_back(static_cast<Form>(number));
  }
  if (forms.empty() || forms.size() > kForms) {
    fail("forms", "one to four", std::to_string(forms.size()));
  }
  const Index n_replicas = wrong.shape(0) / n_thetas;
  const Reals gamma_centre = per_replica(gamma_centre_any, "gamma_centre", n_replicas, 0.0, 3.0);
  const auto ratio_centre =
      as_array<double>(ratio_centre_any, "ratio_centre", 2, "float64 of shape (forms, replicas)");
  const auto negative = [](double x) { return !(x >= 0.0); };
  const auto ratios = span_of(ratio_centre);
  if (ratio_centre.shape(0) != static_cast<Index>(forms.size()) ||
      ratio_centre.shape(1) != n_replicas || std::any_of(ratios.begin(), ratios.end(), negative)) {
    fail("ratio_centre", "numbers >= 0, a row for each form and a column for each replica",
         describe(ratio_centre));
  }
  const Reals form_draw = per_replica(form_draw_any, "form_draw", n_replicas, 0.0, 1.0);
  const CurvesInput input{.n_train = span_of(n_train),
                          .wrong = matrix_of(wrong),
                          .n_test = matrix_of(n_test),
                          .thetas = span_of(thetas),
                          .chance = as_number(chance_any, "chance", {0.0, 1.0, true}),
                          .forms = forms,
                          .gamma_centre = gamma_centre.data(),
                          .ratio_centre = matrix_of(ratio_centre),
                          .form_draw = form_draw.data(),
                          .n_at = span_of(n_at)};
  Reals error({wrong.shape(0), n_at.size()});
  Whole drawn(n_replicas);
  const auto error_view = mutable_matrix_of(error);
  std::int32_t* drawn_data = drawn.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    replica_curves(input, error_view, drawn_data);
  }
  return py::make_tuple(error, drawn);
}

// stop and go_on (replicas, 4): n_train, theta, n_machine, cost_usd; and cost (replicas, K), see
// replica_plans.
py::typing::Tuple<Reals, Reals, Reals> plans(
    const py::object& n_knots_any, const py::object& error_any, const py::object& thetas_any,
    const py::object& n_fine_any, const py::object& n_pool_any, const py::object& n_test_any,
    const py::object& n_train_any, const py::object& n_train_max_any,
    const py::object& batch_min_any, double target_error, bool per_machine_label,
    double price_per_label, const PriceSteps& price_steps_any, double machine_fee, double fixed,
    double per_item, double per_item_squared, double per_new_item) {
  const Index n_pool = as_integer(n_pool_any, "n_pool", 1);
  const Index n_test = as_integer(n_test_any, "n_test", 0, n_pool);
  const Index n_train_max = as_integer(n_train_max_any, "n_train_max", 0, n_pool - n_test);
  const Index n_train = as_integer(n_train_any, "n_train", 0, n_train_max);
  const Index batch_min = as_integer(batch_min_any, "batch_min", 1);
  const Index n_fine = as_integer(n_fine_any, "n_fine", 1);
  const auto n_knots =
      as_array<Index>(n_knots_any, "n_knots", 1, "integers of shape (K,) with K >= 1");
  const auto error = as_array<double>(error_any, "error", 2, "float64 of shape (replicas * T, K)");
  const auto thetas = as_array<double>(thetas_any, "thetas", 1, "float64 of shape (T,), T >= 1");
  check_knots(span_of(n_knots), n_train, n_train_max);
  check_thetas(span_of(thetas));
  const std::vector<PriceStep> steps = price_steps_of(price_steps_any);
  if (thetas.size() == 0 || error.shape(0) % thetas.size() != 0 ||
      error.shape(1) != n_knots.size()) {
    fail("error", "rows for each theta and a column for each knot", describe(error));
  }
  const PlanProblem problem{
      .n_knots = span_of(n_knots),
      .error = {},
      .thetas = {},
      .n_pool = n_pool,
      .n_test = n_test,
      .n_train = n_train,
      .n_train_max = n_train_max,
      .batch_min = batch_min,
      .target_error = target_error,
      .per_machine_label = per_machine_label,
      .price_per_label = price_per_label,
      .price_steps = steps,
      .machine_fee = machine_fee,
      .training = {fixed, per_item, per_item_squared, per_new_item},
  };
  const Index n_replicas = error.shape(0) / thetas.size();
  std::vector<PlanReplica> found(static_cast<std::size_t>(n_replicas));
  Reals cost({n_replicas, n_knots.size()});
  const auto cost_view = mutable_matrix_of(cost);
  {
    const py::gil_scoped_release unlocked;
    replica_plans(problem, span_of(thetas), matrix_of(error), n_fine, found.data(), cost_view);
  }
  Reals stop({n_replicas, Index{4}}), go_on({n_replicas, Index{4}});
  const auto write = [](const PlanChoice& c, double* row) {
    row[0] = static_cast<double>(c.n_train);
    row[1] = c.theta;
    row[2] = static_cast<double>(c.n_machine);
    row[3] = c.cost_usd;
  };
  for (Index b = 0; b < n_replicas; ++b) {
    write(found[static_cast<std::size_t>(b)].stop, stop.mutable_data(b, 0));
    write(found[static_cast<std::size_t>(b)].go_on, go_on.mutable_data(b, 0));
  }
  return py::make_tuple(stop, go_on, cost);
}

}  // namespace

void bind_bootstrap(py::module_& m) {
  using py::arg;
  m.def("replica_profiles", &profiles, arg("counts"), arg("cells"), arg("bin_size"), arg("thetas"));
  m.def("replica_curves", &curves, arg("n_train"), arg("wrong"), arg("n_test"), arg("thetas"),
        arg("n_at"), py::kw_only(), arg("forms"), arg("chance"), arg("gamma_centre"),
        arg("ratio_centre"), arg("form_draw"));
  m.def("replica_plans", &plans, arg("n_knots"), arg("error"), arg("thetas"), py::kw_only(),
        arg("n_fine"), arg("n_pool"), arg("n_test"), arg("n_train"), arg("n_train_max"),
        arg("batch_min"), arg("target_error"), arg("per_machine_label"), arg("price_per_label"),
        arg("price_steps"), arg("machine_fee"), arg("fixed"), arg("per_item"),
        arg("per_item_squared"), arg("per_new_item"));
}

}  // namespace mcal::bindings
