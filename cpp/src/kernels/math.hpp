// exp, log1p, sigmoid and tanh for vectors of float and double. The maximum errors stated were found over all 2^32
// floats and over dense samples of the doubles, with fused multiply-adds (AVX2, AVX-512) and without (SSE4.2). NaN
// gives NaN. With flush-to-zero on, as in our threads, denormal inputs count as 0 and denormal results become 0.
//
// All except log1p use one reduction: m x = n ln(2) + m r, with n an integer and |m r| <= ln(2)/2, so that
// e^(m x) = 2^n (1 + r h(r)), h a minimax polynomial (tools/derive_activations.py). m is part of the constants.
#pragma once

#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  static constexpr float log2_e = 1.44269502f;
  static constexpr float ln2_hi = 0.693145752f, ln2_lo = 1.42860677e-6f;  // n ln2_hi is exact: 8 + 16 bits
  // Added to a number, it rounds that to an integer n, whose low bits become n + 126: shifted left they are 2^(n-1).
  static constexpr float round = 0x1.8p23f + 126;
  static constexpr int mantissa_bits = 23;
  // h(r) = 1 + c[0] r + c[1] r^2 + ...: r h(r) is e^r - 1 with a relative error of at most 0.23 * 2^-24.
  static constexpr float c[] = {0.49999997f, 0.166665465f, 0.0416674353f, 0.00836627092f, 0.00138707052f};
  // Beyond these bounds the results are constant; within them 2^(n-1) is a float (or 0).
  static constexpr float exp_min = -87.5f, exp_max = 89.f;          // 0, infinity
  static constexpr float sigmoid_min = -88.f, sigmoid_max = 87.5f;  // below the least normal number, 1
  static constexpr float tanh_max = 10.f;                           // 1
};

template <>
struct ExpConstants<double> {
  static constexpr double log2_e = 1.4426950408889634;
  static constexpr double ln2_hi = 0.69314718055989033, ln2_lo = 5.4979230187083712e-14;  // 11 + 42 bits
  static constexpr double round = 0x1.8p52 + 1022;
  static constexpr int mantissa_bits = 52;
  // r h(r) within 0.17 * 2^-53.
  static constexpr double c[] = {
      0.50000000000000056,   0.16666666666666624,   0.041666666666573704, 0.0083333333333664664, 0.0013888888932367448,
      1.9841269770179927e-4, 2.4801504432063138e-5, 2.755736103659385e-6, 2.7626343336699134e-7, 2.5068699213161973e-8};
  static constexpr double exp_min = -708.5, exp_max = 710.;
  static constexpr double sigmoid_min = -709.5, sigmoid_max = 708.5;
  static constexpr double tanh_max = 20.;
};

/// Replaces each of N values x by (e^(m x) + k) / 2, with full relative accuracy also for k = -1. (Half of it, since
/// 2^n overflows before e^x does.) One value is a chain of some 50 cycles; N of them are computed side by side. (The
/// longer polynomial of double runs for one value after the other: it has no registers to spare.)
template <int m, int k, int N, class V>
[[gnu::always_inline]] inline void half_exps_plus(V (&x)[N]) {
  static_assert(m == 1 || m == -1 || m == 2, "m must scale the constants without rounding");
  using Real = Scalar<V>;
  using K = ExpConstants<Real>;
  constexpr int degree = sizeof(K::c) / sizeof(Real);
  Real c[degree + 1] = {m};  // m h(m r)
  for (int j = 0, power = m * m; j < degree; ++j, power *= m) c[j + 1] = Real(power) * K::c[j];
  V t[N], r[N], h[N];
  unroll<N>([&](auto i) EIGENLSTM_INLINED { t[i] = madd(x[i], set1<V>(m * K::log2_e), set1<V>(K::round)); });
  unroll<N>([&](auto i) EIGENLSTM_INLINED {
    const V n = sub(t[i], set1<V>(K::round));
    if constexpr (m == 2) {  // tanh: where n is so large that this is not exact enough, the result is 1 anyway
      r[i] = madd(n, set1<V>(-(K::ln2_hi + K::ln2_lo) / m), x[i]);
    } else {
      r[i] = madd(n, set1<V>(-K::ln2_lo / m), madd(n, set1<V>(-K::ln2_hi / m), x[i]));
    }
  });
  if constexpr (degree < 8) {
    unroll<N>([&](auto i) EIGENLSTM_INLINED { h[i] = madd(set1<V>(c[degree]), r[i], set1<V>(c[degree - 1])); });
    unroll<degree - 1>([&](auto j) EIGENLSTM_INLINED {
      unroll<N>([&](auto i) EIGENLSTM_INLINED { h[i] = madd(h[i], r[i], set1<V>(c[degree - 2 - j])); });
    });
  } else {  // two terms at a time: one operation more, half the latency
    static_assert(degree % 2 == 0, "c[1] to c[degree] come in pairs");
    unroll<N>([&](auto i) EIGENLSTM_INLINED {
      const V r2 = mul(r[i], r[i]);
      h[i] = madd(set1<V>(c[degree]), r[i], set1<V>(c[degree - 1]));
      for (int j = degree - 3; j > 0; j -= 2) h[i] = madd(h[i], r2, madd(set1<V>(c[j + 1]), r[i], set1<V>(c[j])));
      h[i] = madd(h[i], r[i], set1<V>(c[0]));
    });
  }
  unroll<N>([&](auto i) EIGENLSTM_INLINED {
    const V s = shift_left<K::mantissa_bits>(t[i]);  // 2^(n-1)
    if constexpr (k == 0)
      x[i] = mul(madd(r[i], h[i], set1<V>(1)), s);
    else
      x[i] = madd(mul(r[i], h[i]), s, add(s, set1<V>(Real(k) / 2)));
  });
}
template <int m, int k, class V>
inline V half_exp_plus(V x) {
  V one[] = {x};
  half_exps_plus<m, k>(one);
  return one[0];
}

