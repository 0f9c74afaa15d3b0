// Losses: value and derivative at once. Formulas and sources are in eigenlstm/losses.hpp.
#pragma once

#include <cmath>

#include "kernels/line_sum.hpp"
#include "kernels/math.hpp"
#include "kernels/simd.hpp"
#include "kernels/table_training.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// The first n values of p, the others `fill`: tails take the same path as whole vectors.
template <class Real>
inline Vec<Real> load_first(const Real* p, Index n, Real fill) {
  if (n >= lanes<Real>) return load(p);
  Real padded[lanes<Real>];
  for (Index l = 0; l < lanes<Real>; ++l) padded[l] = l < n ? p[l] : fill;
  return load(padded);
}

template <class Real>
inline void store_first(Real* p, Index n, Vec<Real> v) {
  if (n >= lanes<Real>) return store(p, v);
  Real padded[lanes<Real>];
  store(padded, v);
  for (Index l = 0; l < n; ++l) p[l] = padded[l];
}

/// Sums vectors in float64: one sum for each place in a cache line, as many for vectors of any width. They are added in
/// order at the end.
template <class Real>
struct Sum {
  double total[cache_line<Real>] = {};
  /// `i`: where the vector begins, a multiple of its width.
  void add_vector(Index i, Vec<Real> v) {
    Real values[lanes<Real>];
    store(values, v);
    double* const sums = total + i % cache_line<Real>;
    for (Index l = 0; l < lanes<Real>; ++l) sums[l] += double(values[l]);
  }
  double result() const {
    double sum = 0;
    for (double part : total) sum += part;
    return sum;
  }
};

template <class V>
struct Point {
  V loss, slope;  // slope: d loss / d y_pred
};

/// 0 in the lanes where weight is 0, else v: what has no weight may be NaN.
template <class V>
inline V where_weighted(V weight, V v) {
  return Eigen::internal::pandnot(v, Eigen::internal::pcmp_eq(weight, set1<V>(0)));
}

template <class V>
inline V positive_part(V x) {
  return Eigen::internal::pmax(x, set1<V>(0));
}
/// -1, 0 or 1; 0 for NaN.
template <class V>
inline V sign(V x) {
  const V zero = set1<V>(0), one = set1<V>(1);
  return sub(Eigen::internal::pand(Eigen::internal::pcmp_lt(zero, x), one),
             Eigen::internal::pand(Eigen::internal::pcmp_lt(x, zero), one));
}

/// `point(y_pred, y_true, parameter)` over all values.
template <class Real, class F>
double element_loss(const ElementLossArgs<Real>& a, F point) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  Real ones[L];
  store(ones, set1<V>(1));
  const V scale = splat(a.scale);
  Sum<Real> sum;
  for (Index i = 0; i < a.n; i += L) {
    const Index n = a.n - i < L ? a.n - i : L;
    const V weight = load_first(a.weight == nullptr ? ones : a.weight + i, n, Real(0));
    const V parameter = load_first(a.parameter == nullptr ? ones : a.parameter + i, n, Real(1));
    const Point<V> p = point(load_first(a.y_pred + i, n, Real(0)), load_first(a.y_true + i, n, Real(0)), parameter);
    sum.add_vector(i, where_weighted(weight, mul(weight, p.loss)));
    store_first(a.dy + i, n, where_weighted(weight, mul(mul(scale, weight), p.slope)));
  }
  return sum.result();
}

template <class Real>
double mse(const ElementLossArgs<Real>& a) {
  using V = Vec<Real>;
  return element_loss(a, [](V y_pred, V y_true, V) {
    const V d = sub(y_pred, y_true);
    return Point<V>{mul(d, d), add(d, d)};
  });
}

template <class Real>
double mae(const ElementLossArgs<Real>& a) {
  using V = Vec<Real>;
  return element_loss(a, [](V y_pred, V y_true, V) {
    const V d = sub(y_pred, y_true);
    return Point<V>{abs(d), sign(d)};
  });
}

/// With e = d clipped to [-delta, delta], both branches are e (d - e / 2), and the slope is e.
template <class Real>
double huber(const ElementLossArgs<Real>& a) {
  using V = Vec<Real>;
  return element_loss(a, [](V y_pred, V y_true, V delta) {
    const V d = sub(y_pred, y_true), e = clamp(d, neg(delta), delta);
    return Point<V>{mul(e, sub(d, mul(set1<V>(Real(0.5)), e))), e};
  });
}

/// max(q d, (q - 1) d) with d = y_true - y_pred; slope 0 at d = 0.
template <class Real>
double quantile(const ElementLossArgs<Real>& a) {
  using V = Vec<Real>;
  return element_loss(a, [](V y_pred, V y_true, V q) {
    const V d = sub(y_true, y_pred), one = set1<V>(1), zero = set1<V>(0);
    const V below = Eigen::internal::pcmp_lt(d, zero);
    const V slope = sub(Eigen::internal::pand(below, one), q);
    return Point<V>{neg(mul(slope, d)), Eigen::internal::pandnot(slope, Eigen::internal::pcmp_eq(d, zero))};
  });
}

/// softplus(x) = max(x, 0) + log(1 + e^-|x|). The terms that cancel if the answer is certain and right are added first.
template <class Real>
double bce(const ElementLossArgs<Real>& a) {
  using V = Vec<Real>;
  return element_loss(a, [](V x, V y, V positive) {
    const V one = set1<V>(1), py = mul(positive, y), weight = add(one, sub(py, y));  // p y + (1 - y)
    const V large = sub(mul(weight, positive_part(x)), mul(py, x));
    return Point<V>{madd(weight, log1p(exp(neg(abs(x)))), large), sub(mul(weight, sigmoid(x)), py)};
  });
}

