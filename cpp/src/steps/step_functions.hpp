// The operations that remember nothing.
#pragma once

#include <algorithm>
#include <vector>

#include "eigenlstm/pointwise.hpp"
#include "layers/join.hpp"
#include "steps/step_node.hpp"

namespace eigenlstm {

template <class Real>
struct LayerNormNode : FunctionNode<Real> {
  LayerNormNode(Index x, Index n, const Real* w, const Real* b, double epsilon)
      : FunctionNode<Real>({x}, n), weight(w, w + n), bias(b, b + n), eps(epsilon) {}
  void run(Index B, const Real* const* xs, Real* y) const override {
    layer_norm_forward(B, this->size, xs[0], weight.data(), bias.data(), eps, y);
  }
  const std::vector<Real> weight, bias;
  const double eps;
};

template <class Real>
struct ActivationNode : FunctionNode<Real> {
  ActivationNode(Index x, Index n, const LayerActivation& function) : FunctionNode<Real>({x}, n), f(function) {}
  void run(Index B, const Real* const* xs, Real* y) const override { activate(f, B, this->size, xs[0], y); }
  const LayerActivation f;
};

template <class Real>
struct EmbeddingNode : FunctionNode<Real> {
  EmbeddingNode(Index x, Index V, Index D, const Real* w)
      : FunctionNode<Real>({x}, D), count(V), weight(w, w + V * D) {}
  void run(Index B, const Real* const* xs, Real* y) const override {
    const auto* const integers = reinterpret_cast<const std::int64_t*>(xs[0]);
    for (Index b = 0; b < B; ++b, y += this->size)
      std::copy_n(weight.data() + Index(integers[b]) * this->size, this->size, y);
  }
  Index most_integers() const override { return count; }
  const Index count;
  const std::vector<Real> weight;
};

/// Sum or product, in the order of the inputs.
template <class Real, bool product>
struct JoinNode : FunctionNode<Real> {
  using FunctionNode<Real>::FunctionNode;
  void run(Index B, const Real* const* xs, Real* y) const override {
    join<product>(Index(this->inputs.size()), xs, B * this->size, y);
  }
};

template <class Real>
struct ConcatNode : FunctionNode<Real> {
  ConcatNode(const std::vector<Index>& xs, std::vector<Index> widths, Index total)
      : FunctionNode<Real>(xs, total), sizes(std::move(widths)) {}
  void run(Index B, const Real* const* xs, Real* y) const override {
    for (Index b = 0; b < B; ++b)
      for (std::size_t i = 0; i < sizes.size(); ++i) y = std::copy_n(xs[i] + b * sizes[i], sizes[i], y);
  }
  const std::vector<Index> sizes;
};

template <class Real>
struct SliceNode : FunctionNode<Real> {
  SliceNode(Index x, Index features, Index first, Index count)
      : FunctionNode<Real>({x}, count), n(features), start(first) {}
  void run(Index B, const Real* const* xs, Real* y) const override {
    for (Index b = 0; b < B; ++b) y = std::copy_n(xs[0] + b * n + start, this->size, y);
  }
  const Index n, start;
};

template <class Real>
struct AffineNode : FunctionNode<Real> {
  AffineNode(Index x, Index n, const Real* factors, const Real* summands)
      : FunctionNode<Real>({x}, n), scale(factors, factors + n), offset(summands, summands + n) {}
  void run(Index B, const Real* const* xs, Real* y) const override {
    affine_rows(B, this->size, xs[0], scale.data(), offset.data(), y);
  }
  const std::vector<Real> scale, offset;
};

}  // namespace eigenlstm