/// e^x. Max error: 1.8 ULP (float), 1.8 ULP (double). Valid for all x: too large results become infinity, and
/// those below 2^-125 (2^-1021), twice the least normal number, may become 0.
template <class V>
inline V exp(V x) {
  using K = ExpConstants<Scalar<V>>;
  const V y = half_exp_plus<1, 0>(clamp(x, set1<V>(K::exp_min), set1<V>(K::exp_max)));
  return add(y, y);
}

/// e^(m x) - 1, m = 1 or -1, with full relative accuracy.
template <int m, class V>
inline V expm1(V x) {
  using K = ExpConstants<Scalar<V>>;
  const V bound_lo = set1<V>(m > 0 ? K::exp_min : -K::exp_max), bound_hi = set1<V>(m > 0 ? K::exp_max : -K::exp_min);
  const V y = half_exp_plus<m, -1>(clamp(x, bound_lo, bound_hi));
  return add(y, y);
}

/// log(1 + x) for 0 <= x <= 1. Max error: about 2 ULP: log(u) x / (u - 1) with u = 1 + x corrects the rounding of u
/// (Kahan).
template <class V>
inline V log1p(V x) {
  const V one = set1<V>(1), u = add(one, x), d = sub(u, one);
  const V lost = Eigen::internal::pcmp_eq(d, set1<V>(0));  // x < half an ULP of 1: log(1 + x) = x
  const V safe = select(lost, one, d);
  return select(lost, x, mul(Eigen::internal::plog(u), div(x, safe)));
}

/// The same as 2 artanh(s), s = x / (2 + x) <= 1/3, by its series. Max error: 3 ULP. Used by softplus
/// as an activation, whose bits would change with the other one.
template <class V>
inline V log1p_by_series(V x) {
  using Real = Scalar<V>;
  constexpr int terms = sizeof(Real) == 4 ? 8 : 17;
  const V s = div(x, add(x, set1<V>(2))), s2 = mul(s, s);
  V sum = set1<V>(Real(2) / (2 * terms + 1));
  for (int n = terms - 1; n >= 1; --n) sum = madd(sum, s2, set1<V>(Real(2) / Real(2 * n + 1)));
  return madd(mul(sum, s2), s, add(s, s));
}

/// Replaces each x by (1 + e^-x) / 2, for callers who divide by it together with something else.
template <int N, class V>
[[gnu::always_inline]] inline void half_sigmoid_denominators(V (&x)[N]) {
  using K = ExpConstants<Scalar<V>>;
  unroll<N>([&](auto i) EIGENLSTM_INLINED { x[i] = clamp(x[i], set1<V>(K::sigmoid_min), set1<V>(K::sigmoid_max)); });
  half_exps_plus<-1, 1>(x);
}
template <class V>
inline V half_sigmoid_denominator(V x) {
  V one[] = {x};
  half_sigmoid_denominators(one);
  return one[0];
}

/// Replaces each x by y = (e^2x - 1) / 2, so that tanh(x) = y / (y + 1).
template <int N, class V>
[[gnu::always_inline]] inline void tanh_numerators(V (&x)[N]) {
  using K = ExpConstants<Scalar<V>>;
  unroll<N>([&](auto i) EIGENLSTM_INLINED { x[i] = clamp(x[i], set1<V>(-K::tanh_max), set1<V>(K::tanh_max)); });
  half_exps_plus<2, -1>(x);
}
template <class V>
inline V tanh_numerator(V x) {
  V one[] = {x};
  tanh_numerators(one);
  return one[0];
}

/// 1 / (1 + e^-x). Max error: 2.5 ULP (float), 2.4 ULP (double). Valid for all x,
/// the left tail included, as long as the result is a normal number; further left it is smaller than the least one, or
/// 0.
template <class V>
inline V sigmoid(V x) {
  return div(set1<V>(Scalar<V>(0.5)), half_sigmoid_denominator(x));
}

/// tanh(x) = (e^2x - 1) / (e^2x + 1). Max error: 3.4 ULP (float), 3.2 ULP (double). Valid for all x;
/// |tanh(x)| <= 1 whatever the rounding; tanh(-0) = +0.
template <class V>
inline V tanh(V x) {
  const V y = tanh_numerator(x);
  return div(y, add(y, set1<V>(1)));
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
