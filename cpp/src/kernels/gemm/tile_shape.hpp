// The shapes of a tile: what the micro-kernel (tile.hpp) computes in registers at once. More registers, larger tiles.
#pragma once

#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// Rows of a tile, at most. It has up to 4 vectors.
constexpr int tile_rows = num_vector_registers == 32 ? 6 : 3;
/// How often the loop over k is unrolled. With 16 registers four times: a k of 12 multiply-adds takes 6 cycles, in
/// which the front end, where two threads share a core, delivers only 18 instructions. With 32 registers twice: four
/// times gains nothing.
constexpr int k_unroll = num_vector_registers == 32 ? 2 : 4;
constexpr bool unrolls_four = k_unroll == 4;
/// The other shape of a tile, a strip: few rows by as many vectors as registers allow, so that B is read in fewer
/// passes. A strip runs on from panel to panel. With 32 registers it has 6 to 8 rows, with 16 two to four.
constexpr int fewest_strip_rows = num_vector_registers == 32 ? 6 : 2;
constexpr int strip_rows = num_vector_registers == 32 ? 8 : 4;
constexpr int strip_vectors(Index rows) { return rows == 2 ? 6 : 3; }

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
