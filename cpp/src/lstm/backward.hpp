// What the parts of the backward pass share: backward.cpp (dx, the layers), recurrence.hpp (dz),
// parameter_gradients.cpp.
#pragma once

#include <algorithm>
#include <vector>

#include "lstm/layer_input.hpp"
#include "lstm/row_array.hpp"
#include "lstm/step.hpp"
#include "lstm/tape.hpp"
#include "runtime/team.hpp"

namespace eigenlstm {

template <class Real>
struct DirectionBackward {
  Padded<Real> p;
  DirectionShape shape;
  const DirectionWeights<Real>& weights;
  const DirectionTape<Real>& tape;
  const Real* recurrent;  // [B] rows: the mask on h_prev, or null
  const LayerInput<Real>& input;
  const Rows& rows;
  Steps steps;
  bool reverse;
  RowArray<const Real> dy;  // of the layer's output; this direction's columns start at dy_column
  Index dy_column;
  Merge merge;          // how this direction came into the output
  const Real* other_h;  // Merge::mul: h of the other direction
  bool residual;        // dy goes to dx, too
  RowArray<Real> dx;
  Index dx_adds_from;        // the steps of the other direction from this one on have written dx
  State<const Real> dfinal;  // (B, P) and (B, H) of this direction
  State<Real> dinitial;
  Real* dparameters;  // of the model; where `per_row`, of each row
  Real* dmasked;      // likewise, for dR: there, or where its mask is still to be applied
  bool per_row;
  Index num_parameters;  // of the model
  Index index;           // layer * D + direction
  std::optional<std::uint64_t> seed;
  const CellOptions& cell;

  const Real* h_before(Index s) const {
    return s == steps.begin ? tape.h0.data() : tape.h.data() + row(s - 1) * p.h_row;
  }
  const Real* c_before(Index s) const { return s == steps.begin ? tape.c0.data() : c_at(s - 1); }
  const Real* c_at(Index s) const { return tape.c.data() + row(s) * p.row; }
  /// Where the rows of step s start among those of `steps`.
  Index row(Index s) const { return rows.offset(s) - rows.offset(steps.begin); }
  /// Whether the plain kernel does; a projection needs m, which only the other one gives.
  bool plain() const { return weights.plain && !shape.projected(); }
};

/// Panels of dz that stay in L2 while the columns of x or h go by, 4 L at a time for all gates of these panels.
constexpr Index panels_at_once = 4;
/// Whether dW and dR take dz by columns. Left where it stands, dz is read by tiles that use 3 to 6 values of each cache
/// line, once for each wide panel of x and h. With fewer than four such panels that costs less than to transpose it (5
/// to 12% of the backward pass). With H < L the gates have gaps, and only the transposed form closes them.
template <class Real>
bool transposes_dz(const Padded<Real>& p) {
  return p.wide_panels(p.I) + p.wide_panels(p.P) >= 4 || p.H < p.L;
}
/// How far apart the columns of so many rows of dz stand once they are transposed: whole lines.
template <class Real>
Index columns_row(Index rows) {
  return Padded<Real>::distance(ceil_div(rows, cache_line<Real>) * cache_line<Real>);
}

/// How n columns of staged rows stand: in panels of 4 L, the rows of a panel side by side. Row by row, those of 1 KB or
/// more would be a page of memory every few rows, and products with them up to a tenth slower. n <= 4 L: one panel, as
/// wide as it must be. x is copied in any case; h that stands in the tape only where its rows are so wide.
template <class Real>
typename GemmArgs<Real>::Right staged_columns(const Padded<Real>& p, Index n, const Real* data, Index rows) {
  return {data, rows * 4 * p.L, std::min<Index>(4, ceil_div(n, p.L)) * p.L};
}
template <class Real>
Index staged_size(const Padded<Real>& p, Index n, Index rows) {
  return rows * p.wide_panels(n) * staged_columns<Real>(p, n, nullptr, rows).row;
}

/// Rows of dz, what they multiply for dW and dR, and what else gives gradients of parameters.
template <class Real>
struct ChunkRows {
  using Columns = typename GemmArgs<Real>::Right;
  Real* dz;                      // [row][panel][4][L], rows dz_row apart; the last panel's gates last_dz_units apart
  Real *x, *h;                   // room for staged rows
  Columns x_columns, h_columns;  // what stands there, or h in the tape
  Real* terms;       // [panel][row][terms][L]: gradients of single units' parameters (variant_table.hpp); or null
  Real *dh_new, *m;  // [row][h_row], [wide panel][row][4 L]: of a projection h_new = W_hr m; or null
  Index rows;

  /// Those of dz and terms and of a projection, for n rows.
  static ChunkRows take(Arena& memory, const DirectionBackward<Real>& d, Index n) {
    const Padded<Real>& p = d.p;
    ChunkRows chunk{};
    chunk.dz = memory.take<Real>(n * p.dz_row);
    if (!d.plain() && d.weights.cell.terms > 0) chunk.terms = memory.take<Real>(n * p.units * d.weights.cell.terms);
    if (d.shape.projected()) {
      chunk.dh_new = memory.take<Real>(n * p.h_row);
      chunk.m = memory.take<Real>(n * p.wide_panels(p.H) * 4 * p.L);
    }
    chunk.rows = n;
    return chunk;
  }
  void take_inputs(Arena& memory, const Padded<Real>& p) {
    x = memory.take<Real>(staged_size(p, p.I, rows));
    h = memory.take<Real>(staged_size(p, p.P, rows));
  }
};

/// Steps [s0, s1) whose rows lie together.
struct Chunk {
  Index s0, s1, first_row, rows;
};

/// The chunks of `steps` in which these rows have any.
inline std::vector<Chunk> chunks_of(const Rows& rows, const std::vector<Steps>& steps) {
  std::vector<Chunk> all;
  for (Steps s : steps)
    if (const Index first = rows.offset(s.begin), n = rows.offset(s.end) - first; n > 0)
      all.push_back({s.begin, s.end, first, n});
  return all;
}

/// The gate values of part of a chunk's rows from the c and h that a light tape keeps, by the forward pass's own
/// kernel: the same bits. `scratch`: recompute_scratch() values.
template <class Real>
void recompute_gates(const DirectionBackward<Real>& d, const Chunk& chunk, Range part, const GateValues<Real>& values,
                     Real* scratch);
template <class Real>
Index recompute_scratch(const Padded<Real>& p);

/// Writes the inputs of the chunk at positions [row_begin, row_limit) to `rows`, or finds where they are. `scratch`:
/// max(I, P) values.
template <class Real>
void stage_inputs(const DirectionBackward<Real>& d, Index row_begin, Index row_limit, const Chunk& chunk,
                  ChunkRows<Real>& rows, Real* scratch);

/// Adds to dparameters (dR: to dmasked) the gradients of all parameters of the direction. The work has 4 * panels
/// items; these are done. `scratch`: where transposes_dz(), the columns of panels_at_once panels of dz, columns_row()
/// apart.
template <class Real>
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const ChunkRows<Real>& chunk, Real* dparameters,
                         Real* dmasked, Real* scratch);

/// The same for each row at positions [row_begin, row_end) by itself, added to its row of d.dparameters.
/// `batch`: of the whole chunk; `own`: room for one row of it; `scratch`: max(I, P) values, and what
/// parameter_gradients() needs.
template <class Real>
void row_gradients(const DirectionBackward<Real>& d, Index row_begin, Index row_end, const Chunk& chunk,
                   const ChunkRows<Real>& batch, const ChunkRows<Real>& own, Real* scratch);

}  // namespace eigenlstm
