#include "scheduler.hpp"

#include <link.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "cuda_emulator.hpp"
#include "fiber.hpp"

alignas(128) thread_local unsigned char dynamic_shared[emulator::max_shared_bytes + 1024];

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulator {
namespace {

constexpr int warp_size = 32;
constexpr unsigned char garbage = 0xA5;
constexpr std::size_t watched_bytes = 1024;  // behind the dynamic shared memory
constexpr int max_idle_rounds = 1 << 20;

enum class State { ready, asleep, at_barrier, at_warp, done };

struct Thread {
  Fiber fiber;
  uint3 index{};
  State state = State::done;
  Site site{};
  // what it brought to where it waits, and what it takes away
  int predicate = 0;
  BarrierOp barrier_op{};
  WarpOp warp_op{};
  unsigned mask = 0, parameter = 0;
  int width = warp_size;
  std::uint64_t value = 0, result = 0;
};

struct Block {
  uint3 index{};
  std::vector<Thread> threads;
  std::vector<unsigned> at_warp;  // of each warp, the lanes that wait in a warp function
  const Thread* first_at_barrier = nullptr;
  std::size_t n_waiting = 0, n_done = 0;
  std::vector<unsigned char> static_shared, shared;  // while another block has the processor
};

// The thread_local variables of this library: the kernels' __shared__ ones, for that is what the
// macro makes of them, and dynamic_shared. One CPU thread runs all blocks of a launch, and carries
// these bytes out and in between them.
struct Span {
  unsigned char* data = nullptr;
  std::size_t size = 0;
};

Span thread_local_bytes() {
  dynamic_shared[0] = garbage;  // or there might be none yet
  Span found;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          auto* data = static_cast<unsigned char*>(info->dlpi_tls_data);
          if (header.p_type == PT_TLS && data != nullptr && dynamic_shared >= data &&
              dynamic_shared < data + header.p_memsz) {
            *static_cast<Span*>(out) = {data, header.p_memsz};
            return 1;
          }
        }
        return 0;
      },
      &found);
  return found;
}

class Scheduler {
 public:
  std::string run(const Launch& launch, void (*body)(const void*), const void* context) {
    launch_ = launch;
    body_ = body;
    context_ = context;
    random_.seed(launch.seed);
    failure_[0] = 0;
    shared_ = thread_local_bytes();
    if (shared_.data == nullptr) return "emulator: no thread-local storage found";
    ::blockDim = {launch.block.x, launch.block.y, launch.block.z};
    ::gridDim = {launch.grid.x, launch.grid.y, launch.grid.z};
    const std::uint64_t n_blocks = std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
    if (std::string wrong = refuse(n_blocks); !wrong.empty()) return wrong;
    // The program around may have thread_local variables too: they get their bytes back.
    const std::vector<unsigned char> as_found(shared_.data, shared_.data + shared_.size);
    std::vector<std::uint64_t> order(n_blocks);
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    std::shuffle(order.begin(), order.end(), random_);
    const std::size_t at_once = launch.cooperative ? order.size() : 1;
    blocks_.resize(std::max(blocks_.size(), at_once));
    for (std::size_t first = 0; first < order.size() && !failed(); first += at_once) {
      for (std::size_t i = 0; i < at_once; ++i) begin(blocks_[i], order[first + i]);
      run_resident(at_once);
    }
    std::memcpy(shared_.data, as_found.data(), as_found.size());
    return failure_;
  }

  int barrier(BarrierOp op, int predicate, Site site) {
    Thread& me = *thread_;
    if (block_->n_done > 0)
      fail("waits at a barrier after a thread of the block has returned", site);
    if (block_->n_waiting == 0) {
      block_->first_at_barrier = &me;
    } else if (const Thread& first = *block_->first_at_barrier;
               first.site.line != site.line || first.barrier_op != op) {
      fail("waits at one barrier, others of the block at that of line %d", site, first.site.line);
    }
    me.barrier_op = op;
    me.predicate = predicate;
    wait(State::at_barrier, site, [this] {
      if (++block_->n_waiting == block_->threads.size()) release_barrier();
    });
    return static_cast<int>(me.result);
  }

