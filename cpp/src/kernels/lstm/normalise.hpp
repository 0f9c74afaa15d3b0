// Layer normalisation (Ba, Kiros, Hinton 2016) of a row over its units, which lie in panels of L, and its twin.
//
// Sums follow line_sum.hpp.
#pragma once

#include <cmath>

#include "kernels/line_sum.hpp"
#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// The units of a row: panel p has its L values at x[p * stride].
struct Units {
  Index panels, H;
};

template <class Real>
inline Vec<Real> mean(const Units& u, const LineSum<Real>& sum) {
  return set1<Vec<Real>>(sum.total() / Real(u.H));
}

/// out = (x - mean(x)) / sqrt(var(x) + 1e-5); returns the root. x must be 0 past H; `used` is 1, and 0 past H.
template <class Real>
inline Real normalise(const Units& u, const Real* used, const Real* x, Index stride, Real* out, Index out_stride) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  LineSum<Real> sum, squares;
  for_vectors<Real>(
      u.panels, [&](Index p, auto slot) EIGENLSTM_INLINED { sum.at[slot] = add(sum.at[slot], load(x + p * stride)); });
  const V centre = mean<Real>(u, sum);
  for_vectors<Real>(u.panels, [&](Index p, auto slot) EIGENLSTM_INLINED {
    const V d = mul(load(used + p * L), sub(load(x + p * stride), centre));
    squares.at[slot] = madd(d, d, squares.at[slot]);
  });
  const Real deviation = std::sqrt(squares.total() / Real(u.H) + Real(1e-5));
  const V scale = set1<V>(Real(1) / deviation);
  for (Index p = 0; p < u.panels; ++p) store(out + p * out_stride, mul(sub(load(x + p * stride), centre), scale));
  return deviation;
}

/// dx = (dn - mean(dn) - n mean(dn n)) / deviation, in place of dn, which must be 0 past H. dn_of(p): its
/// panel p.
template <class Real, class Panel>
inline void normalise_backward(const Units& u, const Real* n, Index n_stride, Real deviation, Panel dn_of) {
  using V = Vec<Real>;
  LineSum<Real> sum, along;
  for_vectors<Real>(u.panels, [&](Index p, auto slot) EIGENLSTM_INLINED {
    const V d = load(dn_of(p));
    sum.at[slot] = add(sum.at[slot], d);
    along.at[slot] = madd(d, load(n + p * n_stride), along.at[slot]);
  });
  const V centre = mean<Real>(u, sum), slope = mean<Real>(u, along), scale = set1<V>(Real(1) / deviation);
  for (Index p = 0; p < u.panels; ++p) {
    const V rest = sub(sub(load(dn_of(p)), centre), mul(load(n + p * n_stride), slope));
    store(dn_of(p), mul(rest, scale));
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
