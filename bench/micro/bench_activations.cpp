// Throughput of sigmoid and tanh on arrays that stay in L1, beside that of the C library's scalar functions. Results
// are checked before anything is timed. EIGENLSTM_ISA chooses the instruction set.

#include "eigenlstm/activations.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "eigenlstm/isa.hpp"

namespace {

constexpr std::ptrdiff_t n = 1024;

template <class Real>
using Function = void (*)(const Real* x, Real* y, std::ptrdiff_t n);

template <class Real>
std::vector<Real> inputs() {
  std::vector<Real> x(n);
  for (std::ptrdiff_t j = 0; j < n; ++j) x[j] = Real(20) * Real(j) / Real(n) - Real(10);
  return x;
}

template <class Real>
void std_sigmoid(const Real* x, Real* y, std::ptrdiff_t count) {
  for (std::ptrdiff_t j = 0; j < count; ++j) y[j] = 1 / (1 + std::exp(-x[j]));
}

template <class Real>
void std_tanh(const Real* x, Real* y, std::ptrdiff_t count) {
  for (std::ptrdiff_t j = 0; j < count; ++j) y[j] = std::tanh(x[j]);
}

/// The largest error, in ULP.
template <class Real>
long double worst_error(const std::vector<Real>& x, const std::vector<Real>& y, bool is_tanh) {
  long double worst = 0;
  for (std::ptrdiff_t j = 0; j < n; ++j) {
    const long double v = x[j];
    const long double expected = is_tanh ? std::tanh(v) : 1 / (1 + std::exp(-v));
    if (expected == 0) continue;
    const long double ulp = std::ldexp(1.0L, std::ilogb(expected) + 1 - std::numeric_limits<Real>::digits);
    worst = std::max(worst, std::abs(y[j] - expected) / ulp);
  }
  return worst;
}

template <class Real>
void run(benchmark::State& state, Function<Real> function, bool is_tanh) {
  const std::vector<Real> x = inputs<Real>();
  std::vector<Real> y(n);
  function(x.data(), y.data(), n);
  if (!(worst_error(x, y, is_tanh) <= 4)) {
    state.SkipWithError("wrong by more than 4 ULP");
    return;
  }
  for (auto _ : state) {
    function(x.data(), y.data(), n);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * n);
  state.SetLabel(eigenlstm::isa());
}

template <class Real>
void register_all(const std::string& dtype) {
  const auto add = [&](const char* name, Function<Real> function, bool is_tanh) {
    benchmark::RegisterBenchmark((name + ("/" + dtype)).c_str(), run<Real>, function, is_tanh);
  };
  add("sigmoid", eigenlstm::sigmoid<Real>, false);
  add("tanh", eigenlstm::tanh<Real>, true);
  add("std_sigmoid", std_sigmoid<Real>, false);
  add("std_tanh", std_tanh<Real>, true);
}

}  // namespace

int main(int argc, char** argv) {
  register_all<float>("float32");
  register_all<double>("float64");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
