// Processors, and which of them a thread may run on. If the system does not say, the set is empty.
#pragma once

#include <thread>

#if defined(__linux__) && !defined(__ANDROID__)
#define EIGENLSTM_HAS_CPU_SETS
#include <sched.h>
#include <sys/types.h>
#endif

namespace eigenlstm {

/// The processor that the calling thread is on; -1: unknown.
int this_cpu();

class CpuSet {
 public:
  CpuSet() = default;
  /// Those that a thread may run on; the process: its main thread, whose set is what `taskset -p` and control groups
  /// change.
  static CpuSet of_this_thread();
  static CpuSet of_process();
  static CpuSet of(std::thread& thread);
  /// Restricts `thread` to these processors. If the system refuses, nothing changes.
  void apply_to(std::thread& thread) const;

  int count() const;
  CpuSet without(int cpu) const;
  bool operator==(const CpuSet& other) const;

 private:
#ifdef EIGENLSTM_HAS_CPU_SETS
  static CpuSet of(pid_t thread);
  cpu_set_t set_{};
#endif
};

}  // namespace eigenlstm
