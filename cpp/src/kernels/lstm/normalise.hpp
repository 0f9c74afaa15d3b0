// Layer normalisation (Ba, Kiros, Hinton 2016) of a row over its units, which lie in panels of L, and its twin.
//
// Sums run over the panels in each lane and then over the lanes: an order that depends only on the instruction set and
// H.
#pragma once

#include <cmath>

#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// The units of a row: panel p has its L values at x[p * stride].
struct Units {
  Index panels, H;
};

template <class Real>
inline Vec<Real> mean(const Units& u, Vec<Real> sum) {
  return set1<Vec<Real>>(Eigen::internal::predux(sum) / Real(u.H));
}

/// out = (x - mean(x)) / sqrt(var(x) + 1e-5); returns the root. x must be 0 past H; `used` is 1, and 0 past H.
template <class Real>
inline Real normalise(const Units& u, const Real* used, const Real* x, Index stride, Real* out, Index out_stride) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  V sum = set1<V>(0), squares = set1<V>(0);
  for (Index p = 0; p < u.panels; ++p) sum = add(sum, load(x + p * stride));
  const V centre = mean<Real>(u, sum);
  for (Index p = 0; p < u.panels; ++p) {
    const V d = mul(load(used + p * L), sub(load(x + p * stride), centre));
    squares = madd(d, d, squares);
  }
  const Real deviation = std::sqrt(Eigen::internal::predux(squares) / Real(u.H) + Real(1e-5));
  const V scale = set1<V>(Real(1) / deviation);
  for (Index p = 0; p < u.panels; ++p) store(out + p * out_stride, mul(sub(load(x + p * stride), centre), scale));
  return deviation;
}

/// dx = (dn - mean(dn) - n mean(dn n)) / deviation, in place of dn, which must be 0 past H.
template <class Real>
inline void normalise_backward(const Units& u, const Real* n, Index n_stride, Real deviation, Real* dn, Index stride) {
  using V = Vec<Real>;
  V sum = set1<V>(0), along = set1<V>(0);
  for (Index p = 0; p < u.panels; ++p) {
    const V d = load(dn + p * stride);
    sum = add(sum, d);
    along = madd(d, load(n + p * n_stride), along);
  }
  const V centre = mean<Real>(u, sum), slope = mean<Real>(u, along), scale = set1<V>(Real(1) / deviation);
  for (Index p = 0; p < u.panels; ++p) {
    const V rest = sub(sub(load(dn + p * stride), centre), mul(load(n + p * n_stride), slope));
    store(dn + p * stride, mul(rest, scale));
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
