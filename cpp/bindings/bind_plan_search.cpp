#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include "arrays.hpp"
#include "binders.hpp"
#include "mcal/plan_search.hpp"
#include "plan_checks.hpp"

namespace mcal::bindings {
namespace {

using Answer = py::typing::Tuple<PlanChoice, py::typing::Optional<PlanChoice>,
                                 py::typing::Optional<py::array_t<double>>>;

// Checks all that the search relies on to end and to stay inside its arrays.
Answer search(const py::object& n_knots_any, const py::object& error_any,
              const py::object& thetas_any, const py::object& n_pool_any,
              const py::object& n_test_any, const py::object& n_train_any,
              const py::object& n_train_max_any, const py::object& batch_min_any,
              double target_error, bool per_machine_label, double price_per_label,
              const PriceSteps& price_steps_any, double machine_fee, double fixed, double per_item,
              double per_item_squared, double per_new_item, const py::object& surface_stride_any) {
  const Index n_pool = as_integer(n_pool_any, "n_pool", 1);
  const Index n_test = as_integer(n_test_any, "n_test", 0, n_pool);
  const Index n_train_max = as_integer(n_train_max_any, "n_train_max", 0, n_pool - n_test);
  const Index n_train = as_integer(n_train_any, "n_train", 0, n_train_max);
  const Index batch_min = as_integer(batch_min_any, "batch_min", 1);
  const Index surface_stride = as_integer(surface_stride_any, "surface_stride", 0);
  const auto n_knots =
      as_array<Index>(n_knots_any, "n_knots", 1, "integers of shape (K,) with K >= 1");
  const auto error = as_array<double>(error_any, "error", 2, "float64 of shape (T, K)");
  const auto thetas = as_array<double>(thetas_any, "thetas", 1, "float64 of shape (T,)");
  if (error.shape(0) != thetas.size() || error.shape(1) != n_knots.size()) {
    fail("error",
         "shape (" + std::to_string(thetas.size()) + ", " + std::to_string(n_knots.size()) +
             ") as thetas and n_knots have it",
         describe(error));
  }
  check_knots(span_of(n_knots), n_train, n_train_max);
  check_thetas(span_of(thetas));
  const std::vector<PriceStep> steps = price_steps_of(price_steps_any);
  const PlanProblem problem{
      .n_knots = span_of(n_knots),
      .error = matrix_of(error),
      .thetas = span_of(thetas),
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
  py::array_t<double, py::array::c_style> surface(
      {surface_stride > 0 ? surface_rows(problem, surface_stride) : Index{0},
       static_cast<Index>(thetas.size())});
  const auto surface_view = mutable_matrix_of(surface);
  PlanChoice stop, go_on;
  bool going_on = false;
  {
    const py::gil_scoped_release unlocked;
    stop = stop_now(problem);
    going_on = can_go_on(problem);
    if (going_on) go_on = best_going_on(problem);
    if (surface_stride > 0) plan_surface(problem, surface_stride, surface_view);
  }
  return py::make_tuple(stop, going_on ? py::cast(go_on) : py::none(),
                        surface_stride > 0 ? py::object(surface) : py::none());
}

}  // namespace

void bind_plan_search(py::module_& m) {
  using py::arg;
  py::class_<PlanChoice>(m, "PlanChoice")
      .def_readonly("n_train", &PlanChoice::n_train)
      .def_readonly("theta", &PlanChoice::theta)
      .def_readonly("n_machine", &PlanChoice::n_machine)
      .def_readonly("error", &PlanChoice::error)
      .def_readonly("labels_usd", &PlanChoice::labels_usd)
      .def_readonly("cost_usd", &PlanChoice::cost_usd);
  m.def("search_plan", &search, "(stop now, best going on or None, surface or None).",
        arg("n_knots"), arg("error"), arg("thetas"), py::kw_only(), arg("n_pool"), arg("n_test"),
        arg("n_train"), arg("n_train_max"), arg("batch_min"), arg("target_error"),
        arg("per_machine_label"), arg("price_per_label"), arg("price_steps"), arg("machine_fee"),
        arg("fixed"), arg("per_item"), arg("per_item_squared"), arg("per_new_item"),
        arg("surface_stride"));
}

}  // namespace mcal::bindings
