#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "device_count.hpp"

int main(int argc, char** argv) {
  if (on_device::device_count() == 0) {
    std::puts("skipped: no CUDA device");
    return 77;  // what ctest is told to show as skipped
  }
  return doctest::Context(argc, argv).run();
}
