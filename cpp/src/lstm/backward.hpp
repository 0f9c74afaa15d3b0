// What the parts of the backward pass share: backward.cpp (dx, the layers), backward_steps.hpp (dz),
// parameter_gradients.cpp, recompute.cpp.
#pragma once

#include <algorithm>
#include <vector>

#include "lstm/direction.hpp"
#include "lstm/frame_array.hpp"
#include "lstm/step.hpp"
#include "lstm/tape.hpp"
#include "runtime/team.hpp"

namespace eigenlstm {

/// The backward pass of one direction. Its twin is DirectionForward.
template <class Real>
struct DirectionBackward : DirectionContext<Real> {
  DirectionBackward(const DirectionContext<Real>& context, const DirectionTape<Real>& kept)
      : DirectionContext<Real>(context), tape(kept) {}
  const DirectionTape<Real>& tape;

  FrameArray<const Real> dy;      // of the layer's output
  Index dy_column = 0;            // where this direction's columns begin
  Merge merge = Merge::concat;    // how this direction entered the output
  const Real* other_h = nullptr;  // Merge::mul: h of the other direction
  bool residual = false;          // the layer adds its input to its output, so that dy is added to dx

  FrameArray<Real> dx;
  Index dx_adds_from = 0;       // from this step of the other direction on, that one has written dx
  State<const Real> dfinal{};   // (B, P) and (B, H) of this direction
  State<Real> dinitial{};       // likewise
  Real* dparameters = nullptr;  // of the model; with `per_row`, for each row
  Real* dmasked = nullptr;      // where dR goes: dparameters, or with weight drop an array to which the mask is applied
                                // later
  bool per_row = false;
  Index num_parameters = 0;  // of the model

  const Real* h_before(Index s) const {
    return s == this->steps.begin ? tape.h0.data() : tape.h.data() + this->frame(s - 1) * this->p.h_stride;
  }
  const Real* c_before(Index s) const { return s == this->steps.begin ? tape.c0.data() : c_at(s - 1); }
  const Real* c_at(Index s) const { return tape.c.data() + this->frame(s) * this->p.c_stride; }
  /// Whether the plain cell's kernel is used. A projection needs m, which only the other one gives.
  bool plain_kernel() const { return this->weights.plain_cell && !this->shape.projected(); }
};

/// Blocks of dz that stay in L2 while the columns of x or h pass by, 4 L at a time for all gates of these blocks.
constexpr Index most_blocks_at_once = 4;
template <class Real>
Index blocks_at_once(const Padded<Real>& p) {
  return std::max<Index>(1, most_blocks_at_once * p.L / p.U);
}
/// Whether dz is transposed for dW and dR. Untransposed, a tile uses 3 to 6 values of each cache line, once for each
/// panel of x and h; with fewer than four such panels that is faster than transposing (by 5 to 12% of the backward
/// pass). Layers of less than a vector of units are always transposed.
template <class Real>
bool transposes_dz(const Padded<Real>& p) {
  return p.column_panels(p.I) + p.column_panels(p.P) >= 4 || p.H < p.L;
}
/// The distance from one column of dz to the next once `frames` frames of it are transposed: whole cache lines.
template <class Real>
Index columns_stride(Index frames) {
  return Padded<Real>::padded_stride(ceil_div(frames, cache_line<Real>) * cache_line<Real>);
}

/// How n columns of staged frames lie: in panels of 4 L columns, the frames of a panel side by side; if n <= 4 L in one
/// panel, as wide as needed. Row by row, frames of 1 KB or more would touch a new memory page every few frames, and
/// products with them would be up to a tenth slower. (x is copied in any case; h that lies in the tape only where its
/// rows are that wide.)
template <class Real>
typename GemmArgs<Real>::Right staged_columns(const Padded<Real>& p, Index n, const Real* data, Index frames) {
  return {data, frames * 4 * p.L, std::min<Index>(4, ceil_div(n, p.L)) * p.L};
}
template <class Real>
Index staged_size(const Padded<Real>& p, Index n, Index frames) {
  return frames * p.column_panels(n) * staged_columns<Real>(p, n, nullptr, frames).k_stride;
}

/// The arrays of a chunk: dz, what it is multiplied with for dW and dR, and what else becomes gradients of parameters.
template <class Real>
struct ChunkArrays {
  Index frames = 0;
  Real* dz = nullptr;                                       // [frame][block][4][U] as in GateLayout, dz_stride apart
  Real *x = nullptr, *h = nullptr;                          // room for staged frames
  typename GemmArgs<Real>::Right x_columns{}, h_columns{};  // what is staged there, or h in the tape
  // Of variants, otherwise null.
  Real* terms = nullptr;   // [panel][frame][terms][L]: gradients of single units' parameters (table_variant.hpp)
  Real* dh_new = nullptr;  // [frame][h_stride], where a projection h_new = W_hr m follows
  Real* m = nullptr;       // [panel of H columns][frame][4 L], likewise

