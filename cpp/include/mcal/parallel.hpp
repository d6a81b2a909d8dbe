// A small thread pool that survives fork.
//
// Work is cut into chunks whose boundaries depend on the problem only, never on the number of
// threads, so that a function whose chunks are independent gives the same bits on one thread and
// on many. OpenMP is avoided because a forked child hangs on its first parallel region.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

#include "mcal/views.hpp"

namespace mcal {

// Number of threads that parallel_for uses, the caller's included; at least 1.
int thread_count();

// Sets the number of threads; 0 restores the default, the number of processors this process may
// run on by its affinity and its container's quota. Where the system grants fewer threads than
// asked for, the work is done by those there are. Throws std::invalid_argument when n < 0 or n >
// 1024.
void set_thread_count(int n);

namespace detail {
// Processors that a cgroup's cpu.max ("200000 100000": quota and period) grants, rounded up, at
// least 1; the largest int for "max" or what cannot be read.
int processors_of_quota(const std::string& cpu_max);

using ChunkFunction = void (*)(void* body, Index chunk);
// Runs chunks 0..n_chunks-1, each once, in any order. The first exception thrown by a chunk is
// rethrown here after the running ones have ended; chunks not yet begun are skipped.
void run_chunks(Index n_chunks, ChunkFunction function, void* body);
}  // namespace detail

// Calls body(begin, end) for consecutive ranges of `grain` (> 0) indices that cover [0, n).
// Runs on the calling thread alone when there is one chunk, when called from within a chunk, or
// while another thread of this process has the pool.
template <class Body>
void parallel_for(Index n, Index grain, Body&& body) {
  if (n <= 0) return;
  struct Context {
    std::remove_reference_t<Body>* body;
    Index n, grain;
  } context{&body, n, grain};
  detail::run_chunks((n + grain - 1) / grain,
                     [](void* p, Index chunk) {
                       auto& c = *static_cast<Context*>(p);
                       const Index begin = chunk * c.grain;
                       (*c.body)(begin, std::min(begin + c.grain, c.n));
                     },
                     &context);
}

}  // namespace mcal
