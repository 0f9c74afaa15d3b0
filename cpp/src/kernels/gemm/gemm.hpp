// The product of packed panels, built on the micro-kernel: W x, R h, their transposes, dW = dZ^T X, Linear.
//
// K is cut into blocks. Storing and reloading the accumulators between two of them rounds nothing. A product that is
// added to C, however, adds the sum of each block by itself; those blocks depend on K alone.
#pragma once

#include "kernels/gemm/tile.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
constexpr Index panel_row_bytes = 4 * lanes<Real>* Index(sizeof(Real));
/// Bytes of a block of a panel, which all rows use before they go on to the next block: B then comes from L2. Blocks
/// that fit into L1 would mean that tiles are stored and loaded more often. A product that adds has a block size of its
/// own, as its B may have rows that are far apart.
constexpr Index panel_block_bytes = num_vector_registers == 32 ? 196608 : 65536;
constexpr Index adding_block_bytes = num_vector_registers == 32 ? 196608 : 32768;
/// A product that adds to C sums at most so many k before it adds. Its bits depend on this number, so it is the same
/// for all instruction sets.
constexpr Index most_summed = 256;
/// With 32 registers, the most bytes of a panel, and of all panels, with which strips are faster: they prefetch no B
/// there, so it has to be in L2.
constexpr Index strip_panel_bytes = 131072, strip_bytes = 1 << 20;

/// One row over all panels, several of them at a time.
template <class Real>
void gemm_single_row(const GemmArgs<Real>& g) {
  const Index panels = ceil_div(g.vectors, 4), sweeps = ceil_div(panels, step_panels);
  for (Index i = 0; i < sweeps; ++i) {
    const Range sweep = share(panels, g.hints.backwards ? sweeps - 1 - i : i, sweeps);
    const Index size = sweep.end - sweep.begin, rest = g.vectors - 4 * sweep.begin;
    const Index vectors = rest < 4 * size ? rest : 4 * size;
    const Real* b = g.b.data + sweep.begin * g.b.panel_stride;
    Real* c = g.c.data + sweep.begin * g.c.panel_stride;
    Tile<Real>::pick(1, vectors, false)(g, 0, 0, b, c, 0, g.K, g.K, g.start, {});
  }
}

/// What probably follows a panel of B in memory traffic. Behind a packed panel lies the next one, of this call or of
/// the next; otherwise it is the next panel of this call, null if there is none.
template <class Real>
const Real* following_panel(const GemmArgs<Real>& g, Index panel, const Real* b) {
  const bool backwards = g.hints.backwards;
  if (g.b.k_stride == 4 * lanes<Real> && !backwards) return b + g.K * g.b.k_stride;
  const Index panels_left = backwards ? panel : (g.vectors + 3) / 4 - 1 - panel;
  return panels_left == 0 ? nullptr : backwards ? b - g.b.panel_stride : b + g.b.panel_stride;
}

/// All rows over one panel of 1 to 4 vectors, in blocks of k_block k; a product that adds does so every `summed` k.
template <class Real>
void gemm_panel(const GemmArgs<Real>& g, Index panel, Index vectors, Index k_block, Index summed,
                const PrefetchPlan<Real>& plan) {
  using Args = GemmArgs<Real>;
  constexpr Index L = lanes<Real>, lines = 4 * L / cache_line<Real>;
  const Index row_tiles = (g.rows + tile_rows - 1) / tile_rows;
  const Index sharing = tiles_per_line(g, row_tiles, lines), idle_tiles = row_tiles - sharing * lines;
  const Real* b = g.b.data + panel * g.b.panel_stride;
  Real* c = g.c.data + panel * g.c.panel_stride;
  // The last tiles have a row more, since they are the ones that prefetch: slower that way. (share() would divide for
  // each tile.)
  const Index size = g.rows / row_tiles, shorter = row_tiles - g.rows % row_tiles;
  const bool walks = plan.pace > 0 && vectors == 4;
  const Index whole_after = g.hints.backwards ? panel : g.vectors / 4 - 1 - panel;
  const typename Tile<Real>::Function tile[] = {
      Tile<Real>::pick(size, vectors, walks),
      shorter < row_tiles ? Tile<Real>::pick(size + 1, vectors, walks) : nullptr};
  const Real* const next_panel = following_panel(g, panel, b);
  Index k0 = 0;
  do {  // once even where K = 0: C0 is then the result
    const Index k1 = k0 + k_block < g.K ? k0 + k_block : g.K;
    const auto start = k0 > 0 && g.start != Args::add ? Args::chain : g.start;
    for (Index i = 0, row = 0; i < row_tiles; ++i) {
      const bool one_more = i >= shorter;
      TilePrefetch<Real> prefetches;
      if (g.a.k_stride != 1)  // the columns of A are far apart
        prefetches = {g.a.data + row * g.a.row_stride + (k0 + 16) * g.a.k_stride, g.a.k_stride};
      else if (i >= idle_tiles)
        prefetches = prefetch_next_block(k1 < g.K ? b + k1 * g.b.k_stride : next_panel, g.b.k_stride, row_tiles - 1 - i,
                                         k1 - k0, sharing);
      if (walks)
        prefetches.cursor =
            plan.cursor(g, (whole_after * row_tiles * g.K + row_tiles * (g.K - k0) - i * (k1 - k0)) / k_unroll,
                        (k1 - k0) / k_unroll);
      tile[one_more](g, row, 0, b, c, k0, k1, summed, start, prefetches);
      row += size + one_more;
    }
    k0 = k1;
  } while (k0 < g.K);
}

