// Streaming: one step at a time, or a block of steps, with all memory allocated at construction.
#include <algorithm>
#include <stdexcept>

#include "lstm/missing.hpp"
#include "lstm/step.hpp"
#include "runtime/team.hpp"

namespace eigenlstm {
namespace {

constexpr std::size_t l1_bytes = 48 << 10;  // of most processors that have fused multiply-add: 32 to 64 KB

}  // namespace

template <class Real>
struct Stream<Real>::Impl {
  struct Layer {
    explicit Layer(const Padded<Real>& sizes) : p(sizes) {}
    Padded<Real> p;
    const DirectionWeights<Real>* weights = nullptr;
    Buffer<Real> xh[2];  // rows [gap | x | h] of this step and the next, in turn: h fills whole vectors of cache lines
    Buffer<Real> c, z;
    Buffer<Real> m;             // with a projection
    Buffer<Real> y;             // h + x of a residual layer
    StepArgs<Real> steps[2]{};  // a step from each of the two, complete except for the values of x
    StepVariant<Real> variant{};
    AroundCell<Real> around{};
    Index h_begin() const { return ceil_div(p.I, p.L) * p.L; }
    Index xh_stride() const { return h_begin() + p.h_stride; }
    Real* x(int which) const { return h(which) - p.I; }
    Real* h(int which) const { return xh[which].data() + h_begin(); }
  };

  Impl(std::shared_ptr<const Weights<Real>> packed, const LSTMOptions& model, Index batch)
      : weights(std::move(packed)),
        options(model),
        B(batch),
        filled(Buffer<Real>::zeros(model.missing == Missing::forward_fill ? B * model.input_size : 0)) {
    for (Index layer = 0; layer < options.num_layers; ++layer) {
      const DirectionShape shape = direction_shape(options, layer, 0);
      const Padded<Real> p(shape);
      const Index xh = B * (ceil_div(p.I, p.L) * p.L + p.h_stride);
      Layer next(p);
      next.weights = &weights->directions[layer];
      for (Buffer<Real>& buffer : next.xh) buffer = Buffer<Real>::zeros(xh);
      next.c = Buffer<Real>::zeros(B * p.c_stride);
      next.z = Buffer<Real>(B * p.gates());
      next.m = Buffer<Real>(shape.projected() ? B * p.c_stride : 0);
      next.y = Buffer<Real>(options.residual && layer > 0 ? B * p.P : 0);
      layers.push_back(std::move(next));
    }
    for (Layer& layer : layers) prepare(layer);
  }

  Impl(const Impl& from)
      : weights(from.weights),
        options(from.options),
        B(from.B),
        now(from.now),
        filled(copied(from.filled.data(), from.filled.size())) {
    const auto copy = [](const Buffer<Real>& buffer) { return copied(buffer.data(), buffer.size()); };
    for (const Layer& layer : from.layers) {
      Layer next(layer.p);
      next.weights = layer.weights;
      next.xh[0] = copy(layer.xh[0]);
      next.xh[1] = copy(layer.xh[1]);
      next.c = copy(layer.c);
      next.z = Buffer<Real>(layer.z.size());
      next.m = Buffer<Real>(layer.m.size());
      next.y = Buffer<Real>(layer.y.size());
      layers.push_back(std::move(next));
    }
    for (Layer& layer : layers) prepare(layer);
  }

  /// Copies x to the rows of the first layer, with missing values replaced as the options say. Rows of x are x_stride
  /// apart.
  void read(const Real* x, Index x_stride) {
    const Index I = options.input_size, row = layers.front().xh_stride();
    Real* out = layers.front().x(now);
    for (Index b = 0; b < B; ++b, x += x_stride, out += row) {
      if (options.missing == Missing::mask) {
        indicate_missing(x, 1, I, out);
      } else if (options.missing == Missing::forward_fill) {
        Real* const last = filled.data() + b * I;
        fill_frame(x, 1, I, last, last);
        std::copy_n(last, I, out);
      } else {
        std::copy_n(x, I, out);
      }
    }
  }

