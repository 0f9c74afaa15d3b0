// Softmax by rows, and the sums of exponentials that a CRF is made of.
#pragma once

#include "kernels/math.hpp"
#include "kernels/simd.hpp"
#include "kernels/training/losses.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
void softmax(Index rows, Index n, Real* x, Index x_stride) {
  constexpr Index L = lanes<Real>;
  for (Index r = 0; r < rows; ++r, x += x_stride) {
    const Vec<Real> factor = splat(Real(1) / softmax_row(n, x, x).sum);
    for (Index c = 0; c < n; c += L) store_first(x + c, n - c, mul(factor, load_first(x + c, n - c, Real(0))));
  }
}

template <class Real>
void log_sum_exp_columns(Index n, const Real* a, const Real* m, Index m_stride, Index vectors, Real* top, Real* sum) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const V lowest = set1<V>(-Eigen::NumTraits<Real>::infinity()), zero = set1<V>(0);
  for (Index v = 0; v < vectors; ++v, m += L, top += L, sum += L) {
    V most = lowest;
    for (Index i = 0; i < n; ++i) most = Eigen::internal::pmax(most, add(splat(a[i]), load(m + i * m_stride)));
    const V shift = Eigen::internal::pselect(Eigen::internal::pcmp_eq(most, lowest), zero, most);
    V total = zero;
    for (Index i = 0; i < n; ++i) total = add(total, exp(sub(add(splat(a[i]), load(m + i * m_stride)), shift)));
    store(top, most);
    store(sum, total);
  }
}

template <class Real>
void add_exponentials(Index n, const Real* a, const Real* m, const Real* b, Index m_stride, Index vectors, Real weight,
                      Real* out) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const V factor = splat(weight);
  for (Index i = 0; i < n; ++i, m += m_stride, out += m_stride) {
    const V first = splat(a[i]);
    for (Index v = 0; v < vectors; ++v)
      store(out + v * L, madd(factor, exp(add(add(first, load(m + v * L)), load(b + v * L))), load(out + v * L)));
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
