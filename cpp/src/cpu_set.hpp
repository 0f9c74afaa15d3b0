// Processors, and threads that are kept off some of them. Where the system has no such thing there is none of them.
#pragma once

#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace eigenlstm {

/// The processor that the calling thread is on; -1: unknown.
int this_cpu();

/// Processors that a thread may run on.
class CpuSet {
 public:
  CpuSet() = default;
  /// Those of the calling thread.
  static CpuSet of_this_thread();

  int count() const;  // 0: unknown
  CpuSet without(int cpu) const;
  /// Forbids `thread` all others. Where the system refuses, all stays as it is.
  void restrict(std::thread& thread) const;

 private:
#ifdef __linux__
  cpu_set_t set_{};
#endif
};

}  // namespace eigenlstm
