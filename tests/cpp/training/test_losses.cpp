#include "eigenlstm/losses.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <utility>

#include "support/same_bits.hpp"

using test::Index;
using test::same_for_any_threads;
using test::values;

using eigenlstm::ElementLoss;

namespace {

/// The loss of one prediction (of two for gaussian_nll) for one target, as the papers define it.
double exact(ElementLoss loss, const double* p, double y, double parameter) {
  const double d = y - p[0];
  switch (loss) {
    case ElementLoss::mse: return d * d;
    case ElementLoss::mae: return std::abs(d);
    case ElementLoss::huber: return std::abs(d) <= parameter ? d * d / 2 : parameter * (std::abs(d) - parameter / 2);
    case ElementLoss::bce:
      return -parameter * y * std::log(1 / (1 + std::exp(-p[0]))) - (1 - y) * std::log(1 - 1 / (1 + std::exp(-p[0])));
    case ElementLoss::quantile: return d >= 0 ? parameter * d : (parameter - 1) * d;
    case ElementLoss::poisson_nll: return std::exp(p[0]) - y * p[0];
    case ElementLoss::gaussian_nll: return (p[1] + d * d / std::exp(p[1])) / 2;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

constexpr ElementLoss all[] = {ElementLoss::mse,         ElementLoss::mae,      ElementLoss::huber,
                               ElementLoss::bce,         ElementLoss::quantile, ElementLoss::poisson_nll,
                               ElementLoss::gaussian_nll};

template <class Real>
std::pair<double, std::vector<Real>> evaluate(ElementLoss loss, Index n, Index each, const std::vector<Real>& y_pred,
                                              const std::vector<Real>& y_true, const std::vector<Real>& weight) {
  const std::vector<Real> parameters{Real(0.3), Real(0.8)};
  std::vector<Real> dy(n * each);
  const double value = eigenlstm::element_loss(loss, n, each, y_pred.data(), y_true.data(), weight.data(),
                                               Index(weight.size()), parameters.data(), Index(2), 0.5, dy.data());
  return {value, dy};
}

}  // namespace

TEST_CASE_TEMPLATE("losses of values: sums, gradients, and weights that several targets share", Real, float, double) {
  const Index n = 6000, each = 2;
  auto y_pred = values<Real>(n * each, 1), y_true = values<Real>(n, 2), weight = values<Real>(n / 3, 3);
  for (Real& w : weight) w = w < 0 ? Real(0) : w;
  for (Real& y : y_true) y = std::abs(y);
  for (ElementLoss loss : all) {
    const auto [value, dy] = evaluate(loss, n, each, y_pred, y_true, weight);
    const Index step = loss == ElementLoss::gaussian_nll ? 2 : 1;
    double sum = 0, worst = 0;
    for (Index i = 0; i < n * each; ++i) {
      const Index target = i / each;
      const double w = 0.5 * double(weight[target / 3]), y = double(y_true[target]), h = 1e-6;
      const double parameter = step == 2 ? 0 : i % 2 == 0 ? double(Real(0.3)) : double(Real(0.8));
      double p[2] = {double(y_pred[i / step * step]), double(y_pred[i / step * step + step - 1])};
      if (i % step == 0) sum += w * exact(loss, p, y, parameter);
      p[i % step] += h;
      const double above = exact(loss, p, y, parameter);
      p[i % step] -= 2 * h;
      worst = std::max(worst, std::abs(double(dy[i]) - w * (above - exact(loss, p, y, parameter)) / (2 * h)));
    }
    CAPTURE(int(loss));
    CHECK(value == doctest::Approx(sum).epsilon(sizeof(Real) == 4 ? 1e-6 : 1e-12));
    CHECK(worst < (sizeof(Real) == 4 ? 2e-5 : 1e-7));
  }
}

TEST_CASE_TEMPLATE("losses give the same bits on any number of threads", Real, float, double) {
  const Index n = 510'000, each = 2, C = 40;
  const auto y_pred = values<Real>(n * each, 1), y_true = values<Real>(n, 2), weight = values<Real>(n / 3, 3);
  for (ElementLoss loss : all) {
    CAPTURE(int(loss));
    CHECK(same_for_any_threads([&, l = loss] { return evaluate(l, n, each, y_pred, y_true, weight); }));
  }
  std::vector<std::int64_t> labels(n * each / C);
  for (std::size_t r = 0; r < labels.size(); ++r) labels[r] = std::int64_t(r) * 7 % C;
  CHECK(same_for_any_threads([&] {
    std::vector<Real> dx(n * each);
    const double value =
        eigenlstm::cross_entropy<Real>(n * each / C, C, y_pred.data(), labels.data(), nullptr, nullptr, {}, dx.data());
    return std::pair(value, dx);
  }));
}

TEST_CASE_TEMPLATE("cross-entropy: values, gradients, ignored rows", Real, float, double) {
  const Index N = 900, C = 21;
  const auto logits = values<Real>(N * C, 1);
  std::vector<std::int64_t> labels(N);
  for (Index r = 0; r < N; ++r) labels[r] = r % 7 == 0 ? -100 : r % C;
  const auto run = [&] {
    std::vector<Real> dx(N * C);
    const double value =
        eigenlstm::cross_entropy<Real>(N, C, logits.data(), labels.data(), nullptr, nullptr, {}, dx.data());
    return std::pair(value, dx);
  };
  const auto [value, dx] = run();
  double sum = 0, worst = 0, count = 0;
  for (Index r = 0; r < N; ++r) count += labels[r] >= 0;
  for (Index r = 0; r < N; ++r) {
    double total = 0;
    for (Index c = 0; c < C; ++c) total += std::exp(double(logits[r * C + c]));
    if (labels[r] >= 0) sum += std::log(total) - double(logits[r * C + labels[r]]);
    for (Index c = 0; c < C; ++c) {
      const double slope = labels[r] < 0 ? 0 : (std::exp(double(logits[r * C + c])) / total - (c == labels[r])) / count;
      worst = std::max(worst, std::abs(double(dx[r * C + c]) - slope));
    }
  }
  CHECK(value == doctest::Approx(sum / count).epsilon(sizeof(Real) == 4 ? 1e-6 : 1e-13));
  CHECK(worst < 4 * double(std::numeric_limits<Real>::epsilon()) / count);
}
