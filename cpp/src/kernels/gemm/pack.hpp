// Packing matrices into panels: gate matrices from PyTorch's (4H, K), gates i f g o stacked, to panels of L units
// [panel][k][4][L], so that the micro-kernel reads its weights in order and all four gates of a unit meet in a tile;
// rows to panels of 4 L columns; and dz, by columns, for dW and dR. Most of it is a transposition.
#pragma once

#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// out[c][r] = in[r][c] for L rows and columns, in registers. `past_caches`: `out` has aligned vectors.
template <bool past_caches = false, class Real>
[[gnu::always_inline]] inline void transpose_square(const Real* in, Index in_stride, Real* out, Index out_stride) {
  constexpr Index L = lanes<Real>;
  Eigen::internal::PacketBlock<Vec<Real>, int(L)> block;
  for (Index l = 0; l < L; ++l) block.packet[l] = load(in + l * in_stride);
  Eigen::internal::ptranspose(block);
  for (Index l = 0; l < L; ++l) {
    if constexpr (past_caches)
      store_past_caches(out + l * out_stride, block.packet[l]);
    else
      store(out + l * out_stride, block.packet[l]);
  }
}

/// out[c][r] = in[r][c].
template <class Real, bool past_caches = false>
void transpose(Index rows, Index columns, const Real* in, Index in_stride, Real* out, Index out_stride) {
  constexpr Index L = lanes<Real>;
  Index r = 0;
  for (; r + L <= rows; r += L, in += L * in_stride, out += L) {
    Index c = 0;
    for (; c + L <= columns; c += L) transpose_square<past_caches>(in + c, in_stride, out + c * out_stride, out_stride);
    for (; c < columns; ++c)
      for (Index l = 0; l < L; ++l) out[c * out_stride + l] = in[l * in_stride + c];
  }
  for (; r < rows; ++r, in += in_stride, ++out)
    for (Index c = 0; c < columns; ++c) out[c * out_stride] = in[c];
}

/// dz by columns: from rows [block][4][U], of each block `gates` gates from `in` on, to [gate][block][U][row].
template <class Real>
void transpose_gates(Index rows, Index blocks, Index gates, const Real* in, Index in_stride, Real* out,
                     Index out_gate_stride, Index out_stride) {
  constexpr Index L = lanes<Real>, U = cache_line<Real>;
  for (Index r = 0; r < rows; r += L)
    for (Index block = 0; block < blocks; ++block)
      for (Index gate = 0; gate < gates; ++gate) {
        const Real* const from = in + r * in_stride + (4 * block + gate) * U;
        Real* const to = out + gate * out_gate_stride + block * U * out_stride + r;
        for (Index u = 0; u < U; u += L) {
          if (r + L <= rows)
            transpose_square(from + u, in_stride, to + u * out_stride, out_stride);
          else
            transpose(rows - r, L, from + u, in_stride, to + u * out_stride, out_stride);
        }
      }
}

/// One panel: w (units, K) of gate i, that of each next gate w_gate_stride values further, to out [k][4 L], gates
/// gate_stride columns apart (gate_layout.hpp). What lies between the units and after them becomes zero.
template <class Real>
void pack_gates(Index units, Index gate_stride, Index K, const Real* w, Index w_gate_stride, Real* out,
                bool past_caches) {
  constexpr Index L = lanes<Real>;
  for (Index gate = 0; gate < 4; ++gate) {
    const Real* rows = w + gate * w_gate_stride;
    Real* column = out + gate * gate_stride;
    if (units == L) {
      (past_caches && is_line<Real>(L) ? transpose<Real, true> : transpose<Real>)(L, K, rows, K, column, 4 * L);
      continue;
    }
    for (Index k = 0; k < K; ++k)
      for (Index l = 0; l < (gate < 3 ? gate_stride : 4 * L - 3 * gate_stride); ++l)
        column[k * 4 * L + l] = l < units ? rows[l * K + k] : Real(0);
  }
  fence_stores();
}

/// w (rows, n) to panels of 4 L columns, [row][4 L], with zeros after the last column. Row by row: panel by panel, each
/// memory page of w would be visited once for each panel.
template <class Real>
void pack_rows(Index rows, Index n, const Real* w, Real* out, Index panel_stride, bool past_caches) {
  constexpr Index L = lanes<Real>, width = 4 * L;
  static_assert(width % cache_line<Real> == 0);
  for (; rows > 0; --rows, w += n, out += width) {
    Real* to = out;
    Index column = 0;
    for (; column + width <= n; column += width, to += panel_stride)
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

/// Up to 4 L rows of K values to the columns of one panel [K][4 L]; the other columns are zero.
template <class Real>
void pack_transposed(Index rows, Index K, const Real* w, Real* panel) {
  constexpr Index L = lanes<Real>;
  for (Index v = 0; v < 4; ++v, panel += L, w += L * K, rows -= L) {
    if (rows >= L) {
      transpose(L, K, w, K, panel, 4 * L);
      continue;
    }
    for (Index k = 0; k < K; ++k)
      for (Index l = 0; l < L; ++l) panel[k * 4 * L + l] = l < rows ? w[l * K + k] : Real(0);
  }
}

/// Rows of n values, which are whole lines.
template <class Real>
void copy_past_caches(Index rows, Index n, const Real* in, Index in_stride, Real* out, Index out_stride) {
  for (; rows > 0; --rows, in += in_stride, out += out_stride)
    for (Index i = 0; i < n; i += lanes<Real>) store_past_caches(out + i, load(in + i));
  fence_stores();
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
