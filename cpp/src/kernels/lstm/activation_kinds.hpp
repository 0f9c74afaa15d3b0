// The activations that a cell may have, and their slopes, chosen by a branch for each vector (which the processor
// predicts well). Names, parameters and defaults: variants.hpp.
#pragma once

#include "kernels/math.hpp"
#include "kernels/simd.hpp"
#include "kernels/table_variant.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// max(x, 0) + log(1 + e^-|x|), without overflow.
template <class V>
inline V softplus(V x) {
  const V zero = set1<V>(0);
  return add(select(less(x, zero), zero, x), log1p_by_series(exp(neg(abs(x)))));
}

template <class V>
inline V hard_sigmoid(V x, V alpha, V beta) {
  return clamp(madd(alpha, x, beta), set1<V>(0), set1<V>(1));
}

/// Out of line; sigmoid and tanh are worth inlining.
template <class Real>
[[gnu::noinline]] Vec<Real> activate_rarely(const ActivationArgs<Real>& a, Vec<Real> x) {
  using V = Vec<Real>;
  const V zero = set1<V>(0), one = set1<V>(1), alpha = set1<V>(a.alpha), beta = set1<V>(a.beta);
  switch (a.kind) {
    case ActivationKind::sigmoid: return sigmoid(x);
    case ActivationKind::tanh: return tanh(x);
    case ActivationKind::linear: return x;
    case ActivationKind::relu: return select(less(x, zero), zero, x);
    case ActivationKind::leaky_relu: return select(less(x, zero), mul(alpha, x), x);
    case ActivationKind::thresholded_relu: return select(Eigen::internal::pcmp_le(x, alpha), zero, x);
    case ActivationKind::elu: return select(less(x, zero), mul(alpha, expm1<1>(x)), x);
    case ActivationKind::affine: return madd(alpha, x, beta);
    case ActivationKind::scaled_tanh: return mul(alpha, tanh(mul(beta, x)));
    case ActivationKind::softsign: return div(x, add(one, abs(x)));
    case ActivationKind::softplus: return softplus(x);
    case ActivationKind::hard_sigmoid: return hard_sigmoid(x, alpha, beta);
    case ActivationKind::hard_swish: return mul(x, hard_sigmoid(x, set1<V>(Real(1) / 6), set1<V>(Real(0.5))));
  }
  return x;
}

template <class Real>
inline Vec<Real> activate(const ActivationArgs<Real>& a, Vec<Real> x) {
  if (a.kind == ActivationKind::sigmoid) return sigmoid(x);
  if (a.kind == ActivationKind::tanh) return tanh(x);
  return activate_rarely(a, x);
}

template <class Real>
[[gnu::noinline]] Vec<Real> slope_rarely(const ActivationArgs<Real>& a, Vec<Real> kept) {
  using V = Vec<Real>;
  const V zero = set1<V>(0), one = set1<V>(1), alpha = set1<V>(a.alpha), beta = set1<V>(a.beta);
  const bool from_input = a.slope_from_input;
  switch (a.kind) {
    case ActivationKind::sigmoid: return mul(kept, sub(one, kept));
    case ActivationKind::tanh: return sub(one, mul(kept, kept));
    case ActivationKind::linear: return one;
    case ActivationKind::relu: return select(less(zero, kept), one, zero);
    case ActivationKind::leaky_relu: return select(less(kept, zero), alpha, one);
    case ActivationKind::thresholded_relu:
      return from_input ? select(less(alpha, kept), one, zero) : select(less(zero, kept), one, zero);
    case ActivationKind::elu:
      return select(less(kept, zero), from_input ? mul(alpha, exp(kept)) : add(kept, alpha), one);
    case ActivationKind::affine: return alpha;
    case ActivationKind::scaled_tanh: {
      const V t = from_input ? tanh(mul(beta, kept)) : div(kept, alpha);
      return mul(mul(alpha, beta), sub(one, mul(t, t)));
    }
    case ActivationKind::softsign: {
      const V r = sub(one, abs(kept));  // 1 / (1 + |x|)
      return mul(r, r);
    }
    case ActivationKind::softplus: return neg(expm1<-1>(kept));  // sigmoid(x)
    case ActivationKind::hard_sigmoid: return select(less(zero, kept), select(less(kept, one), alpha, zero), zero);
    case ActivationKind::hard_swish: {
      const V sixth = set1<V>(Real(1) / 6), value = hard_sigmoid(kept, sixth, set1<V>(Real(0.5)));
      const V inside = select(less(abs(kept), set1<V>(3)), sixth, zero);
      return madd(kept, inside, value);
    }
  }
  return one;
}

/// df/dx, from what is kept: x where slope_from_input, else f(x).
template <class Real>
inline Vec<Real> slope(const ActivationArgs<Real>& a, Vec<Real> kept) {
  const Vec<Real> one = set1<Vec<Real>>(1);
  if (a.kind == ActivationKind::sigmoid) return mul(kept, sub(one, kept));
  if (a.kind == ActivationKind::tanh) return sub(one, mul(kept, kept));
  return slope_rarely(a, kept);
}

/// What is kept of a clipped x lies strictly between `lo` and `hi` unless the clip acted: its slope is then 0.
template <class Real>
struct ClippedSlope {
  using V = Vec<Real>;
  ClippedSlope(const ActivationArgs<Real>& activation, Real clip)
      : a(activation), clips(clip < Eigen::NumTraits<Real>::infinity()) {
    if (!clips) return;
    const V x = set1<V>(clip), up = a.slope_from_input ? x : activate(a, x),
            down = a.slope_from_input ? neg(x) : activate(a, neg(x));
    const V rises = less(down, up);
    lo = select(rises, down, up);
    hi = select(rises, up, down);
  }
  V operator()(V kept) const {
    const V s = slope(a, kept), zero = set1<V>(0);
    return clips ? select(less(lo, kept), select(less(kept, hi), s, zero), zero) : s;
  }
  const ActivationArgs<Real>& a;
  bool clips;
  V lo = set1<V>(0), hi = set1<V>(0);
};

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
