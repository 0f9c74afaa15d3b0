// The one micro-kernel: every matrix product of the library runs here.
//
// Each output is one chain of multiply-adds in the order of k (promise 1). Latency is hidden by computing many
// independent outputs at once, MR rows x NV vectors (a single row: several panels), never by splitting a chain.
//
//              b: panel of 4 L columns
//              [k][ L | L | L | L ]          AVX2:    3 x 4 accumulators + 3 broadcasts + 1 vector = 16 registers
//   a: rows    ----------------------        AVX-512: 6 x 4 + 1 + 4 = 29 of 32
//   [r][k] ->  acc[r][0..3]                  strips of AVX2: 4 x 3 + 1 + 3 = 16 or 2 x 6 + 2 + 1 = 15
//                                            strips of AVX-512: 8 x 3 + 1 + 3 = 28
#pragma once

#include "kernels/gemm/prefetch.hpp"
#include "kernels/gemm/tile_shape.hpp"
#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// The offsets of NV vectors in a row of B or C, from the vector `first` of a panel on.
template <class Real, int NV>
struct Columns {
  Index at[NV];

  [[gnu::always_inline]] Columns(Index panel_stride, Index first) {
    unroll<NV>([&](auto v)
                   EIGENLSTM_INLINED { at[v] = (first + v) / 4 * panel_stride + (first + v) % 4 * lanes<Real>; });
  }
  [[gnu::always_inline]] Index operator()(int v) const { return at[v]; }
};

/// The addresses of MR rows of A at some k. An x86 address may add a register once, twice, four or eight times, so that
/// three pointers reach 8 rows; a pointer for each row would need more registers than there are. (pin: otherwise gcc
/// makes offsets of the pointers.)
template <class Real, int MR>
struct LeftPointers {
  static constexpr int each = MR > tile_rows ? 3 : MR, pointers = (MR + each - 1) / each;
  const Real* at[pointers];
  Index row_stride;

  [[gnu::always_inline]] LeftPointers(const Real* a, Index stride) : row_stride(stride) {
    unroll<pointers>([&](auto i) EIGENLSTM_INLINED {
      at[i] = a + i * each * row_stride;
      if constexpr (pointers > 1) pin(at[i]);
    });
  }
  [[gnu::always_inline]] void advance(Index n) {
    unroll<pointers>([&](auto i) EIGENLSTM_INLINED { at[i] += n; });
  }
  [[gnu::always_inline]] LeftPointers further(Index n) const {
    LeftPointers there = *this;
    there.advance(n);
    return there;
  }
  [[gnu::always_inline]] Real operator()(int r) const { return at[r / each][r % each * row_stride]; }
};

template <class Real>
struct Tile {
  using Args = GemmArgs<Real>;
  using V = Vec<Real>;
  static constexpr Index L = lanes<Real>;

  /// The lines that a cursor prefetches during the next n k: from `soon` on, `pace` apart. n is reduced where the
  /// cursor's lines end earlier. A cursor that has finished, or not begun, stays on a line that the tile writes.
  struct Walk {
    const Real* soon;
    Index pace = 0;
    [[gnu::always_inline]] Walk(PrefetchCursor<Real>& cursor, const Real* written, Index& n) : soon(written) {
      if (cursor.done()) return;
      Index turns = (n + k_unroll - 1) / k_unroll;
      soon = cursor.advance(turns);
      pace = cursor.pace;
      n = n < turns * k_unroll ? n : turns * k_unroll;
    }
    [[gnu::always_inline]] explicit Walk(const Real* written) : soon(written) {}
  };

  /// acc += a b for one k. With 32 registers and several rows, and with 16 and four: first the vectors of B, then row
  /// by row. Otherwise one vector of B after the other over all rows, since 16 registers leave one for it.
  template <int MR, int NV>
  [[gnu::always_inline]] static void multiply_add(V (&acc)[NV][MR], const LeftPointers<Real, MR>& a, const Real* b,
                                                  const Columns<Real, NV>& column) {
    if constexpr (MR > (num_vector_registers == 32 ? 1 : 3)) {
      V w[NV];
      unroll<NV>([&](auto v) EIGENLSTM_INLINED { w[v] = load(b + column(v)); });
      unroll<MR>([&](auto r) EIGENLSTM_INLINED {
        const V left = splat(a(r));
        unroll<NV>([&](auto v) EIGENLSTM_INLINED { madd_to(acc[v][r], left, w[v]); });
      });
    } else {
      V left[MR];
      unroll<MR>([&](auto r) EIGENLSTM_INLINED { left[r] = splat(a(r)); });
      unroll<NV>([&](auto v) EIGENLSTM_INLINED {
        V w = load(b + column(v));
        // gcc would fold the load into each multiply-add, but a core has only two loads a cycle. (With 3 rows, four k
        // unrolled, gcc 12 would spill.)
        if (MR == 2) pin(w);
        unroll<MR>([&](auto r) EIGENLSTM_INLINED { acc[v][r] = madd(left[r], w, acc[v][r]); });
      });
    }
  }

