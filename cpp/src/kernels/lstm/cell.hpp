// The LSTM cell on a tile of pre-activations [row][4 gates][L units], and its twin.
//
// Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000:
//   i = sigmoid(z_i)  f = sigmoid(z_f)  g = tanh(z_g)  o = sigmoid(z_o)
//   c = f c_prev + i g        h = o tanh(c)
#pragma once

#include "kernels/gate_layout.hpp"
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

/// Where the arrays of a step stand at some row of a panel, or at some panel of a single row. (gcc would read StepArgs
/// again after each store of a vector, which may alias anything.)
template <class Real>
struct CellPointers {
  const Real *z, *c_prev;
  Real *c, *h, *y, *gates;
  Index z_stride, c_prev_stride, c_stride, h_stride, y_stride, gates_stride;

  template <bool keep, Stored y_stored>
  [[gnu::always_inline]] void skip(Index n) {
    z += n * z_stride, c_prev += n * c_prev_stride, c += n * c_stride, h += n * h_stride;
    if (keep) gates += n * gates_stride;
    if (y_stored != Stored::no) y += n * y_stride;
  }
};

/// Rows whose exponentials are computed side by side: each needs three registers, and one more for earlier results.
template <class Real>
constexpr int cell_rows = num_vector_registers == 32 ? 4
                          : sizeof(Real) == 4        ? 3
                                                     : 2;

/// N rows, gate by gate. z(n, gate): a vector of pre-activations of row n; both are constants (unroll).
template <class Real, bool keep, Stored y_stored, int N, class Z>
[[gnu::always_inline]] inline void cell_forward_rows(const CellPointers<Real>& at, Z&& z) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const V one = set1<V>(Real(1)), half = set1<V>(Real(0.5));
  V y[N], d[N], c[N];
  const auto load_gate = [&](V(&out)[N], auto gate)
                             EIGENLSTM_INLINED { unroll<N>([&](auto n) EIGENLSTM_INLINED { out[n] = z(n, gate); }); };
  constexpr std::integral_constant<int, 0> i{};
  constexpr std::integral_constant<int, 1> f{};
  constexpr std::integral_constant<int, 2> g{};
  constexpr std::integral_constant<int, 3> o{};
  load_gate(y, g);
  tanh_numerators(y);
  load_gate(d, i);
  half_sigmoid_denominators(d);
  unroll<N>([&](auto n) EIGENLSTM_INLINED {
    const V e = add(y[n], one), per_ig = div(half, mul(d[n], e));
    c[n] = mul(y[n], per_ig);
    if (keep)
      store(at.gates + n * at.gates_stride, mul(e, per_ig)),
          store(at.gates + n * at.gates_stride + 2 * L, div(y[n], e));
  });
  load_gate(d, f);
  half_sigmoid_denominators(d);
  unroll<N>([&](auto n) EIGENLSTM_INLINED {
    const V sigmoid_f = div(half, d[n]);
    if (keep) store(at.gates + n * at.gates_stride + L, sigmoid_f);
    c[n] = madd(sigmoid_f, load(at.c_prev + n * at.c_prev_stride), c[n]);
    store(at.c + n * at.c_stride, c[n]);
  });
  load_gate(d, o);
  half_sigmoid_denominators(d);
  tanh_numerators(c);
  unroll<N>([&](auto n) EIGENLSTM_INLINED {
    const V e = add(c[n], one), per_oc = div(half, mul(d[n], e)), h = mul(c[n], per_oc);
    store(at.h + n * at.h_stride, h);
    if (keep) store(at.gates + n * at.gates_stride + 3 * L, mul(e, per_oc));
    store_as<y_stored>(at.y + n * at.y_stride, h);
  });
}

/// The same with z in memory, at.z.
template <class Real, bool keep, Stored y_stored, int N>
[[gnu::always_inline]] inline void cell_forward_rows(const CellPointers<Real>& at) {
  cell_forward_rows<Real, keep, y_stored, N>(
      at, [&](auto n, auto gate) EIGENLSTM_INLINED { return load(at.z + n * at.z_stride + gate * lanes<Real>); });
}

/// One panel of L units, row by row. `keep`: store i f g o for the backward pass. Inference and training compute c and
/// h in the same way, so that they give the same bits.
///
/// With sigmoid(x) = 0.5 / d(x) and tanh(x) = y / (y + 1) (math.hpp), i g = 0.5 y_g / (d_i (y_g + 1)) and h = o
/// tanh(c) take one division each: three in all instead of five. Where a product of denominators overflows, the result
/// is 0 instead of something below 1e-30.
template <class Real, bool keep, Stored y_stored>
void cell_forward(const StepArgs<Real>& s, Index panel, const Real* z) {
  constexpr Index L = lanes<Real>;
  const Index unit = panel * L;
  CellPointers<Real> at;
  at.z = z;
  at.c_prev = s.c_prev + unit;
  at.c = s.c + unit;
  at.h = s.h + unit;
  at.y = y_stored != Stored::no ? s.y + unit : nullptr;
  at.gates = keep ? s.gates + panel * s.gates_panel_stride : nullptr;
  at.z_stride = at.gates_stride = 4 * L;
  at.c_prev_stride = s.c_prev_stride;
  at.c_stride = s.c_stride;
  at.h_stride = s.h_stride;
  at.y_stride = s.y_stride;
  constexpr int N = cell_rows<Real>;
  Index n = s.rows;
  for (; n >= N; n -= N) cell_forward_rows<Real, keep, y_stored, N>(at), at.template skip<keep, y_stored>(N);
  if (N > 3 && n == 3) cell_forward_rows<Real, keep, y_stored, 3>(at);
  if (N > 2 && n == 2) cell_forward_rows<Real, keep, y_stored, 2>(at);
  if (n == 1) cell_forward_rows<Real, keep, y_stored, 1>(at);
}

template <class Real>
void cell_backward(const StepBackwardArgs<Real>& s, Index panel) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>, U = cache_line<Real>;
  const V one = set1<V>(Real(1));
  const Real* gates = s.gates + panel * s.gates_panel_stride;
  Real* dz = s.dz + dz_column(panel, L, U);
  for (Index r = 0; r < s.rows; ++r, gates += 4 * L, dz += s.dz_stride) {
    const Index u = panel * L;
    const V i = load(gates), f = load(gates + L), g = load(gates + 2 * L), o = load(gates + 3 * L);
    const V tanh_c = tanh(load(s.c + r * s.c_stride + u));
    const V dh = add(load(s.dh + r * s.dh_stride + u), load(s.dy + r * s.dy_stride + u));
    // h = o tanh(c)
    const V do_ = mul(dh, tanh_c);
    const V dc = madd(mul(dh, o), sub(one, mul(tanh_c, tanh_c)), load(s.dc + r * s.dc_stride + u));
    // c = f c_prev + i g
    const V di = mul(dc, g), dg = mul(dc, i), df = mul(dc, load(s.c_prev + r * s.c_prev_stride + u));
    store(s.dc + r * s.dc_stride + u, mul(dc, f));
    // i, f, o = sigmoid(z): dz = d (1 - s) s;   g = tanh(z): dz = d (1 - g^2)
    store(dz, mul(mul(di, i), sub(one, i)));
    store(dz + U, mul(mul(df, f), sub(one, f)));
    store(dz + 2 * U, mul(dg, sub(one, mul(g, g))));
    store(dz + 3 * U, mul(mul(do_, o), sub(one, o)));
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
