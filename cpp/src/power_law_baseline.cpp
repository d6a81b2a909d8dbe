#include "power_law_loops.hpp"

namespace mcal::detail {

extern const PointKernels power_law_baseline;
const PointKernels power_law_baseline = kPointKernels;

}  // namespace mcal::detail
