#include "cpu_set.hpp"

#ifdef __linux__
#include <pthread.h>
#endif

namespace eigenlstm {

#ifdef __linux__
int this_cpu() { return sched_getcpu(); }

CpuSet CpuSet::of_this_thread() {
  CpuSet cpus;
  if (sched_getaffinity(0, sizeof cpus.set_, &cpus.set_) != 0) CPU_ZERO(&cpus.set_);
  return cpus;
}

int CpuSet::count() const { return CPU_COUNT(&set_); }

CpuSet CpuSet::without(int cpu) const {
  CpuSet others = *this;
  CPU_CLR(cpu, &others.set_);
  return others;
}

void CpuSet::restrict(std::thread& thread) const { pthread_setaffinity_np(thread.native_handle(), sizeof set_, &set_); }
#else
int this_cpu() { return -1; }
CpuSet CpuSet::of_this_thread() { return {}; }
int CpuSet::count() const { return 0; }
CpuSet CpuSet::without(int) const { return *this; }
void CpuSet::restrict(std::thread&) const {}
#endif

}  // namespace eigenlstm
