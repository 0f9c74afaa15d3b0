// Where the gates of a layer lie in packed weights, in z and dz: the one place that knows of the last panel's gap.
//
// L units form a panel, and the four gates of its units lie side by side, [4][L]. Where H is no multiple of L, the
// gates of the last panel of the weights and of dz are only as far apart as it has units, [4][last_gate_stride], so
// that products have fewer columns to multiply. The forward weights of a layer of a single panel keep [4][L]: there
// the cell takes most of the time, not the products. dz and the backward weights never have gaps: a gap may hold NaN
// (0 * inf, where x is infinite), and a product would spread it. The values of gates, i f g o after activation, always
// lie [4][L].
#pragma once

#include "kernels/ranges.hpp"

namespace eigenlstm {

/// Vectors of L values that the gates of so many panels fill, gaps left out.
[[gnu::always_inline]] constexpr std::ptrdiff_t gate_vectors(std::ptrdiff_t panels, std::ptrdiff_t last_gate_stride,
                                                             std::ptrdiff_t L) {
  return 4 * (panels - 1) + ceil_div(4 * last_gate_stride, L);
}

/// The layout of H units in vectors of L. (Kernels only read its numbers: they may not share functions that the linker
/// could merge.)
struct GateLayout {
  using Index = std::ptrdiff_t;
  GateLayout(Index hidden_size, Index lanes)
      : H(hidden_size),
        L(lanes),
        panels(ceil_div(H, L)),
        units(panels * L),
        last_gate_stride(panels > 1 ? H - (panels - 1) * L : L),
        last_dz_stride(H - (panels - 1) * L) {}
  Index H, L;
  Index panels;
  Index units;             // panels * L: H, rounded up
  Index last_gate_stride;  // from gate to gate in the last panel of the forward weights and z
  Index last_dz_stride;    // likewise of dz and the backward weights

  /// Values of all gates, gaps included.
  Index gates() const { return 4 * units; }
  /// Without the gaps of the last panel: what products with dz run over.
  Index dense_gates() const { return 4 * ((panels - 1) * L + last_dz_stride); }
  /// Units of panels [begin, end), without the padding of the last one.
  Index units_of(Index begin, Index end) const { return (end == panels ? H : end * L) - begin * L; }
  /// From gate to gate in a panel of the forward weights.
  Index gate_stride(Index panel) const { return panel + 1 == panels ? last_gate_stride : L; }
  /// From gate to gate in a panel of dz or the backward weights.
  Index dz_gate_stride(Index panel) const { return panel + 1 == panels ? last_dz_stride : L; }
  /// Vectors that the gates of panels [begin, end) fill in weights and z.
  Index vectors(Index begin, Index end) const { return gate_vectors(end - begin, gate_stride(end - 1), L); }
  /// The column of dz where a gate of a panel begins.
  Index first_column(Index panel, Index gate) const { return panel * 4 * L + gate * dz_gate_stride(panel); }
};

}  // namespace eigenlstm
