// Building a StepGraph: every value and size is checked here, once.
#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>

#include "steps/step_functions.hpp"
#include "steps/step_layers.hpp"

namespace eigenlstm {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::invalid_argument("StepGraph." + what); }

constexpr Index most = Index(1) << 48;  // of any size: products of a few of them and the bytes of a value fit

void require_positive(Index n, const char* where, const char* name) {
  if (n < 1 || n >= most)
    fail(std::string(where) + ": " + name + " must be at least 1 and below 2^48, got " + std::to_string(n));
}

}  // namespace

template <class Real>
StepGraph<Real>::StepGraph(Index input_size, bool integers) : input_size_(input_size), integers_(integers) {
  if (input_size < 1 || input_size >= most || (integers && input_size != 1))
    throw std::invalid_argument("StepGraph: input_size must be at least 1, and 1 for integers, got " +
                                std::to_string(input_size));
}

template <class Real>
Index StepGraph<Real>::size(Index value) const {
  if (value < 0 || value > Index(nodes_.size())) fail("size: there is no value " + std::to_string(value));
  return value == 0 ? input_size_ : nodes_[std::size_t(value - 1)]->size;
}

template <class Real>
void StepGraph<Real>::check(Index value, const char* where) const {
  if (value < 0 || value > Index(nodes_.size()))
    fail(std::string(where) + ": there is no value " + std::to_string(value));
  if (value == 0 && integers_) fail(std::string(where) + ": takes floats, and the input is of integers");
}

template <class Real>
Index StepGraph<Real>::push(std::shared_ptr<const StepNode<Real>> node) {
  require_positive(node->size, "value", "the size");
  nodes_.push_back(std::move(node));
  return output_ = Index(nodes_.size());
}

template <class Real>
Index StepGraph<Real>::lstm(Index x, const LSTM<Real>& lstm, std::shared_ptr<const Weights<Real>> weights) {
  check(x, "lstm");
  if (size(x) != lstm.options().input_size)
    fail("lstm: takes " + std::to_string(lstm.options().input_size) + " features, got " + std::to_string(size(x)));
  Stream<Real>(lstm, weights, 1);  // refuses what cannot stream
  return push(std::make_shared<LSTMNode<Real>>(x, lstm, std::move(weights)));
}

template <class Real>
Index StepGraph<Real>::linear(Index x, Index outputs, const Real* weight, const Real* bias) {
  check(x, "linear");
  require_positive(outputs, "linear", "outputs");
  return push(std::make_shared<LinearNode<Real>>(x, size(x), outputs, weight, bias));
}

template <class Real>
Index StepGraph<Real>::layer_norm(Index x, const Real* weight, const Real* bias, double eps) {
  check(x, "layer_norm");
  return push(std::make_shared<LayerNormNode<Real>>(x, size(x), weight, bias, eps));
}

template <class Real>
Index StepGraph<Real>::activation(Index x, const LayerActivation& f) {
  check(x, "activation");
  return push(std::make_shared<ActivationNode<Real>>(x, size(x), f));
}

template <class Real>
Index StepGraph<Real>::embedding(Index x, Index count, Index size, const Real* weight) {
  if (x != 0 || !integers_) fail("embedding: takes the input of a graph of integers");
  require_positive(count, "embedding", "count");
  require_positive(size, "embedding", "size");
  return push(std::make_shared<EmbeddingNode<Real>>(x, count, size, weight));
}

template <class Real>
Index StepGraph<Real>::causal_conv1d(Index x, Index channels, Index kernel_size, Index dilation, const Real* weight,
                                     const Real* bias) {
  const char* where = "causal_conv1d";
  check(x, where);
  require_positive(channels, where, "channels");
  require_positive(kernel_size, where, "kernel_size");
  require_positive(dilation, where, "dilation");
  if (kernel_size > most / dilation) throw std::bad_alloc();
  return push(std::make_shared<ConvolutionNode<Real>>(x, size(x), channels, kernel_size, dilation, weight, bias));
}

template <class Real>
Index StepGraph<Real>::join(const std::vector<Index>& xs, const char* where, int kind) {
  if (xs.size() < 2) fail(std::string(where) + ": takes two values or more, got " + std::to_string(xs.size()));
  std::vector<Index> sizes;
  Index total = 0;
  for (const Index x : xs) {
    check(x, where);
    sizes.push_back(size(x));
    total = std::min(most, total + sizes.back());
    if (kind < 2 && sizes.back() != sizes.front())
      fail(std::string(where) + ": takes values of one size, got " + std::to_string(sizes.front()) + " and " +
           std::to_string(sizes.back()));
  }
  if (kind == 0) return push(std::make_shared<JoinNode<Real, false>>(xs, sizes.front()));
  if (kind == 1) return push(std::make_shared<JoinNode<Real, true>>(xs, sizes.front()));
  return push(std::make_shared<ConcatNode<Real>>(xs, std::move(sizes), total));
}

template <class Real>
Index StepGraph<Real>::add(const std::vector<Index>& xs) {
  return join(xs, "add", 0);
}
template <class Real>
Index StepGraph<Real>::multiply(const std::vector<Index>& xs) {
  return join(xs, "multiply", 1);
}
template <class Real>
Index StepGraph<Real>::concat(const std::vector<Index>& xs) {
  return join(xs, "concat", 2);
}

template <class Real>
Index StepGraph<Real>::slice(Index x, Index start, Index count) {
  check(x, "slice");
  if (start < 0 || count < 1 || start > size(x) - count)
    fail("slice: takes " + std::to_string(count) + " features from " + std::to_string(start) + " on, there are " +
         std::to_string(size(x)));
  if (count == size(x)) return output_ = x;
  return push(std::make_shared<SliceNode<Real>>(x, size(x), start, count));
}

template <class Real>
Index StepGraph<Real>::shift(Index x, Real start) {
  check(x, "shift");
  return push(std::make_shared<ShiftNode<Real>>(x, size(x), start));
}

template <class Real>
Index StepGraph<Real>::affine(Index x, const Real* scale, const Real* offset) {
  check(x, "affine");
  return push(std::make_shared<AffineNode<Real>>(x, size(x), scale, offset));
}

template <class Real>
void StepGraph<Real>::set_output(Index value) {
  check(value, "set_output");
  output_ = value;
}

template class StepGraph<float>;
template class StepGraph<double>;

}  // namespace eigenlstm
