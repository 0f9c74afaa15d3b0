// An operation of a StepGraph, and what a session keeps for it.
#pragma once

#include <memory>
#include <new>
#include <vector>

#include "eigenlstm/model_stream.hpp"

namespace eigenlstm {

/// The number of values in B rows of n each. Throws std::bad_alloc if no memory can hold so many.
inline Index values_of(Index B, Index n) {
  if (n > 0 && B > (Index(1) << 59) / n) throw std::bad_alloc();
  return B * n;
}

/// In a session of one row, an operation computes up to this many steps before the next operation takes its turn. An
/// operation that remembers nothing then has as many rows at once, whose chains of additions need not wait for each
/// other.
constexpr Index steps_at_once = 64;

/// The part of a session that belongs to one node.
template <class Real>
struct StepPart {
  StepPart() = default;
  StepPart(const StepPart&) = delete;
  StepPart& operator=(const StepPart&) = delete;
  virtual ~StepPart() = default;
  /// xs: of each input of the node (B, its size), contiguous; integers for an embedding. y (B, size) overlaps none.
  /// Called with denormals flushed.
  virtual void step(const Real* const* xs, Real* y) = 0;
  /// Up to steps_at_once steps of a session of one row: xs of each input (T, its size), y (T, size). `width`: the size
  /// of the first input, the only one of a node that remembers something.
  virtual void steps(const Real* const* xs, Index width, Index T, Real* y, Index size) {
    const Real* x = xs[0];
    for (Index t = 0; t < T; ++t, x += width, y += size) step(&x, y);
  }
  virtual void reset() {}
  /// What it remembers of each row, memory_size() values, the rows `stride` values apart.
  virtual Index memory_size() const { return 0; }
  virtual void get_memory(Real* /*rows*/, Index /*stride*/) const {}
  virtual void set_memory(const Real* /*rows*/, Index /*stride*/) {}
  virtual std::unique_ptr<StepPart> copy() const = 0;
};

/// Immutable, shared by all sessions.
template <class Real>
struct StepNode {
  StepNode(std::vector<Index> values, Index outputs) : inputs(std::move(values)), size(outputs) {}
  StepNode(const StepNode&) = delete;
  StepNode& operator=(const StepNode&) = delete;
  virtual ~StepNode() = default;
  /// The part of a session of B rows; it refers to this node.
  virtual std::unique_ptr<StepPart<Real>> start(Index B) const = 0;
  /// Integers must be less than this.
  virtual Index most_integers() const { return 0; }
  /// Whether a step may be refused by what is in x: then no later step is begun.
  virtual bool may_refuse() const { return false; }
  const std::vector<Index> inputs;
  const Index size;
};

/// A node that remembers nothing: it is a function.
template <class Real>
struct FunctionNode : StepNode<Real> {
  using StepNode<Real>::StepNode;
  virtual void run(Index B, const Real* const* xs, Real* y) const = 0;
  std::unique_ptr<StepPart<Real>> start(Index B) const override { return std::make_unique<Part>(*this, B); }

 private:
  struct Part : StepPart<Real> {
    Part(const FunctionNode& owner, Index rows) : node(owner), B(rows) {}
    void step(const Real* const* xs, Real* y) override { node.run(B, xs, y); }
    void steps(const Real* const* xs, Index /*width*/, Index T, Real* y, Index /*size*/) override {
      node.run(T, xs, y);
    }
    std::unique_ptr<StepPart<Real>> copy() const override { return std::make_unique<Part>(node, B); }
    const FunctionNode& node;
    const Index B;
  };
};

}  // namespace eigenlstm
