#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "mcal/parallel.hpp"

namespace {

struct Threads {
  explicit Threads(int n) { mcal::set_thread_count(n); }
  ~Threads() { mcal::set_thread_count(0); }
};

mcal::Index sum_to(mcal::Index n) {
  std::atomic<mcal::Index> total{0};
  mcal::parallel_for(n, 7, [&](mcal::Index begin, mcal::Index end) {
    mcal::Index part = 0;
    for (mcal::Index i = begin; i < end; ++i) part += i;
    total += part;
  });
  return total;
}

}  // namespace

TEST_CASE("parallel_for visits every index once at any thread count") {
  for (int n_threads : {1, 2, 5}) {
    const Threads threads(n_threads);
    std::vector<int> visits(1000, 0);
    mcal::parallel_for(1000, 13, [&](mcal::Index begin, mcal::Index end) {
      for (mcal::Index i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    CHECK(visits == std::vector<int>(1000, 1));
  }
}

TEST_CASE("parallel_for of nothing calls nothing") {
  mcal::parallel_for(0, 4, [](mcal::Index, mcal::Index) { FAIL("called"); });
}

TEST_CASE("an exception in a chunk reaches the caller and leaves the pool usable") {
  const Threads threads(3);
  CHECK_THROWS_AS(mcal::parallel_for(100, 1,
                                     [](mcal::Index begin, mcal::Index) {
                                       if (begin == 40) throw std::runtime_error("forty");
                                     }),
                  std::runtime_error);
  CHECK(sum_to(1000) == 499500);
}

TEST_CASE("nested and concurrent calls are answered") {
  const Threads threads(4);
  std::atomic<mcal::Index> total{0};
  mcal::parallel_for(8, 1, [&](mcal::Index, mcal::Index) { total += sum_to(100); });
  CHECK(total == 8 * 4950);

  std::atomic<int> right{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 200; ++j) right += sum_to(500) == 124750;
    });
  }
  for (auto& t : callers) t.join();
  CHECK(right == 800);
}

TEST_CASE("a forked child can use the pool after the parent has") {
  const Threads threads(4);
  REQUIRE(sum_to(1000) == 499500);
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    _exit(sum_to(1000) == 499500 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(sum_to(1000) == 499500);
}

#ifndef __SANITIZE_ADDRESS__  // whose shadow memory alone is beyond the limit
TEST_CASE("work goes on with the threads that can be started") {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    // Stacks of 1 GiB in 2.5 GiB of address space: the first threads start, the others do not.
    const Threads threads(16);
    const rlimit space{5 * (rlim_t{1} << 29), 5 * (rlim_t{1} << 29)};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, std::size_t{1} << 30);
    pthread_setattr_default_np(&attributes);
    if (setrlimit(RLIMIT_AS, &space) != 0) _exit(2);
    for (int i = 0; i < 3; ++i) {
      if (sum_to(1000) != 499500) _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
#endif

TEST_CASE("a quota of processors is rounded up") {
  constexpr int unlimited = std::numeric_limits<int>::max();
  CHECK(mcal::detail::processors_of_quota("200000 100000") == 2);
  CHECK(mcal::detail::processors_of_quota("150000 100000") == 2);
  CHECK(mcal::detail::processors_of_quota("1000 100000") == 1);
  CHECK(mcal::detail::processors_of_quota("max 100000") == unlimited);
  CHECK(mcal::detail::processors_of_quota("") == unlimited);
  CHECK(mcal::detail::processors_of_quota("0 0") == unlimited);
}

TEST_CASE("thread counts are checked") {
  CHECK_THROWS_AS(mcal::set_thread_count(-1), std::invalid_argument);
  CHECK(mcal::thread_count() >= 1);
}
