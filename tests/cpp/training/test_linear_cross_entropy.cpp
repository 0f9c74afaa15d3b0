#include "eigenlstm/linear_cross_entropy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "eigenlstm/linear.hpp"
#include "eigenlstm/threads.hpp"
#include "support/same_bits.hpp"

using test::Index;
using test::same_for_any_threads;
using test::values;

namespace {

template <class Real>
struct Problem {
  Index N, F, C;
  std::vector<Real> x = values<Real>(N * F, 1), matrix = values<Real>(C * F, 2), bias = values<Real>(C, 3);
  std::vector<std::int64_t> labels = [this] {
    std::vector<std::int64_t> each;
    for (Index r = 0; r < N; ++r) each.push_back(r % 3 == 2 ? -100 : r * r % C);
    return each;
  }();
  eigenlstm::CrossEntropyOptions options{0.1, -100, true};

  /// The value, dx, dmatrix and dbias in one vector, in this order.
  std::vector<double> together() const {
    std::vector<Real> dx(N * F), dmatrix(C * F, Real(0)), dbias(C, Real(0));
    const eigenlstm::LinearCrossEntropyGradients<Real> gradients{dx.data(), dmatrix.data(), dbias.data()};
    const double value = eigenlstm::linear_cross_entropy(
        {N, F, C, x.data(), matrix.data(), bias.data(), labels.data(), nullptr, nullptr}, options, &gradients);
    std::vector<double> all{value};
    for (const auto* part : {&dx, &dmatrix, &dbias}) all.insert(all.end(), part->begin(), part->end());
    return all;
  }

  std::vector<double> apart() const {
    std::vector<Real> y(N * C), dy(N * C), dx(N * F), dmatrix(C * F, Real(0)), dbias(C, Real(0));
    eigenlstm::linear_forward(N, F, C, x.data(), matrix.data(), bias.data(), y.data());
    const double value =
        eigenlstm::cross_entropy<Real>(N, C, y.data(), labels.data(), nullptr, nullptr, options, dy.data());
    eigenlstm::linear_backward(N, F, C, x.data(), matrix.data(), dy.data(), dmatrix.data(), dbias.data(), dx.data());
    std::vector<double> all{value};
    for (const auto* part : {&dx, &dmatrix, &dbias}) all.insert(all.end(), part->begin(), part->end());
    return all;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("an affine map with its cross-entropy gives the same as the two one after the other", Real, float,
                   double) {
  for (const auto& problem : {Problem<Real>{1, 1, 2}, Problem<Real>{5, 3, 7}, Problem<Real>{700, 64, 130}}) {
    const auto got = problem.together(), expected = problem.apart();
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
      worst = std::max(worst, std::abs(got[i] - expected[i]) / std::max(1.0, std::abs(expected[i])));
    CHECK(worst < 100 * double(std::numeric_limits<Real>::epsilon()));
  }
}

TEST_CASE_TEMPLATE("they give the same bits on any number of threads", Real, float, double) {
  const Problem<Real> problem{700, 50, 210};
  CHECK(same_for_any_threads([&] { return problem.together(); }));
}

TEST_CASE("they do so while the number of threads changes") {
  const test::EveryThread every;
  const int before = eigenlstm::num_threads();
  const Problem<float> problem{1500, 128, 500};
  const auto expected = problem.together();
  std::atomic<bool> ends{false};
  std::thread other([&] {
    for (int n = 1; !ends; n = 7 - n) {
      eigenlstm::set_num_threads(n);
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  });
  int wrong = 0;
  for (int call = 0; call < 20; ++call) wrong += problem.together() != expected;
  ends = true;
  other.join();
  eigenlstm::set_num_threads(before);
  CHECK(wrong == 0);
}
