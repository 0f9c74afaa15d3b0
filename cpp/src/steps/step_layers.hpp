// The operations with products, or with a memory.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>

#include "steps/packed_linear.hpp"
#include "steps/step_node.hpp"

namespace eigenlstm {

template <class Real>
struct LSTMNode : StepNode<Real> {
  LSTMNode(Index x, const LSTM<Real>& layer, std::shared_ptr<const Weights<Real>> packed)
      : StepNode<Real>({x}, layer.options().features(layer.options().num_layers - 1)),
        lstm(layer),
        weights(std::move(packed)) {}
  std::unique_ptr<StepPart<Real>> start(Index B) const override {
    return std::make_unique<Part>(Stream<Real>(lstm, weights, B));
  }
  bool may_refuse() const override { return lstm.options().missing == Missing::error; }

  struct Part : StepPart<Real> {
    explicit Part(const Stream<Real>& session) : stream(session) {}
    void step(const Real* const* xs, Real* y) override { stream.step(xs[0], y); }
    void steps(const Real* const* xs, Index /*width*/, Index T, Real* y, Index /*size*/) override {
      stream.process(xs[0], T, y);
    }
    void reset() override { stream.reset(); }
    Index memory_size() const override { return stream.memory_size(); }
    void get_memory(Real* rows, Index stride) const override { stream.get_memory(rows, stride); }
    void set_memory(const Real* rows, Index stride) override { stream.set_memory(rows, stride); }
    std::unique_ptr<StepPart<Real>> copy() const override { return std::make_unique<Part>(stream); }
    Stream<Real> stream;
  };
  const LSTM<Real> lstm;
  const std::shared_ptr<const Weights<Real>> weights;
};

template <class Real>
struct LinearNode : StepNode<Real> {
  LinearNode(Index x, Index n, Index outputs, const Real* weight, const Real* bias)
      : StepNode<Real>({x}, outputs), linear(n, outputs, weight, bias) {}
  std::unique_ptr<StepPart<Real>> start(Index B) const override { return std::make_unique<Part>(linear, B); }

  struct Part : StepPart<Real> {
    Part(const PackedLinear<Real>& weights, Index rows)
        : linear(weights), B(rows), product(weights, rows == 1 ? steps_at_once : rows) {}
    void step(const Real* const* xs, Real* y) override { product.run(B, xs[0], y); }
    void steps(const Real* const* xs, Index /*width*/, Index T, Real* y, Index /*size*/) override {
      product.run(T, xs[0], y);
    }
    std::unique_ptr<StepPart<Real>> copy() const override { return std::make_unique<Part>(linear, B); }
    const PackedLinear<Real>& linear;
    const Index B;
    typename PackedLinear<Real>::Product product;
  };
  const PackedLinear<Real> linear;
};

template <class Real>
struct ConvolutionNode : StepNode<Real> {
  ConvolutionNode(Index x, Index n, Index outputs, Index window, Index distance, const Real* weight, const Real* bias)
      : StepNode<Real>({x}, outputs),
        channels(n),
        kernel_size(window),
        dilation(distance),
        linear(n * window, outputs, weight, bias) {}
  std::unique_ptr<StepPart<Real>> start(Index B) const override { return std::make_unique<Part>(*this, B); }

  /// The last `frames` steps of x as a ring: [row][frame][channel], `now` the frame that is written next.
  struct Part : StepPart<Real> {
    Part(const ConvolutionNode& owner, Index rows)
        : node(owner),
          B(rows),
          frames((owner.kernel_size - 1) * owner.dilation + 1),
          ring(Buffer<Real>::zeros(values_of(B, values_of(frames, owner.channels)))),
          window(values_of(B, values_of(owner.channels, owner.kernel_size))),
          product(owner.linear, rows) {}
    void step(const Real* const* xs, Real* y) override {
      const Index C = node.channels, k = node.kernel_size;
      for (Index b = 0; b < B; ++b) {
        std::copy_n(xs[0] + b * C, C, frame(b, now));
        Real* const out = window.data() + b * C * k;
        for (Index j = 0; j < k; ++j) {  // the oldest first: `now` is the newest, and the next frame the oldest
          const Index age = (k - 1 - j) * node.dilation;
          const Real* const x = frame(b, now >= age ? now - age : now - age + frames);
          for (Index c = 0; c < C; ++c) out[c * k + j] = x[c];
        }
      }
      product.run(B, window.data(), y);
      now = now + 1 < frames ? now + 1 : 0;
    }
    void reset() override { std::fill_n(ring.data(), ring.size(), Real(0)); }
    Index memory_size() const override { return (frames - 1) * node.channels; }
    // The frames but the oldest one, which the next step writes over.
    void get_memory(Real* rows, Index stride) const override {
      for (Index b = 0; b < B; ++b, rows += stride)
        for (Index i = 1; i < frames; ++i)
          std::copy_n(frame(b, (now + i) % frames), node.channels, rows + (i - 1) * node.channels);
    }
    void set_memory(const Real* rows, Index stride) override {
      for (Index b = 0; b < B; ++b, rows += stride)
        for (Index i = 1; i < frames; ++i)
          std::copy_n(rows + (i - 1) * node.channels, node.channels, frame(b, (now + i) % frames));
    }
    std::unique_ptr<StepPart<Real>> copy() const override {
      auto other = std::make_unique<Part>(node, B);
      std::copy_n(ring.data(), ring.size(), other->ring.data());
      other->now = now;
      return other;
    }
    Real* frame(Index b, Index i) const { return ring.data() + (b * frames + i) * node.channels; }
    const ConvolutionNode& node;
    const Index B, frames;
    const Buffer<Real> ring, window;
    typename PackedLinear<Real>::Product product;
    Index now = 0;
  };
  const Index channels, kernel_size, dilation;
  const PackedLinear<Real> linear;
};

template <class Real>
struct ShiftNode : StepNode<Real> {
  ShiftNode(Index x, Index n, Real value) : StepNode<Real>({x}, n), first(value) {}
  std::unique_ptr<StepPart<Real>> start(Index B) const override { return std::make_unique<Part>(*this, B); }

  struct Part : StepPart<Real> {
    Part(const ShiftNode& owner, Index rows) : node(owner), B(rows), before(values_of(rows, owner.size)) { fill(); }
    void step(const Real* const* xs, Real* y) override {
      std::copy_n(before.data(), before.size(), y);
      std::copy_n(xs[0], before.size(), before.data());
    }
    void reset() override { fill(); }
    Index memory_size() const override { return node.size; }
    void get_memory(Real* rows, Index stride) const override {
      for (Index b = 0; b < B; ++b) std::copy_n(before.data() + b * node.size, node.size, rows + b * stride);
    }
    void set_memory(const Real* rows, Index stride) override {
      for (Index b = 0; b < B; ++b) std::copy_n(rows + b * stride, node.size, before.data() + b * node.size);
    }
    std::unique_ptr<StepPart<Real>> copy() const override {
      auto other = std::make_unique<Part>(node, B);
      std::copy_n(before.data(), before.size(), other->before.data());
      return other;
    }
    void fill() { std::fill_n(before.data(), before.size(), node.first); }
    const ShiftNode& node;
    const Index B;
    const Buffer<Real> before;  // (B, size): x of the last step
  };
  const Real first;
};

}  // namespace eigenlstm
