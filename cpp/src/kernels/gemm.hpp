// The one micro-kernel, and the product of packed panels built on it. Every matrix product of the library
// runs here: W x, R h, their transposes, dW = dZ^T X, Linear.
//
// Each output is one chain of multiply-adds in the order of k (promise 1). Latency is hidden by many independent
// outputs, MR rows x 4 vectors at once (one row: several panels), never by splitting a chain. Blocking K stores and
// reloads accumulators, which rounds nothing; but a product that is added to C adds each block's chain, in blocks that depend on K alone.
//
//              b: panel of 4 L columns
//              [k][ L | L | L | L ]          AVX2:    3 x 4 accumulators + 3 broadcasts + 1 vector = 16 registers
//   a: rows    ----------------------        AVX-512: 6 x 4 + 1 + 4 = 29 of 32
//   [r][k] ->  acc[r][0..3]
#pragma once

#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

constexpr int tile_rows = num_vector_registers == 32 ? 6 : 3;
/// How many k a tile takes per turn of its loop. With 16 registers four, as a k of 12 multiply-adds takes 6 cycles, in which the front end that two
/// threads of a core share brings only 18 instructions. With 32 registers two: of four k with 24 multiply-adds gcc 12 spills every sum.
constexpr int k_at_once = num_vector_registers == 32 ? 2 : 4;
constexpr bool four_at_once = k_at_once == 4;
/// Panels that a single row takes at once, so that enough chains are in flight.
constexpr int single_row_panels = 3;
/// Bytes of a panel that all rows sweep over before they turn to the next ones: B then comes from L2. Blocks that fit L1 would store and load
/// the tile more often. A product that adds is blocked by itself: its bits depend on the size, and its B may be rows far apart.
constexpr Index panel_block_bytes = num_vector_registers == 32 ? 196608 : 65536;
constexpr Index adding_block_bytes = num_vector_registers == 32 ? 196608 : 32768;

/// A walk through what comes soon: at each turn of a tile's loop (k_at_once k) it asks for the line where it is and goes `pace` values on. So slowly
/// that lines from afar, each of which takes a core's fill buffer for some 100 ns, leave enough of them to the product; where it asks for a line twice,
/// that costs nothing, and where it must go faster than a line a turn, it leaves lines out. Beyond `end`: nothing.
template <class Real>
struct Walk {
  const Soon<Real>*soon = nullptr, *end = nullptr;
  Index at = 0, pace = 0;  // values; `at`: of *soon
  bool ends() const { return soon == end; }

  /// Where the next turns begin: at most `turns`, fewer where a row ends before.
  const Real* go(Index& turns) {
    const Index row_values = soon->lines * cache_line<Real>, row = at / row_values, in_row = at - row * row_values;
    const Index rest = (row_values - in_row + pace - 1) / pace;
    if (rest < turns) turns = rest;
    const Real* const from = soon->data + row * soon->row + in_row;
    at += turns * pace;
    if (at >= soon->rows * row_values) at = 0, ++soon;
    return from;
  }
};

/// The cache lines that a tile asks for: from `next` on, `step` apart (null: none), one at each k, or at each fourth that one and the one `apart`
/// values further; and those of a walk.
template <class Real>
struct Ask {
  const Real* next = nullptr;
  Index step = cache_line<Real>;
  bool every_fourth = false;
  Index apart = 0;
  Walk<Real> walk{};
};

/// With fewer rows, to begin a walk costs more than it gives.
constexpr Index walking_rows = 2 * tile_rows;
/// A line each 4 k, at least.
template <class Real>
constexpr Index slowest_pace = cache_line<Real> * k_at_once / 4;

/// Of the sums that a tile adds to, it asks for two vectors every 32 k. All at once they would take most of the misses that a core may have
/// under way (some twenty), and B would wait.
constexpr Index sums_every = 32, sums_at_once = 2;

template <class Real>
struct Tile {
  using Args = GemmArgs<Real>;
  using V = Vec<Real>;
  static constexpr Index L = lanes<Real>;

