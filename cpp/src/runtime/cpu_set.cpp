#include "runtime/cpu_set.hpp"

#ifdef EIGENLSTM_HAS_CPU_SETS
#include <pthread.h>
#include <unistd.h>
#endif

namespace eigenlstm {

#ifdef EIGENLSTM_HAS_CPU_SETS
int this_cpu() { return sched_getcpu(); }

CpuSet CpuSet::of(pid_t thread) {
  CpuSet cpus;
  if (sched_getaffinity(thread, sizeof cpus.set_, &cpus.set_) != 0) CPU_ZERO(&cpus.set_);
  return cpus;
}

CpuSet CpuSet::of_this_thread() { return of(0); }
CpuSet CpuSet::of_process() { return of(getpid()); }

CpuSet CpuSet::of(std::thread& thread) {
  CpuSet cpus;
  if (pthread_getaffinity_np(thread.native_handle(), sizeof cpus.set_, &cpus.set_) != 0) CPU_ZERO(&cpus.set_);
  return cpus;
}

void CpuSet::apply_to(std::thread& thread) const { pthread_setaffinity_np(thread.native_handle(), sizeof set_, &set_); }

int CpuSet::count() const { return CPU_COUNT(&set_); }

CpuSet CpuSet::without(int cpu) const {
  CpuSet others = *this;
  CPU_CLR(cpu, &others.set_);
  return others;
}

bool CpuSet::operator==(const CpuSet& other) const { return CPU_EQUAL(&set_, &other.set_); }
#else
int this_cpu() { return -1; }
CpuSet CpuSet::of_this_thread() { return {}; }
CpuSet CpuSet::of_process() { return {}; }
CpuSet CpuSet::of(std::thread&) { return {}; }
void CpuSet::apply_to(std::thread&) const {}
int CpuSet::count() const { return 0; }
CpuSet CpuSet::without(int) const { return {}; }
bool CpuSet::operator==(const CpuSet&) const { return true; }
#endif

}  // namespace eigenlstm
