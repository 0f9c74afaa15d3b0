// Whole models step by step: LSTMs and what lies before, between, beside and behind them, as a list of operations on
// one step, which sessions run with a state of their own.
//
//   eigenlstm::StepGraph<float> graph(1);                       // x has one feature
//   const Index h = graph.lstm(graph.input(), lstm, weights);
//   const Index y = graph.linear(h, 1, weight, bias);
//   graph.set_output(graph.add({y, graph.input()}));            // y = linear(lstm(x)) + x
//   eigenlstm::ModelStream<float> stream(graph, 1);
//   stream.step(&x, &y);  stream.process(x, T, y);
//
// Every operation has the bits of the layer of the same name over a whole sequence.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "eigenlstm/lstm.hpp"
#include "eigenlstm/pointwise.hpp"

namespace eigenlstm {

template <class Real>
struct StepNode;
template <class Real>
class ModelStream;

/// A model as operations on values of one step. A value is a vector of size(value) numbers a row; input() is the first,
/// and each function below gives the number of a new one. Weights are copied, into the order in which kernels read
/// them. Throws std::invalid_argument for a value that there isn't and for sizes that don't fit, with the reason.
template <class Real>
class StepGraph {
 public:
  /// Of `input_size` features, or, with `integers`, of one integer a row, which only embedding() takes.
  explicit StepGraph(Index input_size, bool integers = false);

  Index input() const { return 0; }
  bool takes_integers() const { return integers_; }
  Index output() const { return output_; }
  Index size(Index value) const;

  /// As Stream: throws for an LSTM whose directions don't all run forward in time.
  Index lstm(Index x, const LSTM<Real>& lstm, std::shared_ptr<const Weights<Real>> weights);
  /// weight (outputs, size(x)), bias (outputs) or null.
  Index linear(Index x, Index outputs, const Real* weight, const Real* bias);
  /// weight and bias (size(x)).
  Index layer_norm(Index x, const Real* weight, const Real* bias, double eps);
  Index activation(Index x, const LayerActivation& f);
  /// x must be the input, of integers in [0, count); weight (count, size).
  Index embedding(Index x, Index count, Index size, const Real* weight);
  /// weight (channels, size(x), kernel_size): y[t] = bias + the sum over j of weight[:, :, j] x[t - (kernel_size - 1 -
  /// j) dilation]; x is zero before the first step. bias (channels) or null.
  Index causal_conv1d(Index x, Index channels, Index kernel_size, Index dilation, const Real* weight, const Real* bias);
  /// Sums and products of two values or more of one size, and values side by side.
  Index add(const std::vector<Index>& xs);
  Index multiply(const std::vector<Index>& xs);
  Index concat(const std::vector<Index>& xs);
  /// x[start ... start + count).
  Index slice(Index x, Index start, Index count);
  /// The x of the step before, at first `start`.
  Index shift(Index x, Real start);
  /// scale x + offset, feature by feature, (size(x)) each: how data are standardised, and back.
  Index affine(Index x, const Real* scale, const Real* offset);

  /// What a step gives; the value made last where it isn't said.
  void set_output(Index value);

 private:
  friend class ModelStream<Real>;
  Index push(std::shared_ptr<const StepNode<Real>> node);
  void check(Index value, const char* where) const;
  Index join(const std::vector<Index>& xs, const char* where, int kind);

  Index input_size_, output_ = 0;
  bool integers_;
  std::vector<std::shared_ptr<const StepNode<Real>>> nodes_;  // node i gives value i + 1
};

/// A session: B rows side by side, each with a state of its own. After construction nothing allocates, locks or calls
/// the system, so it can run in a real-time audio thread. A session is for one thread at a time; a copy is an
/// independent session with the same state. The weights are shared.
template <class Real>
class ModelStream {
 public:
  /// Throws std::invalid_argument for batch_size < 1, std::bad_alloc.
  ModelStream(const StepGraph<Real>& graph, Index batch_size);
  ModelStream(const ModelStream&);
  ModelStream(ModelStream&&) noexcept;
  ModelStream& operator=(const ModelStream&) = delete;
  ~ModelStream();

  Index batch_size() const;
  Index input_size() const;
  Index output_size() const;
  /// Whether x is one integer a row.
  bool takes_integers() const;

  /// x (B, input_size) -> y (B, output_size). y may be x. Integers, which must lie in the range of every embedding, in
  /// place of x where the model takes them. Throws std::invalid_argument for NaN in x where an LSTM has
  /// Missing::error, for an integer out of range and for x of the wrong kind, and changes nothing then.
  void step(const Real* x, Real* y);
  void step(const std::int64_t* x, Real* y);
  /// T steps: x (B, T, input_size) -> y (B, T, output_size), or integers (B, T). y may be x where the sizes are equal.
  void process(const Real* x, Index T, Real* y);
  void process(const std::int64_t* x, Index T, Real* y);
  /// Throws what process() would throw for the integers x (B, T), for callers that hand them over in pieces.
  void check(const std::int64_t* x, Index T) const;

  /// Back to the start: zero, or what the LSTMs have learned.
  void reset();
  /// All that is remembered, (B, state_size), copied out or in: rows can be kept and moved between sessions.
  Index state_size() const;
  void get_state(Real* state) const;
  void set_state(const Real* state);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

extern template class StepGraph<float>;
extern template class StepGraph<double>;
extern template class ModelStream<float>;
extern template class ModelStream<double>;

}  // namespace eigenlstm
