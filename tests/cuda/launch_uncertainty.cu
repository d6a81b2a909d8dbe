#include "elements.hpp"
#include "launches.hpp"
#include "on_device.hpp"
#include "uncertainty.cu"

namespace on_device {
namespace {

template <class Element>
std::vector<float> rounded_to(const std::vector<float>& values) {
  std::vector<float> result;
  for (const Element x : elements_of<Element>(values)) result.push_back(float_of(x));
  return result;
}

template <class Element>
using Kernel = void (*)(const Element*, long long, int, long long, int, int, int, long long*,
                        double*, long long, unsigned long long*);

template <class Element>
UncertaintyResult run(Kernel<Element> kernel, const std::vector<float>& scores, long long rows,
                      int cols, long long row_stride, const UncertaintyCut& cut) {
  const auto n = static_cast<std::size_t>(rows);
  const Array<Element> given(elements_of<Element>(scores));
  const Array<long long> label(n);
  const Array<double> values(3 * n);
  const Array<unsigned long long> bad(std::vector<unsigned long long>{0});
  constexpr int threads = 256;
  const long long rows_of_block =
      (cut.block_a_row ? 1 : threads / cut.lanes) * static_cast<long long>(cut.rounds);
  const auto grid = static_cast<unsigned>((rows + rows_of_block - 1) / rows_of_block);
  launch(kernel, {grid, threads}, given.data(), rows, cols, row_stride, cut.lanes, cut.rounds,
         cut.block_a_row ? 1 : 0, label.data(), values.data(), rows, bad.data());
  const std::vector<double> all = values.on_host();
  const auto deficit = all.begin(), entropy = deficit + rows, least_confidence = entropy + rows;
  const auto first_bad_row = static_cast<long long>(~bad.on_host()[0] & ~(1ULL << 63));
  return {label.on_host(),
          {deficit, entropy},
          {entropy, least_confidence},
          {least_confidence, all.end()},
          first_bad_row};
}

}  // namespace

UncertaintyResult uncertainty(const std::vector<float>& scores, long long rows, int cols,
                              long long row_stride, const std::string& dtype, bool logits,
                              const UncertaintyCut& cut) {
  const bool four = cut.vectors == 4;
  const auto with = [&](auto of_4, auto of_8) {
    return run(four ? of_4 : of_8, scores, rows, cols, row_stride, cut);
  };
  if (dtype == "float32") {
    return logits
               ? with(&uncertainty_float32_logits_4, &uncertainty_float32_logits_8)
               : with(&uncertainty_float32_probabilities_4, &uncertainty_float32_probabilities_8);
  }
  if (dtype == "float16") {
    return logits
               ? with(&uncertainty_float16_logits_4, &uncertainty_float16_logits_8)
               : with(&uncertainty_float16_probabilities_4, &uncertainty_float16_probabilities_8);
  }
  return logits
             ? with(&uncertainty_bfloat16_logits_4, &uncertainty_bfloat16_logits_8)
             : with(&uncertainty_bfloat16_probabilities_4, &uncertainty_bfloat16_probabilities_8);
}

std::vector<float> rounded(const std::vector<float>& values, const std::string& dtype) {
  if (dtype == "float16") return rounded_to<__half>(values);
  if (dtype == "bfloat16") return rounded_to<__nv_bfloat16>(values);
  return values;
}

}  // namespace on_device
