// The CPU quotas of control groups, which containers use (`docker --cpus=1.5`). They limit the CPU time, not the
// affinity mask.
#pragma once

#include <string>

namespace eigenlstm {

/// How many CPUs the control groups of this process allow it, rounded up; 0: no limit.
///
/// Reads cpu.max of version 2 and cpu.cfs_quota_us of version 1 (Linux, Documentation/admin-guide/cgroup-v2.rst and
/// scheduler/sched-bwc.rst), of the group of the process and of those above it; the smallest counts.
/// `groups`: text of /proc/self/cgroup; `mount`: where the hierarchies are mounted.
int cpu_quota(const std::string& groups, const std::string& mount);
int cpu_quota();

}  // namespace eigenlstm