  /// One step: x and y have rows x_stride and y_stride apart. May be in place: y is written last.
  void step(const Real* x, Index x_stride, Real* y, Index y_stride) {
    const bool replaces = options.missing == Missing::mask || options.missing == Missing::forward_fill;
    const Real* input = x;
    Index input_stride = x_stride;
    if (B > 1 || replaces) read(x, x_stride), input = nullptr;  // where x lies before h already
    for (Layer& layer : layers) {
      const Padded<Real>& p = layer.p;
      StepArgs<Real>& args = layer.steps[now];
      if (B == 1) {  // reads its input where it is
        args.x = input != nullptr ? input : layer.x(now);
      } else if (input != nullptr) {
        for (Index b = 0; b < B; ++b) std::copy_n(input + b * input_stride, p.I, layer.x(now) + b * layer.xh_stride());
      }
      run_step(p, *layer.weights, args, layer.variant, layer.around);
      input = layer.h(1 - now);
      input_stride = layer.xh_stride();
      if (layer.y.size() == 0) continue;
      const Real* const from = args.x;
      for (Index b = 0; b < B; ++b)
        for (Index j = 0; j < p.P; ++j)
          layer.y.data()[b * p.P + j] = input[b * input_stride + j] + from[b * input_stride + j];
      input = layer.y.data();
      input_stride = p.P;
    }
    const Index P = layers.back().p.P;
    for (Index b = 0; b < B; ++b) std::copy_n(input + b * input_stride, P, y + b * y_stride);
    now = 1 - now;
  }

  /// Fills in the arguments of the steps of a layer.
  void prepare(Layer& layer) {
    const Padded<Real>& p = layer.p;
    const DirectionWeights<Real>& w = *layer.weights;
    for (int from : {0, 1}) {
      StepArgs<Real>& step = layer.steps[from];
      step = step_args(p, w.forward.data(), 0, p.panels);
      step.rows = B;
      step.x = layer.x(from);
      step.h_prev = layer.h(from);
      step.z = layer.z.data();
      step.z_panel_stride = eigenlstm::z_panel_stride(p, w, B);
      step.c_prev = step.c = layer.c.data();
      step.h = layer.h(1 - from);
      step.x_stride = step.h_prev_stride = step.h_stride = layer.xh_stride();
      step.c_prev_stride = step.c_stride = p.c_stride;
      // In turn, so that what a step read last is still in L2 or L1 when the next one begins. Weights that stay in L1
      // need no such order: there the next step begins with the units that are ready first.
      step.backwards = from == 1 && bytes_of<Real>(w.forward.size()) > l1_bytes;
    }
    layer.variant.cell = &w.cell;
    layer.variant.zone_c = w.zone_c.data();
    layer.around.zone_h = w.zone_h.data();
    layer.around.m = layer.m.data();
  }

