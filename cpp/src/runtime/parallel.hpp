// Independent tasks on the threads of one call. The tasks depend on shapes only, so that the number of threads changes
// no bit.
#pragma once

#include <algorithm>
#include <cstddef>

#include "eigenlstm/threads.hpp"
#include "runtime/team.hpp"

namespace eigenlstm {

/// With fewer multiply-adds than this, a second thread costs more than it gains. (Tests, whose work is small, set it
/// lower.)
inline double min_work_per_member = 1.2e7;

/// How many threads pay off for `work` multiply-adds.
inline int useful_threads(double work) {
  const double n = work / min_work_per_member;
  const int available = num_threads();
  return n >= double(available) ? available : n < 1 ? 1 : int(n);
}

/// How many threads pay off for `tasks` tasks of `work` multiply-adds in all.
inline int task_threads(std::ptrdiff_t tasks, double work) {
  return int(std::max<std::ptrdiff_t>(1, std::min<std::ptrdiff_t>(useful_threads(work), tasks)));
}

/// Calls f(task, thread) for every task, on up to `threads` threads, in any order; `thread` counts from 0. f must not
/// throw. Stops early and throws Interrupted when the interrupt check says so, except with `to_the_end`: for work in
/// place that must not be left half done.
template <bool to_the_end = false, class F>
void for_tasks(std::ptrdiff_t tasks, int threads, F&& f) {
  Team team(threads);
  team.for_each(tasks, [&](std::ptrdiff_t task, int thread) {
    if (!to_the_end && team.stopped()) return;
    f(task, thread);
    if (!to_the_end && thread == 0) team.poll();
  });
  team.throw_if_stopped();
}

}  // namespace eigenlstm
