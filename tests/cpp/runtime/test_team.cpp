// Threads: every member of a team runs every job exactly once, whatever else happens.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

#include "eigenlstm/threads.hpp"
#include "runtime/team.hpp"
#include "support/core.hpp"
#include "support/same_bits.hpp"

using namespace test;
using eigenlstm::Barrier;
using eigenlstm::Team;

namespace {

/// Runs jobs whose members are counted and meet at barriers. Returns whether the counts were right.
bool run_jobs(int jobs, int most, unsigned seed) {
  Random random(seed);
  bool right = true;
  for (int job = 0; job < jobs; ++job) {
    Team team(int(random.whole(1, most)));
    std::vector<std::atomic<int>> runs(std::size_t(team.size()));
    std::vector<int> posted(std::size_t(team.size()));  // not atomic: the barrier must order the accesses
    std::atomic<bool> seen_all{true};
    Barrier barrier(team.size());
    for (int round = 1; round <= 2; ++round) {
      team.run([&](int m) {
        ++runs[std::size_t(m)];
        for (int phase = 1; phase <= 3; ++phase) {
          posted[std::size_t(m)] = phase;
          barrier.wait();
          for (int value : posted)
            if (value != phase) seen_all = false;
          barrier.wait();
        }
      });
      for (const auto& n : runs) right = right && n == round;
    }
    right = right && seen_all;
  }
  return right;
}

}  // namespace

TEST_CASE("team: sizes that change from job to job") { CHECK(run_jobs(150, 6, 1)); }

TEST_CASE("team: its parts make each call once, with the right number of members, and wait for no other part") {
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
    std::vector<std::atomic<int>> runs(std::size_t(s.calls));
    std::atomic<int> wrong{0}, began{0};
    team.split(s.calls, [&](Team& part, std::ptrdiff_t call) {
      if (part.size() != s.size / s.parts) ++wrong;
      if (++began <= s.parts)
        while (began < s.parts) std::this_thread::yield();  // until all parts have begun
      std::vector<int> posted(std::size_t(part.size()));
      Barrier barrier(part.size());
      for (int round = 1; round <= 3; ++round)
        part.run([&](int m) {
          ++runs[std::size_t(call)];
          posted[std::size_t(m)] = round;
          barrier.wait();
          for (int value : posted) wrong += value != round;
          barrier.wait();
        });
    });
    CHECK(wrong == 0);
    for (const auto& n : runs) CHECK(n == 3 * s.size / s.parts);
  }
}

TEST_CASE("team: an exception in a part is thrown to the caller, after the other parts have ended") {
  for (int size : {1, 2, 4})
    for (int bad : {0, 1}) {
      Team team(size);
      std::atomic<int> done{0};
      const auto call = [&](Team& part, std::ptrdiff_t i) {
        if (i == bad) throw std::runtime_error("of one call");
        part.run([&](int m) { done += m == 0; });
      };
      CHECK_THROWS_WITH_AS(team.split(2, call), "of one call", std::runtime_error);
      if (size > 1) CHECK(done == 1);
      std::atomic<int> members{0};
      team.run([&](int) { ++members; });
      CHECK(members == size);
    }
}

TEST_CASE("team: the caller's part checks for interrupts, and all parts are told of one") {
  eigenlstm::set_interrupt_check([] { return true; });
  const std::thread::id caller = std::this_thread::get_id();
  for (int size : {1, 2, 4}) {
    Team team(size);
    std::atomic<int> left{0};
    const auto call = [&](Team& part, std::ptrdiff_t) {
      part.run([&](int m) {
        while (!part.stopped())
          if (m == 0) part.poll();
        ++left;
      });
      part.throw_if_stopped();
    };
    CHECK_THROWS_AS(team.split(2, call), eigenlstm::Interrupted);
    CHECK(left == size);
  }
  Team team(3);
  std::atomic<int> calls{0};
  CHECK_THROWS_AS(
      team.split(6,
                 [&](Team& part, std::ptrdiff_t) {  // the caller finishes at once, and goes on checking for the others
                   ++calls;
                   part.run([&](int) {
                     while (std::this_thread::get_id() != caller && !part.stopped()) std::this_thread::yield();
                   });
                 }),
      eigenlstm::Interrupted);
  CHECK(calls == 4);  // two by the caller's part, one by each of the others
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
    team.run([&](int m) {
      if (m > 0) f();
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
  second.run([&](int) { ran = true; });
  CHECK(ran);
}

TEST_CASE("team: many callers at once") {
  std::vector<std::thread> callers;
  std::atomic<int> right{0};
  for (unsigned caller = 0; caller < 6; ++caller)
    callers.emplace_back([&, caller] { right += run_jobs(40, 4, caller); });
  for (std::thread& caller : callers) caller.join();
  CHECK(right == 6);
}

TEST_CASE("team: after a fork, the child has threads of its own and the parent keeps its threads") {
  REQUIRE(run_jobs(3, 4, 1));  // so that the pool is running
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(60);
    _exit(run_jobs(5, 4, 2) ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(run_jobs(3, 4, 3));
}

TEST_CASE("every member flushes denormals, and the caller's mode is restored") {
  volatile float tiny = std::numeric_limits<float>::min(), half = 0.5f;
  CHECK(tiny * half > 0);
  std::atomic<int> flushed{0};
  Team team(4);
  team.run([&](int) {
    volatile float product = tiny * half;
    flushed += product == 0;
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
