// The arguments of the kernels for variants of the cell: part of the table of kernels, unused by a plain LSTM.
#pragma once

#include <cstddef>

#include "eigenlstm/variants.hpp"

namespace eigenlstm {

template <class Real>
struct ActivationArgs {
  ActivationKind kind;
  Real alpha, beta;
  bool slope_from_input;  // the slope can only be computed from x, which is then kept for the backward pass; else from
                          // f(x)
};

/// How the cell of one direction differs from the plain one (variants.hpp). Arrays are zero past H. Only data: the
/// kernels compile this header once per instruction set, and the linker may not merge their functions.
template <class Real>
struct CellVariant {
  ActivationArgs<Real> gate, candidate, output;
  Real gate_clip, cell_clip;  // infinity: none
  bool coupled;
  std::ptrdiff_t units;    // H
  const Real* used;        // [panel][L]: 1, and 0 past H
  const Real* peephole;    // [panel][3][L]: i f o; or null
  const Real* norm_gates;  // [panel][8][L]: weights of i f g o, biases; or null
  const Real* norm_cell;   // [panel][2][L]: weight, bias; null where norm_gates is
  // How many values each unit and row has whose sums over the rows are gradients: those of the peepholes i f o, if any;
  // then, from norm_terms on, with normalisation, of weight and bias of norm_cell, and of weights and biases of
  // norm_gates.
  std::ptrdiff_t norm_terms, terms;
};

/// What a variant needs besides StepArgs.
template <class Real>
struct StepVariant {
  const CellVariant<Real>* cell;
  std::ptrdiff_t first_panel;  // of the cell's arrays
  const Real* zone_c;          // [row][panels * L]: weight of the old c; or null
  std::ptrdiff_t zone_c_stride;
  // For the backward pass, or null: what enters the activations, and the normalised W x + R h with its deviations.
  Real *z, *z_hat;  // [panel][row][4][L], `gates_panel_stride` apart
  Real* deviation;  // [row][4]
};

/// What a variant needs besides StepBackwardArgs.
template <class Real>
struct StepBackwardVariant {
  const CellVariant<Real>* cell;
  std::ptrdiff_t first_panel;
  const Real* zone_c;
  std::ptrdiff_t zone_c_stride;
  const Real *z, *z_hat;
  const Real* deviation;
  Real* tile;                        // scratch [panel][row][4][L]; with normalisation followed by [row]
  std::ptrdiff_t tile_panel_stride;  // 0: one tile for all panels, where there is no normalisation
  Real* terms;                       // [panel][row][cell->terms()][L], or null where there are none
  std::ptrdiff_t terms_panel_stride;
  Real* m;  // [panel / 4][row][4 L]: what a projection multiplies; or null
  std::ptrdiff_t m_panel_stride;
};

}  // namespace eigenlstm
