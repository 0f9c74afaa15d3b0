// The packed weights of a model, and the shapes that the engine works with.
#pragma once

#include <vector>

#include "eigenlstm/lstm.hpp"
#include "kernels/table.hpp"
#include "memory.hpp"

namespace eigenlstm {

inline Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

/// One direction of one layer: its sizes, and where its parameters stand in the flat array (-1: no bias).
struct DirectionShape {
  Index input_size, hidden_size;
  Index weight_ih, weight_hh, bias;
};

/// The shape of layer `layer`, direction `direction`.
DirectionShape direction_shape(const LSTMOptions& options, Index layer, Index direction);

/// Sizes in vectors of L values, as the packed arrays have them.
template <class Real>
struct Padded {
  explicit Padded(const DirectionShape& shape)
      : I(shape.input_size), H(shape.hidden_size), L(kernels<Real>().lanes), panels(ceil_div(H, L)), units(panels * L) {
    // Rows a multiple of 1 KB apart would share a few sets of the L1 cache.
    row = units * Index(sizeof(Real)) % 1024 == 0 ? units + 64 / Index(sizeof(Real)) : units;
  }
  Index I, H, L;
  Index panels;  // of L units
  Index units;   // panels * L >= H
  Index row;     // distance of two rows of h or c
  Index gates() const { return 4 * units; }
  Index weights_panel() const { return (1 + I + H) * 4 * L; }
  /// Panels of 4 L columns that hold n of them.
  Index wide_panels(Index n) const { return ceil_div(n, 4 * L); }
  Index wide_panel() const { return gates() * 4 * L; }
};

template <class Real>
struct DirectionWeights {
  Buffer<Real> forward;      // [panel][1 + I + H][4][L]: bias, W, R
  Buffer<Real> backward_h;   // [wide panel of H][4 * units][4 L]: R, rows in the gate order of dz: [panel][4][L]
  Buffer<Real> backward_x;   // [wide panel of I][4 * units][4 L]: W, likewise
};

/// The part of a step's arguments that are the same for all steps: sizes and weights of panels [begin, end).
template <class Real>
StepArgs<Real> step_args(const Padded<Real>& p, const Real* forward_weights, Index panel_begin, Index panel_end) {
  StepArgs<Real> step{};
  step.panels = panel_end - panel_begin;
  step.input_size = p.I;
  step.hidden_size = p.H;
  step.weights = forward_weights + panel_begin * p.weights_panel();
  step.weights_panel = p.weights_panel();
  return step;
}

template <class Real>
class Weights {
 public:
  std::vector<DirectionWeights<Real>> directions;  // layer * D + direction
};

}  // namespace eigenlstm
