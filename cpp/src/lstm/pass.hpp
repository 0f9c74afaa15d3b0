// A pass over some layers and some steps: all of them, or one segment of a limited tape (checkpoints.hpp).
#pragma once

#include <vector>

#include "lstm/layer_input.hpp"
#include "lstm/tape.hpp"
#include "runtime/team.hpp"

namespace eigenlstm {

template <class Real>
struct Pass {
  const typename Tape<Real>::Impl& batch;
  const MicroBatch<Real>& micro;  // of the rows of this pass: masks, histories of the whole sequence
  Layers layers;
  Steps steps;
  /// Which parity of step walks the panels last to first: odd, or if turned even. Results don't change.
  bool turned = false;
  const LSTMOptions& options() const { return batch.options; }
  const Rows& rows() const { return micro.rows; }
  Index directions() const { return options().directions(); }
};

/// Whether the output of a layer is anything other than the h of its directions side by side.
inline bool combines(const LSTMOptions& options, Index layer) {
  return options.merge != Merge::concat || (options.residual && layer > 0);
}

/// The inputs of the layers, from layer 0 on; later ones refer to earlier ones. After the last layer's there is one
/// more: its output.
template <class Real>
class Inputs {
 public:
  /// Up to the input of layer `last`. `tapes` (layer * D + direction) have h of the whole sequence for the layers
  /// below.
  Inputs(const Pass<Real>& pass, Index last, const std::vector<DirectionTape<Real>>& tapes) {
    all_.reserve(std::size_t(pass.options().num_layers + 1));  // pointers into it stay valid
    LayerInput<Real> first{&pass.rows(), pass.options().read_size(), pass.batch.x};
    first.indicates = pass.options().missing == Missing::mask;
    first.filled = pass.micro.filled.data();
    first.mask = pass.micro.input_masks[0].data();
    all_.push_back(first);
    const Index D = pass.directions();
    for (Index layer = 1; layer <= last; ++layer)
      push(pass, tapes[(layer - 1) * D].h.data(), tapes[layer * D - 1].h.data(), 0);
  }
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  const LayerInput<Real>& of(Index layer) const { return all_[std::size_t(layer)]; }

  /// Adds the input of the next layer, from h of the first and the last direction below, which begin at step `begin`.
  void push(const Pass<Real>& pass, const Real* first_h, const Real* last_h, Index begin) {
    const LSTMOptions& o = pass.options();
    const Index layer = Index(all_.size());
    LayerInput<Real> input{&pass.rows(), o.features(layer - 1)};
    input.below[0] = first_h;
    input.below[1] = last_h;
    input.below_directions = pass.directions();
    input.below_reverse = o.reverse;
    input.below_stride = Padded<Real>(direction_shape(o, layer - 1, 0)).h_stride;
    input.below_first_frame = pass.rows().first_frame(begin);
    input.merge = o.merge;
    if (o.residual && layer > 1) input.residual = &all_.back();
    if (layer < o.num_layers) {
      input.dropout = dropout_after(o, layer - 1, pass.batch.seed);
      input.mask = pass.micro.input_masks[layer].data();
    }
    all_.push_back(input);
  }

 private:
  std::vector<LayerInput<Real>> all_;
};

/// `inputs`: those of the layers up to the first one of the pass; those of the others are added to it. `y`: of the
/// whole sequence, or null. If a tape already has room for h, that room is for the whole sequence, and these steps are
/// written into it; `kept` says what else the tapes keep.
template <class Real>
void forward_layers(const Pass<Real>& pass, Inputs<Real>& inputs, State<const Real> initial, Sequence<Real> y,
                    State<Real> final, std::vector<DirectionTape<Real>>& tapes, Kept kept, Team& team);

}  // namespace eigenlstm
