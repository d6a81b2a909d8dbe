// MCAL_LAUNCHER(kernel): two C functions through which another language launches the kernel,
//
//   const char* KERNEL_parameters()       a word a parameter: "float32*", "int64", "any*", ...
//   const char* KERNEL_launch(grid, block, shared_bytes, cooperative, seed, arguments)
//                                         what went wrong, or null
#pragma once

#include <string>
#include <tuple>
#include <utility>

#include "cuda_bf16.h"
#include "cuda_emulator.hpp"
#include "cuda_fp16.h"

namespace emulator {

template <class T>
std::string word_of() {
  if constexpr (std::is_pointer_v<T>) {
    using Pointee = std::remove_cv_t<std::remove_pointer_t<T>>;
    if constexpr (std::is_void_v<Pointee>) {
      return "any*";
    } else {
      return word_of<Pointee>() + "*";
    }
  } else if constexpr (std::is_same_v<T, __half>) {
    return "float16";
  } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    return "uint16";
  } else if constexpr (std::is_arithmetic_v<T>) {
    const char* family = std::is_floating_point_v<T> ? "float"
                         : std::is_signed_v<T>       ? "int"
                                                     : "uint";
    return family + std::to_string(8 * sizeof(T));
  } else {
    return "any";
  }
}

template <class... Parameters>
std::string words_of(void (*)(Parameters...)) {
  std::string words;
  ((words += word_of<Parameters>() + " "), ...);
  return words;
}

template <class... Parameters>
struct Call {
  void (*kernel)(Parameters...);
  void** arguments;

  template <std::size_t... i>
  void in_thread(std::index_sequence<i...>) const {
    kernel(*static_cast<Parameters*>(arguments[i])...);
  }
};

// Launches the kernel with the arguments at these addresses, each of exactly its parameter's type.
template <class... Parameters>
std::string launch(void (*kernel)(Parameters...), const Launch& shape, void** arguments) {
  using This = Call<Parameters...>;
  const This call{kernel, arguments};
  return run(
      shape,
      [](const void* context) {
        static_cast<const This*>(context)->in_thread(std::index_sequence_for<Parameters...>());
      },
      &call);
}

}  // namespace emulator

#define MCAL_LAUNCHER(kernel)                                                               \
  extern "C" const char* kernel##_parameters() {                                            \
    static const std::string words = emulator::words_of(kernel);                            \
    return words.c_str();                                                                   \
  }                                                                                         \
  extern "C" const char* kernel##_launch(const unsigned* grid, unsigned block,              \
                                         std::size_t shared_bytes, int cooperative,         \
                                         std::uint64_t seed, void** arguments) {            \
    static std::string failure;                                                             \
    failure = emulator::launch(                                                             \
        kernel,                                                                             \
        {{grid[0], grid[1], grid[2]}, {block, 1, 1}, shared_bytes, cooperative != 0, seed}, \
        arguments);                                                                         \
    return failure.empty() ? nullptr : failure.c_str();                                     \
  }
