// The packed weights of a model, and the shapes that the engine works with.
#pragma once

#include <vector>

#include "eigenlstm/lstm.hpp"
#include "kernels/table.hpp"
#include "runtime/memory.hpp"

namespace eigenlstm {

inline Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

/// One direction of one layer: its sizes, and where its parameters stand in the flat array (-1: it has none).
struct DirectionShape {
  Index input_size, hidden_size, output_size;  // I, H, P (without a projection, P = H)
  Index weight_ih, weight_hh, bias, weight_hr, peephole, norm_weight, norm_cell_weight, norm_cell_bias, h0, c0;
  Index h_before, c_before;  // values of h and c of one row in the directions before it
  bool projected() const { return weight_hr >= 0; }
  bool normalised() const { return norm_weight >= 0; }
};

/// The shape of layer `layer`, direction `direction`.
DirectionShape direction_shape(const LSTMOptions& options, Index layer, Index direction);

/// Sizes in vectors of L values, as the packed arrays have them.
template <class Real>
struct Padded {
  explicit Padded(const DirectionShape& shape)
      : I(shape.input_size),
        H(shape.hidden_size),
        P(shape.output_size),
        L(kernels<Real>().lanes),
        panels(ceil_div(H, L)),
        units(panels * L),
        last_units(panels > 1 ? H - (panels - 1) * L : L),
        outputs(ceil_div(P, L) * L),
        row(distance(units)),
        h_row(distance(outputs)),
        dz_row(distance(gates())),
        whole_rows(shape.projected() || shape.normalised()) {}
  Index I, H, P, L;
  Index panels;      // of L units
  Index units;       // panels * L >= H
  Index last_units;  // of the last panel, as its gates lie (table.hpp)
  Index outputs;     // likewise of P
  Index row;         // distance of two rows of c
  Index h_row;       // of h
  Index dz_row;      // of dz
  bool whole_rows;   // a step needs all units of a row, more than once: they cannot be split over threads
  Index gates() const { return 4 * units; }
  /// Of those, what products with dz run over: without the gaps of the last panel.
  Index dense_gates() const { return 4 * ((panels - 1) * L + last_units); }
  /// Units of panels [begin, end).
  Index units_of(Index begin, Index end) const { return (end == panels ? H : end * L) - begin * L; }
  /// How far apart the gates of a panel lie in weights and dz.
  Index gate_distance(Index panel) const { return panel + 1 == panels ? last_units : L; }
  /// Vectors of the gates of panels [begin, end), gaps left out.
  Index gate_vectors(Index begin, Index end) const {
    return 4 * (end - begin - 1) + ceil_div(4 * gate_distance(end - 1), L);
  }
  Index weights_panel() const { return (1 + I + P) * 4 * L; }
  /// Panels of 4 L columns that hold n of them.
  Index wide_panels(Index n) const { return ceil_div(n, 4 * L); }
  Index wide_panel() const { return dense_gates() * 4 * L; }
  /// Rows a multiple of 1 KB apart would share a few sets of the L1 cache.
  static Index distance(Index n) { return n * Index(sizeof(Real)) % 1024 == 0 ? n + 64 / Index(sizeof(Real)) : n; }
};

template <class Real>
struct DirectionWeights {
  Buffer<Real> forward;     // [panel][1 + I + P][4][L]: bias, W, R; the last panel's gates last_units apart
  Buffer<Real> backward_h;  // [wide panel of P][dense_gates][4 L]: R, rows in the order of dz
  Buffer<Real> backward_x;  // [wide panel of I][dense_gates][4 L]: W, likewise

  // Variants: empty where not used.
  Buffer<Real> project;           // [wide panel of P][H][4 L]: W_hr
  Buffer<Real> project_backward;  // [wide panel of H][P][4 L]
  Buffer<Real> h0, c0;            // the learned state
  Buffer<Real> zone_h, zone_c;    // zoneout in inference: its probability for each value of a row
  Buffer<Real> cell_arrays;       // those of `cell`
  CellVariant<Real> cell{};
  bool plain = true;  // `cell` describes the plain cell
  bool normalises() const { return cell.norm_gates != nullptr; }
  /// Whether the backward pass needs what enters the activations of the gates.
  bool keeps_z() const { return cell.gate.slope_from_input || cell.candidate.slope_from_input; }
};

/// The part of a step's arguments that are the same for all steps: sizes and weights of panels [begin, end).
template <class Real>
StepArgs<Real> step_args(const Padded<Real>& p, const Real* forward_weights, Index panel_begin, Index panel_end) {
  StepArgs<Real> step{};
  step.panels = panel_end - panel_begin;
  step.last_units = p.gate_distance(panel_end - 1);
  step.input_size = p.I;
  step.hidden_size = p.P;
  step.weights = forward_weights + panel_begin * p.weights_panel();
  step.weights_panel = p.weights_panel();
  return step;
}

template <class Real>
class Weights {
 public:
  std::vector<DirectionWeights<Real>> directions;  // layer * D + direction
  std::optional<std::uint64_t> drop_seed;          // of the mask that multiplied R; none: no mask
};

/// What DirectionWeights::keeps_z will say.
bool keeps_z(const CellOptions& cell);

/// Packs what the variants of a direction need (pack_cell.cpp).
template <class Real>
void pack_variant(const CellOptions& cell, const DirectionShape& shape, const Real* parameters,
                  DirectionWeights<Real>& packed);

}  // namespace eigenlstm
