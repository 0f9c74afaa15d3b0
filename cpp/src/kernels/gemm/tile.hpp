// The one micro-kernel: every matrix product of the library runs here.
//
// Each output is one chain of multiply-adds in the order of k (promise 1). Latency is hidden by many independent
// outputs, MR rows x NV vectors at once (one row: several panels), never by splitting a chain.
//
//              b: panel of 4 L columns
//              [k][ L | L | L | L ]          AVX2:    3 x 4 accumulators + 3 broadcasts + 1 vector = 16 registers
//   a: rows    ----------------------        AVX-512: 6 x 4 + 1 + 4 = 29 of 32
//   [r][k] ->  acc[r][0..3]                  a strip: 8 x 3 + 1 + 3 = 28
#pragma once

#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

constexpr int tile_rows = num_vector_registers == 32 ? 6 : 3;
/// How many k a tile takes per turn of its loop. With 16 registers four, as a k of 12 multiply-adds takes 6 cycles, in
/// which the front end that two threads of a core share brings only 18 instructions. With 32 registers two: four give
/// nothing.
constexpr int k_at_once = num_vector_registers == 32 ? 2 : 4;
constexpr bool four_at_once = k_at_once == 4;
/// The other shape of a tile with 32 registers: rows of A that are eight or a few times eight read B less often so. A
/// strip goes on from panel to panel.
constexpr int strip_rows = 8, strip_vectors = 3;

/// A walk through what comes soon: at each turn of a tile's loop (k_at_once k) it asks for the line where it is and
/// goes `pace` values on. So slowly that lines from afar, each of which takes a core's fill buffer for some 100 ns,
/// leave enough of them to the product; where it asks for a line twice, that costs nothing, and where it must go faster
/// than a line a turn, it leaves lines out. Beyond `end`: nothing.
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

/// The cache lines that a tile asks for: from `next` on, `step` apart (null: none), one at each k, or at each fourth
/// that one and the one `apart` values further; and those of a walk.
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
constexpr Index slowest_pace = cache_line<Real>* k_at_once / 4;

/// Of the sums that a tile adds to, it asks for two vectors every 32 k. All at once they would take most of the misses
/// that a core may have under way (some twenty), and B would wait.
constexpr Index sums_every = 32, sums_at_once = 2;

/// Where the NV vectors of a row of B or C stand, from a panel's vector `first` on.
template <class Real, int NV>
struct Columns {
  Index at[NV];

  [[gnu::always_inline]] Columns(Index panel, Index first) {
    unroll<NV>([&](auto v) [[gnu::always_inline]] { at[v] = (first + v) / 4 * panel + (first + v) % 4 * lanes<Real>; });
  }
  [[gnu::always_inline]] Index operator()(int v) const { return at[v]; }
};

/// MR rows of A at some k. An address takes a register once, twice, four or eight times, so that 8 rows have three
/// pointers: a distance of each row would need more registers than there are. (pin: gcc would make distances of them.)
template <class Real, int MR>
struct LeftRows {
  static constexpr int each = MR > tile_rows ? 3 : MR, pointers = (MR + each - 1) / each;
  const Real* at[pointers];
  Index row;

  [[gnu::always_inline]] LeftRows(const Real* a, Index row_) : row(row_) {
    unroll<pointers>([&](auto i) [[gnu::always_inline]] {
      at[i] = a + i * each * row;
      if constexpr (pointers > 1) pin(at[i]);
    });
  }
  [[gnu::always_inline]] void go(Index n) {
    unroll<pointers>([&](auto i) [[gnu::always_inline]] { at[i] += n; });
  }
  [[gnu::always_inline]] LeftRows further(Index n) const {
    LeftRows there = *this;
    there.go(n);
    return there;
  }
  [[gnu::always_inline]] Real operator()(int r) const { return at[r / each][r % each * row]; }
};

template <class Real>
struct Tile {
  using Args = GemmArgs<Real>;
  using V = Vec<Real>;
  static constexpr Index L = lanes<Real>;

