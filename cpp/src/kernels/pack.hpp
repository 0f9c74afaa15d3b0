// Packing of gate matrices: from PyTorch's (4H, K), gates i f g o stacked, to panels of L units
// [panel][k][4][L], so that the micro-kernel reads its weights in order and all four gates of a unit meet in a tile.
#pragma once

#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// `out`: the first panel's k = 0; panels lie `out_panel` apart. In the last one the gates lie `last_units` apart (table.hpp). What is
/// between the units and after them is zero.
template <class Real>
void pack_gates(Index H, Index K, const Real* w, Real* out, Index out_panel, Index last_units) {
  constexpr Index L = lanes<Real>;
  for (Index u = 0; u < H; u += L, out += out_panel) {
    const Index units = H - u < L ? H - u : L, distance = u + L < H ? L : last_units;
    for (Index gate = 0; gate < 4; ++gate) {
      const Real* rows = w + (gate * H + u) * K;
      Real* column = out + gate * distance;
      Index k = 0;
      if (units == L) {
        for (; k + L <= K; k += L) {  // L x L values, transposed in registers
          Eigen::internal::PacketBlock<Vec<Real>, int(L)> block;
          for (Index l = 0; l < L; ++l) block.packet[l] = load(rows + l * K + k);
          Eigen::internal::ptranspose(block);
          for (Index l = 0; l < L; ++l) store(column + (k + l) * 4 * L, block.packet[l]);
        }
      }
      for (; k < K; ++k)
        for (Index l = 0; l < (gate < 3 ? distance : 4 * L - 3 * distance); ++l) column[k * 4 * L + l] = l < units ? rows[l * K + k] : Real(0);
    }
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