  std::shared_ptr<const Weights<Real>> weights;
  LSTMOptions options;
  Index B;
  int now = 0;  // which xh holds the state
  std::vector<Layer> layers;
  Buffer<Real> filled;  // [B][I]: Missing::forward_fill's last values
};

template <class Real>
Stream<Real>::Stream(const LSTM<Real>& lstm, std::shared_ptr<const Weights<Real>> weights, Index B) {
  if (lstm.options().bidirectional)
    throw std::invalid_argument(
        "LSTM.stream: a bidirectional LSTM needs the end of the sequence before its first output; it cannot stream");
  if (lstm.options().reverse)
    throw std::invalid_argument(
        "LSTM.stream: an LSTM with reverse=True reads a sequence from its end; it cannot stream");
  if (B < 1) throw std::invalid_argument("LSTM.stream: batch_size must be at least 1, got " + std::to_string(B));
  impl_ = std::make_unique<Impl>(std::move(weights), lstm.options(), B);
  reset();
}

template <class Real>
Stream<Real>::Stream(const Stream& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}

template <class Real>
Stream<Real>::~Stream() = default;

template <class Real>
Index Stream<Real>::batch_size() const {
  return impl_->B;
}

template <class Real>
void Stream<Real>::step(const Real* x, Real* y) {
  const FlushDenormals flush;
  Impl& s = *impl_;
  const Index I = s.options.input_size;
  if (s.options.missing == Missing::error)
    if (const Index j = first_missing(x, 1, s.B * I); j >= 0)
      throw std::invalid_argument("Stream.step: x must not have NaN with missing=\"error\", got one in row " +
                                  std::to_string(j / I) + ", feature " + std::to_string(j % I));
  s.step(x, I, y, s.layers.back().p.P);
}

template <class Real>
void Stream<Real>::process(const Real* x, Index T, Real* y) {
  const FlushDenormals flush;
  Impl& s = *impl_;
  const Index I = s.options.input_size, P = s.layers.back().p.P;
  if (s.options.missing == Missing::error)
    if (const Index j = first_missing(x, 1, s.B * T * I); j >= 0)
      throw std::invalid_argument("Stream.process: x must not have NaN with missing=\"error\", got one in row " +
                                  std::to_string(j / (T * I)) + ", step " + std::to_string(j / I % T) + ", feature " +
                                  std::to_string(j % I));
  for (Index t = 0; t < T; ++t) s.step(x + t * I, T * I, y + t * P, T * P);
}

template <class Real>
void Stream<Real>::get_state(State<Real> state) const {
  for (const auto& layer : impl_->layers) {
    const Padded<Real>& p = layer.p;
    for (Index b = 0; b < impl_->B; ++b, state.h += p.P, state.c += p.H) {
      std::copy_n(layer.h(impl_->now) + b * layer.xh_stride(), p.P, state.h);
      std::copy_n(layer.c.data() + b * p.c_stride, p.H, state.c);
    }
  }
}

template <class Real>
void Stream<Real>::set_state(State<const Real> state) {
  for (auto& layer : impl_->layers) {
    const Padded<Real>& p = layer.p;
    for (Index b = 0; b < impl_->B; ++b, state.h += p.P, state.c += p.H) {
      std::copy_n(state.h, p.P, layer.h(impl_->now) + b * layer.xh_stride());
      std::copy_n(state.c, p.H, layer.c.data() + b * p.c_stride);
    }
  }
}

template <class Real>
Index Stream<Real>::memory_size() const {
  Index size = impl_->filled.size() / impl_->B;
  for (const auto& layer : impl_->layers) size += layer.p.P + layer.p.H;
  return size;
}

template <class Real>
void Stream<Real>::get_memory(Real* rows, Index row_stride) const {
  const Index filled = impl_->filled.size() / impl_->B;
  for (Index b = 0; b < impl_->B; ++b) {
    Real* out = std::copy_n(impl_->filled.data() + b * filled, filled, rows + b * row_stride);
    for (const auto& layer : impl_->layers) {
      out = std::copy_n(layer.h(impl_->now) + b * layer.xh_stride(), layer.p.P, out);
      out = std::copy_n(layer.c.data() + b * layer.p.c_stride, layer.p.H, out);
    }
  }
}

template <class Real>
void Stream<Real>::set_memory(const Real* rows, Index row_stride) {
  const Index filled = impl_->filled.size() / impl_->B;
  for (Index b = 0; b < impl_->B; ++b) {
    const Real* in = rows + b * row_stride;
    std::copy_n(in, filled, impl_->filled.data() + b * filled);
    in += filled;
    for (auto& layer : impl_->layers) {
      std::copy_n(in, layer.p.P, layer.h(impl_->now) + b * layer.xh_stride());
      std::copy_n(in + layer.p.P, layer.p.H, layer.c.data() + b * layer.p.c_stride);
      in += layer.p.P + layer.p.H;
    }
  }
}

template <class Real>
void Stream<Real>::reset() {
  std::fill_n(impl_->filled.data(), impl_->filled.size(), Real(0));
  for (auto& layer : impl_->layers) {
    const Padded<Real>& p = layer.p;
    for (Buffer<Real>* buffer : {&layer.xh[0], &layer.xh[1], &layer.c})
      std::fill_n(buffer->data(), buffer->size(), Real(0));
    for (Index b = 0; b < impl_->B; ++b) {
      std::copy_n(layer.weights->h0.data(), layer.weights->h0.size(), layer.h(impl_->now) + b * layer.xh_stride());
      std::copy_n(layer.weights->c0.data(), layer.weights->c0.size(), layer.c.data() + b * p.c_stride);
    }
  }
}

template class Stream<float>;
template class Stream<double>;

}  // namespace eigenlstm
