#include "eigenlstm/pointwise.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/table.hpp"
#include "layers/join.hpp"
#include "runtime/team.hpp"

namespace eigenlstm {
namespace {

constexpr struct {
  const char* name;
  LayerActivation::Kind kind;
} further[] = {{"silu", LayerActivation::silu},
               {"gelu_tanh", LayerActivation::gelu_tanh},
               {"selu", LayerActivation::selu},
               {"relu6", LayerActivation::relu6},
               {"exponential", LayerActivation::exponential},
               {"softmax", LayerActivation::softmax},
               {"log_softmax", LayerActivation::log_softmax}};
constexpr double selu_scale = 1.0507009873554805, selu_alpha = 1.6732632423543772;
constexpr double sqrt_2_over_pi = 0.79788456080286541, gelu_cubic = 0.044715;

/// The sum of f(x[0]), ..., f(x[n - 1]): 16 partial sums, which a compiler can keep in vectors, then the halves of
/// those added to each other. The order depends on n alone. (The kernels' line_sum.hpp adds float32 in the same order,
/// but float64 in 8 partial sums: with it, the bits of LayerNorm and log_softmax would change in float64.)
template <class Real, class F>
Real sum_of(Index n, const Real* x, F f) {
  constexpr Index lanes = 16;
  Real partial[lanes] = {};
  Index j = 0;
  for (; j + lanes <= n; j += lanes)
    for (Index l = 0; l < lanes; ++l) partial[l] += f(x[j + l]);
  for (Index l = 0; j + l < n; ++l) partial[l] += f(x[j + l]);
  for (Index half = lanes / 2; half > 0; half /= 2)
    for (Index l = 0; l < half; ++l) partial[l] += partial[l + half];
  return partial[0];
}

template <class Real>
void log_softmax_row(Index n, const Real* x, Real* y) {
  Real most = x[0];
  for (Index j = 1; j < n; ++j) most = x[j] > most || std::isnan(x[j]) ? x[j] : most;
  for (Index j = 0; j < n; ++j) y[j] = x[j] - most;
  kernels<Real>().exp(y, y, n);
  const Real log_sum = std::log(sum_of(n, y, [](Real e) { return e; }));
  for (Index j = 0; j < n; ++j) y[j] = x[j] - most - log_sum;
}

/// f of each value, for the activations that a cell cannot have.
template <class Real>
void activate_further(LayerActivation::Kind kind, Index n, const Real* x, Real* y) {
  const auto& kernel = kernels<Real>();
  switch (kind) {
    case LayerActivation::silu:
      kernel.sigmoid(x, y, n);
      for (Index j = 0; j < n; ++j) y[j] *= x[j];
      return;
    case LayerActivation::gelu_tanh:
      for (Index j = 0; j < n; ++j) y[j] = Real(sqrt_2_over_pi) * (x[j] + Real(gelu_cubic) * x[j] * x[j] * x[j]);
      kernel.tanh(y, y, n);
      for (Index j = 0; j < n; ++j) y[j] = x[j] / 2 * (1 + y[j]);
      return;
    case LayerActivation::selu:
      kernel.activate({ActivationKind::elu, Real(selu_alpha), 0, false}, x, y, n);
      for (Index j = 0; j < n; ++j) y[j] *= Real(selu_scale);
      return;
    case LayerActivation::relu6:
      for (Index j = 0; j < n; ++j) y[j] = x[j] < 0 ? Real(0) : x[j] > 6 ? Real(6) : x[j];
      return;
    default: kernel.exp(x, y, n);
  }
}

}  // namespace

LayerActivation layer_activation(const char* name, const std::vector<double>& parameters) {
  for (const auto& known : further) {
    if (std::strcmp(name, known.name) != 0) continue;
    if (!parameters.empty())
      throw std::invalid_argument("activation: " + std::string(name) + " has 0 parameters, got " +
                                  std::to_string(parameters.size()));
    return {known.kind};
  }
  return {LayerActivation::of_cell, activation(name, parameters.data(), int(parameters.size()))};
}

template <class Real>
void activate(const LayerActivation& activation, Index rows, Index n, const Real* x, Real* y) {
  const FlushDenormals flush;
  const Activation& cell = activation.cell;
  switch (activation.kind) {
    case LayerActivation::of_cell:
      return kernels<Real>().activate({cell.kind, Real(cell.alpha), Real(cell.beta), false}, x, y, rows * n);
    case LayerActivation::softmax: std::copy_n(x, rows * n, y); return kernels<Real>().training.softmax(rows, n, y, n);
    case LayerActivation::log_softmax:
      for (Index r = 0; r < rows; ++r) log_softmax_row(n, x + r * n, y + r * n);
      return;
    default: activate_further(activation.kind, rows * n, x, y);
  }
}

template <class Real>
void add(Index count, const Real* const* xs, Index n, Real* y) {
  const FlushDenormals flush;
  join<false>(count, xs, n, y);
}

template <class Real>
void multiply(Index count, const Real* const* xs, Index n, Real* y) {
  const FlushDenormals flush;
  join<true>(count, xs, n, y);
}

template <class Real>
void affine(Index rows, Index n, const Real* x, const Real* scale, const Real* offset, Real* y) {
  const FlushDenormals flush;
  affine_rows(rows, n, x, scale, offset, y);
}

template <class Real>
void layer_norm_forward(Index rows, Index n, const Real* x, const Real* weight, const Real* bias, double eps, Real* y,
                        Real* normed, Real* scale) {
  const FlushDenormals flush;
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    const Real mean = sum_of(n, x, [](Real value) { return value; }) / Real(n);
    const auto square = [mean](Real value) { return (value - mean) * (value - mean); };
    const Real factor = 1 / std::sqrt(sum_of(n, x, square) / Real(n) + Real(eps));
    for (Index j = 0; j < n; ++j) y[j] = (x[j] - mean) * factor;
    if (normed != nullptr) std::copy_n(y, n, normed + r * n);
    if (scale != nullptr) scale[r] = factor;
    for (Index j = 0; j < n; ++j) y[j] = y[j] * weight[j] + bias[j];
  }
}

template void activate(const LayerActivation&, Index, Index, const float*, float*);
template void activate(const LayerActivation&, Index, Index, const double*, double*);
template void add(Index, const float* const*, Index, float*);
template void add(Index, const double* const*, Index, double*);
template void multiply(Index, const float* const*, Index, float*);
template void multiply(Index, const double* const*, Index, double*);
template void affine(Index, Index, const float*, const float*, const float*, float*);
template void affine(Index, Index, const double*, const double*, const double*, double*);
template void layer_norm_forward(Index, Index, const float*, const float*, const float*, double, float*, float*,
                                 float*);
template void layer_norm_forward(Index, Index, const double*, const double*, const double*, double, double*, double*,
                                 double*);

}  // namespace eigenlstm
