// CPU quotas of control groups, as containers have them: `docker --cpus=1.5`. They bound the time, not the CPUs of the
// affinity mask.
#pragma once

#include <string>

namespace eigenlstm {

/// CPUs worth of time that the control groups of this process allow, rounded up; 0: as many as there are.
///
/// Reads cpu.max of version 2 and cpu.cfs_quota_us of version 1 (Linux, Documentation/admin-guide/cgroup-v2.rst and
/// scheduler/sched-bwc.rst), of the process's group and of those above it: the least counts.
/// `groups`: text of /proc/self/cgroup; `mount`: where the hierarchies are mounted.
int cpu_quota(const std::string& groups, const std::string& mount);
int cpu_quota();

}  // namespace eigenlstm
