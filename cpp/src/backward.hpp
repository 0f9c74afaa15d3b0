// What the parts of the backward pass share: backward.cpp (recurrence, dx) and parameter_gradients.cpp (dW, dR, db).
#pragma once

#include <algorithm>
#include <vector>

#include "input.hpp"
#include "tape.hpp"
#include "team.hpp"

namespace eigenlstm {

/// A gradient with respect to a layer's input or output: the caller's array, or packed rows (t, position) between layers.
template <class Real>
struct RowGradient {
  Sequence<Real> strided{};  // used where packed is null
  Real* packed = nullptr;    // [total rows][features], row offset(t) + position
  Index features = 0;
  Index first_row = 0;       // that packed starts with

  Real* at(const Rows& rows, Index position, Index t) const {
    return packed ? packed + (rows.offset(t) + position - first_row) * features
                  : strided.data + rows.batch_row(position) * strided.batch_stride + t * strided.time_stride;
  }
  Index stride() const { return packed ? 1 : strided.feature_stride; }
  explicit operator bool() const { return packed != nullptr || strided.data != nullptr; }
};

template <class Real>
struct DirectionBackward {
  Padded<Real> p;
  DirectionShape shape;
  const DirectionWeights<Real>& weights;
  const DirectionTape<Real>& tape;
  const LayerInput<Real>& input;
  const Rows& rows;
  Steps steps;
  bool reverse;
  RowGradient<const Real> dy;  // of the layer's output; this direction's columns start at dy_column
  Index dy_column;
  RowGradient<Real> dx;
  Index dx_adds_from;          // the steps of the other direction from this one on have written dx
  State<const Real> dfinal;    // (B, H) of this direction
  State<Real> dinitial;
  Real* dparameters;           // of the model; where `per_row`, of each row
  bool per_row;
  Index num_parameters;        // of the model

  const Real* h_before(Index s) const { return s == steps.begin ? tape.h0.data() : tape.h.data() + row(s - 1) * p.row; }
  const Real* c_before(Index s) const { return s == steps.begin ? tape.c0.data() : c_at(s - 1); }
  const Real* c_at(Index s) const { return tape.c.data() + row(s) * p.row; }
  /// Where the rows of step s start among those of `steps`.
  Index row(Index s) const { return rows.offset(s) - rows.offset(steps.begin); }
};

/// Rows of dz, and their inputs for dW and dR.
template <class Real>
struct ChunkRows {
  Real* dz;      // [panel][row][4][L]
  Real *x, *h;   // [wide panel][row][4 L]
  Index rows;

  /// For n rows; dz null: its own.
  static ChunkRows take(Arena& memory, const Padded<Real>& p, Index n, Real* dz) {
    const Index width = 4 * p.L;
    return {dz ? dz : memory.take<Real>(n * p.gates()), memory.take<Real>(n * p.wide_panels(p.I) * width), memory.take<Real>(n * p.wide_panels(p.H) * width), n};
  }
};

/// The gates of consecutive rows, those of the whole tape or of a chunk: [panel][row][4][L].
template <class Real>
struct Gates {
  Real* data;
  Index first_row, rows;
  Index panel_stride(Index L) const { return rows * 4 * L; }
  Real* at(Index panel, Index row, Index L) const { return data + (panel * rows + row - first_row) * 4 * L; }
};

/// Steps [s0, s1) whose rows lie together.
struct Chunk {
  Index s0, s1, first_row, rows;
};

inline std::vector<Chunk> chunks_of(const Rows& rows, Steps steps, bool per_row) {
  std::vector<Chunk> all;
  for (Steps s : chunk_steps(rows, steps, per_row)) all.push_back({s.begin, s.end, rows.offset(s.begin), rows.offset(s.end) - rows.offset(s.begin)});
  return all;
}

/// The gates of part of a chunk's rows from the c and h that a light tape keeps, by the forward pass's own kernel: the same bits.
/// `scratch`: recompute_scratch() values.
template <class Real>
void recompute_gates(const DirectionBackward<Real>& d, const Chunk& chunk, Range part, const Gates<Real>& gates, Real* scratch);
template <class Real>
Index recompute_scratch(const Padded<Real>& p);

/// Writes the inputs of the chunk at positions [row_begin, row_limit) to `rows`. `staged`: I values of scratch.
template <class Real>
void stage_inputs(const DirectionBackward<Real>& d, Index row_begin, Index row_limit, const Chunk& chunk, const ChunkRows<Real>& rows, Real* staged);

/// Adds dW = dz^T x, dR = dz^T h_prev and db to dparameters, for these of the 4 * panels gates of panels.
template <class Real>
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const ChunkRows<Real>& chunk, Real* dparameters);

/// The same for each row at positions [row_begin, row_end) by itself, added to d.dparameters + row * d.num_parameters.
/// dz: of the whole chunk; `own`: scratch for one row of it.
template <class Real>
void row_gradients(const DirectionBackward<Real>& d, Index row_begin, Index row_end, const Chunk& chunk, const Real* dz, const ChunkRows<Real>& own,
                   Real* staged);

}  // namespace eigenlstm
