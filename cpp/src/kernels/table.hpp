// The boundary between the core, which is compiled once, and the kernels, which are compiled once for each instruction
// set: a table of function pointers. Only pointers and sizes cross it, and Eigen is not included here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/ranges.hpp"
#include "kernels/table_training.hpp"
#include "kernels/table_variant.hpp"

namespace eigenlstm {

using Index = std::ptrdiff_t;

/// Values in a cache line.
template <class Real>
constexpr Index cache_line = 64 / Index(sizeof(Real));

/// Whether a vector of `lanes` values fills a cache line, so that it can be stored past the caches by itself.
template <class Real>
constexpr bool is_line(Index lanes) {
  return lanes == cache_line<Real>;
}

/// Memory that will be read or written soon: `rows` rows of `lines` cache lines, row_stride values apart. It is
/// prefetched for writing, so no other thread should be using it.
template <class Real>
struct PrefetchRegion {
  const Real* data;
  Index rows, lines, row_stride;
};

/// What a caller of a product knows about the caches. No result depends on it.
template <class Real>
struct GemmHints {
  /// What the caller works on next. A product of many rows has time to prefetch it.
  const PrefetchRegion<Real>* soon = nullptr;
  Index num_soon = 0;
  /// Take the last panel first. A caller that alternates the direction finds in the cache what its last call read last.
  bool backwards = false;
};

/// C[r][n] = C0[r][n] + sum over k of A(r, k) * B[k][n], one multiply-add chain per output, k ascending.
///
/// Columns n are counted in vectors of L, and come in panels of 4 L; the last panel may hold fewer. Fields without a
/// default must be set.
template <class Real>
struct GemmArgs {
  /// A(r, k) = data[r * row_stride + k * k_stride].
  struct Left {
    const Real* data = nullptr;
    Index row_stride = 0, k_stride = 1;
  };
  /// B[k][n] = data[(n / 4L) * panel_stride + k * k_stride + n % 4L]: in packed panels k_stride = 4 L, in a row-major
  /// matrix panel_stride = 4 L. k_stride is not 0, since the loop over k ends at an address.
  struct Right {
    const Real* data = nullptr;
    Index panel_stride = 0, k_stride = 0;
  };
  /// C[r][n] = data[(n / 4L) * panel_stride + (r / group_rows) * group_stride + (r % group_rows) * row_stride + n %
  /// 4L]: groups of rows, or by default a plain strided matrix.
  struct Result {
    Real* data = nullptr;
    Index panel_stride = 0, row_stride = 0, group_stride = 0, group_rows = std::numeric_limits<Index>::max();
  };
  enum Start {
    zero,   // C0 = 0
    bias,   // C0 = the row of B before its first one, for every r
    chain,  // C0 = C: continues where an earlier call stopped, with the same bits as one call
    add     // the sum starts at 0 and is added to C at the end; with a large K, the sum of each block of K in turn
  };
  Index rows = 0, vectors = 0, K = 0;
  Left a;
  Right b;
  Result c;
  Start start = zero;
  /// From k = split on, A(r, k) = a2(r, k - split): two matrices side by side.
  Left a2;
  Index split = std::numeric_limits<Index>::max();
  GemmHints<Real> hints;
};

/// The most panels that a product runs over at once: for a single row, so that enough chains are in flight, or for rows
/// that run in strips. (The plain cell of a single row has a number of its own: step_row.hpp.)
constexpr Index step_panels = 3;
/// The most rows that run in strips: the tiles of z of the panels multiplied at once have to stay in L1.
constexpr Index most_strip_rows = 32;
/// The number of rows of [4][L] that z must hold for a step of at most `rows` rows whose panels share its tiles
/// (z_panel_stride is 0).
constexpr Index z_rows(Index rows, Index panels) {
  const Index together =
      (rows < most_strip_rows ? rows : most_strip_rows) * (panels < step_panels ? panels : step_panels);
  return rows > together ? rows : together;
}

/// One time step of one direction for `rows` rows and the panels [0, panels) of L units each:
///   z = b + W x + R h_prev ; i f g o = act(z) ; c = f c_prev + i g ; h = o tanh(c)
/// or what `variant` makes of it. All arrays are packed and padded to whole vectors: there are no tails here. How gates
/// lie: gate_layout.hpp.
template <class Real>
struct StepArgs {
  Index rows, panels, last_gate_stride, input_size, hidden_size;  // hidden_size: of h_prev (with a projection, P)
  const Real* weights;  // [panel][1 + I + H][4][L]: bias, W, R; gates as in GateLayout
  Index weights_panel_stride;
  const Real* x;  // [row][I], or null: z already holds b + W x, as a product with the weights leaves it
  Index x_stride;
  const Real* h_prev;  // [row][H]
  Index h_prev_stride;
  Real* z;               // [panel][row][4][L]
  Index z_panel_stride;  // 0: a few tiles that the panels share, one after the other: z_rows() (needs x)
  const Real* c_prev;    // [row][panels * L], may equal c
  Index c_prev_stride;
  Real *c, *h;  // [row][panels * L]
  Index c_stride, h_stride;
  Real* y;  // [row][panels * L]: a second copy of h, for the caller; or null. Of the plain cell only
  Index y_stride;
  bool y_past_caches;  // y is stored past the caches: needs is_line(L), and rows aligned to 64 bytes
  Real* gates;         // [panel][row][4][L]: i f g o after activation, or null
  Index gates_panel_stride;
  const Real *c_next, *h_next;  // where the next step will store c and h, to be prefetched; or null
  Index c_next_size, h_next_size;
  bool backwards;                    // the last panel first (see GemmHints)
  const StepVariant<Real>* variant;  // null: the plain cell
};

/// The twin of StepArgs, backwards in time, for `panels` panels: from dy and dh (the recurrent part) and dc to dz, and
/// to dc of the step before.
template <class Real>
struct StepBackwardArgs {
  Index rows, panels, last_units;  // last_units: in the last block of these panels
  const Real* gates;               // [panel][row][4][L]
  Index gates_panel_stride;
  const Real *c_prev, *c;  // [row][panels * L]
  Index c_prev_stride, c_stride;
  const Real *dy, *dh;  // [row][panels * L], dh: what flows in from step t + 1
  Index dy_stride, dh_stride;
  Real* dc;  // [row][panels * L] in: from step t + 1, out: for step t - 1
  Index dc_stride;
  Real* dz;  // [row][block][4][U] as in GateLayout, from a whole block on
  Index dz_stride;
  const StepBackwardVariant<Real>* variant;  // null: the plain cell
};

template <class Real>
struct KernelTable {
  Index lanes;      // L: values in a vector
  Index tile_rows;  // MR: rows of a register tile (a strip has more)
  void (*gemm)(const GemmArgs<Real>&);
  void (*step_forward)(const StepArgs<Real>&);
  void (*step_backward)(const StepBackwardArgs<Real>&);
  void (*step_forward_variant)(const StepArgs<Real>&);  // where args.variant is not null
  void (*step_backward_variant)(const StepBackwardArgs<Real>&);
  void (*sigmoid)(const Real* x, Real* y, Index n);
  void (*tanh)(const Real* x, Real* y, Index n);
  void (*exp)(const Real* x, Real* y, Index n);
  void (*activate)(const ActivationArgs<Real>&, const Real* x, Real* y, Index n);
  // sum[n] += the sum over r of x[r][n], r ascending
  void (*sum_rows)(Index rows, const Real* x, Index x_stride, Index vectors, Real* sum);
  // out[c][r] = in[r][c]
  void (*transpose)(Index rows, Index columns, const Real* in, Index in_stride, Real* out, Index out_stride);
  // rows [block][4][U], of each block `gates` gates from `in` on, to [gate][block][U][row]
  void (*transpose_gates)(Index rows, Index blocks, Index gates, const Real* in, Index in_stride, Real* out,
                          Index out_gate_stride, Index out_stride);
  // the rows of one panel of a (4H, K) gate matrix to [k][4][L], gates `gate_stride` columns apart; the rest is zero.
  // `past_caches`: stored past the caches, where is_line(L); `out` must be aligned to 64 bytes then
  void (*pack_gates)(Index units, Index gate_stride, Index K, const Real* w, Index w_gate_stride, Real* out,
                     bool past_caches);
  // rows of an (., n) matrix to panels of 4 L columns, [row][4 L], with zeros after the last column. `past_caches`: as
  // above, with any instruction set
  void (*pack_rows)(Index rows, Index n, const Real* w, Real* out, Index panel_stride, bool past_caches);
  // up to 4 L rows of K values to the columns of one panel [K][4 L]; the other columns are zero
  void (*pack_transposed)(Index rows, Index K, const Real* w, Real* panel);
  // rows of n values, which are whole lines, past the caches
  void (*copy_past_caches)(Index rows, Index n, const Real* in, Index in_stride, Real* out, Index out_stride);
  Real (*fma_peak)(Index iterations);  // 12 L multiply-adds an iteration: the most that the core can do
  TrainingTable<Real> training;
};

struct Kernels {
  const char* eigen_version;
  KernelTable<float> f32;
  KernelTable<double> f64;
};

/// The table of the ISA in use (isa.hpp). Throws as isa() does.
template <class Real>
const KernelTable<Real>& kernels();

}  // namespace eigenlstm
