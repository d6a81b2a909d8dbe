#include "binders.hpp"
#include "mcal/audit.hpp"
#include "mcal/weighted_audit.hpp"
#include "scalars.hpp"

namespace mcal::bindings {
namespace {

// Products of two counts stay far from the ends of double and int64.
constexpr Index kMaxPopulation = Index{1} << 40;

double as_risk(const py::object& value) {
  const double risk = as_number(value, "risk", {0.0, 1.0});
  if (risk == 1.0) fail_value("risk", "a number below 1", value);
  return risk;
}

double cdf(const py::object& k, const py::object& population_any, const py::object& bad,
           const py::object& draws) {
  const Index population = as_integer(population_any, "population", 0, kMaxPopulation);
  return hypergeometric_cdf(as_integer(k, "k"), population, as_integer(bad, "bad", 0, population),
                            as_integer(draws, "draws", 0, population));
}

Index fewest(const py::object& k_any, const py::object& population_any, const py::object& bad_any,
             const py::object& risk) {
  const Index population = as_integer(population_any, "population", 1, kMaxPopulation);
  const Index bad = as_integer(bad_any, "bad", 1, population);
  return fewest_draws(as_integer(k_any, "k", 0, bad - 1), population, bad, as_risk(risk));
}

Index found(const py::object& population_any, const py::object& draws_any, const py::object& errors,
            const py::object& risk) {
  const Index population = as_integer(population_any, "population", 1, kMaxPopulation);
  const Index draws = as_integer(draws_any, "draws", 0, population - 1);
  return most_found(population, draws, as_integer(errors, "errors", 0, population - draws - 1),
                    as_risk(risk));
}

// A weight this large still leaves room for the score of any audit.
constexpr Index kMaxWeight = Index{1} << 20;

using Triple = py::typing::Tuple<py::object, py::object, py::object>;

Stratum as_stratum(const Triple& given) {
  if (given.size() != 3) fail_value("stratum", "(items, draws, weight)", given);
  const Index items = as_integer(given[0], "items", 0, kMaxPopulation);
  return {items, as_integer(given[1], "draws", 0, items),
          as_integer(given[2], "weight", 1, kMaxWeight)};
}

Index weight(const Triple& sure, const Triple& unsure, const py::object& errors,
             const py::object& risk) {
  return most_weight(as_stratum(sure), as_stratum(unsure),
                     as_integer(errors, "errors", 0, kMaxPopulation), as_risk(risk));
}

}  // namespace

void bind_audit(py::module_& m) {
  using py::arg;
  m.def("hypergeometric_cdf", &cdf, "P(at most k bad items are drawn), without replacement.",
        arg("k"), arg("population"), arg("bad"), arg("draws"));
  m.def("fewest_draws", &fewest,
        "The fewest draws (or, for a number of draws in place of bad, the fewest bad items) with\n"
        "P(at most k bad items are drawn) <= risk.",
        arg("k"), arg("population"), arg("bad"), arg("risk"));
  m.def("most_found", &found,
        "The largest k such that finding at most k proves at most errors missed, or -1.",
        arg("population"), arg("draws"), arg("errors"), arg("risk"));
  m.def("most_weight", &weight,
        "The largest score that proves at most errors missed in two strata, each given as\n"
        "(items, draws, weight of an audited error), the surer one first; or -1.",
        arg("sure"), arg("unsure"), arg("errors"), arg("risk"));
}

}  // namespace mcal::bindings