template <class Real>
double poisson_nll(const ElementLossArgs<Real>& a) {
  using V = Vec<Real>;
  return element_loss(a, [](V y_pred, V y_true, V) {
    const V rate = exp(y_pred);
    return Point<V>{sub(rate, mul(y_true, y_pred)), sub(rate, y_true)};
  });
}

template <class Real>
double gaussian_nll(const ElementLossArgs<Real>& a) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const V half = set1<V>(Real(0.5)), scale = splat(a.scale);
  Sum<Real> sum;
  for (Index i = 0; i < a.n; i += L) {
    const Index n = a.n - i < L ? a.n - i : L;
    Real mean[L] = {}, log_var[L] = {}, ones[L];
    for (Index l = 0; l < n; ++l) {
      mean[l] = a.y_pred[2 * (i + l)];
      log_var[l] = a.y_pred[2 * (i + l) + 1];
    }
    store(ones, set1<V>(1));
    const V weight = load_first(a.weight == nullptr ? ones : a.weight + i, n, Real(0));
    const V d = sub(load(mean), load_first(a.y_true + i, n, Real(0))), s = load(log_var);
    const V dp = mul(d, exp(neg(s))), squared = mul(d, dp);  // (mean - y) / var, (mean - y)^2 / var
    sum.add_vector(i, where_weighted(weight, mul(weight, mul(half, add(s, squared)))));
    const V outer = mul(scale, weight);
    store(mean, where_weighted(weight, mul(outer, dp)));
    store(log_var, where_weighted(weight, mul(outer, mul(half, sub(set1<V>(1), squared)))));
    for (Index l = 0; l < n; ++l) {
      a.dy[2 * (i + l)] = mean[l];
      a.dy[2 * (i + l) + 1] = log_var[l];
    }
  }
  return sum.result();
}

/// The softmax of one row as exponentials in `e`, their sum and the row's maximum.
template <class Real>
struct Softmax {
  Real max, sum;
};

template <class Real>
Softmax<Real> softmax_row(Index n, const Real* x, Real* e) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const Real lowest = -Eigen::NumTraits<Real>::infinity();
  V top = splat(lowest);
  for (Index c = 0; c < n; c += L) top = Eigen::internal::pmax(top, load_first(x + c, n - c, lowest));
  const Real max = Eigen::internal::predux_max(top);
  const V shift = splat(max == lowest ? Real(0) : max);
  LineSum<Real> sum;
  for_vectors<Real>(ceil_div(n, L), [&](Index v, auto slot) EIGENLSTM_INLINED {
    const Index c = v * L;
    const V value = exp(sub(load_first(x + c, n - c, lowest), shift));
    store_first(e + c, n - c, value);
    sum.at[slot] = add(sum.at[slot], value);
  });
  return {max, sum.total()};
}

/// -sum_c t_c log p_c with t = (1 - s) onehot(y) + s / C: slope of logit c is p_c sum(t) - t_c. With class weights w,
/// t = (1 - s) w_y onehot(y) + s w_c / C, as PyTorch has it.
template <class Real>
double cross_entropy_row(const CrossEntropyArgs<Real>& a, const Real* x, Index label, Real weight, Real* dx) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const Index C = a.classes;
  const Real* w = a.class_weight;
  const double hard = (1 - double(a.smoothing)) * (w == nullptr ? 1.0 : double(w[label]));
  const double spread = double(a.smoothing) / double(C), at_label = double(x[label]);
  double all = hard, weighted = 0;  // the sum of t, and that of t x without the term of the label; dx may be x
  if (spread > 0)
    for (Index c = 0; c < C; ++c) {
      const double t = spread * (w == nullptr ? 1.0 : double(w[c]));
      all += t;
      if (t > 0) weighted += t * double(x[c]);
    }
  const Softmax<Real> softmax = softmax_row(C, x, dx);
  const double log_sum = std::log(double(softmax.sum)), top = double(softmax.max);
  // -log p_c = (max - x_c) + log sum
  double loss = hard == 0 ? 0 : hard * (top - at_label + log_sum);
  if (spread > 0) loss += (all - hard) * (top + log_sum) - weighted;
  const Real outer = a.scale * weight;
  const V factor = splat(Real(double(outer) * all / double(softmax.sum)));
  for (Index c = 0; c < C; c += L) store_first(dx + c, C - c, mul(factor, load_first(dx + c, C - c, Real(0))));
  if (spread > 0)
    for (Index c = 0; c < C; ++c) dx[c] -= outer * Real(spread) * (w == nullptr ? Real(1) : w[c]);
  dx[label] -= outer * Real(hard);
  return loss * double(weight);
}

template <class Real>
double cross_entropy(const CrossEntropyArgs<Real>& a) {
  double sum = 0;
  for (Index r = 0; r < a.rows; ++r) {
    const Real weight = a.weight == nullptr ? Real(1) : a.weight[r];
    Real* dx = a.dlogits + r * a.classes;
    if (a.labels[r] == a.ignore_index || weight == 0)
      for (Index c = 0; c < a.classes; ++c) dx[c] = 0;
    else
      sum += cross_entropy_row(a, a.logits + r * a.classes, Index(a.labels[r]), weight, dx);
  }
  return sum;
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
