// Threads: every block of work is run exactly once and in its order, whatever else happens, and whoever is late.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

#include "eigenlstm/threads.hpp"
#include "runtime/team.hpp"
#include "support/core.hpp"
#include "support/same_bits.hpp"

using namespace test;
using eigenlstm::Strands;
using eigenlstm::Team;

namespace {

/// Holds up the thread that calls it now and then, so that it comes late, or stops with a block in its hands.
void hold_up() {
  thread_local std::uint32_t random = std::uint32_t(std::hash<std::thread::id>()(std::this_thread::get_id())) | 1u;
  random ^= random << 13, random ^= random >> 17, random ^= random << 5;
  if (random % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random / 16 % 300));
}

/// For its lifetime, threads are held up at random places.
struct HeldUp {
  HeldUp() { eigenlstm::delay_for_tests = hold_up; }
  ~HeldUp() { eigenlstm::delay_for_tests = nullptr; }
};

/// Runs strands whose blocks must come one after the other, and with `together` after those before them of all
/// strands. What they write is not atomic: the team must order the accesses. Returns whether all of it was right.
bool run_strands(int works, int most_threads, unsigned seed) {
  Random random(seed);
  bool right = true;
  for (int work = 0; work < works; ++work) {
    Team team(int(random.whole(1, most_threads)));
    const Strands strands{int(random.whole(1, 6)), random.whole(0, 5), random.whole(0, 1) == 1};
    std::vector<std::ptrdiff_t> next(std::size_t(strands.count));
    std::vector<char> done(std::size_t(strands.count * strands.blocks));  // [block][strand]
    std::atomic<int> wrong{0};
    team.run(strands, [&](int strand, std::ptrdiff_t block, int thread) {
      wrong += next[std::size_t(strand)]++ != block || thread < 0 || thread >= team.threads();
      const auto at = done.begin() + block * strands.count;
      if (strands.together && block > 0) wrong += int(std::count(at - strands.count, at, 0));
      at[strand] = 1;
    });
    for (std::ptrdiff_t n : next) right = right && n == strands.blocks;
    right = right && wrong == 0;
  }
  return right;
}

}  // namespace

TEST_CASE("team: blocks of a strand come in order, together or not, in sizes that change from work to work") {
  CHECK(run_strands(300, 6, 1));
}

TEST_CASE("team: likewise with threads that are held up at random places") {
  const HeldUp held;
  CHECK(run_strands(150, 5, 2));
}

TEST_CASE("team: each item is done once") {
  for (std::ptrdiff_t n : {0, 1, 7, 1000})
    for (int size : {1, 3, 5}) {
      Team team(size);
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(n));
      team.for_each(n, [&](std::ptrdiff_t i, int) { ++done[std::size_t(i)]; });
      for (const auto& times : done) CHECK(times == 1);
    }
}

TEST_CASE("team: nobody waits for a thread that has not begun, and a late one finds its work done") {
  static std::atomic<bool> begins{false};
  static std::thread::id caller;
  begins = false;
  caller = std::this_thread::get_id();
  eigenlstm::delay_for_tests = [] {
    while (std::this_thread::get_id() != caller && !begins) std::this_thread::yield();
  };
  for (bool together : {false, true}) {
    Team team(3);
    int blocks = 0;  // not atomic: the caller runs all of them
    team.run(Strands{3, 50, together}, [&](int, std::ptrdiff_t, int) { ++blocks; });
    CHECK(blocks == 150);
    int calls = 0;
    team.split(4, 2, [&](Team&, std::ptrdiff_t, std::ptrdiff_t) { ++calls; });
    CHECK(calls == 8);
  }
  begins = true;
  eigenlstm::delay_for_tests = nullptr;
  CHECK(run_strands(20, 3, 3));
}

