// The LSTM cell on a tile of pre-activations [row][4 gates][L units], and its twin.
//
// Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000:
//   i = sigmoid(z_i)  f = sigmoid(z_f)  g = tanh(z_g)  o = sigmoid(z_o)
//   c = f c_prev + i g        h = o tanh(c)
#pragma once

#include "kernels/math.hpp"
#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// How the cell stores y.
enum class Stored { no, in_caches, past_caches };

template <Stored how, class Real>
[[gnu::always_inline]] inline void store_as(Real* p, Vec<Real> v) {
  if constexpr (how == Stored::in_caches) store(p, v);
  if constexpr (how == Stored::past_caches) store_past_caches(p, v);
}

/// Rows of one panel from some row on, or panels of a single row. (Not StepArgs: gcc reads that again after each store
/// of a vector, which may alias anything.)
template <class Real>
struct CellRows {
  const Real *z, *c_prev;
  Real *c, *h, *y, *gates;
  Index z_row, c_prev_row, c_row, h_row, y_row, gates_row;

  template <bool keep, Stored y_stored>
  [[gnu::always_inline]] void skip(Index n) {
    z += n * z_row, c_prev += n * c_prev_row, c += n * c_row, h += n * h_row;
    if (keep) gates += n * gates_row;
    if (y_stored != Stored::no) y += n * y_row;
  }
};

/// Rows whose exponentials go side by side: each takes three registers, and one more for what it has already.
template <class Real>
constexpr int cell_rows = num_vector_registers == 32 ? 4
                          : sizeof(Real) == 4        ? 3
                                                     : 2;

/// N rows, gate by gate.
template <class Real, bool keep, Stored y_stored, int N>
[[gnu::always_inline]] inline void cell_forward_rows(const CellRows<Real>& rows) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const V one = set1<V>(Real(1)), half = set1<V>(Real(0.5));
  V y[N], d[N], c[N];
  const auto load_gate = [&](V(&out)[N], Index gate) [[gnu::always_inline]] {
    unroll<N>([&](auto n) [[gnu::always_inline]] { out[n] = load(rows.z + n * rows.z_row + gate * L); });
  };
  load_gate(y, 2);
  tanh_numerators(y);
  load_gate(d, 0);
  half_sigmoid_denominators(d);
  unroll<N>([&](auto n) [[gnu::always_inline]] {
    const V e = add(y[n], one), per_ig = div(half, mul(d[n], e));
    c[n] = mul(y[n], per_ig);
    if (keep)
      store(rows.gates + n * rows.gates_row, mul(e, per_ig)),
          store(rows.gates + n * rows.gates_row + 2 * L, div(y[n], e));
  });
  load_gate(d, 1);
  half_sigmoid_denominators(d);
  unroll<N>([&](auto n) [[gnu::always_inline]] {
    const V f = div(half, d[n]);
    if (keep) store(rows.gates + n * rows.gates_row + L, f);
    c[n] = madd(f, load(rows.c_prev + n * rows.c_prev_row), c[n]);
    store(rows.c + n * rows.c_row, c[n]);
  });
  load_gate(d, 3);
  half_sigmoid_denominators(d);
  tanh_numerators(c);
  unroll<N>([&](auto n) [[gnu::always_inline]] {
    const V e = add(c[n], one), per_oc = div(half, mul(d[n], e)), h = mul(c[n], per_oc);
    store(rows.h + n * rows.h_row, h);
    if (keep) store(rows.gates + n * rows.gates_row + 3 * L, mul(e, per_oc));
    store_as<y_stored>(rows.y + n * rows.y_row, h);
  });
}

/// A panel of L units; or of a single row several, z_panel apart, which then go side by side as rows do. `keep`: store
/// i f g o for the backward pass. Inference and training take the same path to c and h, so that they give the same
/// bits.
///
/// With sigmoid(x) = 0.5 / d(x) and tanh(x) = y / (y + 1) (activations.hpp), i g = 0.5 y_g / (d_i (y_g + 1)) and h = o
/// tanh(c) likewise take one division each: three in all instead of five. Where a product of denominators overflows, it
/// makes them 0 instead of less than 1e-30.
template <class Real, bool keep, Stored y_stored>
void cell_forward(const StepArgs<Real>& s, Index panel, Index panels, const Real* z, Index z_panel) {
  constexpr Index L = lanes<Real>;
  const Index unit = panel * L;
  const bool single = s.rows == 1;
  CellRows<Real> rows{z,
                      s.c_prev + unit,
                      s.c + unit,
                      s.h + unit,
                      y_stored != Stored::no ? s.y + unit : nullptr,
                      keep ? s.gates + panel * s.gates_panel : nullptr,
                      single ? z_panel : 4 * L,
                      single ? L : s.c_prev_row,
                      single ? L : s.c_row,
                      single ? L : s.h_row,
                      single ? L : s.y_row,
                      single ? s.gates_panel : 4 * L};
  constexpr int N = cell_rows<Real>;
  Index n = single ? panels : s.rows;
  for (; n >= N; n -= N) cell_forward_rows<Real, keep, y_stored, N>(rows), rows.template skip<keep, y_stored>(N);
  if (N > 3 && n == 3) cell_forward_rows<Real, keep, y_stored, 3>(rows);
  if (N > 2 && n == 2) cell_forward_rows<Real, keep, y_stored, 2>(rows);
  if (n == 1) cell_forward_rows<Real, keep, y_stored, 1>(rows);
}

template <class Real>
void cell_backward(const StepBackwardArgs<Real>& s, Index panel) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const V one = set1<V>(Real(1));
  const Real* gates = s.gates + panel * s.gates_panel;
  Real* dz = s.dz + panel * 4 * L;
  for (Index r = 0; r < s.rows; ++r, gates += 4 * L, dz += s.dz_row) {
    const Index u = panel * L;
    const V i = load(gates), f = load(gates + L), g = load(gates + 2 * L), o = load(gates + 3 * L);
    const V tanh_c = tanh(load(s.c + r * s.c_row + u));
    const V dh = add(load(s.dh + r * s.dh_row + u), load(s.dy + r * s.dy_row + u));
    // h = o tanh(c)
    const V do_ = mul(dh, tanh_c);
    const V dc = madd(mul(dh, o), sub(one, mul(tanh_c, tanh_c)), load(s.dc + r * s.dc_row + u));
    // c = f c_prev + i g
    const V di = mul(dc, g), dg = mul(dc, i), df = mul(dc, load(s.c_prev + r * s.c_prev_row + u));
    store(s.dc + r * s.dc_row + u, mul(dc, f));
    // i, f, o = sigmoid(z): dz = d (1 - s) s;   g = tanh(z): dz = d (1 - g^2)
    store(dz, mul(mul(di, i), sub(one, i)));
    store(dz + L, mul(mul(df, f), sub(one, f)));
    store(dz + 2 * L, mul(dg, sub(one, mul(g, g))));
    store(dz + 3 * L, mul(mul(do_, o), sub(one, o)));
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
