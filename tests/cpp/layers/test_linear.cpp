#include "eigenlstm/linear.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>

#include "eigenlstm/embedding.hpp"
#include "support/same_bits.hpp"

using test::Index;
using test::same_for_any_threads;
using test::values;

namespace {

template <class Real>
struct Problem {
  Index N, F, O;
  std::vector<Real> x = values<Real>(N * F, 1), weight = values<Real>(O * F, 2), bias = values<Real>(O, 3),
                    dy = values<Real>(N * O, 4);

  /// y, dx, dweight and dbias in one vector, in this order. The last two are added to arrays of ones.
  std::vector<Real> solve() const {
    std::vector<Real> y(N * O), dx(N * F), dweight(O * F, Real(1)), dbias(O, Real(1));
    eigenlstm::linear_forward(N, F, O, x.data(), weight.data(), bias.data(), y.data());
    eigenlstm::linear_backward(N, F, O, x.data(), weight.data(), dy.data(), dweight.data(), dbias.data(), dx.data());
    for (const auto* part : {&dx, &dweight, &dbias}) y.insert(y.end(), part->begin(), part->end());
    return y;
  }

  std::vector<double> expected() const {
    std::vector<double> y(N * O), dx(N * F), dweight(O * F, 1), dbias(O, 1);
    for (Index r = 0; r < N; ++r)
      for (Index o = 0; o < O; ++o) {
        double& sum = y[r * O + o] = double(bias[o]);
        for (Index k = 0; k < F; ++k) {
          sum += double(x[r * F + k]) * double(weight[o * F + k]);
          dx[r * F + k] += double(dy[r * O + o]) * double(weight[o * F + k]);
          dweight[o * F + k] += double(dy[r * O + o]) * double(x[r * F + k]);
        }
        dbias[o] += double(dy[r * O + o]);
      }
    for (const auto* part : {&dx, &dweight, &dbias}) y.insert(y.end(), part->begin(), part->end());
    return y;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("Linear and its gradients match plain loops", Real, float, double) {
  for (const auto& [N, F, O] : {std::array<Index, 3>{1, 1, 1}, {3, 5, 7}, {130, 33, 65}, {300, 70, 3}, {0, 2, 2}}) {
    const Problem<Real> problem{N, F, O};
    const std::vector<Real> got = problem.solve();
    const std::vector<double> expected = problem.expected();
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(double(got[i]) - expected[i]));
    CHECK(worst < 300 * double(std::numeric_limits<Real>::epsilon()));
  }
}

TEST_CASE_TEMPLATE("Linear gives the same bits on any number of threads", Real, float, double) {
  const Problem<Real> problem{1500, 200, 210};
  CHECK(same_for_any_threads([&] { return problem.solve(); }));
}

TEST_CASE_TEMPLATE("an embedding gathers rows and adds gradients to them", Real, float, double) {
  const Index N = 30000, V = 5, D = 520;
  const auto weight = values<Real>(V * D, 1), dy = values<Real>(N * D, 2);
  std::vector<std::int64_t> indices(N);
  for (Index r = 0; r < N; ++r) indices[r] = r * r % V;
  std::vector<Real> y(N * D), expected(V * D, Real(0));
  eigenlstm::embedding_forward(N, D, indices.data(), weight.data(), y.data());
  Index wrong = 0;
  for (Index r = 0; r < N; ++r)
    for (Index d = 0; d < D; ++d) {
      wrong += y[r * D + d] != weight[indices[r] * D + d];
      if (indices[r] != 1) expected[indices[r] * D + d] += dy[r * D + d];
    }
  CHECK(wrong == 0);
  CHECK(same_for_any_threads([&] {
    std::vector<Real> dweight(V * D, Real(0));
    eigenlstm::embedding_backward(N, D, indices.data(), dy.data(), 1, dweight.data());
    CHECK(dweight == expected);
    return dweight;
  }));
}