/// Whether so many rows need fewer tiles as strips. Strips also read B less often.
constexpr bool fewer_by_strips(Index rows) {
  return 4 * ((rows + strip_rows - 1) / strip_rows) < strip_vectors(rows) * ((rows + tile_rows - 1) / tile_rows);
}
/// pick_strip() relies on this.
constexpr bool strips_have_6_to_8_rows() {
  for (Index rows = tile_rows + 1; rows <= most_strip_rows; ++rows)
    if (fewer_by_strips(rows) && rows / ((rows + strip_rows - 1) / strip_rows) < 6) return false;
  return true;
}
static_assert(num_vector_registers != 32 || (strip_rows == 8 && strips_have_6_to_8_rows()));

/// Whether a product of so many rows over so many packed panels runs in strips. With 16 registers: where tiles of three
/// rows would leave one of two, or of one, that waits for B from L2.
template <class Real>
bool by_strips(Index rows, Index K, Index panels) {
  if constexpr (num_vector_registers == 16) return rows == 2 || rows == 4 || rows == 7 || rows == 8;
  if (rows <= tile_rows || rows > most_strip_rows) return false;
  const Index panel_bytes = K * panel_row_bytes<Real>;
  return panel_bytes <= strip_panel_bytes && panels * panel_bytes <= strip_bytes && fewer_by_strips(rows);
}

/// With 16 registers, strips go over three panels at a time, a whole number of strips. Where these have more bytes than
/// strip_unblocked, L2 does not hold all of B: K is then cut into blocks of at most strip_block_bytes, and a strip
/// prefetches a part of the next block.
constexpr Index strip_block_bytes = 65536, strip_unblocked = 262144;

/// How many strips have all their vectors, and so can follow a cursor. The last two share a rest of one vector.
inline Index whole_strips(Index vectors, Index width) { return vectors / width - (vectors % width == 1); }

/// All rows over a block, a strip after the other. Counts down the turns that are left to the plan's cursor.
template <class Real>
void gemm_strip_block(const GemmArgs<Real>& g, Index first, Index end, Index k0, Index k1, const Real* following,
                      const PrefetchPlan<Real>& plan, Index& turns_left) {
  const Index row_tiles = (g.rows + strip_rows - 1) / strip_rows, size = g.rows / row_tiles,
              shorter = row_tiles - g.rows % row_tiles, width = strip_vectors(g.rows);
  const auto start = k0 > 0 ? GemmArgs<Real>::chain : g.start;
  for (Index v = first, vectors = 0, run = 0; v < end; v += vectors) {
    vectors = end - v < width ? end - v : end - v == width + 1 ? width - 1 : width;
    const bool walks = plan.pace > 0 && vectors == width;
    const Real* b = g.b.data + v / 4 * g.b.panel_stride;
    Real* c = g.c.data + v / 4 * g.c.panel_stride;
    for (Index i = 0, row = 0; i < row_tiles; ++i, ++run) {
      const Index rows = i >= shorter ? size + 1 : size;
      TilePrefetch<Real> prefetches;
      // Two runs prefetch a panel of the next block, a line at each k.
      if (following != nullptr && 2 * run < end - first)
        prefetches.next = following + run / 2 * g.b.panel_stride + run % 2 * (k1 - k0) * cache_line<Real>;
      if (walks) {
        prefetches.cursor = plan.cursor(g, turns_left, (k1 - k0) / k_unroll);
        turns_left -= (k1 - k0) / k_unroll;
      }
      Tile<Real>::pick_strip(rows, vectors, walks)(g, row, v % 4, b, c, k0, k1, g.K, start, prefetches);
      row += rows;
    }
  }
}