  /// The same for n k: k_unroll of them at a time where B is packed, as its rows are then at constant distances. A line
  /// of `next` is prefetched every `prefetch_every` k (0: never), every fourth k also the one pair_stride after it;
  /// with `walks` one of `soon` at each turn.
  template <int prefetch_every, bool walks, int MR, int NV>
  [[gnu::always_inline]] static void multiply_add(V (&acc)[NV][MR], Index n, LeftPointers<Real, MR> a, Index a_stride,
                                                  const Real* b, Index b_stride, const Columns<Real, NV>& column,
                                                  const Real* next, Index next_stride, Index pair_stride,
                                                  const Real* soon, Index pace) {
    const Real* const b_end = b + n * b_stride;
    for (const Real* const b_unrolled = b_stride == 4 * L ? b + n / k_unroll * k_unroll * 4 * L : b; b != b_unrolled;
         b += k_unroll * 4 * L, a.advance(k_unroll * a_stride)) {
      unroll<k_unroll>([&](auto k)
                           EIGENLSTM_INLINED { multiply_add(acc, a.further(k * a_stride), b + k * 4 * L, column); });
      if (prefetch_every == 1) {
        for (int i = 0; i < k_unroll; ++i) prefetch(next + i * next_stride);
        next += k_unroll * next_stride;
      }
      if (walks) prefetch_to_write(soon), soon += pace;
      if (prefetch_every == 4) prefetch(next), prefetch(next + pair_stride), next += next_stride;
    }
    for (; b != b_end; b += b_stride, a.advance(a_stride)) {
      multiply_add(acc, a, b, column);
      if (prefetch_every == 1) prefetch(next), next += next_stride;
    }
  }

  /// The same with the prefetches of the next block of B that a TilePrefetch says, from `next` on (null: none).
  template <bool walks, int MR, int NV>
  [[gnu::always_inline]] static void multiply_add(V (&acc)[NV][MR], Index n, const LeftPointers<Real, MR>& a,
                                                  Index a_stride, const Real* b, Index b_stride,
                                                  const Columns<Real, NV>& column, const TilePrefetch<Real>& prefetches,
                                                  const Real*& next, const Walk& walk) {
    constexpr bool prefetches_b = MR > 1;
    const Index stride = prefetches.stride;
    const bool fourth = unrolls_four && prefetches_b && next != nullptr && prefetches.every_fourth;
    if constexpr (unrolls_four && prefetches_b) {
      if (fourth) {
        multiply_add<4, walks>(acc, n, a, a_stride, b, b_stride, column, next, stride, prefetches.pair_stride,
                               walk.soon, walk.pace);
        next += n / 4 * stride;
      }
    }
    if constexpr (prefetches_b) {
      if (next != nullptr && !fourth) {
        multiply_add<1, walks>(acc, n, a, a_stride, b, b_stride, column, next, stride, 0, walk.soon, walk.pace);
        next += n * stride;
      }
    }
    if (!prefetches_b || next == nullptr)
      multiply_add<0, walks>(acc, n, a, a_stride, b, b_stride, column, nullptr, 0, 0, walk.soon, walk.pace);
  }

  /// Where the outputs of a tile lie in C: MR rows from `row` on by NV vectors.
  template <int MR, int NV>
  struct Outputs {
    Real* rows[MR];
    Columns<Real, NV> column;

    [[gnu::always_inline]] Outputs(const typename Args::Result& layout, Index row, Real* c, Index first)
        : column(layout.panel_stride, first) {
      Index in_group = row < layout.group_rows ? row : row % layout.group_rows;
      c += row < layout.group_rows ? row * layout.row_stride
                                   : row / layout.group_rows * layout.group_stride + in_group * layout.row_stride;
      unroll<MR>([&](auto r) EIGENLSTM_INLINED {
        rows[r] = c;
        const bool last = ++in_group == layout.group_rows;
        c += last ? layout.group_stride - (layout.group_rows - 1) * layout.row_stride : layout.row_stride;
        if (last) in_group = 0;
      });
    }
    [[gnu::always_inline]] Real* operator()(int v, int r) const { return rows[r] + column(v); }
  };

  /// f(v, r) for each vector and row.
  template <int MR, int NV, class F>
  [[gnu::always_inline]] static void for_each(F&& f) {
    unroll<NV>([&](auto v) EIGENLSTM_INLINED { unroll<MR>([&](auto r) EIGENLSTM_INLINED { f(v, r); }); });
  }

