// Where the gates of a layer lie in packed weights, in z and dz: the one place that knows of gaps at their end.
//
// L units form a panel, and the four gates of its units lie side by side, [4][L]. Where H is no multiple of L, the
// gates of the last panel of the weights are only as far apart as it has units, [4][last_gate_stride], so that
// products have fewer columns to multiply. The forward weights of a layer of a single panel keep [4][L]: there the cell
// takes most of the time, not the products. The values of gates, i f g o after activation, always lie [4][L].
//
// dz and the backward weights lie in blocks of U units, as many as fill a cache line, [4][U]. Chains of multiply-adds
// run along them, to dx and dh, so their order must not follow the width of a vector: U is the same for all
// instruction sets, and a block holds one panel or a few. They never have gaps: the gates of the last block lie as
// close together as it has units. A gap may hold NaN (0 * inf, where x is infinite), and a product would spread it.
#pragma once

#include "kernels/ranges.hpp"

namespace eigenlstm {

/// The number of vectors of L values that the gates of `panels` panels fill, without the gaps.
[[gnu::always_inline]] constexpr std::ptrdiff_t gate_vectors(std::ptrdiff_t panels, std::ptrdiff_t last_gate_stride,
                                                             std::ptrdiff_t L) {
  return 4 * (panels - 1) + ceil_div(4 * last_gate_stride, L);
}

/// The column of dz where the first gate of a panel begins; the others are U apart (in the last block, before its gaps
/// are closed). The panels may begin with any block.
[[gnu::always_inline]] constexpr std::ptrdiff_t dz_column(std::ptrdiff_t panel, std::ptrdiff_t L, std::ptrdiff_t U) {
  return panel * L / U * 4 * U + panel * L % U;
}

/// The layout of H units in vectors of L, and blocks of U. (Kernels only read its numbers: they may not share functions
/// that the linker could merge.)
struct GateLayout {
  using Index = std::ptrdiff_t;
  GateLayout(Index hidden_size, Index lanes, Index block_units)
      : H(hidden_size),
        L(lanes),
        U(block_units),
        panels(ceil_div(H, L)),
        blocks(ceil_div(H, U)),
        units(panels * L),
        last_gate_stride(panels > 1 ? H - (panels - 1) * L : L) {}
  Index H, L, U;
  Index panels, blocks;
  Index units;             // panels * L: H, rounded up
  Index last_gate_stride;  // from gate to gate in the last panel of the forward weights and z

  /// Values of all gates, gaps included.
  Index gates() const { return 4 * units; }
  /// Likewise of a row of dz, before the gaps of its last block are closed.
  Index dz_values() const { return 4 * blocks * U; }
  /// The values of all gates without gaps, which products with dz run over.
  Index dense_gates() const { return 4 * H; }
  /// Units of panels [begin, end), without the padding of the last one.
  Index units_of(Index begin, Index end) const { return (end == panels ? H : end * L) - begin * L; }
  /// Likewise of blocks.
  Index units_of_blocks(Index begin, Index end) const { return (end == blocks ? H : end * U) - begin * U; }
  /// From gate to gate in a panel of the forward weights.
  Index gate_stride(Index panel) const { return panel + 1 == panels ? last_gate_stride : L; }
  /// From gate to gate in a block of dz or the backward weights.
  Index dz_gate_stride(Index block) const { return units_of_blocks(block, block + 1); }
  /// Vectors that the gates of panels [begin, end) fill in weights and z.
  Index vectors(Index begin, Index end) const { return gate_vectors(end - begin, gate_stride(end - 1), L); }
  /// The column of dz where a gate of a block begins.
  Index first_column(Index block, Index gate) const { return block * 4 * U + gate * dz_gate_stride(block); }
};

}  // namespace eigenlstm
