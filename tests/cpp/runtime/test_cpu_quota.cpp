// CPU quotas of control groups, read from files like those of the kernel.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/cpu_quota.hpp"

namespace {

/// A temporary folder in place of /sys/fs/cgroup; the destructor removes it.
class Mount {
 public:
  Mount() {
    std::string name = (std::filesystem::temp_directory_path() / "cgroupXXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Mount() { std::filesystem::remove_all(path_); }
  Mount& write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text;
    return *this;
  }
  int quota(const std::string& groups) const { return eigenlstm::cpu_quota(groups, path_.string()); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("version 2: cpu.max, rounded up") {
  CHECK(Mount().write("cpu.max", "150000 100000\n").quota("0::/\n") == 2);
  CHECK(Mount().write("cpu.max", "200000 100000\n").quota("0::/\n") == 2);
  CHECK(Mount().write("cpu.max", "5000 100000\n").quota("0::/\n") == 1);
  CHECK(Mount().write("cpu.max", "max 100000\n").quota("0::/\n") == 0);
}

TEST_CASE("version 1: cpu.cfs_quota_us over cpu.cfs_period_us") {
  const auto mount = [](const char* quota) {
    return Mount()
        .write("cpu,cpuacct/cpu.cfs_period_us", "50000\n")
        .write("cpu,cpuacct/cpu.cfs_quota_us", quota)
        .quota("3:memory:/\n2:cpu,cpuacct:/\n0::/\n");
  };
  CHECK(mount("125000\n") == 3);
  CHECK(mount("-1\n") == 0);
}

TEST_CASE("the smallest quota of the process's group and the groups above it counts") {
  Mount mount;
  mount.write("cpu.max", "max 100000\n").write("a/cpu.max", "300000 100000\n").write("a/b/cpu.max", "max 100000\n");
  CHECK(mount.quota("0::/a/b\n") == 3);
  CHECK(mount.write("a/b/cpu.max", "100000 100000\n").quota("0::/a/b\n") == 1);
  CHECK(mount.quota("0::/\n") == 0);
}

TEST_CASE("in a container, the path may be that of the host") {
  CHECK(Mount()
            .write("cpu/cpu.cfs_quota_us", "400000")
            .write("cpu/cpu.cfs_period_us", "100000")
            .quota("4:cpu:/docker/0123abcd\n") == 4);
}

TEST_CASE("there is no quota without groups, without files, or if their text is not the kernel's") {
  CHECK(Mount().quota("") == 0);
  CHECK(Mount().quota("0::/some/where\n1:cpu:/\n") == 0);
  CHECK(Mount().quota("cpu\n::\n0::\n:cpu:x\n") == 0);
  CHECK(Mount().write("cpu.max", "many 7").write("x/cpu.max", "").quota("0::/x") == 0);
  CHECK(Mount().write("cpu.max", "1e300 1").quota("0::/") == 0);
  CHECK(eigenlstm::cpu_quota() >= 0);
}
