#include "eigenlstm/optimisers.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/same_bits.hpp"

using test::Index;
using test::same_for_any_threads;
using test::values;

using namespace eigenlstm;

namespace {

/// The parameters and the state after three steps with fixed gradients.
template <class Real, class Options>
std::vector<Real> three_steps(const Options& options, Index n, double weight_decay) {
  std::vector<Real> p = values<Real>(n, 1), a(n), b(n), c(n);
  for (int step = 1; step <= 3; ++step) {
    const auto grads = values<Real>(n, 10 + step);
    update(options, step, Update<Real>{n, 0.1, weight_decay, p.data(), grads.data(), a.data(), b.data(), c.data()});
  }
  for (const auto* part : {&a, &b, &c}) p.insert(p.end(), part->begin(), part->end());
  return p;
}

}  // namespace

TEST_CASE_TEMPLATE("optimisers follow their formulas", Real, float, double) {
  const Index n = 37;
  const double tolerance = sizeof(Real) == 4 ? 1e-5 : 1e-12, decay = 0.3, lr = 0.1;
  const auto start = values<double>(n, 1);
  const auto adam = three_steps<Real>(Adam{0.8, 0.9, 1e-3, false}, n, decay),
             adamw = three_steps<Real>(Adam{0.8, 0.9, 1e-3, true}, n, decay);
  const auto sgd = three_steps<Real>(Sgd{0.7, 0.2, false}, n, decay),
             nesterov = three_steps<Real>(Sgd{0.7, 0, true}, n, decay);
  const auto rmsprop = three_steps<Real>(RmsProp{0.8, 1e-3, 0.5}, n, decay);
  const auto adagrad = three_steps<Real>(Adagrad{0.1, 1e-3}, n, decay);
  for (Index i = 0; i < n; ++i) {
    double p[6], m[6] = {}, v[6] = {}, mean = 0;
    for (double& value : p) value = start[i];
    for (int step = 1; step <= 3; ++step) {
      const double grad = values<double>(n, 10 + step)[i];
      for (int k = 0; k < 6; ++k) {
        const double g = grad + (k == 1 ? 0 : decay * p[k]);
        if (k < 2) {
          if (k == 1) p[k] *= 1 - lr * decay;
          m[k] = 0.8 * m[k] + 0.2 * g;
          v[k] = 0.9 * v[k] + 0.1 * g * g;
          p[k] -= lr * m[k] / (1 - std::pow(0.8, step)) / (std::sqrt(v[k] / (1 - std::pow(0.9, step))) + 1e-3);
        } else if (k < 4) {
          m[k] = step == 1 ? g : 0.7 * m[k] + (k == 2 ? 0.8 : 1.0) * g;
          p[k] -= lr * (k == 2 ? m[k] : g + 0.7 * m[k]);
        } else if (k == 4) {
          v[k] = 0.8 * v[k] + 0.2 * g * g;
          mean = 0.8 * mean + 0.2 * g;
          m[k] = 0.5 * m[k] + g / (std::sqrt(v[k] - mean * mean) + 1e-3);
          p[k] -= lr * m[k];
        } else {
          v[k] += g * g;
          p[k] -= lr / (1 + 0.1 * (step - 1)) * g / (std::sqrt(v[k]) + 1e-3);
        }
      }
    }
    const double got[] = {double(adam[i]),     double(adamw[i]),   double(sgd[i]),
                          double(nesterov[i]), double(rmsprop[i]), double(adagrad[i])};
    for (int k = 0; k < 6; ++k) CHECK(got[k] == doctest::Approx(p[k]).epsilon(tolerance));
  }
}

TEST_CASE_TEMPLATE("steps, norms and averages give the same bits on any number of threads", Real, float, double) {
  const Index n = 2'100'001;
  CHECK(same_for_any_threads([] { return three_steps<Real>(Adam{}, n, 0.1); }));
  const auto x = values<Real>(n, 5);
  CHECK(same_for_any_threads([&] { return norm(n, x.data()); }));
  double sum = 0;
  for (Real value : x) sum += double(value) * double(value);
  CHECK(norm(n, x.data()) == doctest::Approx(std::sqrt(sum)).epsilon(1e-12));
  std::vector<Real> average(n, Real(1));
  ema(n, 0.75, x.data(), average.data());
  CHECK(double(average[7]) == doctest::Approx(0.75 + 0.25 * double(x[7])).epsilon(1e-6));
}
