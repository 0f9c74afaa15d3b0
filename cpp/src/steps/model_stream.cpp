// A session of a StepGraph.
#include "eigenlstm/model_stream.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "eigenlstm/buffer.hpp"
#include "runtime/memory.hpp"
#include "runtime/team.hpp"
#include "steps/step_node.hpp"

namespace eigenlstm {

template <class Real>
struct ModelStream<Real>::Impl {
  /// A node with its part of the session, and where it reads and writes.
  struct Operation {
    std::shared_ptr<const StepNode<Real>> node;
    std::unique_ptr<StepPart<Real>> part;
    Buffer<Real> y;               // of all but the last operation, which writes to the caller's
    std::vector<const Real*> xs;  // of each input
    Index width = 0;              // the size of the first input
  };

  Impl(const StepGraph<Real>& graph, Index rows)
      : B(rows), I(graph.input_size_), O(graph.size(graph.output_)), integers(graph.integers_) {
    if (B < 1) throw std::invalid_argument("ModelStream: batch_size must be at least 1, got " + std::to_string(B));
    if (integers && graph.output_ == 0)
      throw std::invalid_argument("ModelStream: the graph gives nothing but its input");
    // Values of all operations but the last are kept for several steps of one row; for few where they are large.
    Index largest = I;
    for (const auto& node : graph.nodes_) {
      largest = std::max(largest, node->size);
      if (node->may_refuse()) stepwise = true;
    }
    at_once = B == 1 && !stepwise ? std::clamp<Index>((1 << 16) / largest, 1, steps_at_once) : 1;
    allocate_ends();
    std::vector<bool> used(graph.nodes_.size() + 1, false);
    used[std::size_t(graph.output_)] = true;
    for (std::size_t value = graph.nodes_.size(); value > 0; --value)
      for (const Index x : graph.nodes_[value - 1]->inputs) used[std::size_t(x)] = used[std::size_t(x)] || used[value];
    std::vector<const Real*> at(used.size(), x_data());
    for (std::size_t value = 1; value < used.size(); ++value) {
      if (!used[value]) continue;
      Operation next;
      next.node = graph.nodes_[value - 1];
      next.part = next.node->start(B);
      next.y = Buffer<Real>(Index(value) == graph.output_ ? 0 : values_of(B * at_once, next.node->size));
      next.width = graph.size(next.node->inputs[0]);
      for (const Index x : next.node->inputs) next.xs.push_back(at[std::size_t(x)]);
      at[value] = next.y.data();
      operations.push_back(std::move(next));
    }
    for (const Operation& each : operations)
      if (const Index most = each.node->most_integers(); most > 0) count = std::min(count, most);
  }

  Impl(const Impl& from)
      : B(from.B),
        I(from.I),
        O(from.O),
        integers(from.integers),
        stepwise(from.stepwise),
        at_once(from.at_once),
        count(from.count) {
    allocate_ends();
    for (const Operation& each : from.operations) {
      Operation next;
      next.node = each.node;
      next.part = each.part->copy();
      next.y = Buffer<Real>(each.y.size());
      next.width = each.width;
      for (const Real* x : each.xs) next.xs.push_back(counterpart(from, x));
      operations.push_back(std::move(next));
    }
  }

  void allocate_ends() {
    if (integers)
      numbers = Buffer<std::int64_t>(values_of(B, at_once));
    else
      x_in = Buffer<Real>(values_of(B * at_once, I));
    y_out = Buffer<Real>(values_of(B, O));
  }

  /// The place in this session of the values that the session `from`, of the same graph, has at x.
  const Real* counterpart(const Impl& from, const Real* x) const {
    for (std::size_t i = 0; i < operations.size(); ++i)
      if (from.operations[i].y.data() == x) return operations[i].y.data();
    return x_data();
  }

  const Real* x_data() const { return integers ? reinterpret_cast<const Real*>(numbers.data()) : x_in.data(); }

  /// Copies one step of x for each of `rows` rows, which are `stride` values apart.
  void read(const Real* x, Index stride, Index rows) {
    if (rows * I == 1)
      *x_in.data() = *x;
    else
      for (Index b = 0; b < rows; ++b) std::copy_n(x + b * stride, I, x_in.data() + b * I);
  }
  void read(const std::int64_t* x, Index stride, Index rows) {
    for (Index b = 0; b < rows; ++b) numbers.data()[b] = x[b * stride];
  }
  void check_range(const std::int64_t* x, Index n, const char* where) const {
    for (Index i = 0; i < n; ++i)
      if (x[i] < 0 || x[i] >= count)
        throw std::invalid_argument(std::string("ModelStream.") + where + ": x must lie in 0.." +
                                    std::to_string(count - 1) + ", got " + std::to_string(x[i]));
  }
  void check_kind(bool of_integers) const {
    if (of_integers != integers)
      throw std::invalid_argument(std::string("ModelStream.step: the model takes ") +
                                  (integers ? "integers" : "floats"));
  }