  std::uint64_t warp(WarpOp op, unsigned mask, std::uint64_t value, unsigned parameter, int width,
                     Site site) {
    Thread& me = *thread_;
    if ((mask >> lane() & 1) == 0) fail("is not in the mask of its warp function", site);
    if (width < 1 || width > warp_size || (width & (width - 1)) != 0) fail("bad width", site);
    if (op == WarpOp::shuffle && parameter >= static_cast<unsigned>(width)) {
      fail("asks for lane %d, which is not below the width", site, static_cast<int>(parameter));
    }
    me.warp_op = op;
    me.mask = mask;
    me.value = value;
    me.parameter = parameter;
    me.width = width;
    wait(State::at_warp, site, [this] { meet_warp(); });
    return me.result;
  }

  void sleep() {
    wait(State::asleep, {"__nanosleep", 0}, [] {});
  }

  void maybe_yield() {
    if (random_() % 8 == 0) wait(State::ready, {"", 0}, [] {});
  }

  unsigned lane() const {
    return static_cast<unsigned>(thread_ - block_->threads.data()) % warp_size;
  }

 private:
  std::string refuse(std::uint64_t n_blocks) const {
    const std::uint64_t n_threads =
        std::uint64_t{launch_.block.x} * launch_.block.y * launch_.block.z;
    if (n_threads < 1 || n_threads > 1024) return "launch: expected 1 to 1024 threads in a block";
    if (n_blocks < 1 || launch_.grid.x > 0x7fffffffU || launch_.grid.y > 0xffffU ||
        launch_.grid.z > 0xffffU) {
      return "launch: the grid is empty or too large";
    }
    if (launch_.cooperative && n_blocks * n_threads > 65536) {
      return "launch: too many threads at once for the emulator";
    }
    if (launch_.shared_bytes > max_shared_bytes) return "launch: too much shared memory";
    return "";
  }

  void begin(Block& block, std::uint64_t number) {
    const Size3 grid = launch_.grid, size = launch_.block;
    block.index = {static_cast<unsigned>(number % grid.x),
                   static_cast<unsigned>(number / grid.x % grid.y),
                   static_cast<unsigned>(number / grid.x / grid.y)};
    block.n_waiting = block.n_done = 0;
    block.static_shared.assign(shared_.size - sizeof(dynamic_shared), garbage);
    block.shared.assign(launch_.shared_bytes + watched_bytes, garbage);
    block.threads.resize(std::size_t{size.x} * size.y * size.z);
    block.at_warp.assign((block.threads.size() + warp_size - 1) / warp_size, 0);
    unsigned i = 0;
    for (Thread& thread : block.threads) {
      thread.index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
      thread.state = State::ready;
      thread.fiber.start(&Scheduler::enter);
      ++i;
    }
  }

  static void enter();
  bool failed() const { return failure_[0] != 0; }

  void run_resident(std::size_t n_blocks) {
    std::vector<std::size_t> order(n_blocks);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (int idle_rounds = 0;;) {
      bool progress = false, all_done = true, asleep = false;
      std::shuffle(order.begin(), order.end(), random_);
      for (const std::size_t b : order) {
        block_ = &blocks_[b];
        if (block_->n_done == block_->threads.size()) continue;
        carry(false);
        progress = run_block() || progress;
        carry(true);
        if (failed()) return;
        for (std::size_t i = launch_.shared_bytes; i < block_->shared.size(); ++i) {
          if (block_->shared[i] != garbage) {
            std::snprintf(failure_, sizeof(failure_), "shared memory was written behind its end");
            return;
          }
        }
        all_done = all_done && block_->n_done == block_->threads.size();
        for (const Thread& thread : block_->threads) asleep |= thread.state == State::asleep;
      }
      if (all_done) return;
      idle_rounds = progress ? 0 : idle_rounds + 1;
      if ((!progress && !asleep) || idle_rounds > max_idle_rounds) return report_stuck(n_blocks);
    }
  }

