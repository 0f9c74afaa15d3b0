// What a layer reads.
#pragma once

#include <algorithm>
#include <optional>

#include "eigenlstm/lstm.hpp"
#include "lstm/masks.hpp"
#include "lstm/missing.hpp"
#include "lstm/rows.hpp"

namespace eigenlstm {

/// Dropout of the outputs of `layer`, in training.
struct Dropout {
  double p = 0;
  std::uint64_t seed = 0;
  Index layer = 0;
};
inline Dropout dropout_after(const LSTMOptions& options, Index layer, std::optional<std::uint64_t> seed) {
  return {options.dropout.empty() || !seed ? 0 : options.dropout[layer], seed.value_or(0), layer};
}

/// The input of a layer: the caller's x; or for a layer above another one, the h of the directions below, merged.
template <class Real>
struct LayerInput {
  const Rows* rows;
  Index size;  // I
  // Layer 0.
  Sequence<const Real> x{};
  bool indicates = false;        // Missing::mask: NaN in x becomes 0, and the second half of the inputs says where
  const Real* filled = nullptr;  // Missing::forward_fill: [frames][I], frame first_frame(t) + position, instead of x
  // The layers above.
  const Real* below[2] = {};  // h of every step of each direction below, from frame `below_first_frame` on
  Index below_directions = 0, below_stride = 0, below_first_frame = 0;
  bool below_reverse = false;  // LSTMOptions::reverse
  Merge merge = Merge::concat;
  const LayerInput* residual = nullptr;  // the input of the layer below, which it adds to its h
  Dropout dropout{};
  const Real* mask = nullptr;  // [B][I] in the order of positions: variational dropout

  /// The inputs of step s of a direction from position `begin` on, if they are ready to be multiplied where they are;
  /// otherwise null, and they have to be gathered.
  StridedRows<Real> in_place(Index s, Index begin, bool reverse) const {
    if (drops() || (reverse && rows->ragged())) return {};  // rows of different lengths are at different times then
    const Index t = rows->time(s, begin, reverse);
    if (below_directions == 1 && residual == nullptr) return {state(0, begin, t), below_stride};
    if (below_directions > 0) return {};
    if (filled != nullptr) return {filled + (rows->first_frame(t) + begin) * size, size};
    if (x.feature_stride != 1 || rows->ragged()) return {};
    return {at(begin, t), x.batch_stride};
  }

  /// Writes the inputs of step s of a direction for positions [begin, end) to out [row][I].
  void gather(Index s, Index begin, Index end, bool reverse, Real* out) const {
    for (Index position = begin; position < end; ++position, out += size) {
      const Index t = rows->time(s, position, reverse);
      copy(position, t, out);
      drop(position, t, out);
    }
  }

  /// The input of one row at one time, before dropout.
  void copy(Index position, Index t, Real* out) const {
    if (below_directions > 0) {
      if (residual != nullptr) residual->copy(position, t, out);
      if (residual != nullptr)
        add_states(position, t, out, [](Real h, Real before) { return h + before; });
      else
        add_states(position, t, out, [](Real h, Real) { return h; });
    } else if (filled != nullptr) {
      std::copy_n(filled + (rows->first_frame(t) + position) * size, size, out);
    } else {
      const Real* in = at(position, t);
      if (indicates)
        indicate_missing(in, x.feature_stride, size / 2, out);
      else if (x.feature_stride == 1)
        std::copy_n(in, size, out);
      else
        for (Index i = 0; i < size; ++i) out[i] = in[i * x.feature_stride];
    }
  }

  /// Whether drop or drop_missing changes rows.
  bool drops() const { return dropout.p > 0 || mask != nullptr || indicates; }

  /// Multiplies `row`, the input of one row at one time or the gradient with respect to it, by the masks of dropout.
  void drop(Index position, Index t, Real* row) const {
    if (dropout.p > 0)
      eigenlstm::drop(dropout.seed, mask_substream(Mask::dropout, dropout.layer, rows->batch_row(position)), t, size,
                      dropout.p, row);
    if (mask != nullptr)
      for (Index i = 0; i < size; ++i) row[i] *= mask[position * size + i];
  }

  /// `row` is a gradient with respect to (x, indicators): makes it 0 where x is missing.
  void drop_missing(Index position, Index t, Real* row) const {
    indicate_missing_backward(at(position, t), x.feature_stride, size / 2, row);
  }

 private:
  const Real* at(Index position, Index t) const {
    return x.data + rows->batch_row(position) * x.batch_stride + t * x.time_stride;
  }
  /// h of direction d below at time t, which for a direction that runs backwards is its step length - 1 - t.
  const Real* state(Index d, Index position, Index t) const {
    return below[d] +
           (rows->first_frame(rows->time(t, position, d == 1 || below_reverse)) + position - below_first_frame) *
               below_stride;
  }
  /// out = add(the merged h of the directions below at time t, out).
  template <class Add>
  void add_states(Index position, Index t, Real* out, Add add) const {
    const Real* a = state(0, position, t);
    const Real* b = below_directions == 2 ? state(1, position, t) : nullptr;
    const Index n = merge == Merge::concat ? size / below_directions : size;
    if (merge == Merge::concat) {
      for (Index i = 0; i < n; ++i) out[i] = add(a[i], out[i]);
      for (Index i = 0; b != nullptr && i < n; ++i) out[n + i] = add(b[i], out[n + i]);
    } else if (merge == Merge::sum) {
      for (Index i = 0; i < n; ++i) out[i] = add(a[i] + b[i], out[i]);
    } else if (merge == Merge::mean) {
      for (Index i = 0; i < n; ++i) out[i] = add((a[i] + b[i]) * Real(0.5), out[i]);
    } else {
      for (Index i = 0; i < n; ++i) out[i] = add(a[i] * b[i], out[i]);
    }
  }
};

}  // namespace eigenlstm
