#include "eigenlstm/isa.hpp"

#include <cstdlib>
#include <stdexcept>

#include "kernels/table.hpp"

namespace eigenlstm {

namespace sse42 {
const Kernels& table();
}
namespace avx2 {
const Kernels& table();
}
namespace avx512 {
const Kernels& table();
}
namespace neon {
const Kernels& table();
}

namespace {

struct Isa {
  const char* name;
  bool (*supported)();
  const Kernels& (*table)();
};

// From the slowest to the fastest. __builtin_cpu_supports also asks the operating system for the wider registers.
const Isa isas[] = {
#ifdef EIGENLSTM_HAS_sse42
    {"sse4.2", [] { return bool(__builtin_cpu_supports("sse4.2")); }, sse42::table},
#endif
#ifdef EIGENLSTM_HAS_avx2
    {"avx2", [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }, avx2::table},
#endif
#ifdef EIGENLSTM_HAS_avx512
    {"avx512",
     [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
     },
     avx512::table},
#endif
#ifdef EIGENLSTM_HAS_neon
    {"neon", [] { return true; }, neon::table},
#endif
};

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

const Isa& choose() {
  const char* wanted = std::getenv("EIGENLSTM_ISA");
  const Isa* best = nullptr;
  for (const Isa& candidate : isas) {
    if (!candidate.supported()) continue;
    if (wanted == nullptr || *wanted == '\0')
      best = &candidate;
    else if (std::string(wanted) == candidate.name)
      return candidate;
  }
  if (best == nullptr && wanted != nullptr && *wanted != '\0')
    throw std::runtime_error("EIGENLSTM_ISA must be one of " + joined(available_isas()) + " on this CPU, got " +
                             wanted);
  if (best == nullptr) {
    std::vector<std::string> built;
    for (const Isa& isa : isas) built.emplace_back(isa.name);
    throw std::runtime_error("this build of eigenlstm has kernels for " + joined(built) +
                             ", and this CPU has none of them");
  }
  return *best;
}

const Isa& chosen() {
  static const Isa& isa = choose();
  return isa;
}

}  // namespace

const char* isa() { return chosen().name; }

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& candidate : isas)
    if (candidate.supported()) names.emplace_back(candidate.name);
  return names;
}

const char* version() { return EIGENLSTM_VERSION; }
const char* eigen_version() { return chosen().table().eigen_version; }

template <>
const KernelTable<float>& kernels<float>() {
  static const auto& table = chosen().table().f32;
  return table;
}
template <>
const KernelTable<double>& kernels<double>() {
  static const auto& table = chosen().table().f64;
  return table;
}

}  // namespace eigenlstm
