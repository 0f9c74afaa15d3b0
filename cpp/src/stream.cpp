// Streaming: one step at a time, all memory taken at construction.
#include <algorithm>
#include <stdexcept>

#include "team.hpp"
#include "weights.hpp"

namespace eigenlstm {

template <class Real>
struct Stream<Real>::Impl {
  struct Layer {
    Padded<Real> p;
    const Real* weights;
    Buffer<Real> xh[2];  // rows [x | h] of this step and the next, in turn
    Buffer<Real> c, z;
    Index xh_row() const { return p.I + p.row; }
    Real* h(int which) const { return xh[which].data() + p.I; }
  };

  Impl(std::shared_ptr<const Weights<Real>> packed, const LSTMOptions& options, Index batch) : weights(std::move(packed)), B(batch) {
    for (Index layer = 0; layer < options.num_layers; ++layer) {
      const Padded<Real> p(direction_shape(options, layer, 0));
      layers.push_back({p, weights->directions[layer].forward.data(), {Buffer<Real>(B * (p.I + p.row)), Buffer<Real>(B * (p.I + p.row))},
                        Buffer<Real>(B * p.row), Buffer<Real>(B * p.gates())});
      for (Buffer<Real>* buffer : {&layers.back().xh[0], &layers.back().xh[1], &layers.back().c})
        std::fill_n(buffer->data(), buffer->size(), Real(0));
    }
  }

  std::shared_ptr<const Weights<Real>> weights;
  Index B;
  int now = 0;  // which h holds the state
  std::vector<Layer> layers;
};

template <class Real>
Stream<Real>::Stream(const LSTM<Real>& lstm, std::shared_ptr<const Weights<Real>> weights, Index B) {
  if (lstm.options().bidirectional)
    throw std::invalid_argument("LSTM.stream: a bidirectional LSTM needs the end of the sequence before its first output; it cannot stream");
  if (B < 1) throw std::invalid_argument("LSTM.stream: batch_size must be at least 1, got " + std::to_string(B));
  impl_ = std::make_unique<Impl>(std::move(weights), lstm.options(), B);
}

template <class Real>
Stream<Real>::Stream(const Stream& other) {
  const Impl& from = *other.impl_;
  auto copy = std::make_unique<Impl>(from.weights, LSTMOptions{}, 0);
  copy->layers.clear();
  copy->B = from.B;
  copy->now = from.now;
  for (const auto& layer : from.layers) {
    const Index n = layer.c.size(), m = layer.xh[0].size();
    copy->layers.push_back({layer.p, layer.weights, {Buffer<Real>(m), Buffer<Real>(m)}, Buffer<Real>(n), Buffer<Real>(layer.z.size())});
    auto& to = copy->layers.back();
    for (int i = 0; i < 2; ++i) std::copy_n(layer.xh[i].data(), m, to.xh[i].data());
    std::copy_n(layer.c.data(), n, to.c.data());
  }
  impl_ = std::move(copy);
}

template <class Real>
Stream<Real>::~Stream() = default;

template <class Real>
Index Stream<Real>::batch_size() const { return impl_->B; }

template <class Real>
void Stream<Real>::step(const Real* x, Real* y) {
  FlushDenormals flush;
  Impl& s = *impl_;
  const auto& table = kernels<Real>();
  const int next = 1 - s.now;
  const Real* input = x;
  Index input_row = s.layers.front().p.I;
  for (auto& layer : s.layers) {
    const Padded<Real>& p = layer.p;
    Real* xh = layer.xh[s.now].data();
    for (Index b = 0; b < s.B; ++b) std::copy_n(input + b * input_row, p.I, xh + b * layer.xh_row());
    StepArgs<Real> step = step_args(p, layer.weights, 0, p.panels);
    step.rows = s.B;
    step.x = xh;
    step.h_prev = xh + p.I;
    step.z = layer.z.data();
    step.z_panel = s.B == 1 ? 4 * p.L : 0;
    step.c_prev = step.c = layer.c.data();
    step.h = layer.h(next);
    step.x_row = step.h_prev_row = step.h_row = layer.xh_row();
    step.c_prev_row = step.c_row = p.row;
    step.backwards = s.now == 1;
    table.step_forward(step);
    input = step.h;
    input_row = layer.xh_row();
  }
  const Index H = s.layers.back().p.H;
  for (Index b = 0; b < s.B; ++b) std::copy_n(input + b * input_row, H, y + b * H);
  s.now = next;
}

template <class Real>
void Stream<Real>::get_state(State<Real> state) const {
  for (const auto& layer : impl_->layers) {
    const Padded<Real>& p = layer.p;
    for (Index b = 0; b < impl_->B; ++b, state.h += p.H, state.c += p.H) {
      std::copy_n(layer.h(impl_->now) + b * layer.xh_row(), p.H, state.h);
      std::copy_n(layer.c.data() + b * p.row, p.H, state.c);
    }
  }
}

template <class Real>
void Stream<Real>::set_state(State<const Real> state) {
  for (auto& layer : impl_->layers) {
    const Padded<Real>& p = layer.p;
    for (Index b = 0; b < impl_->B; ++b, state.h += p.H, state.c += p.H) {
      std::copy_n(state.h, p.H, layer.h(impl_->now) + b * layer.xh_row());
      std::copy_n(state.c, p.H, layer.c.data() + b * p.row);
    }
  }
}

template <class Real>
void Stream<Real>::reset() {
  for (auto& layer : impl_->layers)
    for (Buffer<Real>* buffer : {&layer.xh[0], &layer.xh[1], &layer.c}) std::fill_n(buffer->data(), buffer->size(), Real(0));
}

template class Stream<float>;
template class Stream<double>;

}  // namespace eigenlstm