TEST_CASE("team: its parts make each call once and work at the same time") {
  struct Split {
    int size, calls, parts;
  };
  for (const Split s : {Split{1, 5, 1},
                        {2, 1, 1},
                        {2, 2, 2},
                        {2, 4, 2},
                        {3, 2, 1},
                        {3, 4, 1},
                        {3, 16, 3},
                        {4, 2, 2},
                        {5, 4, 1},
                        {6, 4, 2},
                        {6, 2, 2},
                        {4, 4, 4}}) {
    CAPTURE(s.size);
    CAPTURE(s.calls);
    Team team(s.size);
    REQUIRE(team.size() == s.size);
    std::vector<std::ptrdiff_t> next(std::size_t(s.calls));
    std::atomic<int> wrong{0}, began{0};
    team.split(s.calls, 3, [&](Team& part, std::ptrdiff_t call, std::ptrdiff_t block) {
      wrong += part.size() != s.size / s.parts;
      wrong += next[std::size_t(call)]++ != block;
      if (block == 0 && ++began <= s.parts)
        while (began < s.parts) std::this_thread::yield();  // until all parts have begun
      std::atomic<int> runs{0};
      part.run({part.size(), 4, true}, [&](int, std::ptrdiff_t, int) { ++runs; });
      wrong += runs != 4 * part.size();
    });
    CHECK(wrong == 0);
    for (std::ptrdiff_t blocks : next) CHECK(blocks == 3);
  }
}

TEST_CASE("team: an exception in a part is thrown to the caller, after the other parts have ended") {
  for (int size : {1, 2, 4})
    for (int bad : {0, 1}) {
      Team team(size);
      std::atomic<int> done{0};
      const auto call = [&](Team& part, std::ptrdiff_t i, std::ptrdiff_t) {
        if (i == bad) throw std::runtime_error("of one call");
        part.run({1}, [&](int, std::ptrdiff_t, int) { ++done; });
      };
      CHECK_THROWS_WITH_AS(team.split(2, 1, call), "of one call", std::runtime_error);
      if (size > 1) CHECK(done == 1);
      CHECK(run_strands(3, size, 4));
    }
}

TEST_CASE("team: the caller checks for interrupts, and all parts are told of one") {
  eigenlstm::set_interrupt_check([] { return true; });
  const std::thread::id caller = std::this_thread::get_id();
  for (int size : {1, 2, 4}) {
    Team team(size);
    const auto call = [&](Team& part, std::ptrdiff_t, std::ptrdiff_t) {
      part.run({part.size()}, [&](int, std::ptrdiff_t, int thread) {
        while (!part.stopped())
          if (thread == 0) part.poll();
      });
    };
    CHECK_THROWS_AS(team.split(2, 1, call), eigenlstm::Interrupted);
  }
  Team team(3);
  std::atomic<int> others{0};
  const auto call = [&](Team& part, std::ptrdiff_t, std::ptrdiff_t) {  // the caller goes on checking for the others
    const bool own = std::this_thread::get_id() == caller;
    if (!own) ++others;
    while (own ? others == 0 : !part.stopped()) std::this_thread::yield();
  };
  CHECK_THROWS_AS(team.split(6, 1, call), eigenlstm::Interrupted);
  eigenlstm::set_interrupt_check(nullptr);
}

#ifdef __linux__
TEST_CASE("team: workers move off the processor of their caller, to others that the process may use") {
  const auto mask = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    return set;
  };
  const auto only = [](int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    return set;
  };
  const cpu_set_t all = mask();
  if (CPU_COUNT(&all) < 2) return;
  const auto each_worker = [](int members, auto f) {
    Team team(members);
    std::atomic<int> came{0};
    team.run({members}, [&](int, std::ptrdiff_t, int thread) {
      ++came;
      while (came < members) std::this_thread::yield();  // every thread has come
      if (thread > 0) f();
    });
  };
  each_worker(2, [] {});  // started while it may run on all processors

  const int cpu = sched_getcpu();
  const cpu_set_t one = only(cpu);  // as `taskset -a` does for all threads of a process
  each_worker(2, [&] { only(cpu); });
  for (int job = 0; job < 4; ++job) {
    cpu_set_t allowed;
    each_worker(2, [&] { allowed = mask(); });
    CHECK(CPU_EQUAL(&allowed, &one));
  }

  sched_setaffinity(0, sizeof all, &all);
  std::thread([&] {
    only(cpu);
    cpu_set_t others = all;
    CPU_CLR(cpu, &others);
    each_worker(2, [] {});  // the worker may still be on the processor from above
    for (int job = 0; job < 4; ++job) {
      cpu_set_t allowed;
      each_worker(2, [&] { allowed = mask(); });
      CHECK(CPU_EQUAL(&allowed, &others));
    }
  }).join();

  const int more = CPU_COUNT(&all) + 1;  // more members than there are processors
  std::atomic<int> everywhere{0};
  each_worker(more, [&] {
    const cpu_set_t allowed = mask();
    everywhere += CPU_EQUAL(&allowed, &all);
  });
  CHECK(everywhere == more - 1);
}
#endif