  // Until no thread of the block can go on. Whether one did anything but wake up and sleep again.
  bool run_block() {
    const std::size_t n = block_->threads.size();
    bool progress = false, again = true;
    for (Thread& thread : block_->threads) {
      if (thread.state == State::asleep) thread.state = State::ready;
    }
    ::blockIdx = block_->index;
    while (again) {
      again = false;
      // Every step-th thread, around and around, comes by all of them, and costs no shuffling.
      std::size_t i = random_() % n, step = 1 + random_() % n;
      while (std::gcd(step, n) != 1) ++step;
      for (std::size_t visited = 0; visited < n; ++visited, i = (i + step) % n) {
        Thread& thread = block_->threads[i];
        if (thread.state != State::ready) continue;
        thread_ = &thread;
        ::threadIdx = thread.index;
        main_.switch_to(thread.fiber);
        if (failed()) return true;
        again = true;
        progress = progress || thread.state != State::asleep;
      }
    }
    return progress;
  }

  // Shared memory of block_: from the thread_local variables, or to them.
  void carry(bool out) {
    const auto copy = [out](unsigned char* live, unsigned char* kept, std::size_t n) {
      std::memcpy(out ? kept : live, out ? live : kept, n);
    };
    const auto before = static_cast<std::size_t>(dynamic_shared - shared_.data);
    const std::size_t after = shared_.size - before - sizeof(dynamic_shared);
    unsigned char* kept = block_->static_shared.data();
    copy(shared_.data, kept, before);
    copy(dynamic_shared + sizeof(dynamic_shared), kept + before, after);
    copy(dynamic_shared, block_->shared.data(), block_->shared.size());
  }

  template <class Then>
  void wait(State state, Site site, Then then) {
    Thread& me = *thread_;
    me.state = state;
    me.site = site;
    then();
    me.fiber.switch_to(main_);
  }

  // Gives the launch up, and leaves this fiber for good: nothing on its stack is destroyed, and so
  // nothing there may own memory. Not [[noreturn]], and with no abort() behind the switch, from
  // which compilers conclude the same: the address sanitizer would then take a fiber's stack for
  // the thread's.
  void fail(const char* what, Site site, int number = 0) {
    std::snprintf(failure_, sizeof(failure_), "%s, line %d: thread %u of block %u ", site.function,
                  site.line, thread_->index.x, block_->index.x);
    const std::size_t length = std::strlen(failure_);
    std::snprintf(failure_ + length, sizeof(failure_) - length, what, number);
    thread_->state = State::done;
    thread_->fiber.switch_to(main_);
  }

  void release_barrier() {
    int count = 0;
    for (const Thread& thread : block_->threads) count += thread.predicate != 0;
    const auto n = static_cast<int>(block_->threads.size());
    for (Thread& thread : block_->threads) {
      const int results[] = {0, count > 0, count == n, count};
      thread.result = static_cast<std::uint64_t>(results[static_cast<int>(thread.barrier_op)]);
      thread.state = State::ready;
    }
    block_->n_waiting = 0;
  }

  // Completes the warp function that this thread waits at, if it is the last to come.
  void meet_warp() {
    const Thread& me = *thread_;
    const auto number = static_cast<std::size_t>(thread_ - block_->threads.data());
    Thread* lanes = thread_ - number % warp_size;
    unsigned& waiting = block_->at_warp[number / warp_size];
    if (const unsigned others = waiting & me.mask; others == 0) {
      check_mask(lanes);
    } else if (const Thread& other = lanes[__builtin_ctz(others)];
               other.site.line != me.site.line || other.mask != me.mask ||
               other.warp_op != me.warp_op) {
      fail("waits for a lane that is at line %d, or there with another mask", me.site,
           other.site.line);
    }
    waiting |= 1U << number % warp_size;
    if ((waiting & me.mask) != me.mask) return;
    waiting &= ~me.mask;
    unsigned ballot = 0;
    for (unsigned i = 0; i < warp_size; ++i) {
      if ((me.mask >> i & 1) != 0 && lanes[i].value != 0) ballot |= 1U << i;
    }
    for (unsigned i = 0; i < warp_size; ++i) {
      if ((me.mask >> i & 1) == 0) continue;
      lanes[i].result = result_of(lanes, i, ballot);
      lanes[i].state = State::ready;
    }
  }

