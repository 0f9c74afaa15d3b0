// Where a layer's input comes from.
#pragma once

#include <algorithm>
#include <optional>

#include "eigenlstm/lstm.hpp"
#include "masks.hpp"
#include "rows.hpp"

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

/// The input of a layer: the caller's x, or the hidden states of the directions of the layer below.
template <class Real>
struct LayerInput {
  const Rows* rows;
  Sequence<const Real> x;      // used where below is empty
  Index size;                  // I
  const Real* below[2] = {};   // h of every step of each direction below, [total rows]
  Index below_directions = 0, below_row = 0, below_first = 0;  // below[0] is h of packed row `below_first`
  Dropout dropout = {};        // of the outputs below

  /// Writes the inputs of step s of a direction for positions [begin, end) to out [row][I].
  void gather(Index s, Index begin, Index end, bool reverse, Real* out) const {
    for (Index position = begin; position < end; ++position, out += size) {
      const Index t = rows->time(s, position, reverse);
      if (below_directions == 0) {
        const Real* in = x.data + rows->batch_row(position) * x.batch_stride + t * x.time_stride;
        if (x.feature_stride == 1) std::copy_n(in, size, out);
        else for (Index i = 0; i < size; ++i) out[i] = in[i * x.feature_stride];
      } else {
        const Index H = size / below_directions;
        for (Index d = 0; d < below_directions; ++d) {
          const Index step = rows->time(t, position, d == 1);  // the reverse direction was at t in its step length - 1 - t
          std::copy_n(below[d] + (rows->offset(step) + position - below_first) * below_row, H, out + d * H);
        }
        drop(position, t, out);
      }
    }
  }

  /// The dropout mask on `row`: the input of one row and time, or the gradient with respect to it.
  void drop(Index position, Index t, Real* row) const {
    if (dropout.p > 0) eigenlstm::drop(dropout.seed, mask_stream(Mask::dropout, dropout.layer, rows->batch_row(position)), t, size, dropout.p, row);
  }
};

}  // namespace eigenlstm
