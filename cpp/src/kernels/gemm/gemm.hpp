// The product of packed panels, built on the micro-kernel: W x, R h, their transposes, dW = dZ^T X, Linear.
//
// Blocking K stores and reloads accumulators, which rounds nothing; but a product that is added to C adds each block's
// chain, in blocks that depend on K alone.
#pragma once

#include "kernels/gemm/tile.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
constexpr Index panel_row_bytes = 4 * lanes<Real>* Index(sizeof(Real));
/// Bytes of a panel that all rows sweep over before they turn to the next ones: B then comes from L2. Blocks that fit
/// L1 would store and load the tile more often. A product that adds is blocked by itself: its bits depend on the size,
/// and its B may be rows far apart.
constexpr Index panel_block_bytes = num_vector_registers == 32 ? 196608 : 65536;
constexpr Index adding_block_bytes = num_vector_registers == 32 ? 196608 : 32768;
/// Bytes of a panel and of all panels, at most, where strips pay: B has to be in L2, as they ask for none of it.
constexpr Index strip_panel_bytes = 131072, strip_bytes = 1 << 20;

/// Part i of n items cut into `parts` as even as possible: 7 in 2 parts = 4 + 3.
struct Part {
  Index begin, size;
};
inline Part part_of(Index n, Index parts, Index i) {
  if (parts == 1) return {0, n};  // spares a short product the divisions
  const Index begin = n * i / parts;
  return {begin, n * (i + 1) / parts - begin};
}

/// One row over all panels, several at a time.
template <class Real>
void gemm_single_row(const GemmArgs<Real>& g) {
  const Index panels = (g.vectors + 3) / 4, groups = (panels + step_panels - 1) / step_panels;
  for (Index i = 0; i < groups; ++i) {
    const Part p = part_of(panels, groups, g.backwards ? groups - 1 - i : i);
    const Index rest = g.vectors - 4 * p.begin, vectors = rest < 4 * p.size ? rest : 4 * p.size;
    const Real* b = g.b.data + p.begin * g.b.panel;
    Tile<Real>::pick(1, vectors, false)(g, 0, 0, b, g.c.data + p.begin * g.c.panel, 0, g.K, g.start, {});
  }
}

/// How a product walks through what comes soon, in its whole panels: so that it is through at their end, and begins no
/// earlier than it must, as what was asked for early would have to stay in L2 beside all of B.
template <class Real>
struct WalkPlan {
  Index values = 0, pace = 0;

  /// `turns`: of the loops over k, in all of the product.
  WalkPlan(const GemmArgs<Real>& g, Index turns) {
    if (g.num_soon == 0 || g.rows < walking_rows) return;
    for (Index i = 0; i < g.num_soon; ++i) values += g.soon[i].rows * g.soon[i].lines * cache_line<Real>;
    if (values == 0 || turns == 0) return;
    pace = (values + turns - 1) / turns;
    if (pace < slowest_pace<Real>) pace = slowest_pace<Real>;
  }
  /// Of `own` turns where so many are left.
  Walk<Real> walk(const GemmArgs<Real>& g, Index turns_left, Index own) const {
    if (values <= (turns_left - own) * pace) return {};  // it begins later
    Index at = values < turns_left * pace ? 0 : values - turns_left * pace;
    for (const Soon<Real>* soon = g.soon; soon != g.soon + g.num_soon; ++soon) {
      const Index here = soon->rows * soon->lines * cache_line<Real>;
      if (at < here) return {soon, g.soon + g.num_soon, at, pace};
      at -= here;
    }
    return {};
  }
};

/// The block of B that follows has `lines` cache lines for each k, and the last groups of rows ask for them: `lines`
/// groups a line at each k; or, where B is packed, two or four times as many, two lines or one at each fourth k. From
/// L3 fewer at a time come with less waiting.
template <class Real>
Index following_times(const GemmArgs<Real>& g, Index groups, Index lines) {
  if (!four_at_once || g.b.row != 4 * lanes<Real> || groups < 2 * lines || g.K == 0) return 1;
  return groups >= 4 * lines ? 4 : 2;
}

/// What the group number `asker` from the end asks for of the block `following`, rows b_row apart. (Of pieces of K that
/// are no multiple of four, up to three k ask for nothing.)
template <class Real>
Ask<Real> ask_following(const Real* following, Index b_row, Index asker, Index K, Index times) {
  if (following == nullptr) return {};
  if (b_row != 4 * lanes<Real>) return {following + asker * cache_line<Real>, b_row};
  const Index quarter = K / 4 * cache_line<Real>;
  if (times == 1) return {following + asker * K * cache_line<Real>};
  return {following + asker * (times == 2 ? 2 : 1) * quarter, cache_line<Real>, true, times == 2 ? quarter : 0};
}