  /// Computes a step from what read() copied: y (B, O).
  void run(Real* y) {
    const FlushDenormals flush;
    if (operations.empty()) {
      std::copy_n(x_in.data(), B * O, y);
      return;
    }
    const std::size_t last = operations.size() - 1;
    for (std::size_t i = 0; i < last; ++i) {
      const Operation& each = operations[i];
      each.part->step(each.xs.data(), each.y.data());
    }
    operations[last].part->step(operations[last].xs.data(), y);
  }

  /// T steps of one row, up to at_once of each operation in turn: the bits are those of step after step.
  template <class X>
  void process_row(const X* x, Index features, Index T, Real* y) {
    for (Index done = 0; done < T; done += at_once) {
      const Index n = std::min(at_once, T - done);
      read(x + done * features, features, n);
      for (std::size_t i = 0; i < operations.size(); ++i) {
        const Operation& each = operations[i];
        Real* const out = i + 1 < operations.size() ? each.y.data() : y + done * O;
        each.part->steps(each.xs.data(), each.width, n, out, each.node->size);
      }
    }
  }

  template <class X>
  void process(const X* x, Index features, Index T, Real* y) {
    const FlushDenormals flush;
    if (at_once > 1 && !operations.empty()) return process_row(x, features, T, y);
    for (Index t = 0; t < T; ++t, x += features, y += O) {
      read(x, T * features, B);
      if (B == 1) {
        run(y);
        continue;
      }
      run(y_out.data());
      for (Index b = 0; b < B; ++b) std::copy_n(y_out.data() + b * O, O, y + b * T * O);
    }
  }

  const Index B, I, O;
  const bool integers;
  bool stepwise = false;                            // whether a step may be refused
  Index at_once = 1;                                // steps of an operation before the next one, where B is 1
  Index count = std::numeric_limits<Index>::max();  // integers must be less
  Buffer<Real> x_in, y_out;
  Buffer<std::int64_t> numbers;
  std::vector<Operation> operations;
};

template <class Real>
ModelStream<Real>::ModelStream(const StepGraph<Real>& graph, Index batch_size)
    : impl_(std::make_unique<Impl>(graph, batch_size)) {}
template <class Real>
ModelStream<Real>::ModelStream(const ModelStream& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
template <class Real>
ModelStream<Real>::ModelStream(ModelStream&&) noexcept = default;
template <class Real>
ModelStream<Real>::~ModelStream() = default;

template <class Real>
Index ModelStream<Real>::batch_size() const {
  return impl_->B;
}
template <class Real>
Index ModelStream<Real>::input_size() const {
  return impl_->I;
}
template <class Real>
Index ModelStream<Real>::output_size() const {
  return impl_->O;
}
template <class Real>
bool ModelStream<Real>::takes_integers() const {
  return impl_->integers;
}

template <class Real>
void ModelStream<Real>::step(const Real* x, Real* y) {
  impl_->check_kind(false);
  impl_->read(x, impl_->I, impl_->B);
  impl_->run(y);
}
template <class Real>
void ModelStream<Real>::step(const std::int64_t* x, Real* y) {
  impl_->check_kind(true);
  impl_->check_range(x, impl_->B, "step");
  impl_->read(x, 1, impl_->B);
  impl_->run(y);
}
template <class Real>
void ModelStream<Real>::process(const Real* x, Index T, Real* y) {
  impl_->check_kind(false);
  impl_->process(x, impl_->I, T, y);
}
template <class Real>
void ModelStream<Real>::process(const std::int64_t* x, Index T, Real* y) {
  check(x, T);
  impl_->process(x, 1, T, y);
}

template <class Real>
void ModelStream<Real>::check(const std::int64_t* x, Index T) const {
  impl_->check_kind(true);
  impl_->check_range(x, impl_->B * T, "process");
}

template <class Real>
void ModelStream<Real>::reset() {
  for (auto& each : impl_->operations) each.part->reset();
}

template <class Real>
Index ModelStream<Real>::state_size() const {
  Index size = 0;
  for (const auto& each : impl_->operations) size += each.part->memory_size();
  return size;
}

template <class Real>
void ModelStream<Real>::get_state(Real* state) const {
  const Index stride = state_size();
  for (const auto& each : impl_->operations) {
    each.part->get_memory(state, stride);
    state += each.part->memory_size();
  }
}

template <class Real>
void ModelStream<Real>::set_state(const Real* state) {
  const Index stride = state_size();
  for (auto& each : impl_->operations) {
    each.part->set_memory(state, stride);
    state += each.part->memory_size();
  }
}

template class ModelStream<float>;
template class ModelStream<double>;

}  // namespace eigenlstm
