// The packed weights of a model, and the sizes of its layers.
#pragma once

#include <vector>

#include "eigenlstm/lstm.hpp"
#include "kernels/gate_layout.hpp"
#include "kernels/table.hpp"
#include "lstm/layer_sizes.hpp"
#include "lstm/rows.hpp"
#include "runtime/memory.hpp"

namespace eigenlstm {

/// One direction of one layer: its sizes, and the offsets of its parameters in the flat array (-1: not there).
struct DirectionShape {
  Index input_size, hidden_size, output_size;  // I, H, P (without a projection, P = H)
  Index weight_ih, weight_hh, bias, weight_hr, peephole, norm_weight, norm_cell_weight, norm_cell_bias, h0, c0;
  Index h_before, c_before;  // values of h and c of one row in the directions before it
  bool projected() const { return weight_hr >= 0; }
  bool normalised() const { return norm_weight >= 0; }
};

/// The shape of layer `layer`, direction `direction`.
DirectionShape direction_shape(const LSTMOptions& options, Index layer, Index direction);

/// The sizes of a direction as packed arrays have them: in whole vectors of L values.
template <class Real>
struct Padded : GateLayout {
  explicit Padded(const DirectionShape& shape)
      : GateLayout(shape.hidden_size, kernels<Real>().lanes, cache_line<Real>),
        I(shape.input_size),
        P(shape.output_size),
        outputs(ceil_div(P, L) * L),
        c_stride(padded_stride(units)),
        h_stride(padded_stride(outputs)),
        dz_stride(padded_stride(dz_values())),
        whole_rows(shape.projected() || shape.normalised()) {}
  Index I, P;
  Index outputs;                        // P, rounded up to whole vectors
  Index c_stride, h_stride, dz_stride;  // from one row of c, h or dz to the next
  bool whole_rows;                      // a step needs all units of a row, more than once: threads cannot split them
  Index weights_panel_stride() const { return (1 + I + P) * 4 * L; }
  /// Panels of 4 L columns that n columns need.
  Index column_panels(Index n) const { return ceil_div(n, 4 * L); }
  /// From one panel of the weights that are packed for the backward pass to the next.
  Index column_panel_stride() const { return dense_gates() * 4 * L; }
  /// What a schedule depends on.
  LayerWork work() const { return {panels, P * gates() * Index(sizeof(Real)), whole_rows}; }
  /// n values, and a cache line more where rows would otherwise be a multiple of 1 KB apart: they would compete for a
  /// few sets of the L1 cache.
  static Index padded_stride(Index n) { return n * Index(sizeof(Real)) % 1024 == 0 ? n + cache_line<Real> : n; }
};

/// The multiply-adds of the forward pass of the layer with most of them, all directions.
double largest_layer_work(const LSTMOptions& options, const Rows& rows);

/// What the planning of tapes and micro-batches needs to know about a model.
template <class Real>
ModelSizes model_sizes(const LSTMOptions& options);

template <class Real>
struct DirectionWeights {
  Buffer<Real> forward;     // [panel][1 + I + P][4][L]: bias, W, R; gates as in GateLayout
  Buffer<Real> backward_h;  // [panel of P columns][dense_gates][4 L]: R, rows in the order of dz
  Buffer<Real> backward_x;  // [panel of I columns][dense_gates][4 L]: W, likewise

  // Variants: empty where not used.
  Buffer<Real> project;           // [panel of P columns][H][4 L]: W_hr
  Buffer<Real> project_backward;  // [panel of H columns][P][4 L]
  Buffer<Real> h0, c0;            // the learned state
  Buffer<Real> zone_h, zone_c;    // zoneout in inference: its probability for each value of a row
  Buffer<Real> cell_arrays;       // those of `cell`
  CellVariant<Real> cell{};
  bool plain_cell = true;  // the cell of kernels/lstm/cell.hpp; otherwise `cell` describes it
  bool normalises() const { return cell.norm_gates != nullptr; }
  /// Whether the backward pass needs what enters the activations of the gates.
  bool keeps_z() const { return cell.gate.slope_from_input || cell.candidate.slope_from_input; }
};

/// Those arguments of a step that are the same for all steps: sizes and weights of panels [begin, end).
template <class Real>
StepArgs<Real> step_args(const Padded<Real>& p, const Real* forward_weights, Index panel_begin, Index panel_end) {
  StepArgs<Real> step{};
  step.panels = panel_end - panel_begin;
  step.last_gate_stride = p.gate_stride(panel_end - 1);
  step.input_size = p.I;
  step.hidden_size = p.P;
  step.weights = forward_weights + panel_begin * p.weights_panel_stride();
  step.weights_panel_stride = p.weights_panel_stride();
  return step;
}

template <class Real>
class Weights {
 public:
  std::vector<DirectionWeights<Real>> directions;  // layer * D + direction
  std::optional<std::uint64_t> drop_seed;          // of the mask that multiplied R; none: no mask
};

/// What DirectionWeights::keeps_z() returns once weights are packed.
bool keeps_z(const CellOptions& cell);

/// Packs what the variants of a direction need (pack_cell.cpp).
template <class Real>
void pack_variant(const CellOptions& cell, const DirectionShape& shape, const Real* parameters,
                  DirectionWeights<Real>& packed);

}  // namespace eigenlstm
