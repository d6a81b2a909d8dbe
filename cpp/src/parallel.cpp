#include "mcal/parallel.hpp"

#include <pthread.h>
#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

namespace mcal {
namespace {

int available_processors() {
#ifdef __linux__
  // Read once: a container's quota seldom changes, and this is asked for at every parallel call.
  static const int quota = [] {
    std::array<char, 64> cpu_max{};
    if (std::FILE* const file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
      if (std::fgets(cpu_max.data(), cpu_max.size(), file) == nullptr) cpu_max[0] = '\0';
      std::fclose(file);
    }
    return detail::processors_of_quota(cpu_max.data());
  }();
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    return std::max(1, std::min(quota, CPU_COUNT(&set)));
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

struct Job {
  detail::ChunkFunction function;
  void* body;
  Index n_chunks;
  int helpers_wanted;
  std::atomic<Index> next{0};
  std::atomic<bool> failed{false};
  std::mutex error_mutex{};
  std::exception_ptr error{};

  void work() {
    while (!failed.load(std::memory_order_relaxed)) {
      const Index chunk = next.fetch_add(1, std::memory_order_relaxed);
      if (chunk >= n_chunks) return;
      try {
        function(body, chunk);
      } catch (...) {
        std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        failed.store(true, std::memory_order_relaxed);
      }
    }
  }
};

// Threads start on first use and sleep between jobs. A pool is never destroyed: at process exit
// its threads end with the process, and a forked child simply takes a new one.
class Pool {
 public:
  // Owns nothing when another thread has the pool.
  std::unique_lock<std::mutex> try_acquire() { return std::unique_lock(owner_, std::try_to_lock); }

  void run(Job& job) {
    {
      std::lock_guard lock(mutex_);
      start_threads(job.helpers_wanted);
      job_ = &job;
      to_join_ = std::min(job.helpers_wanted, n_threads_);
    }
    wake_.notify_all();
    job.work();
    std::unique_lock lock(mutex_);
    to_join_ = 0;  // threads that have not woken yet have nothing left to do
    idle_.wait(lock, [this] { return n_working_ == 0; });
    job_ = nullptr;
  }

 private:
  // As many of them as the system grants; it is asked again by the next job.
  void start_threads(int wanted) {
    try {
      for (; n_threads_ < wanted; ++n_threads_) std::thread([this] { serve(); }).detach();
    } catch (const std::exception&) {  // no memory, or the limit on processes is reached
    }
  }
  void serve();

  std::mutex owner_;
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  Job* job_ = nullptr;
  int to_join_ = 0;
  int n_working_ = 0;
  int n_threads_ = 0;
};

thread_local bool inside_chunk = false;

void Pool::serve() {
  inside_chunk = true;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return to_join_ > 0; });
    --to_join_;
    ++n_working_;
    Job* job = job_;
    lock.unlock();
    job->work();
    lock.lock();
    if (--n_working_ == 0) idle_.notify_all();
  }
}

std::atomic<Pool*> the_pool{nullptr};
std::atomic<int> requested_threads{0};

// The parent's threads do not exist in the child, and its mutexes may be held for ever: leave
// the old pool behind.
void after_fork_in_child() { the_pool.store(new Pool); }

Pool& pool() {
  static std::once_flag once;
  std::call_once(once, [] {
    the_pool.store(new Pool);
    pthread_atfork(nullptr, nullptr, after_fork_in_child);
  });
  return *the_pool.load();
}

struct InsideChunk {
  bool before = inside_chunk;
  InsideChunk() { inside_chunk = true; }
  ~InsideChunk() { inside_chunk = before; }
};

}  // namespace

int thread_count() {
  const int n = requested_threads.load();
  return n > 0 ? n : available_processors();
}

void set_thread_count(int n) {
  if (n < 0 || n > 1024) {
    throw std::invalid_argument("n: expected an integer from 0 to 1024, found " +
                                std::to_string(n));
  }
  requested_threads.store(n);
}

int detail::processors_of_quota(const std::string& cpu_max) {
  constexpr int unlimited = std::numeric_limits<int>::max();
  long long quota_us = 0, period_us = 0;
  const bool found = std::sscanf(cpu_max.c_str(), "%lld %lld", &quota_us, &period_us) == 2;
  if (!found || quota_us <= 0 || period_us <= 0) return unlimited;
  return static_cast<int>(std::min<long long>(unlimited, (quota_us - 1) / period_us + 1));
}

void detail::run_chunks(Index n_chunks, ChunkFunction function, void* body) {
  const auto threads = static_cast<int>(std::min<Index>(thread_count(), n_chunks));
  Job job{.function = function, .body = body, .n_chunks = n_chunks, .helpers_wanted = threads - 1};
  if (threads > 1 && !inside_chunk) {
    Pool& p = pool();
    if (const auto owned = p.try_acquire()) {
      const InsideChunk guard;
      p.run(job);
    } else {
      job.work();
    }
  } else {
    job.work();
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace mcal
