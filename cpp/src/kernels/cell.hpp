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

/// One panel of L units. `keep`: store i f g o for the backward pass. Inference and training take the same
/// path to c and h, so that they give the same bits.
///
/// With sigmoid(x) = 0.5 / d(x) and tanh(x) = y / (y + 1) (activations.hpp), i g = 0.5 y_g / (d_i (y_g + 1)) and h = o tanh(c) likewise
/// take one division each: three in all instead of five. A product of denominators that overflows makes them 0 where they are below 1e-30.
/// Two loops, because tanh(c) at the end of each row's chain would keep the next rows out of the processor's window.
template <class Real, bool keep>
void cell_forward(const StepArgs<Real>& s, Index panel, Real* z) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const V one = set1<V>(Real(1)), half = set1<V>(Real(0.5));
  const Real* c_prev = s.c_prev + panel * L;
  Real* c_out = s.c + panel * L;
  Real* h_out = s.h + panel * L;
  Real* gates = keep ? s.gates + panel * s.gates_panel : nullptr;
  for (Index r = 0; r < s.rows; ++r) {
    Real* zr = z + r * 4 * L;
    const V f = div(half, half_sigmoid_denominator(load(zr + L)));
    const V y_g = tanh_numerator(load(zr + 2 * L)), e_g = add(y_g, one);
    const V per_ig = div(half, mul(half_sigmoid_denominator(load(zr)), e_g));
    store(c_out + r * s.c_row, madd(f, load(c_prev + r * s.c_prev_row), mul(y_g, per_ig)));
    store(zr + 3 * L, half_sigmoid_denominator(load(zr + 3 * L)));
    if (keep) {
      Real* out = gates + r * 4 * L;
      store(out, mul(e_g, per_ig));
      store(out + L, f);
      store(out + 2 * L, div(y_g, e_g));
    }
  }
  for (Index r = 0; r < s.rows; ++r) {
    const V y_c = tanh_numerator(load(c_out + r * s.c_row)), e_c = add(y_c, one);
    const V per_oc = div(half, mul(load(z + r * 4 * L + 3 * L), e_c));
    store(h_out + r * s.h_row, mul(y_c, per_oc));
    if (keep) store(gates + r * 4 * L + 3 * L, mul(e_c, per_oc));
  }
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