/// All rows over the vectors of all panels. (With 32 registers always from the first panel on: all of B is in L2.)
template <class Real>
void gemm_strips(const GemmArgs<Real>& g) {
  constexpr bool in_groups = num_vector_registers == 16;
  const Index panels = ceil_div(g.vectors, 4), groups = in_groups ? ceil_div(panels, step_panels) : 1;
  const Index width = strip_vectors(g.rows), row_tiles = ceil_div(g.rows, strip_rows);
  const Index bytes = g.K * step_panels * panel_row_bytes<Real>;
  const bool blocked = in_groups && bytes > strip_unblocked;
  const Index k_block = blocked ? ceil_div(g.K, ceil_div(bytes, strip_block_bytes)) : g.K;
  Index turns_left = 0;
  for (Index i = 0; g.hints.num_soon > 0 && i < groups; ++i) {
    const Range group = share(panels, i, groups);
    const Index rest = g.vectors - 4 * group.begin, all = 4 * (group.end - group.begin);
    turns_left += whole_strips(rest < all ? rest : all, width) * row_tiles * (g.K / k_unroll);
  }
  const PrefetchPlan<Real> plan(g, turns_left);
  for (Index i = 0; i < groups; ++i) {
    const Range group = share(panels, g.hints.backwards ? groups - 1 - i : i, groups);
    const Index end = 4 * group.end < g.vectors ? 4 * group.end : g.vectors;
    const Real* const b = g.b.data + group.begin * g.b.panel_stride;
    Index k0 = 0;
    do {  // once even where K = 0: C0 is then the result
      const Index k1 = k0 + k_block < g.K ? k0 + k_block : g.K;
      const Real* following = nullptr;
      if (blocked && g.rows > 2)  // two rows are as quick without: they read B as fast as it comes
        following =
            k1 < g.K ? b + k1 * g.b.k_stride : b + (g.hints.backwards ? -step_panels : step_panels) * g.b.panel_stride;
      gemm_strip_block(g, 4 * group.begin, end, k0, k1, following, plan, turns_left);
      k0 = k1;
    } while (k0 < g.K);
  }
}

template <class Real>
void gemm(const GemmArgs<Real>& g) {
  if (g.rows == 0) return;  // no tiles to divide by
  const Index whole = g.vectors / 4;
  const bool adds = g.start == GemmArgs<Real>::add;
  Index summed = g.K, k_block = g.K;
  if (adds && g.K > most_summed) summed = ceil_div(g.K, ceil_div(g.K, most_summed));
  const Index block_bytes = adds ? adding_block_bytes : panel_block_bytes;
  if ((g.rows > tile_rows || adds) && g.K * panel_row_bytes < Real >> block_bytes) {
    k_block = ceil_div(g.K, ceil_div(g.K * panel_row_bytes<Real>, block_bytes));
    if (adds) k_block = ceil_div(k_block, summed) * summed;
  }
  if (g.rows == 1 && !adds) return gemm_single_row(g);
  const bool packed = g.b.k_stride == 4 * lanes<Real> && g.a.k_stride == 1 && g.a2.k_stride == 1;
  if (!adds && packed && g.vectors > 4 && by_strips<Real>(g.rows, g.K, (g.vectors + 3) / 4)) return gemm_strips(g);
  const PrefetchPlan<Real> plan(g, (g.rows + tile_rows - 1) / tile_rows * whole * g.K / k_unroll);
  for (Index i = 0; i < whole; ++i) gemm_panel(g, g.hints.backwards ? whole - 1 - i : i, 4, k_block, summed, plan);
  if (g.vectors % 4 != 0) gemm_panel(g, whole, g.vectors % 4, k_block, summed, plan);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
