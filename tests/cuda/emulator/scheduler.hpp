// Runs the threads of a CUDA launch on one CPU thread, each as a fiber that gives up the processor
// only where it waits. Made to find mistakes, not to be fast:
//
//   order          the ready threads of a block, and the blocks, go on in a shuffled order (by the
//                  launch's seed), so that a missing barrier gives wrong answers
//   __syncthreads  every thread of the block must be at the same line; one that has returned, or
//                  waits at another line, is an error
//   warp functions every lane of the mask must be at the same line with the same mask; a lane that
//                  is outside the mask, outside the width or gone is an error
//   shared memory  is garbage at the start of a block, and is watched behind its end
//   no progress    threads that all wait, or only sleep, are an error
//
// What it cannot show: races between plain reads and writes without a barrier that happen to be
// harmless in the orders tried, weak memory order, and everything about speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace emulator {

struct Size3 {
  unsigned x = 1, y = 1, z = 1;
};

struct Launch {
  Size3 grid, block;
  std::size_t shared_bytes = 0;
  bool cooperative = false;  // all blocks at once, or else one after the other
  std::uint64_t seed = 0;
};

constexpr std::size_t max_shared_bytes = 232448;  // what one block of an H100 can have

// Runs body(context) in every thread. Returns what went wrong, or nothing.
std::string run(const Launch& launch, void (*body)(const void*), const void* context);

// Where in the kernels' text a thread waits.
struct Site {
  const char* function;
  int line;
};

enum class WarpOp { sync, shuffle, shuffle_up, shuffle_down, shuffle_xor, ballot, match, max, min };

// Called by threads.
enum class BarrierOp { none, any, all, count };
int barrier(BarrierOp op, int predicate, Site site);
std::uint64_t warp(WarpOp op, unsigned mask, std::uint64_t value, unsigned parameter, int width,
                   Site site);
void sleep();        // lets all other threads go on
void maybe_yield();  // now and then lets other threads of the block go on
unsigned lane();

}  // namespace emulator
