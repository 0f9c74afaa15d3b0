#include "runtime/cpu_quota.hpp"

#include <fstream>
#include <iterator>
#include <sstream>

namespace eigenlstm {
namespace {

/// The CPUs that a quota of time per period amounts to, rounded up; 0 if there is no quota.
int whole_cpus(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return 0;
  const double cpus = quota / period;
  return cpus > 1024 ? 0 : int(cpus) + (cpus > int(cpus) ? 1 : 0);
}

/// The number that a file begins with, or 0 if it begins with none (for instance "max").
double number(std::istream&& file) {
  double value = 0;
  file >> value;
  return file ? value : 0;
}

int quota_of_group(const std::string& folder, bool version2) {
  if (!version2)
    return whole_cpus(number(std::ifstream(folder + "/cpu.cfs_quota_us")),
                      number(std::ifstream(folder + "/cpu.cfs_period_us")));
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  file >> quota >> period;
  return file ? whole_cpus(quota, period) : 0;
}

bool has_cpu(const std::string& controllers) { return ("," + controllers + ",").find(",cpu,") != std::string::npos; }

}  // namespace

int cpu_quota(const std::string& groups, const std::string& mount) {
  int least = 0;
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {  // "hierarchy:controllers:/path", controllers empty in version 2
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool version2 = controllers.empty();
    if (!version2 && !has_cpu(controllers)) continue;
    std::string root = mount;
    if (!version2) root.append("/").append(controllers);
    // In a container the path may be the host's, of which only the root is mounted here.
    for (std::string path = line.substr(second + 1);; path.resize(path.rfind('/'))) {
      if (path == "/") path.clear();
      const int cpus = quota_of_group(root + path, version2);
      if (cpus > 0 && (least == 0 || cpus < least)) least = cpus;
      if (path.find('/') == std::string::npos) break;
    }
  }
  return least;
}

int cpu_quota() {
  std::ifstream file("/proc/self/cgroup");
  return cpu_quota(std::string(std::istreambuf_iterator<char>(file), {}), "/sys/fs/cgroup");
}

}  // namespace eigenlstm
