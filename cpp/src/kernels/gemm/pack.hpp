// Packing of gate matrices: from PyTorch's (4H, K), gates i f g o stacked, to panels of L units
// [panel][k][4][L], so that the micro-kernel reads its weights in order and all four gates of a unit meet in a tile;
// and of dz, by columns for dW and dR. Both rest on a transposition, which Linear's weights go through as well.
#pragma once

#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// out[c][r] = in[r][c] for L rows and columns, in registers; stores past the caches are of aligned vectors.
template <bool past_caches = false, class Real>
[[gnu::always_inline]] inline void transpose_square(const Real* in, Index in_row, Real* out, Index out_row) {
  constexpr Index L = lanes<Real>;
  Eigen::internal::PacketBlock<Vec<Real>, int(L)> block;
  for (Index l = 0; l < L; ++l) block.packet[l] = load(in + l * in_row);
  Eigen::internal::ptranspose(block);
  for (Index l = 0; l < L; ++l) {
    if constexpr (past_caches)
      store_past_caches(out + l * out_row, block.packet[l]);
    else
      store(out + l * out_row, block.packet[l]);
  }
}

/// out[c][r] = in[r][c].
template <class Real, bool past_caches = false>
void transpose(Index rows, Index columns, const Real* in, Index in_row, Real* out, Index out_row) {
  constexpr Index L = lanes<Real>;
  Index r = 0;
  for (; r + L <= rows; r += L, in += L * in_row, out += L) {
    Index c = 0;
    for (; c + L <= columns; c += L) transpose_square<past_caches>(in + c, in_row, out + c * out_row, out_row);
    for (; c < columns; ++c)
      for (Index l = 0; l < L; ++l) out[c * out_row + l] = in[l * in_row + c];
  }
  for (; r < rows; ++r, in += in_row, ++out)
    for (Index c = 0; c < columns; ++c) out[c * out_row] = in[c];
}

/// dz by columns: from rows [panel][4][L], of each panel `gates` gates from `in` on, to [gate][panel][L][row], gates
/// out_gate values apart.
template <class Real>
void transpose_gates(Index rows, Index panels, Index gates, const Real* in, Index in_row, Real* out, Index out_gate,
                     Index out_row) {
  constexpr Index L = lanes<Real>;
  for (Index r = 0; r < rows; r += L)
    for (Index panel = 0; panel < panels; ++panel)
      for (Index gate = 0; gate < gates; ++gate) {
        const Real* const from = in + r * in_row + (4 * panel + gate) * L;
        Real* const to = out + gate * out_gate + panel * L * out_row + r;
        if (r + L <= rows)
          transpose_square(from, in_row, to, out_row);
        else
          transpose(rows - r, L, from, in_row, to, out_row);
      }
}

/// One panel: w (units, K) of gate i, those of the next gates w_gate values further, to out [k][4 L], gates `distance`
/// columns apart, which is L but in the last panel (table.hpp). What is between the units and after them is zero.
template <class Real>
void pack_gates(Index units, Index distance, Index K, const Real* w, Index w_gate, Real* out, bool past_caches) {
  constexpr Index L = lanes<Real>;
  for (Index gate = 0; gate < 4; ++gate) {
    const Real* rows = w + gate * w_gate;
    Real* column = out + gate * distance;
    if (units == L) {
      (past_caches && is_line<Real>(L) ? transpose<Real, true> : transpose<Real>)(L, K, rows, K, column, 4 * L);
      continue;
    }
    for (Index k = 0; k < K; ++k)
      for (Index l = 0; l < (gate < 3 ? distance : 4 * L - 3 * distance); ++l)
        column[k * 4 * L + l] = l < units ? rows[l * K + k] : Real(0);
  }
  fence_stores();
}

/// w (rows, n) to wide panels, `panel` values apart: each row's next 4 L columns to the next panel, [row][4 L], with
/// zeros after the last column. Row by row of w: by columns, each of its pages would be turned to once for each wide
/// panel.
template <class Real>
void pack_rows(Index rows, Index n, const Real* w, Real* out, Index panel, bool past_caches) {
  constexpr Index L = lanes<Real>, width = 4 * L;
  static_assert(width % cache_line<Real> == 0);
  for (; rows > 0; --rows, w += n, out += width) {
    Real* to = out;
    Index column = 0;
    for (; column + width <= n; column += width, to += panel)
      for (Index l = 0; l < width; l += L) {
        if (past_caches)
          store_past_caches(to + l, load(w + column + l));
        else
          store(to + l, load(w + column + l));
      }
    if (column == n) continue;
    for (Index l = 0; l < width; ++l) to[l] = column + l < n ? w[column + l] : Real(0);
  }
  fence_stores();
}

/// Rows of n values, which are whole lines.
template <class Real>
void copy_past_caches(Index rows, Index n, const Real* in, Index in_row, Real* out, Index out_row) {
  for (; rows > 0; --rows, in += in_row, out += out_row)
    for (Index i = 0; i < n; i += lanes<Real>) store_past_caches(out + i, load(in + i));
  fence_stores();
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
