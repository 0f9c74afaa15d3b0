// What a product prefetches, and how fast. No result depends on anything here.
//
// Three kinds of cache lines are prefetched while a tile multiplies: the part of B that the next tiles read
// (prefetch_next_block), memory that the caller says it will use soon (GemmHints, walked through by a PrefetchCursor),
// and the sums that a product adds to (tile.hpp).
#pragma once

#include "kernels/gemm/tile_shape.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// With fewer rows than this, starting a cursor costs more than its prefetches gain.
constexpr Index min_cursor_rows = 2 * tile_rows;
/// The slowest cursor still prefetches a line every 4 k.
template <class Real>
constexpr Index min_pace = cache_line<Real>* k_unroll / 4;

/// The sums that a tile adds to are prefetched two or three vectors every 32 k, so that all are there after 256 k
/// (most_summed), when it adds first. Prefetched all at once, they would occupy most of a core's fill buffers (about
/// twenty), and B would have to wait.
constexpr Index sums_interval = 32, sums_per_interval = num_vector_registers == 32 ? 3 : 2;

/// Walks through the regions [region, end). At each turn of a tile's loop (k_unroll k), it prefetches the line that it
/// has reached and moves on by `pace` values.
///
/// Paced so that prefetches never occupy all fill buffers: a line from far away takes one of them for some 100 ns, and
/// the product needs some, too. At a slow pace, a line is prefetched twice, which costs nothing; at a pace of more
/// than a line per turn, some lines are left out.
template <class Real>
struct PrefetchCursor {
  const PrefetchRegion<Real>*region = nullptr, *end = nullptr;
  Index at = 0, pace = 0;  // in values; `at` counts from the start of *region
  bool done() const { return region == end; }

  /// The address from which the next turns prefetch. `turns` is reduced where a row of the region ends earlier.
  const Real* advance(Index& turns) {
    const Index row_values = region->lines * cache_line<Real>, row = at / row_values, in_stride = at - row * row_values;
    const Index rest = (row_values - in_stride + pace - 1) / pace;
    if (rest < turns) turns = rest;
    const Real* const from = region->data + row * region->row_stride + in_stride;
    at += turns * pace;
    if (at >= region->rows * row_values) at = 0, ++region;
    return from;
  }
};

/// What one tile prefetches: a line at each k, from `next` on and `stride` values apart (null: none); or at every
/// fourth k that line and the one `pair_stride` values after it. And what a cursor says.
template <class Real>
struct TilePrefetch {
  const Real* next = nullptr;
  Index stride = cache_line<Real>;
  bool every_fourth = false;
  Index pair_stride = 0;
  PrefetchCursor<Real> cursor{};
};

/// How a product distributes the regions of its hints over its whole panels: finished with the last whole panel, and
/// begun as late as possible, since early lines would evict B from L2.
template <class Real>
struct PrefetchPlan {
  Index values = 0, pace = 0;

  /// `turns`: of the loops over k in the whole product.
  PrefetchPlan(const GemmArgs<Real>& g, Index turns) {
    const GemmHints<Real>& hints = g.hints;
    if (hints.num_soon == 0 || g.rows < min_cursor_rows) return;
    for (Index i = 0; i < hints.num_soon; ++i) values += hints.soon[i].rows * hints.soon[i].lines * cache_line<Real>;
    if (values == 0 || turns == 0) return;
    pace = (values + turns - 1) / turns;
    if (pace < min_pace<Real>) pace = min_pace<Real>;
  }
  /// The cursor of a tile that takes `own` of the `turns_left` turns that remain.
  PrefetchCursor<Real> cursor(const GemmArgs<Real>& g, Index turns_left, Index own) const {
    const GemmHints<Real>& hints = g.hints;
    if (values <= (turns_left - own) * pace) return {};  // a later tile begins
    Index at = values < turns_left * pace ? 0 : values - turns_left * pace;
    for (const PrefetchRegion<Real>* region = hints.soon; region != hints.soon + hints.num_soon; ++region) {
      const Index here = region->rows * region->lines * cache_line<Real>;
      if (at < here) return {region, hints.soon + hints.num_soon, at, pace};
      at -= here;
    }
    return {};
  }
};

/// The next block of B has `lines` cache lines for each k, which the last row tiles of a panel prefetch: one line per
/// tile and k. Where B is packed and there are enough tiles, each line is shared by two or four of them, which then
/// prefetch two lines or one at every fourth k: from L3, fewer lines at a time cost less waiting. Returns 1, 2 or 4.
template <class Real>
Index tiles_per_line(const GemmArgs<Real>& g, Index row_tiles, Index lines) {
  if (!unrolls_four || g.b.k_stride != 4 * lanes<Real> || row_tiles < 2 * lines || g.K == 0) return 1;
  return row_tiles >= 4 * lines ? 4 : 2;
}

/// What the row tile number `from_end`, counted from the last one, prefetches of the next block of B, whose rows are
/// k_stride apart. (Where K is no multiple of four, up to three k prefetch nothing.)
template <class Real>
TilePrefetch<Real> prefetch_next_block(const Real* block, Index k_stride, Index from_end, Index K, Index sharing) {
  if (block == nullptr) return {};
  if (k_stride != 4 * lanes<Real>) return {block + from_end * cache_line<Real>, k_stride};
  const Index quarter = K / 4 * cache_line<Real>;
  if (sharing == 1) return {block + from_end * K * cache_line<Real>};
  return {block + from_end * (sharing == 2 ? 2 : 1) * quarter, cache_line<Real>, true, sharing == 2 ? quarter : 0};
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
