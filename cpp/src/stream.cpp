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
    Buffer<Real> h[2], c, z;
  };

  Impl(std::shared_ptr<const Weights<Real>> packed, const LSTMOptions& options, Index batch) : weights(std::move(packed)), B(batch) {
    for (Index layer = 0; layer < options.num_layers; ++layer) {
      const Padded<Real> p(direction_shape(options, layer, 0));
      layers.push_back({p, weights->directions[layer].forward.data(), {Buffer<Real>(B * p.row), Buffer<Real>(B * p.row)},
                        Buffer<Real>(B * p.row), Buffer<Real>(B * p.gates())});
      for (Buffer<Real>* buffer : {&layers.back().h[0], &layers.back().h[1], &layers.back().c})
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
    const Index n = layer.c.size();
    copy->layers.push_back({layer.p, layer.weights, {Buffer<Real>(n), Buffer<Real>(n)}, Buffer<Real>(n), Buffer<Real>(layer.z.size())});
    auto& to = copy->layers.back();
    for (int i = 0; i < 2; ++i) std::copy_n(layer.h[i].data(), n, to.h[i].data());
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
    StepArgs<Real> step{};
    step.rows = s.B;
    step.panels = p.panels;
    step.input_size = p.I;
    step.hidden_size = p.H;
    step.weights = layer.weights;
    step.weights_panel = p.weights_panel();
    step.x = input;
    step.x_row = input_row;
    step.h_prev = layer.h[s.now].data();
    step.z = layer.z.data();
    step.z_panel = s.B == 1 ? 4 * p.L : 0;
    step.c_prev = step.c = layer.c.data();
    step.h = layer.h[next].data();
    step.h_prev_row = step.c_prev_row = step.c_row = step.h_row = p.row;
    table.step_forward(step);
    input = step.h;
    input_row = p.row;
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
      std::copy_n(layer.h[impl_->now].data() + b * p.row, p.H, state.h);
      std::copy_n(layer.c.data() + b * p.row, p.H, state.c);
    }
  }
}

template <class Real>
void Stream<Real>::set_state(State<const Real> state) {
  for (auto& layer : impl_->layers) {
    const Padded<Real>& p = layer.p;
    for (Index b = 0; b < impl_->B; ++b, state.h += p.H, state.c += p.H) {
      std::copy_n(state.h, p.H, layer.h[impl_->now].data() + b * p.row);
      std::copy_n(state.c, p.H, layer.c.data() + b * p.row);
    }
  }
}

template <class Real>
void Stream<Real>::reset() {
  for (auto& layer : impl_->layers)
    for (Buffer<Real>* buffer : {&layer.h[0], &layer.h[1], &layer.c}) std::fill_n(buffer->data(), buffer->size(), Real(0));
}

template class Stream<float>;
template class Stream<double>;

}  // namespace eigenlstm