TEST_CASE("team: one call at a time has the pool; others run on their own thread") {
  Team first(3);
  Team second(3);
  CHECK(first.size() == 3);
  CHECK(second.size() == 1);
  bool ran = false;
  second.run({1}, [&](int, std::ptrdiff_t, int) { ran = true; });
  CHECK(ran);
}

TEST_CASE("team: many callers at once") {
  std::vector<std::thread> callers;
  std::atomic<int> right{0};
  for (unsigned caller = 0; caller < 6; ++caller)
    callers.emplace_back([&, caller] { right += run_strands(40, 4, caller); });
  for (std::thread& caller : callers) caller.join();
  CHECK(right == 6);
}

TEST_CASE("team: after a fork, the child has threads of its own and the parent keeps its threads") {
  REQUIRE(run_strands(3, 4, 1));  // so that the pool is running
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(60);
    _exit(run_strands(5, 4, 2) ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(run_strands(3, 4, 3));
}

TEST_CASE("every member flushes denormals, and the caller's mode is restored") {
  volatile float tiny = std::numeric_limits<float>::min(), half = 0.5f;
  CHECK(tiny * half > 0);
  std::atomic<int> flushed{0}, came{0};
  Team team(4);
  team.run({4}, [&](int, std::ptrdiff_t, int) {
    volatile float product = tiny * half;
    flushed += product == 0;
    ++came;
    while (came < team.size()) std::this_thread::yield();  // a thread each
  });
  CHECK(flushed == team.size());
  CHECK(tiny * half > 0);
}

TEST_CASE("concurrent calls on one model give the same bits as a single call") {
  const test::EveryThread every;
  const int before = eigenlstm::num_threads();
  eigenlstm::set_num_threads(3);
  for (bool ragged :
       {false, true}) {  // threads with rows of their own through all layers; threads that share each layer
    const Core<float> core(random_problem(model(4, 48, 2), 24, 20, ragged, 23));
    const Results<float> expected = core.forward_backward(), inference = core.forward();
    std::vector<std::thread> callers;
    std::atomic<int> right{0};
    for (int caller = 0; caller < 4; ++caller)
      callers.emplace_back([&] {
        for (int i = 0; i < 3; ++i) right += core.forward() == inference && core.forward_backward() == expected;
      });
    for (std::thread& caller : callers) caller.join();
    CHECK(right == 12);
  }
  eigenlstm::set_num_threads(before);
}

TEST_CASE("threads that are held up at random places change no bit") {
  const HeldUp held;
  for (bool ragged : {false, true})
    for (Index B : {1, 3, 20}) {  // threads share the units of a row; their own rows; micro-batches
      CAPTURE(B);
      const Core<float> core(random_problem(model(4, 96, 2), B, 12, ragged, 37));
      CHECK(same_for_any_threads([&] { return core.forward(); }));
      CHECK(same_for_any_threads([&] { return core.forward_backward(); }));
    }
}

TEST_CASE("an interrupted call throws, and the next one is right") {
  const test::EveryThread every;
  const int before = eigenlstm::num_threads();
  for (Index B : {1, 16}) {  // threads share the units of one row; threads have rows of their own
    const Core<float> small(random_problem(model(2, 160), B, 40, false, 29));
    const Results<float> expected = small.forward();
    for (int threads : {1, 2}) {
      eigenlstm::set_num_threads(threads);
      eigenlstm::set_interrupt_check([] { return true; });
      bool interrupted = false;
      for (Index T = 2000 / B; T <= 512000 && !interrupted;
           T *= 2) {  // until a call lasts longer than the 50 ms after which it checks
        const Core<float> core(random_problem(model(2, 160), B, T, false, 31));
        try {
          core.forward();
        } catch (const eigenlstm::Interrupted&) {
          interrupted = true;
        }
      }
      eigenlstm::set_interrupt_check(nullptr);
      CHECK(interrupted);
      CHECK(small.forward() == expected);
    }
  }
  eigenlstm::set_num_threads(before);
}

TEST_CASE("wrong numbers of threads are refused") {
  CHECK_THROWS_AS(eigenlstm::set_num_threads(0), std::invalid_argument);
  CHECK_THROWS_AS(eigenlstm::set_num_threads(1025), std::invalid_argument);
}
