// What forward() keeps of each direction, and where a layer's input comes from.
#pragma once

#include <algorithm>
#include <vector>

#include "eigenlstm/lstm.hpp"
#include "memory.hpp"
#include "rows.hpp"
#include "weights.hpp"

namespace eigenlstm {

/// h or c of every step: row offset(s) + position (rows.hpp), `Padded::row` values apart.
template <class Real>
struct DirectionTape {
  Buffer<Real> gates;   // [panel][total rows][4][L]: i f g o after activation
  Buffer<Real> c, h;    // [total rows]
  Buffer<Real> c0, h0;  // [B]
};

template <class Real>
struct Tape<Real>::Impl {
  Impl(const LSTM<Real>& model, Rows r) : lstm(model), rows(std::move(r)) {}
  LSTM<Real> lstm;
  Rows rows;
  std::shared_ptr<const Weights<Real>> weights;
  Sequence<const Real> x{};
  std::vector<DirectionTape<Real>> directions;  // layer * D + direction
};

/// The input of a layer: the caller's x, or the hidden states of the directions of the layer below.
template <class Real>
struct LayerInput {
  const Rows* rows;
  Sequence<const Real> x;      // used where below is empty
  Index size;                  // I
  const Real* below[2] = {};   // h of every step of each direction below, [total rows]
  Index below_directions = 0, below_row = 0;

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
          std::copy_n(below[d] + (rows->offset(step) + position) * below_row, H, out + d * H);
        }
      }
    }
  }
};

}  // namespace eigenlstm