/// All rows over one panel of 1 to 4 vectors.
template <class Real>
void gemm_panel(const GemmArgs<Real>& g, Index panel, Index vectors, Index k_block, const WalkPlan<Real>& plan) {
  using Args = GemmArgs<Real>;
  constexpr Index L = lanes<Real>, lines = 4 * L / cache_line<Real>;
  const Index groups = (g.rows + tile_rows - 1) / tile_rows;
  const Index times = following_times(g, groups, lines), spare = groups - times * lines;
  const Real* b = g.b.data + panel * g.b.panel;
  Real* c = g.c.data + panel * g.c.panel;
  // The last groups have a row more, as it is they who ask: more slowly so. (part_of() would divide for each group.)
  const Index size = g.rows / groups, shorter = groups - g.rows % groups;
  const bool walks = plan.pace > 0 && vectors == 4;
  const Index whole_after = g.backwards ? panel : g.vectors / 4 - 1 - panel;
  const typename Tile<Real>::Function tile[] = {
      Tile<Real>::pick(size, vectors, walks), shorter < groups ? Tile<Real>::pick(size + 1, vectors, walks) : nullptr};
  // What lies behind a packed panel mostly comes next, in this call or the one after it. Else the next panel of this
  // call follows, if there is one.
  const Index panels_after = g.backwards ? panel : (g.vectors + 3) / 4 - 1 - panel;
  const bool packed = g.b.row == 4 * L;
  const Real* const next_panel = packed && !g.backwards ? b + g.K * g.b.row
                                 : panels_after == 0    ? nullptr
                                 : g.backwards          ? b - g.b.panel
                                                        : b + g.b.panel;
  Index k0 = 0;
  do {  // once even where K = 0: C0 is then the result
    const Index k1 = k0 + k_block < g.K ? k0 + k_block : g.K;
    const auto start = k0 > 0 && g.start != Args::add ? Args::chain : g.start;
    for (Index i = 0, row = 0; i < groups; ++i) {
      const bool one_more = i >= shorter;
      // A by columns comes from afar.
      Ask<Real> ask = g.a.k_step != 1 ? Ask<Real>{g.a.data + row * g.a.row + (k0 + 16) * g.a.k_step, g.a.k_step}
                      : i >= spare    ? ask_following(k1 < g.K ? b + k1 * g.b.row : next_panel, g.b.row, groups - 1 - i,
                                                   k1 - k0, times)
                                      : Ask<Real>{};
      if (walks)
        ask.walk = plan.walk(g, (whole_after * groups * g.K + groups * (g.K - k0) - i * (k1 - k0)) / k_at_once,
                             (k1 - k0) / k_at_once);
      tile[one_more](g, row, 0, b, c, k0, k1, start, ask);
      row += size + one_more;
    }
    k0 = k1;
  } while (k0 < g.K);
}

/// Whether strips take fewer tiles for so many rows. They read B less often, too.
constexpr bool fewer_by_strips(Index rows) {
  return 4 * ((rows + strip_rows - 1) / strip_rows) < strip_vectors * ((rows + tile_rows - 1) / tile_rows);
}
/// What pick_strip() rests on.
constexpr bool strips_have_6_to_8_rows() {
  for (Index rows = tile_rows + 1; rows <= most_strip_rows; ++rows)
    if (fewer_by_strips(rows) && rows / ((rows + strip_rows - 1) / strip_rows) < 6) return false;
  return true;
}
static_assert(num_vector_registers != 32 || (strip_rows == 8 && strips_have_6_to_8_rows()));

/// Whether so many rows go by strips, over so many packed panels.
template <class Real>
bool by_strips(Index rows, Index K, Index panels) {
  if (num_vector_registers != 32 || rows <= tile_rows || rows > most_strip_rows) return false;
  const Index panel_bytes = K * panel_row_bytes<Real>;
  return panel_bytes <= strip_panel_bytes && panels * panel_bytes <= strip_bytes && fewer_by_strips(rows);
}

/// All rows over the vectors of all panels, three at a time. (From the first panel on: what is multiplied so is in L2
/// whole.)
template <class Real>
void gemm_strips(const GemmArgs<Real>& g) {
  const Index groups = (g.rows + strip_rows - 1) / strip_rows, size = g.rows / groups,
              shorter = groups - g.rows % groups;
  const Index whole = g.vectors / strip_vectors;
  const WalkPlan<Real> plan(g, whole * groups * g.K / k_at_once);
  for (Index v = 0, strip = 0; v < g.vectors; v += strip_vectors, ++strip) {
    const Index vectors = strip < whole ? strip_vectors : g.vectors - v;
    const bool walks = plan.pace > 0 && strip < whole;
    const Real* b = g.b.data + v / 4 * g.b.panel;
    Real* c = g.c.data + v / 4 * g.c.panel;
    for (Index i = 0, row = 0; i < groups; ++i) {
      const Index rows = i >= shorter ? size + 1 : size;
      Ask<Real> ask;
      if (walks) ask.walk = plan.walk(g, ((whole - strip) * groups - i) * g.K / k_at_once, g.K / k_at_once);
      Tile<Real>::pick_strip(rows, vectors, walks)(g, row, v % 4, b, c, 0, g.K, g.start, ask);
      row += rows;
    }
  }
}

template <class Real>
void gemm(const GemmArgs<Real>& g) {
  if (g.rows == 0) return;  // no groups to divide by
  const Index whole = g.vectors / 4;
  Index k_block = g.K;
  const bool adds =
      g.start == GemmArgs<Real>::add;  // block by block: the same blocks whatever the number of rows, then
  const Index block_bytes = adds ? adding_block_bytes : panel_block_bytes;
  if ((g.rows > tile_rows || adds) && g.K * panel_row_bytes < Real >> block_bytes) {
    const Index blocks = (g.K * panel_row_bytes<Real> + block_bytes - 1) / block_bytes;
    k_block = (g.K + blocks - 1) / blocks;
  }
  if (g.rows == 1 && !adds) return gemm_single_row(g);
  if constexpr (num_vector_registers == 32) {
    const bool packed = g.b.row == 4 * lanes<Real> && g.a.k_step == 1 && g.a2.k_step == 1;
    if (!adds && packed && g.vectors > 4 && by_strips<Real>(g.rows, g.K, (g.vectors + 3) / 4)) return gemm_strips(g);
  }
  const WalkPlan<Real> plan(g, (g.rows + tile_rows - 1) / tile_rows * whole * g.K / k_at_once);
  for (Index i = 0; i < whole; ++i) gemm_panel(g, g.backwards ? whole - 1 - i : i, 4, k_block, plan);
  if (g.vectors % 4 != 0) gemm_panel(g, whole, g.vectors % 4, k_block, plan);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
