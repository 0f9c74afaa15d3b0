// One direction of one layer within a pass: what its forward and its backward pass have in common.
#pragma once

#include "lstm/layer_input.hpp"
#include "lstm/pass.hpp"
#include "lstm/weights.hpp"

namespace eigenlstm {

template <class Real>
struct DirectionContext {
  DirectionContext(const Pass<Real>& pass, const LayerInput<Real>& layer_input, Index layer, Index direction)
      : index(layer * pass.directions() + direction),
        reverse(pass.options().runs_backwards(direction)),
        shape(direction_shape(pass.options(), layer, direction)),
        p(shape),
        weights(pass.batch.weights->directions[index]),
        cell(pass.options().cell),
        input(layer_input),
        rows(pass.rows()),
        steps(pass.steps),
        recurrent_mask(pass.micro.recurrent_masks[index].data()),
        seed(pass.batch.seed) {}

  Index index;  // layer * D + direction
  bool reverse;
  DirectionShape shape;
  Padded<Real> p;
  const DirectionWeights<Real>& weights;
  const CellOptions& cell;
  const LayerInput<Real>& input;
  const Rows& rows;
  Steps steps;
  const Real* recurrent_mask;         // [B] rows: the mask on h_prev, or null
  std::optional<std::uint64_t> seed;  // of zoneout; none: its expectation

  /// The first frame of step s, counted from the first one of `steps`.
  Index frame(Index s) const { return rows.first_frame(s) - rows.first_frame(steps.begin); }
};

}  // namespace eigenlstm