  /// acc += a b for n k, k_at_once at a time where B is packed: its rows are then at constant distances. `asks_every`: it asks for the lines of an
  /// Ask at each so many k (0: for none). `walks`: and at each turn for the line at `soon`.
  template <int asks_every, bool walks, int MR, int NV>
  [[gnu::always_inline]] static void multiply_add(V (&acc)[NV][MR], Index n, const Real* a, Index a_row, Index k_step, const Real* b, Index b_row,
                                                  Index b_panel, const Real* next, Index step, Index apart, const Real* soon, Index pace) {
    const Real* const b_end = b + n * b_row;
    for (const Real* const b_whole = b_row == 4 * L ? b + n / k_at_once * k_at_once * 4 * L : b; b != b_whole;
         b += k_at_once * 4 * L, a += k_at_once * k_step) {
      multiply_add(acc, a, a_row, b, b_panel);
      multiply_add(acc, a + k_step, a_row, b + 4 * L, b_panel);
      if constexpr (four_at_once) {
        multiply_add(acc, a + 2 * k_step, a_row, b + 8 * L, b_panel);
        multiply_add(acc, a + 3 * k_step, a_row, b + 12 * L, b_panel);
      }
      if (asks_every == 1) {
        for (int i = 0; i < k_at_once; ++i) prefetch(next + i * step);
        next += k_at_once * step;
      }
      if (walks) prefetch_to_write(soon), soon += pace;
      if (asks_every == 4) prefetch(next), prefetch(next + apart), next += step;
    }
    for (; b != b_end; b += b_row, a += k_step) {
      multiply_add(acc, a, a_row, b, b_panel);
      if (asks_every == 1) prefetch(next), next += step;
    }
  }
  /// The same for one k. With 32 registers and several rows: the vectors of B first, then row by row. Else vector by vector of B over all rows, as 16
  /// registers leave one for it.
  template <int MR, int NV>
  [[gnu::always_inline]] static void multiply_add(V (&acc)[NV][MR], const Real* a, Index a_row, const Real* b, Index b_panel) {
    const auto b_at = [&](int v) [[gnu::always_inline]] { return b + (v / 4) * b_panel + (v % 4) * L; };
    // gcc would fold the loads that are pinned into each multiply-add: two loads a cycle are all there are.
    if constexpr (num_vector_registers == 32 && MR > 1) {
      V w[NV];
      unroll<NV>([&](auto v) [[gnu::always_inline]] { V x = load(b_at(v)); pin(x); w[v] = x; });
      unroll<MR>([&](auto r) [[gnu::always_inline]] {
        V left = splat(a[r * a_row]);
        pin(left);
        unroll<NV>([&](auto v) [[gnu::always_inline]] { acc[v][r] = madd(left, w[v], acc[v][r]); });
      });
    } else {
      V left[MR];
      unroll<MR>([&](auto r) [[gnu::always_inline]] { left[r] = splat(a[r * a_row]); });
      unroll<NV>([&](auto v) [[gnu::always_inline]] {
        V w = load(b_at(v));
        if (MR == 2) pin(w);  // 3 rows by four k: gcc 12 would spill
        unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = madd(left[r], w, acc[v][r]); });
      });
    }
  }

  /// MR rows from `row` on x NV vectors over k0 <= k < k1, all accumulators in registers. A single row asks for nothing.
  /// (Walking is a function of its own: two instructions more in a loop of 70, which count where two threads share a core.)
  template <int MR, int NV, bool walks = false>
  static void run(const Args& g, Index row, const Real* b, Real* c, Index k0, Index k1, typename Args::Start start,
                  const Ask<Real>& ask) {
    V acc[NV][MR];
    [[maybe_unused]] const Index step = ask.step;
    const Index b_panel = g.b.panel, b_row = g.b.row, c_panel = g.c.panel;
    Real* c_rows[MR];
    Index in_block = row < g.c.inner ? row : row % g.c.inner;
    c += row < g.c.inner ? row * g.c.row : row / g.c.inner * g.c.block + in_block * g.c.row;
    unroll<MR>([&](auto r) [[gnu::always_inline]] {
      c_rows[r] = c;
      const bool last = ++in_block == g.c.inner;
      c += last ? g.c.block - (g.c.inner - 1) * g.c.row : g.c.row;
      if (last) in_block = 0;
    });
    const auto c_at = [&](int v, int r) [[gnu::always_inline]] { return c_rows[r] + (v / 4) * c_panel + (v % 4) * L; };
    if (start == Args::chain) {
      unroll<NV>([&](auto v) [[gnu::always_inline]] { unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = load(c_at(v, r)); }); });
    } else {
      unroll<NV>([&](auto v) [[gnu::always_inline]] {
        const V first = start == Args::bias ? load(b + (v / 4) * b_panel - b_row + (v % 4) * L) : set1<V>(Real(0));
        unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = first; });
      });
    }
    b += k0 * b_row;
    [[maybe_unused]] const Real* next = ask.next;
    [[maybe_unused]] Index sums_asked = 0;
    [[maybe_unused]] Walk<Real> walk = ask.walk;
    for (Index k = k0; k < k1;) {
      const bool second = k >= g.split;
      const typename Args::Left& a = second ? g.a2 : g.a;
      const Index from = second ? k - g.split : k, end = !second && g.split < k1 ? g.split : k1;
      const Index a_row = a.row, k_step = a.k_step;
      Index n = end - k;
      const Real* const ak = a.data + row * a_row + from * k_step;
      [[maybe_unused]] const Real* soon = c_rows[0];  // the walk has ended, or not begun: a line that is this tile's to write
      [[maybe_unused]] Index pace = 0;
      if constexpr (walks) {
        if (!walk.ends()) {
          Index turns = (n + k_at_once - 1) / k_at_once;
          soon = walk.go(turns);
          pace = walk.pace;
          n = n < turns * k_at_once ? n : turns * k_at_once;
        }
      }
      if constexpr (MR > 1) {
        if (start == Args::add) {
          n = n < sums_every ? n : sums_every;
          for (Index i = 0; i < sums_at_once && sums_asked < MR * NV; ++i, ++sums_asked) prefetch(c_at(int(sums_asked % NV), int(sums_asked / NV)));
        }
      }
      const bool fourth = four_at_once && MR > 1 && next != nullptr && ask.every_fourth;
      if constexpr (four_at_once && MR > 1) {
        if (fourth) {
          multiply_add<4, walks>(acc, n, ak, a_row, k_step, b, b_row, b_panel, next, step, ask.apart, soon, pace);
          next += n / 4 * step;
        }
      }
      if constexpr (MR > 1) {
        if (next != nullptr && !fourth) {
          multiply_add<1, walks>(acc, n, ak, a_row, k_step, b, b_row, b_panel, next, step, 0, soon, pace);
          next += n * step;
        }
      }
      if (MR == 1 || next == nullptr) multiply_add<0, walks>(acc, n, ak, a_row, k_step, b, b_row, b_panel, nullptr, 0, 0, soon, pace);
      b += n * b_row;
      k += n;
    }
    if (start == Args::add) {
      unroll<NV>([&](auto v) [[gnu::always_inline]] {
        unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = add(load(c_at(v, r)), acc[v][r]); });
      });
    }
    unroll<MR>([&](auto r) [[gnu::always_inline]] { unroll<NV>([&](auto v) [[gnu::always_inline]] { store(c_at(v, r), acc[v][r]); }); });
  }

  using Function = void (*)(const Args&, Index, const Real*, Real*, Index, Index, typename Args::Start, const Ask<Real>&);
  template <int MR>
  static Function with_vectors(Index vectors, bool walks) {
    static constexpr Function by_vectors[] = {run<MR, 1>, run<MR, 2>, run<MR, 3>, run<MR, 4>};
    return walks ? run<MR, 4, true> : by_vectors[vectors - 1];
  }
  template <int... i>
  static Function single_row(Index vectors, std::integer_sequence<int, i...>) {
    static constexpr Function by_vectors[] = {run<1, i + 1>...};
    return by_vectors[vectors - 1];
  }
  /// `vectors` <= 4, or for one row all of its panels. `walks`: only of several rows and 4 vectors.
  static Function pick(Index rows, Index vectors, bool walks) {
    switch (rows) {
      case 1: return single_row(vectors, std::make_integer_sequence<int, 4 * single_row_panels>{});
      case 2: return with_vectors<2>(vectors, walks);
      case 3: return with_vectors<3>(vectors, walks);
      default: break;
    }
    if constexpr (tile_rows > 3) {
      if (rows == 4) return with_vectors<4>(vectors, walks);
      if (rows == 5) return with_vectors<5>(vectors, walks);
      return with_vectors<6>(vectors, walks);
    }
    return nullptr;
  }
};

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
  const Index panels = (g.vectors + 3) / 4, groups = (panels + single_row_panels - 1) / single_row_panels;
  for (Index i = 0; i < groups; ++i) {
    const Part p = part_of(panels, groups, g.backwards ? groups - 1 - i : i);
    const Index rest = g.vectors - 4 * p.begin, vectors = rest < 4 * p.size ? rest : 4 * p.size;
    const Real* b = g.b.data + p.begin * g.b.panel;
    Tile<Real>::pick(1, vectors, false)(g, 0, b, g.c.data + p.begin * g.c.panel, 0, g.K, g.start, {});
  }
}