  // By the first to come; who leaves later is found when no thread goes on.
  void check_mask(const Thread* lanes) {
    const Thread& me = *thread_;
    const Thread* end = block_->threads.data() + block_->threads.size();
    for (unsigned i = 0; i < warp_size; ++i) {
      if ((me.mask >> i & 1) == 0) continue;
      if (lanes + i >= end) fail("names a lane that is not there", me.site);
      if (lanes[i].state == State::done) fail("waits for a lane that has returned", me.site);
      if (lanes[i].state == State::at_barrier) {
        fail("waits for a lane that is at a barrier", me.site);
      }
    }
  }

  std::uint64_t result_of(const Thread* lanes, unsigned i, unsigned ballot) {
    const Thread& me = lanes[i];
    const auto width = static_cast<unsigned>(me.width);
    const unsigned begin = i / width * width;
    unsigned from = i;
    switch (me.warp_op) {
      case WarpOp::sync:
        return 0;
      case WarpOp::ballot:
        return ballot;
      case WarpOp::match: {
        unsigned same = 0;
        for (unsigned j = 0; j < warp_size; ++j) {
          if ((me.mask >> j & 1) != 0 && lanes[j].value == me.value) same |= 1U << j;
        }
        return same;
      }
      case WarpOp::max:
      case WarpOp::min: {
        std::uint64_t best = me.value;
        for (unsigned j = 0; j < warp_size; ++j) {
          if ((me.mask >> j & 1) == 0) continue;
          best = me.warp_op == WarpOp::max ? std::max(best, lanes[j].value)
                                           : std::min(best, lanes[j].value);
        }
        return best;
      }
      case WarpOp::shuffle:
        from = begin + me.parameter;
        break;
      case WarpOp::shuffle_up:
        if (i - begin >= me.parameter) from = i - me.parameter;
        break;
      case WarpOp::shuffle_down:
        if (i - begin + me.parameter < width) from = i + me.parameter;
        break;
      case WarpOp::shuffle_xor:
        // As on the device, a partner beyond the own group of `width` lanes is nobody.
        if ((i ^ me.parameter) < begin + width) from = i ^ me.parameter;
        break;
    }
    if (from >= warp_size || (me.mask >> from & 1) == 0) {
      fail("reads a lane outside the mask", me.site);
    }
    return lanes[from].value;
  }

  void report_stuck(std::size_t n_blocks) {
    for (std::size_t b = 0; b < n_blocks; ++b) {
      for (const Thread& thread : blocks_[b].threads) {
        if (thread.state == State::done) continue;
        std::snprintf(failure_, sizeof(failure_),
                      "no thread goes on: thread %u of block %u waits in %s, line %d",
                      thread.index.x, blocks_[b].index.x, thread.site.function, thread.site.line);
        if (thread.state != State::asleep) return;  // this one says more
      }
    }
  }

  Launch launch_;
  void (*body_)(const void*) = nullptr;
  const void* context_ = nullptr;
  std::mt19937_64 random_;
  char failure_[256] = "";
  Span shared_;
  std::vector<Block> blocks_;
  Fiber main_;
  Block* block_ = nullptr;
  Thread* thread_ = nullptr;
};

Scheduler& scheduler() {
  static Scheduler one;
  return one;
}

void Scheduler::enter() {
  Scheduler& s = scheduler();
  s.thread_->fiber.begin();
  s.body_(s.context_);
  s.thread_->state = State::done;
  ++s.block_->n_done;
  if (s.block_->n_waiting > 0) {
    for (const Thread& other : s.block_->threads) {
      if (other.state == State::at_barrier) {
        s.fail("returns while others wait at a barrier", other.site);
      }
    }
  }
  s.thread_->fiber.switch_to(s.main_);
}

}  // namespace

std::string run(const Launch& launch, void (*body)(const void*), const void* context) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  return scheduler().run(launch, body, context);
}

int barrier(BarrierOp op, int predicate, Site site) {
  return scheduler().barrier(op, predicate, site);
}
std::uint64_t warp(WarpOp op, unsigned mask, std::uint64_t value, unsigned parameter, int width,
                   Site site) {
  return scheduler().warp(op, mask, value, parameter, width, site);
}
void sleep() { scheduler().sleep(); }
void maybe_yield() { scheduler().maybe_yield(); }
unsigned lane() { return scheduler().lane(); }

}  // namespace emulator
