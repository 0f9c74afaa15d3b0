// The seam between the core, compiled once, and the kernels, compiled once per ISA: a table of function
// pointers. Only pointers and sizes cross it; no Eigen here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/table_training.hpp"
#include "kernels/table_variant.hpp"

namespace eigenlstm {

using Index = std::ptrdiff_t;

/// Values in a cache line.
template <class Real>
constexpr Index cache_line = 64 / Index(sizeof(Real));

/// Whether a vector of so many values is a whole line, and can be stored past the caches by itself.
template <class Real>
constexpr bool is_line(Index lanes) {
  return lanes == cache_line<Real>;
}

/// Memory that will be read or written soon: rows of `lines` cache lines, `row` values apart, some of each. It is
/// fetched to be written: no other thread should be at it.
template <class Real>
struct Soon {
  const Real* data;
  Index rows, lines, row;
};

/// C[r][n] = C0[r][n] + sum over k of A(r, k) * B[k][n], one multiply-add chain per output, k ascending.
///
/// Columns n are counted in vectors of L, and come in panels of 4 L; the last panel may hold fewer.
template <class Real>
struct GemmArgs {
  /// A(r, k) = data[r * row + k * k_step].
  struct Left {
    const Real* data = nullptr;
    Index row = 0, k_step = 1;
  };
  /// B[k][n] = data[(n / 4L) * panel + k * row + n % 4L]: packed panels have row = 4 L, a row-major matrix has panel =
  /// 4 L. Row is not 0: the loop over k ends at an address.
  struct Right {
    const Real* data;
    Index panel, row;
  };
  /// C[r][n] = data[(n / 4L) * panel + (r / inner) * block + (r % inner) * row + n % 4L]: rows that come in blocks, or
  /// a plain strided matrix.
  struct Result {
    Real* data;
    Index panel, row, block = 0, inner = std::numeric_limits<Index>::max();
  };
  enum Start {
    zero,   // C0 = 0
    bias,   // C0 = the row of B before its first one, for every r
    chain,  // C0 = C: goes on where an earlier call stopped, with the same bits as one call
    add     // the sum starts at 0 and is added to C at the end; of a long K, that of each block in turn
  };
  Index rows, vectors, K;
  Left a;
  Right b;
  Result c;
  Start start;
  bool backwards = false;  // the last panel first: a caller that alternates finds in cache what its last call read last
  // From k = split on, A(r, k) = a2(r, k - split): two matrices side by side.
  Left a2{};
  Index split = std::numeric_limits<Index>::max();
  // What the caller turns to next. Where rows are many, the product has cache lines to ask for to spare, and these are
  // they.
  const Soon<Real>* soon = nullptr;
  Index num_soon = 0;
};

/// The gates of a panel of L units stand side by side, [4][L]: in packed weights, in z, dz and the values of gates.
/// Where H is no multiple of L, those in the last panel of the weights and of dz stand only as far apart as it has
/// units, [4][last_units]: what a product need not multiply. In the weights of the forward pass
/// of a layer of a single panel they don't (last_units = L): there the cell takes the time. In dz they always do: the
/// gaps may hold NaN (0 * inf, where x is infinite), and a product would make NaN of all with it.

/// Panels that a step multiplies at once, at most: a single row, so that enough chains are in flight, or rows that go
/// by strips.
constexpr Index step_panels = 3;
/// Rows that go by strips, at most: the tiles of z that stand side by side have to stay in L1.
constexpr Index most_strip_rows = 32;
/// Rows of [4][L] that z has to hold for a step of so many rows, or fewer, where z_panel is 0.
constexpr Index z_rows(Index rows, Index panels) {
  const Index together =
      (rows < most_strip_rows ? rows : most_strip_rows) * (panels < step_panels ? panels : step_panels);
  return rows > together ? rows : together;
}

/// One time step of one direction for `rows` rows and the panels [0, panels) of L units each:
///   z = b + W x + R h_prev ; i f g o = act(z) ; c = f c_prev + i g ; h = o tanh(c)
/// or what `variant` makes of it.
/// All arrays are packed and padded to whole vectors: no tails here.
template <class Real>
struct StepArgs {
  Index rows, panels, last_units, input_size, hidden_size;  // hidden_size: of h_prev (with a projection, P)
  const Real* weights;  // [panel][1 + I + H][4][L]: bias, W, R; the last panel's gates last_units apart
  Index weights_panel;
  const Real* x;  // [row][I], or null: z already holds b + W x, as a product with the weights leaves it
  Index x_row;
  const Real* h_prev;  // [row][H]
  Index h_prev_row;
  Real* z;             // [panel][row][4][L]
  Index z_panel;       // 0: a few tiles, used for all panels by turns: z_rows() (only with x)
  const Real* c_prev;  // [row][panels * L], may equal c
  Index c_prev_row;
  Real *c, *h;  // [row][panels * L]
  Index c_row, h_row;
  Real* y;  // [row][panels * L]: h once more, for the caller; or null. Only of the plain cell
  Index y_row;
  bool y_past_caches;  // stored past the caches, where is_line(L); its rows are aligned to 64 bytes then
  Real* gates;         // [panel][row][4][L]: i f g o after activation, or null
  Index gates_panel;
  const Real *c_next, *h_next;  // where the next step will store c and h; or null
  Index c_next_size, h_next_size;
  bool backwards;                    // the last panel first (see GemmArgs)
  const StepVariant<Real>* variant;  // null: the plain cell
};

/// The twin of StepArgs, backwards in time, for `panels` panels: from the recurrent part of dh,
/// dy and dc to dz, and dc of the step before.
template <class Real>
struct StepBackwardArgs {
  Index rows, panels, last_units;
  const Real* gates;  // [panel][row][4][L]
  Index gates_panel;
  const Real *c_prev, *c;  // [row][panels * L]
  Index c_prev_row, c_row;
  const Real *dy, *dh;  // [row][panels * L], dh: what flows in from step t + 1
  Index dy_row, dh_row;
  Real* dc;  // [row][panels * L] in: from step t + 1, out: for step t - 1
  Index dc_row;
  Real* dz;  // [row][panel][4][L]; the last panel's gates last_units apart
  Index dz_row;
  const StepBackwardVariant<Real>* variant;  // null: the plain cell
};

template <class Real>
struct KernelTable {
  Index lanes;      // L: values in a vector
  Index tile_rows;  // MR: rows of a register tile, but of a strip
  void (*gemm)(const GemmArgs<Real>&);
  void (*step_forward)(const StepArgs<Real>&);
  void (*step_backward)(const StepBackwardArgs<Real>&);
  void (*step_forward_variant)(const StepArgs<Real>&);  // where args.variant is not null
  void (*step_backward_variant)(const StepBackwardArgs<Real>&);
  void (*sigmoid)(const Real* x, Real* y, Index n);
  void (*tanh)(const Real* x, Real* y, Index n);
  // sum[n] += the sum over r of x[r][n], r ascending
  void (*sum_rows)(Index rows, const Real* x, Index x_row, Index vectors, Real* sum);
  // out[c][r] = in[r][c]
  void (*transpose)(Index rows, Index columns, const Real* in, Index in_row, Real* out, Index out_row);
  // rows [panel][4][L], of each panel `gates` gates from `in` on, to [gate][panel][L][row], gates out_gate apart
  void (*transpose_gates)(Index rows, Index panels, Index gates, const Real* in, Index in_row, Real* out,
                          Index out_gate, Index out_row);
  // a panel's rows of a (4H, K) gate matrix, whose gates lie w_gate apart, to [k][4][L], gates `distance` columns
  // apart; the rest is zero. `past_caches`: stored past the caches, where is_line(L); `out` is aligned to 64 bytes then
  void (*pack_gates)(Index units, Index distance, Index K, const Real* w, Index w_gate, Real* out, bool past_caches);
  // rows of an (., n) matrix to panels of 4 L columns, [row][4 L], `panel` values apart, with zeros after the last
  // column. `past_caches`: likewise, on any ISA
  void (*pack_rows)(Index rows, Index n, const Real* w, Real* out, Index panel, bool past_caches);
  // rows of n values, past the caches: whole lines
  void (*copy_past_caches)(Index rows, Index n, const Real* in, Index in_row, Real* out, Index out_row);
  Real (*fma_peak)(Index iterations);  // 12 L multiply-adds an iteration: what the core can do at best
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