/// How a product walks through what comes soon, in its whole panels: so that it is through at their end, and begins no earlier than it must, as what
/// was asked for early would have to stay in L2 beside all of B.
template <class Real>
struct WalkPlan {
  Index values = 0, pace = 0;

  explicit WalkPlan(const GemmArgs<Real>& g) {
    if (g.num_soon == 0 || g.rows < walking_rows) return;
    for (Index i = 0; i < g.num_soon; ++i) values += g.soon[i].rows * g.soon[i].lines * cache_line<Real>;
    const Index turns = (g.rows + tile_rows - 1) / tile_rows * (g.vectors / 4) * g.K / k_at_once;
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

/// The block of B that follows has `lines` cache lines for each k, and the last groups of rows ask for them: `lines` groups a line at each k; or,
/// where B is packed, two or four times as many, two lines or one at each fourth k. From L3 fewer at a time come with less waiting.
template <class Real>
Index following_times(const GemmArgs<Real>& g, Index groups, Index lines) {
  if (!four_at_once || g.b.row != 4 * lanes<Real> || groups < 2 * lines || g.K == 0) return 1;
  return groups >= 4 * lines ? 4 : 2;
}

/// What the group number `asker` from the end asks for of the block `following`, rows b_row apart. (Of pieces of K that are no multiple of four, up
/// to three k ask for nothing.)
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
  // Rows in groups as even as possible, cut as part_of() cuts them but without its divisions: one for each group would take as long as several
  // k. `longer` groups have a row more.
  const Index size = g.rows / groups, longer = g.rows % groups;
  const bool walks = plan.pace > 0 && vectors == 4;
  const Index whole_after = g.backwards ? panel : g.vectors / 4 - 1 - panel;
  const typename Tile<Real>::Function tile[] = {Tile<Real>::pick(size, vectors, walks),
                                               longer > 0 ? Tile<Real>::pick(size + 1, vectors, walks) : nullptr};
  // What lies behind a packed panel mostly comes next, in this call or the one after it. Else the next panel of this call follows, if there is one.
  const Index panels_after = g.backwards ? panel : (g.vectors + 3) / 4 - 1 - panel;
  const bool packed = g.b.row == 4 * L;
  const Real* const next_panel = packed && !g.backwards ? b + g.K * g.b.row
                                 : panels_after == 0    ? nullptr
                                                        : g.backwards ? b - g.b.panel : b + g.b.panel;
  Index k0 = 0;
  do {  // once even where K = 0: C0 is then the result
    const Index k1 = k0 + k_block < g.K ? k0 + k_block : g.K;
    const auto start = k0 > 0 && g.start != Args::add ? Args::chain : g.start;
    for (Index i = 0, row = 0, excess = 0; i < groups; ++i) {
      excess += longer;
      const bool one_more = excess >= groups;
      if (one_more) excess -= groups;
      // A by columns comes from afar.
      Ask<Real> ask = g.a.k_step != 1 ? Ask<Real>{g.a.data + row * g.a.row + (k0 + 16) * g.a.k_step, g.a.k_step}
                      : i >= spare    ? ask_following(k1 < g.K ? b + k1 * g.b.row : next_panel, g.b.row, groups - 1 - i, k1 - k0, times)
                                      : Ask<Real>{};
      if (walks) ask.walk = plan.walk(g, (whole_after * groups * g.K + groups * (g.K - k0) - i * (k1 - k0)) / k_at_once, (k1 - k0) / k_at_once);
      tile[one_more](g, row, b, c, k0, k1, start, ask);
      row += size + one_more;
    }
    k0 = k1;
  } while (k0 < g.K);
}

template <class Real>
void gemm(const GemmArgs<Real>& g) {
  if (g.rows == 0) return;  // no groups to divide by
  constexpr Index panel_bytes = 4 * lanes<Real> * Index(sizeof(Real));
  const Index whole = g.vectors / 4;
  Index k_block = g.K;
  const bool adds = g.start == GemmArgs<Real>::add;  // block by block: the same blocks whatever the number of rows, then
  const Index block_bytes = adds ? adding_block_bytes : panel_block_bytes;
  if ((g.rows > tile_rows || adds) && g.K * panel_bytes > block_bytes) {
    const Index blocks = (g.K * panel_bytes + block_bytes - 1) / block_bytes;
    k_block = (g.K + blocks - 1) / blocks;
  }
  if (g.rows == 1 && !adds) return gemm_single_row(g);
  const WalkPlan<Real> plan(g);
  for (Index i = 0; i < whole; ++i) gemm_panel(g, g.backwards ? whole - 1 - i : i, 4, k_block, plan);
  if (g.vectors % 4 != 0) gemm_panel(g, whole, g.vectors % 4, k_block, plan);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
