// sigmoid and tanh: at most 4 ULP, NaN stays NaN, infinities saturate. The full sweep is in
// tests/python/test_activations.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "eigenlstm/activations.hpp"

namespace {

template <class Real>
long double ulps(Real got, long double expected) {
  const long double unit = std::ldexp(1.0L, std::ilogb(expected) + 1 - std::numeric_limits<Real>::digits);
  return std::abs(got - expected) / unit;
}

}  // namespace

TEST_CASE_TEMPLATE("activations: at most 4 ULP", Real, float, double) {
  std::vector<Real> x;
  for (Real v = Real(1e-6); v < 80; v *= Real(1.003)) {
    x.push_back(v);
    x.push_back(-v);
  }
  const std::ptrdiff_t n = std::ptrdiff_t(x.size());
  std::vector<Real> s(x.size()), t(x.size());
  eigenlstm::sigmoid(x.data(), s.data(), n);
  eigenlstm::tanh(x.data(), t.data(), n);
  long double worst_sigmoid = 0, worst_tanh = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    worst_sigmoid = std::max(worst_sigmoid, ulps(s[j], 1 / (1 + std::exp(-static_cast<long double>(x[j])))));
    worst_tanh = std::max(worst_tanh, ulps(t[j], std::tanh(static_cast<long double>(x[j]))));
  }
  CHECK(worst_sigmoid <= 4);
  CHECK(worst_tanh <= 4);
}

TEST_CASE_TEMPLATE("activations: NaN, infinities, signed zero; in place and in tails of any length", Real, float,
                   double) {
  const Real inf = std::numeric_limits<Real>::infinity(), nan = std::numeric_limits<Real>::quiet_NaN();
  for (std::size_t n = 5; n < 40; ++n) {
    std::vector<Real> x(n, Real(0.25));
    x[n - 5] = Real(-0.0);
    x[n - 4] = nan;
    x[n - 3] = inf;
    x[n - 2] = -inf;
    std::vector<Real> s(x), t(x);
    eigenlstm::sigmoid(s.data(), s.data(), std::ptrdiff_t(n));
    eigenlstm::tanh(t.data(), t.data(), std::ptrdiff_t(n));
    CHECK(s[n - 5] == Real(0.5));
    CHECK(t[n - 5] == 0);
    CHECK(std::isnan(s[n - 4]));
    CHECK(std::isnan(t[n - 4]));
    CHECK(s[n - 3] == 1);
    CHECK(t[n - 3] == 1);
    CHECK(s[n - 2] == 0);
    CHECK(t[n - 2] == -1);
    Real alone_s, alone_t;  // a value gives the same bits at any place in the array
    const Real last = Real(0.25);
    eigenlstm::sigmoid(&last, &alone_s, 1);
    eigenlstm::tanh(&last, &alone_t, 1);
    CHECK(s[n - 1] == alone_s);
    CHECK(t[n - 1] == alone_t);
  }
}
