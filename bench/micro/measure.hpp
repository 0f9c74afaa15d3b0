// What every benchmark of the engine reports: GFLOP/s, and their share of the peak of this core's multiply-adds.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "eigenlstm/activations.hpp"
#include "eigenlstm/isa.hpp"
#include "eigenlstm/threads.hpp"
#include "on_lines.hpp"
#include "support/core.hpp"  // tests/cpp: random problems, the scalar reference

namespace bench {

using eigenlstm::Index;

template <class Real>
double peak_gflops() {
  static const double peak = eigenlstm::fma_peak(sizeof(Real), 0.2);
  return peak;
}

/// Call it after the loop, with the `flops` of one iteration. The share refers to the peak of one core times `threads`.
/// Google Benchmark prints "/s" behind both numbers: "GFLOP=90/s of_peak=0.9/s" is 90 GFLOP/s, nine tenths of the peak.
template <class Real>
void report(benchmark::State& state, double flops, int threads = 1) {
  using benchmark::Counter;
  state.counters["GFLOP"] = Counter(flops * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["of_peak"] =
      Counter(flops * 1e-9 / (peak_gflops<Real>() * threads), Counter::kIsIterationInvariantRate);
  state.SetLabel(eigenlstm::isa());
}

/// (T, B, I, H): the shapes of bench/compare.
struct Shape {
  Index T, B, I, H;
  std::string name() const {
    return "T" + std::to_string(T) + "_B" + std::to_string(B) + "_I" + std::to_string(I) + "_H" + std::to_string(H);
  }
  double flops() const { return 8.0 * double(T) * double(B) * double(H) * double(I + H); }
};

inline const Shape grid[] = {{1, 1, 16, 16},      {1, 1, 64, 64},      {1, 1, 256, 256},   {100, 1, 64, 64},
                             {100, 1, 256, 256},  {50, 1, 1024, 1024}, {100, 8, 64, 64},   {100, 32, 32, 64},
                             {100, 32, 128, 128}, {100, 64, 256, 256}, {50, 32, 512, 512}, {20, 64, 1024, 1024},
                             {365, 256, 32, 64},  {100, 32, 50, 50}};

template <class Real>
constexpr const char* dtype = sizeof(Real) == 4 ? "float32" : "float64";

/// Registers run(state, shape, threads) for every shape with one and with two threads, and for one shape in float64.
template <class Function32, class Function64>
void register_grid(const std::string& name, Function32 run32, Function64 run64) {
  const auto add = [&](const char* type, const Shape& shape, int threads, auto run) {
    const std::string title = name + "/" + type + "/" + shape.name() + "/threads" + std::to_string(threads);
    benchmark::RegisterBenchmark(title.c_str(),
                                 [=](benchmark::State& state) {
                                   eigenlstm::set_num_threads(threads);
                                   run(state, shape, threads);
                                 })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  };
  for (int threads : {1, 2})
    for (const Shape& shape : grid) add("float32", shape, threads, run32);
  add("float64", {100, 32, 128, 128}, 1, run64);
}

inline int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace bench
