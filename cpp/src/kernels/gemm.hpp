// The one micro-kernel, and the product of packed panels built on it. Every matrix product of the library
// runs here: W x, R h, their transposes, dW = dZ^T X, Linear.
//
// Each output is one chain of multiply-adds in the order of k (promise 1). Latency is hidden by many independent
// outputs, MR rows x 4 vectors at once (one row: several panels), never by splitting a chain. Blocking K stores and
// reloads accumulators, which rounds nothing.
//
//              b: panel of 4 L columns
//              [k][ L | L | L | L ]          AVX2:    3 x 4 accumulators + 3 broadcasts + 1 vector = 16 registers
//   a: rows    ----------------------        AVX-512: 6 x 4 + 6 + 1 = 31 of 32
//   [r][k] ->  acc[r][0..3]
#pragma once

#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

constexpr int tile_rows = num_vector_registers == 32 ? 6 : 3;
/// Panels that a single row takes at once, so that enough chains are in flight.
constexpr int single_row_panels = num_vector_registers == 32 ? 3 : 3;
/// Bytes of a panel that stay in L1 while all rows sweep over it.
constexpr Index panel_block_bytes = num_vector_registers == 32 ? 65536 : 16384;

template <class Real>
struct Tile {
  using Args = GemmArgs<Real>;
  using V = Vec<Real>;
  static constexpr Index L = lanes<Real>;

  /// MR rows x NV vectors over k0 <= k < k1, all accumulators in registers.
  template <int MR, int NV>
  static void run(const Args& g, const Real* a, const Real* b, Real* c, Index k0, Index k1, typename Args::Start start) {
    V acc[NV][MR];
    const Index b_panel = g.b_panel, c_panel = g.c_panel, c_row = g.c_row, a_row = g.a_row, a_k = g.a_k;
    const auto c_at = [=](int v, int r) [[gnu::always_inline]] { return c + (v / 4) * c_panel + r * c_row + (v % 4) * L; };
    if (start == Args::chain) {
      unroll<NV>([&](auto v) [[gnu::always_inline]] { unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = load(c_at(v, r)); }); });
    } else {
      unroll<NV>([&](auto v) [[gnu::always_inline]] {
        const V first = start == Args::bias ? load(b + (v / 4) * b_panel - 4 * L + (v % 4) * L) : set1<V>(Real(0));
        unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = first; });
      });
    }
    b += k0 * 4 * L;
    for (Index k = k0; k < k1;) {
      const Index block = k / g.a_inner, inner = k - block * g.a_inner;
      const Index n = k1 - k < g.a_inner - inner ? k1 - k : g.a_inner - inner;
      const Real* ak = a + block * g.a_block + inner * a_k;
      k += n;
      for (Index i = 0; i < n; ++i, ak += a_k, b += 4 * L) {
        V row[MR];
        unroll<MR>([&](auto r) [[gnu::always_inline]] { row[r] = splat(ak[r * a_row]); });
        unroll<NV>([&](auto v) [[gnu::always_inline]] {
          V w = load(b + (v / 4) * b_panel + (v % 4) * L);
          pin(w);  // gcc would fold this load into each of the MR multiply-adds
          unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = madd(row[r], w, acc[v][r]); });
        });
      }
    }
    if (start == Args::add) {
      unroll<NV>([&](auto v) [[gnu::always_inline]] {
        unroll<MR>([&](auto r) [[gnu::always_inline]] { acc[v][r] = add(load(c_at(v, r)), acc[v][r]); });
      });
    }
    unroll<NV>([&](auto v) [[gnu::always_inline]] { unroll<MR>([&](auto r) [[gnu::always_inline]] { store(c_at(v, r), acc[v][r]); }); });
  }

  using Function = void (*)(const Args&, const Real*, const Real*, Real*, Index, Index, typename Args::Start);
  template <int MR>
  static Function with_vectors(Index vectors) {
    static constexpr Function by_vectors[] = {run<MR, 1>, run<MR, 2>, run<MR, 3>, run<MR, 4>};
    return by_vectors[vectors - 1];
  }
  static Function pick(Index rows, Index vectors) {
    switch (rows) {
      case 1: return with_vectors<1>(vectors);
      case 2: return with_vectors<2>(vectors);
      case 3: return with_vectors<3>(vectors);
      default: break;
    }
    if constexpr (tile_rows > 3) {
      if (rows == 4) return with_vectors<4>(vectors);
      if (rows == 5) return with_vectors<5>(vectors);
      return with_vectors<6>(vectors);
    }
    return nullptr;
  }
};

/// One row over `panels` full panels, several at a time. Returns the panels done.
template <class Real>
Index gemm_single_row(const GemmArgs<Real>& g, Index panels) {
  constexpr int group = single_row_panels;
  Index p = 0;
  for (; p + group <= panels; p += group)
    Tile<Real>::template run<1, 4 * group>(g, g.a, g.b + p * g.b_panel, g.c + p * g.c_panel, 0, g.K, g.start);
  for (; p + 2 <= panels; p += 2)
    Tile<Real>::template run<1, 8>(g, g.a, g.b + p * g.b_panel, g.c + p * g.c_panel, 0, g.K, g.start);
  return p;
}

template <class Real>
void gemm(const GemmArgs<Real>& g) {
  using Args = GemmArgs<Real>;
  constexpr Index L = lanes<Real>;
  const Index panels = (g.vectors + 3) / 4;
  const Index groups = (g.rows + tile_rows - 1) / tile_rows;
  Index k_block = g.K;
  if (groups > 1 && g.K * 4 * L * Index(sizeof(Real)) > panel_block_bytes) {
    k_block = panel_block_bytes / (4 * L * Index(sizeof(Real)));
    const Index blocks = (g.K + k_block - 1) / k_block;
    k_block = (g.K + blocks - 1) / blocks;
  }
  for (Index p = g.rows == 1 ? gemm_single_row(g, g.vectors / 4) : 0; p < panels; ++p) {
    const Index vectors = g.vectors - 4 * p < 4 ? g.vectors - 4 * p : 4;
    const Real* b = g.b + p * g.b_panel;
    Real* c = g.c + p * g.c_panel;
    Index k0 = 0;
    do {  // once even where K = 0: C0 is then the result
      const Index k1 = k0 + k_block < g.K ? k0 + k_block : g.K;
      const auto start = k0 > 0 && g.start != Args::add ? Args::chain : g.start;
      for (Index i = 0, r = 0; i < groups; ++i) {
        const Index rows = (g.rows - r + groups - i - 1) / (groups - i);  // as even as possible: 7 = 4 + 3
        Tile<Real>::pick(rows, vectors)(g, g.a + r * g.a_row, b, c + r * g.c_row, k0, k1, start);
        r += rows;
      }
      k0 = k1;
    } while (k0 < g.K);
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
