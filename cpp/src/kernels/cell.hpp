// The LSTM cell on a tile of pre-activations [row][4 gates][L units], and its twin.
//
// Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000:
//   i = sigmoid(z_i)  f = sigmoid(z_f)  g = tanh(z_g)  o = sigmoid(z_o)
//   c = f c_prev + i g        h = o tanh(c)
#pragma once

#include "kernels/activations.hpp"
#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// N rows from row r on. Their chains up to c come first, then all their tanh(c): a single row's chain is some 150 cycles long,
/// and one after the other they would fill the processor's window.
template <class Real, bool keep, int N>
[[gnu::always_inline]] inline void cell_forward_rows(const StepArgs<Real>& s, Index panel, const Real* z, Index r) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const V one = set1<V>(Real(1)), half = set1<V>(Real(0.5));
  const Index unit = panel * L;
  Real* gates = keep ? s.gates + panel * s.gates_panel + r * 4 * L : nullptr;
  z += r * 4 * L;
  V c[N], d_o[N];
  unroll<N>([&](auto n) [[gnu::always_inline]] {
    const Real* zn = z + n * 4 * L;
    const V f = div(half, half_sigmoid_denominator(load(zn + L)));
    const V y_g = tanh_numerator(load(zn + 2 * L)), e_g = add(y_g, one);
    const V per_ig = div(half, mul(half_sigmoid_denominator(load(zn)), e_g));
    c[n] = madd(f, load(s.c_prev + (r + n) * s.c_prev_row + unit), mul(y_g, per_ig));
    d_o[n] = half_sigmoid_denominator(load(zn + 3 * L));
    if (keep) {
      Real* out = gates + n * 4 * L;
      store(out, mul(e_g, per_ig));
      store(out + L, f);
      store(out + 2 * L, div(y_g, e_g));
    }
  });
  unroll<N>([&](auto n) [[gnu::always_inline]] {
    const V y_c = tanh_numerator(c[n]), e_c = add(y_c, one);
    const V per_oc = div(half, mul(d_o[n], e_c));
    store(s.c + (r + n) * s.c_row + unit, c[n]);
    const V h = mul(y_c, per_oc);
    store(s.h + (r + n) * s.h_row + unit, h);
    if (keep) store(gates + n * 4 * L + 3 * L, mul(e_c, per_oc));
    else if (s.y != nullptr) store(s.y + (r + n) * s.y_row + unit, h);
  });
}

/// One panel of L units. `keep`: store i f g o for the backward pass. Inference and training take the same
/// path to c and h, so that they give the same bits.
///
/// With sigmoid(x) = 0.5 / d(x) and tanh(x) = y / (y + 1) (activations.hpp), i g = 0.5 y_g / (d_i (y_g + 1)) and h = o tanh(c)
/// likewise take one division each: three in all instead of five. Where a product of denominators overflows, it makes them 0 instead of
/// less than 1e-30.
template <class Real, bool keep>
void cell_forward(const StepArgs<Real>& s, Index panel, const Real* z) {
  Index r = 0;
  for (; r + 4 <= s.rows; r += 4) cell_forward_rows<Real, keep, 4>(s, panel, z, r);
  for (; r < s.rows; ++r) cell_forward_rows<Real, keep, 1>(s, panel, z, r);
}

template <class Real>
void cell_backward(const StepBackwardArgs<Real>& s, Index panel) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const V one = set1<V>(Real(1));
  const Real* gates = s.gates + panel * s.gates_panel;
  Real* dz = s.dz + panel * s.dz_panel;
  for (Index r = 0; r < s.rows; ++r, gates += 4 * L, dz += 4 * L) {
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