  /// acc += a b for n k, k_at_once at a time where B is packed: its rows are then at constant distances. `asks_every`:
  /// it asks for the lines of an Ask at each so many k (0: for none). `walks`: and at each turn for the line at `soon`.
  template <int asks_every, bool walks, int MR, int NV>
  [[gnu::always_inline]] static void multiply_add(V (&acc)[NV][MR], Index n, LeftRows<Real, MR> a, Index k_step,
                                                  const Real* b, Index b_row, const Columns<Real, NV>& column,
                                                  const Real* next, Index step, Index apart, const Real* soon,
                                                  Index pace) {
    const Real* const b_end = b + n * b_row;
    for (const Real* const b_whole = b_row == 4 * L ? b + n / k_at_once * k_at_once * 4 * L : b; b != b_whole;
         b += k_at_once * 4 * L, a.go(k_at_once * k_step)) {
      unroll<k_at_once>(
          [&](auto k) [[gnu::always_inline]] { multiply_add(acc, a.further(k * k_step), b + k * 4 * L, column); });
      if (asks_every == 1) {
        for (int i = 0; i < k_at_once; ++i) prefetch(next + i * step);
        next += k_at_once * step;
      }
      if (walks) prefetch_to_write(soon), soon += pace;
      if (asks_every == 4) prefetch(next), prefetch(next + apart), next += step;
    }
    for (; b != b_end; b += b_row, a.go(k_step)) {
      multiply_add(acc, a, b, column);
      if (asks_every == 1) prefetch(next), next += step;
    }
  }
  /// The same for one k. With 32 registers and several rows: the vectors of B first, then row by row. Else vector by
  /// vector of B over all rows, as 16 registers leave one for it.
  template <int MR, int NV>
  [[gnu::always_inline]] static void multiply_add(V (&acc)[NV][MR], const LeftRows<Real, MR>& a, const Real* b,
                                                  const Columns<Real, NV>& column) {
    if constexpr (num_vector_registers == 32 && MR > 1) {
      V w[NV];
      unroll<NV>([&](auto v) [[gnu::always_inline]] { w[v] = load(b + column(v)); });
      unroll<MR>([&](auto r) [[gnu::always_inline]] {
        const V left = splat(a(r));
        unroll<NV>([&](auto v) [[gnu::always_inline]] { madd_to(acc[v][r], left, w[v]); });
      });
    } else {
      V left[MR];
      unroll<MR>([&](auto r) [[gnu::always_inline]] { left[r] = splat(a(r)); });
      unroll<NV>([&](auto v) [[gnu::always_inline]] {
        V w = load(b + column(v));
        // gcc would fold the load into each multiply-add: two loads a cycle are all there are. (With 3 rows by four k
        // gcc 12 would spill.)
        if (MR == 2) pin(w);
        unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = madd(left[r], w, acc[v][r]); });
      });
    }
  }

  /// MR rows from `row` on x NV vectors over k0 <= k < k1, all accumulators in registers. A single row asks for
  /// nothing. (Walking is a function of its own: two instructions more in a loop of 70, which count where two threads
  /// share a core.) A strip begins at the panel's vector `first` (else 0). It asks for nothing, but may walk; its B is
  /// packed, and k_step of A is 1.
  template <int MR, int NV, bool walks = false, bool strip = false>
  static void run(const Args& g, Index row, Index first, const Real* b, Real* c, Index k0, Index k1,
                  typename Args::Start start, const Ask<Real>& ask) {
    V acc[NV][MR];
    [[maybe_unused]] const Index step = ask.step;
    const Index b_row = strip ? 4 * L : g.b.row;
    const Index begin = strip ? first : 0;  // a constant
    const Columns<Real, NV> b_column(g.b.panel, begin), c_column(g.c.panel, begin);
    Real* c_rows[MR];
    Index in_block = row < g.c.inner ? row : row % g.c.inner;
    c += row < g.c.inner ? row * g.c.row : row / g.c.inner * g.c.block + in_block * g.c.row;
    unroll<MR>([&](auto r) [[gnu::always_inline]] {
      c_rows[r] = c;
      const bool last = ++in_block == g.c.inner;
      c += last ? g.c.block - (g.c.inner - 1) * g.c.row : g.c.row;
      if (last) in_block = 0;
    });
    const auto c_at = [&](int v, int r) [[gnu::always_inline]] { return c_rows[r] + c_column(v); };
    if (start == Args::chain) {
      unroll<NV>([&](auto v) [[gnu::always_inline]] {
        unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = load(c_at(v, r)); });
      });
    } else {
      unroll<NV>([&](auto v) [[gnu::always_inline]] {
        const V c0 = start == Args::bias ? load(b + b_column(v) - b_row) : set1<V>(Real(0));
        unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = c0; });
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
      const Index k_step = strip ? 1 : a.k_step;
      Index n = end - k;
      const LeftRows<Real, MR> ak(a.data + row * a.row + from * k_step, a.row);
      [[maybe_unused]] const Real* soon =
          c_rows[0];  // the walk has ended, or not begun: a line that is this tile's to write
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
          for (Index i = 0; i < sums_at_once && sums_asked < MR * NV; ++i, ++sums_asked)
            prefetch(c_at(int(sums_asked % NV), int(sums_asked / NV)));
        }
      }
      constexpr bool asks = MR > 1 && !strip;
      const bool fourth = four_at_once && asks && next != nullptr && ask.every_fourth;
      if constexpr (four_at_once && asks) {
        if (fourth) {
          multiply_add<4, walks>(acc, n, ak, k_step, b, b_row, b_column, next, step, ask.apart, soon, pace);
          next += n / 4 * step;
        }
      }
      if constexpr (asks) {
        if (next != nullptr && !fourth) {
          multiply_add<1, walks>(acc, n, ak, k_step, b, b_row, b_column, next, step, 0, soon, pace);
          next += n * step;
        }
      }
      if (!asks || next == nullptr)
        multiply_add<0, walks>(acc, n, ak, k_step, b, b_row, b_column, nullptr, 0, 0, soon, pace);
      b += n * b_row;
      k += n;
    }
    if (start == Args::add) {
      unroll<NV>([&](auto v) [[gnu::always_inline]] {
        unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = add(load(c_at(v, r)), acc[v][r]); });
      });
    }
    unroll<MR>([&](auto r) [[gnu::always_inline]] {
      unroll<NV>([&](auto v) [[gnu::always_inline]] { store(c_at(v, r), acc[v][r]); });
    });
  }

  using Function = void (*)(const Args&, Index, Index, const Real*, Real*, Index, Index, typename Args::Start,
                            const Ask<Real>&);
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
      case 1: return single_row(vectors, std::make_integer_sequence<int, 4 * step_panels>{});
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

  template <int MR>
  static Function strip_of(Index vectors, bool walks) {
    static constexpr Function by_vectors[] = {run<MR, 1, false, true>, run<MR, 2, false, true>,
                                              run<MR, 3, false, true>};
    return walks ? run<MR, 3, true, true> : by_vectors[vectors - 1];
  }
  /// For strips, with 32 registers: 6 to 8 rows, `vectors` <= 3. `walks`: only of 3.
  static Function pick_strip(Index rows, Index vectors, bool walks) {
    return rows == 8   ? strip_of<8>(vectors, walks)
           : rows == 7 ? strip_of<7>(vectors, walks)
                       : strip_of<6>(vectors, walks);
  }
};

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
