// The activations of the cell and the peak speed of a core: for tests and benchmarks.
#pragma once

#include <cstddef>

namespace eigenlstm {

/// y[j] = sigmoid(x[j]), y[j] = tanh(x[j]): at most 4 ULP, NaN gives NaN, +-inf saturate. y may be x.
template <class Real>
void sigmoid(const Real* x, Real* y, std::ptrdiff_t n);
template <class Real>
void tanh(const Real* x, Real* y, std::ptrdiff_t n);

/// GFLOP/s of independent multiply-adds in registers on one core; dtype_size 4 or 8. Best of several short runs.
double fma_peak(int dtype_size, double seconds);

}  // namespace eigenlstm
