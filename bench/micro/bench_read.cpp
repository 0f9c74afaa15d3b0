// How fast one core reads memory of different sizes. This is the limit for a single row, whose products read all
// weights in each step.
#include <cstring>
#include <string>
#include <vector>

#include "measure.hpp"

namespace {

/// Calls libc's memchr for a byte that does not occur, which does little else than load the widest vectors.
void read(benchmark::State& state, std::size_t bytes) {
  const std::vector<char> memory(bytes, 1);
  const void* found = nullptr;
  for (auto _ : state) benchmark::DoNotOptimize(found = std::memchr(memory.data(), 2, bytes));
  if (found != nullptr) return state.SkipWithError("wrong byte found");
  state.SetBytesProcessed(state.iterations() * std::int64_t(bytes));
}

}  // namespace

int main(int argc, char** argv) {
  for (std::size_t kib : {32, 64, 256, 512, 1024, 2048, 4096, 16384, 65536})
    benchmark::RegisterBenchmark(("read/" + std::to_string(kib) + "KiB").c_str(), read, kib << 10);
  return bench::main(argc, argv);
}