  /// What the sums start from: C, a row of B (`bias`, at the vectors of `column`), or 0.
  template <int MR, int NV>
  [[gnu::always_inline]] static void begin(V (&acc)[NV][MR], typename Args::Start start, const Outputs<MR, NV>& out,
                                           const Real* bias, const Columns<Real, NV>& column) {
    if (start == Args::chain)
      for_each<MR, NV>([&](auto v, auto r) EIGENLSTM_INLINED { acc[v][r] = load(out(v, r)); });
    else
      unroll<NV>([&](auto v) EIGENLSTM_INLINED {
        const V c0 = start == Args::bias ? load(bias + column(v)) : set1<V>(Real(0));
        unroll<MR>([&](auto r) EIGENLSTM_INLINED { acc[v][r] = c0; });
      });
  }
  template <int MR, int NV>
  [[gnu::always_inline]] static void add_outputs(V (&acc)[NV][MR], const Outputs<MR, NV>& out) {
    for_each<MR, NV>([&](auto v, auto r) EIGENLSTM_INLINED { acc[v][r] = add(load(out(v, r)), acc[v][r]); });
  }
  template <int MR, int NV>
  [[gnu::always_inline]] static void store_outputs(const V (&acc)[NV][MR], const Outputs<MR, NV>& out) {
    unroll<MR>([&](auto r)
                   EIGENLSTM_INLINED { unroll<NV>([&](auto v) EIGENLSTM_INLINED { store(out(v, r), acc[v][r]); }); });
  }

  /// MR rows from `row` on by NV vectors over k0 <= k < k1, all accumulators in registers; b and c are the addresses of
  /// the panel in B and C. With Args::add, C += the sum of every `summed` k. A single row prefetches nothing. `walks`
  /// is a template parameter, since two more instructions in a loop of 70 count where two threads share a core. A strip
  /// begins at the panel's vector `first` (otherwise 0); its B is packed and the k_stride of A is 1.
  template <int MR, int NV, bool walks = false, bool strip = false>
  static void run(const Args& g, Index row, Index first, const Real* b, Real* c, Index k0, Index k1, Index summed,
                  typename Args::Start start, const TilePrefetch<Real>& prefetches) {
    V acc[NV][MR];
    const Index b_stride = strip ? 4 * L : g.b.k_stride;
    const Columns<Real, NV> column(g.b.panel_stride, strip ? first : 0);
    const Outputs<MR, NV> out(g.c, row, c, strip ? first : 0);
    begin(acc, start, out, b - b_stride, column);
    b += k0 * b_stride;
    const Real* next = prefetches.next;
    [[maybe_unused]] Index sums_prefetched = 0;
    [[maybe_unused]] PrefetchCursor<Real> cursor = prefetches.cursor;
    Index sum_end = start == Args::add && k0 + summed < k1 ? k0 + summed : k1;
    for (Index k = k0; k < k1;) {
      const bool second = k >= g.split;
      const typename Args::Left& a = second ? g.a2 : g.a;
      const Index from = second ? k - g.split : k, k_stride = strip ? 1 : a.k_stride;
      Index n = (!second && g.split < sum_end ? g.split : sum_end) - k;
      const LeftPointers<Real, MR> ak(a.data + row * a.row_stride + from * k_stride, a.row_stride);
      Walk walk(out.rows[0]);
      if constexpr (walks) walk = Walk(cursor, out.rows[0], n);
      if constexpr (MR > 1) {
        if (start == Args::add) {
          n = n < sums_interval ? n : sums_interval;
          for (Index i = 0; i < sums_per_interval && sums_prefetched < MR * NV; ++i, ++sums_prefetched)
            prefetch(out(int(sums_prefetched % NV), int(sums_prefetched / NV)));
        }
      }
      multiply_add<walks>(acc, n, ak, k_stride, b, b_stride, column, prefetches, next, walk);
      b += n * b_stride;
      k += n;
      if (k < sum_end || k == k1) continue;
      add_outputs(acc, out);
      store_outputs(acc, out);
      for_each<MR, NV>([&](auto v, auto r) EIGENLSTM_INLINED { acc[v][r] = set1<V>(Real(0)); });
      sum_end = k + summed < k1 ? k + summed : k1;
    }
    if (start == Args::add) add_outputs(acc, out);
    store_outputs(acc, out);
  }

  using Function = void (*)(const Args&, Index, Index, const Real*, Real*, Index, Index, Index, typename Args::Start,
                            const TilePrefetch<Real>&);
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
  /// The function for so many rows and vectors: up to 4 vectors, or for a single row those of up to step_panels panels.
  /// `walks` needs several rows and 4 vectors.
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

  template <int MR, int... i>
  static Function strip_of(Index vectors, bool walks, std::integer_sequence<int, i...>) {
    static constexpr Function by_vectors[] = {run<MR, i + 1, false, true>...};
    return walks ? run<MR, sizeof...(i), true, true> : by_vectors[vectors - 1];
  }
  /// The function for a strip of so many rows: up to strip_vectors(rows) vectors, or with `walks` just as many.
  template <int MR = fewest_strip_rows>
  static Function pick_strip(Index rows, Index vectors, bool walks) {
    if constexpr (MR < strip_rows)
      if (rows > MR) return pick_strip<MR + 1>(rows, vectors, walks);
    return strip_of<MR>(vectors, walks, std::make_integer_sequence<int, strip_vectors(MR)>{});
  }
};

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
