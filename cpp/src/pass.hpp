// A pass over some layers and some steps: all of them, or one segment of a limited tape (checkpoints.hpp).
#pragma once

#include <vector>

#include "input.hpp"
#include "tape.hpp"
#include "team.hpp"

namespace eigenlstm {

template <class Real>
struct Pass {
  const LSTMOptions& options;
  const Weights<Real>& weights;
  const Rows& rows;
  Sequence<const Real> x;
  std::optional<std::uint64_t> seed;
  Layers layers;
  Steps steps;
  Index directions() const { return options.bidirectional ? 2 : 1; }
};

/// The input of `layer` from the histories of the layer below in `tapes` (layer * D + direction), which begin at step `begin`.
template <class Real>
LayerInput<Real> input_of(const Pass<Real>& pass, Index layer, const std::vector<DirectionTape<Real>>& tapes, Index begin) {
  if (layer == 0) return {&pass.rows, pass.x, pass.options.input_size};
  const Index D = pass.directions(), H = pass.options.hidden_size;
  const DirectionTape<Real>* below = &tapes[(layer - 1) * D];
  LayerInput<Real> input{&pass.rows, {}, D * H, {below[0].h.data(), below[D - 1].h.data()}, D,
                         Padded<Real>(direction_shape(pass.options, layer - 1, 0)).row, pass.rows.offset(begin)};
  input.dropout = dropout_after(pass.options, layer - 1, pass.seed);
  return input;
}

/// What a forward pass leaves in the tapes of its directions.
enum class Keep { nothing, states, gates };

/// `input`: of the first layer. `y`: of the whole sequence, null: unwanted. An `h` that a tape already has room for is of the
/// whole sequence and filled in; `keep` says what else the tapes get.
template <class Real>
void forward_layers(const Pass<Real>& pass, LayerInput<Real> input, State<const Real> initial, Sequence<Real> y, State<Real> final,
                    std::vector<DirectionTape<Real>>& tapes, Keep keep, Team& team);

}  // namespace eigenlstm
