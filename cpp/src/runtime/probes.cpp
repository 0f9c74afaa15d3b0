#include "eigenlstm/activations.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "kernels/table.hpp"
#include "runtime/team.hpp"

namespace eigenlstm {
namespace {

template <class Real>
double measure_fma_peak(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto& table = kernels<Real>();
  const Index iterations = 20000;
  const double flops = 2.0 * 12.0 * double(table.lanes) * double(iterations);
  volatile Real sink = 0;
  double best = 0;
  const auto start = Clock::now();
  do {
    const auto t0 = Clock::now();
    sink = table.fma_peak(iterations);
    best = std::max(best, flops / std::chrono::duration<double>(Clock::now() - t0).count());
  } while (std::chrono::duration<double>(Clock::now() - start).count() < seconds);
  (void)sink;
  return best * 1e-9;
}

}  // namespace

template <class Real>
void sigmoid(const Real* x, Real* y, Index n) {
  FlushDenormals flush;
  kernels<Real>().sigmoid(x, y, n);
}

template <class Real>
void tanh(const Real* x, Real* y, Index n) {
  FlushDenormals flush;
  kernels<Real>().tanh(x, y, n);
}

double fma_peak(int dtype_size, double seconds) {
  if (dtype_size != 4 && dtype_size != 8)
    throw std::invalid_argument("fma_peak: dtype_size must be 4 or 8, got " + std::to_string(dtype_size));
  return dtype_size == 4 ? measure_fma_peak<float>(seconds) : measure_fma_peak<double>(seconds);
}

template void sigmoid(const float*, float*, Index);
template void sigmoid(const double*, double*, Index);
template void tanh(const float*, float*, Index);
template void tanh(const double*, double*, Index);

}  // namespace eigenlstm