  /// Room for n frames, without x and h.
  static ChunkArrays allocate(Arena& memory, const DirectionBackward<Real>& d, Index n) {
    const Padded<Real>& p = d.p;
    ChunkArrays chunk;
    chunk.frames = n;
    chunk.dz = memory.allocate<Real>(n * p.dz_stride);
    if (!d.plain_kernel() && d.weights.cell.terms > 0)
      chunk.terms = memory.allocate<Real>(n * p.units * d.weights.cell.terms);
    if (d.shape.projected()) {
      chunk.dh_new = memory.allocate<Real>(n * p.h_stride);
      chunk.m = memory.allocate<Real>(n * p.column_panels(p.H) * 4 * p.L);
    }
    return chunk;
  }
  void allocate_inputs(Arena& memory, const Padded<Real>& p) {
    x = memory.allocate<Real>(staged_size(p, p.I, frames));
    h = memory.allocate<Real>(staged_size(p, p.P, frames));
  }
};

/// Steps [s0, s1), whose frames are consecutive.
struct Chunk {
  Index s0, s1, first_frame, frames;
};

/// The chunks of `steps` in which these rows have any frames.
inline std::vector<Chunk> chunks_of(const Rows& rows, const std::vector<Steps>& steps) {
  std::vector<Chunk> all;
  for (Steps s : steps)
    if (const Index first = rows.first_frame(s.begin), n = rows.first_frame(s.end) - first; n > 0)
      all.push_back({s.begin, s.end, first, n});
  return all;
}

/// The gate values of some of a chunk's frames from the c and h that a light tape keeps, by the kernel of the forward
/// pass: the same bits. `frames`: counted within the chunk. `scratch`: recompute_scratch() values.
template <class Real>
void recompute_gates(const DirectionBackward<Real>& d, const Chunk& chunk, Range frames, const GateValues<Real>& values,
                     Real* scratch);
template <class Real>
Index recompute_scratch(const Padded<Real>& p);

/// Finds where the inputs of the chunk are, or are to be staged.
template <class Real>
void locate_inputs(const DirectionBackward<Real>& d, const Chunk& chunk, ChunkArrays<Real>& arrays);
/// Stages those at positions [row_begin, row_limit). `scratch`: max(I, P) values.
template <class Real>
void stage_inputs(const DirectionBackward<Real>& d, Index row_begin, Index row_limit, const Chunk& chunk,
                  const ChunkArrays<Real>& arrays, Real* scratch);

/// Adds the gradients of all parameters of the direction to dparameters (dR: to dmasked). The work has 4 * blocks
/// items, of which these are done. `scratch`: with transposes_dz(), the columns of blocks_at_once() blocks of dz,
/// columns_stride() apart.
template <class Real>
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const ChunkArrays<Real>& chunk,
                         Real* dparameters, Real* dmasked, Real* scratch);

/// The same for each row at positions [row_begin, row_end) by itself, added to its own row of d.dparameters. `batch`:
/// of the whole chunk; `own`: room for one row of it; `scratch`: max(I, P) values, and what parameter_gradients()
/// needs.
template <class Real>
void row_gradients(const DirectionBackward<Real>& d, Index row_begin, Index row_end, const Chunk& chunk,
                   const ChunkArrays<Real>& batch, const ChunkArrays<Real>& own, Real* scratch);

}  // namespace eigenlstm
