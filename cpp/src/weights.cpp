#include "weights.hpp"

#include <algorithm>

namespace eigenlstm {
namespace {

/// w (4H, n) row-major -> panels of 4 L columns, [wide panel][k][4 L] with k = (panel, gate, lane): the order of dz.
template <class Real>
Buffer<Real> pack_backward(const Padded<Real>& p, Index n, const Real* w) {
  Buffer<Real> packed(p.wide_panels(n) * p.wide_panel());
  const Index width = 4 * p.L;
  Real* out = packed.data();
  for (Index column = 0; column < n; column += width) {
    const Index columns = std::min(width, n - column);
    for (Index k = 0; k < p.gates(); ++k, out += width) {
      const Index unit = k / width * p.L + k % p.L, gate = k % width / p.L;
      const Real* row = w + (gate * p.H + unit) * n + column;
      const Index used = unit < p.H ? columns : 0;
      std::copy_n(row, used, out);
      std::fill(out + used, out + width, Real(0));
    }
  }
  return packed;
}

template <class Real>
DirectionWeights<Real> pack_direction(const DirectionShape& shape, const Real* parameters, bool for_backward) {
  const Padded<Real> p(shape);
  DirectionWeights<Real> packed;
  packed.forward = Buffer<Real>(p.panels * p.weights_panel());
  Real* out = packed.forward.data();
  if (shape.bias >= 0) {
    kernels<Real>().pack_gates(p.H, 1, parameters + shape.bias, out, p.weights_panel());
  } else {
    for (Index panel = 0; panel < p.panels; ++panel) std::fill_n(out + panel * p.weights_panel(), 4 * p.L, Real(0));
  }
  kernels<Real>().pack_gates(p.H, p.I, parameters + shape.weight_ih, out + 4 * p.L, p.weights_panel());
  kernels<Real>().pack_gates(p.H, p.H, parameters + shape.weight_hh, out + (1 + p.I) * 4 * p.L, p.weights_panel());
  if (for_backward) {
    packed.backward_h = pack_backward(p, p.H, parameters + shape.weight_hh);
    packed.backward_x = pack_backward(p, p.I, parameters + shape.weight_ih);
  }
  return packed;
}

}  // namespace

DirectionShape direction_shape(const LSTMOptions& o, Index layer, Index direction) {
  const Index D = o.bidirectional ? 2 : 1, H = o.hidden_size;
  const auto size = [&](Index input) { return 4 * H * (input + H + (o.bias ? 1 : 0)); };
  const Index input = layer == 0 ? o.input_size : D * H;
  const Index start = (layer == 0 ? 0 : D * size(o.input_size) + (layer - 1) * D * size(D * H)) + direction * size(input);
  return {input, H, start, start + 4 * H * input, o.bias ? start + 4 * H * (input + H) : -1};
}

template <class Real>
std::shared_ptr<const Weights<Real>> LSTM<Real>::pack(const Real* parameters, bool for_backward) const {
  auto weights = std::make_shared<Weights<Real>>();
  for (Index layer = 0; layer < options_.num_layers; ++layer)
    for (Index d = 0; d < directions(); ++d)
      weights->directions.push_back(pack_direction(direction_shape(options_, layer, d), parameters, for_backward));
  return weights;
}

template std::shared_ptr<const Weights<float>> LSTM<float>::pack(const float*, bool) const;
template std::shared_ptr<const Weights<double>> LSTM<double>::pack(const double*, bool) const;

}  // namespace eigenlstm
