// The forward pass is compared with the scalar equations, the gradients with central differences of these equations.
#include <doctest/doctest.h>

#include <cmath>
#include <deque>
#include <stdexcept>

#include "eigenlstm/threads.hpp"
#include "support/core.hpp"
#include "support/same_bits.hpp"

using namespace test;

namespace {

struct Case {
  eigenlstm::LSTMOptions options;
  Index B, T;
  bool ragged;
};

const std::vector<Case> cases = {
    {model(1, 1), 1, 1, false},
    {model(3, 5), 2, 7, false},
    {model(5, 33), 9, 4, false},
    {model(2, 70), 1, 6, false},
    {model(17, 16), 3, 5, true},
    {model(4, 9, 3), 5, 6, true},
    {model(3, 21, 2, true), 4, 5, true},
    {model(6, 8, 1, true, false), 3, 4, false},
    {model(2, 40, 2, false, false), 30, 3, true},
};

template <class Real>
double worst_difference(const std::vector<Real>& values, const Values& expected) {
  REQUIRE(values.size() == expected.size());
  double worst = 0;
  for (std::size_t j = 0; j < expected.size(); ++j) {
    const double difference = std::abs(double(values[j]) - expected[j]);
    if (!(difference <= worst)) worst = difference;  // NaN too
  }
  return worst;
}

/// Central differences of the loss: for some values of one array, one by one, and along a random direction.
template <class Real>
void check_gradient(Problem p, Values Problem::*array, const std::vector<Real>& gradient, Random& random) {
  REQUIRE(gradient.size() == (p.*array).size());
  if (gradient.empty()) return;
  const double step = 1e-5, tolerance = sizeof(Real) == 4 ? 2e-4 : 1e-7;
  const Values at = p.*array;
  const auto slope = [&](const Values& direction) {
    double up = 0, down = 0;
    for (double sign : {1.0, -1.0}) {
      for (std::size_t j = 0; j < at.size(); ++j) (p.*array)[j] = at[j] + sign * step * direction[j];
      (sign > 0 ? up : down) = loss(p);
    }
    return (up - down) / (2 * step);
  };
  const auto check = [&](const Values& direction, double along) {
    const double expected = slope(direction);
    CHECK(std::abs(along - expected) <= tolerance * (1 + std::abs(expected)));
  };
  for (int i = 0; i < 12; ++i) {
    const std::size_t j = std::size_t(random.whole(0, Index(at.size()) - 1));
    Values direction(at.size());
    direction[j] = 1;
    CAPTURE(j);
    check(direction, double(gradient[j]));
  }
  Values direction(at.size());
  double along = 0;
  for (std::size_t j = 0; j < at.size(); ++j) {
    direction[j] = random.real() / std::sqrt(double(at.size()));
    along += direction[j] * double(gradient[j]);
  }
  check(direction, along);
}

}  // namespace

TEST_CASE_TEMPLATE("forward gives what the equations say", Real, float, double) {
  unsigned seed = 0;
  for (const Case& c : cases) {
    const Problem p = random_problem(c.options, c.B, c.T, c.ragged, ++seed);
    const Core<Real> core(p);
    const Outputs expected = reference(p);
    const double tolerance = sizeof(Real) == 4 ? 4e-6 : 1e-14;
    CAPTURE(seed);
    const Results<Real> inference = core.forward();
    CHECK(worst_difference(inference.y, expected.y) <= tolerance);
    CHECK(worst_difference(inference.h, expected.h) <= tolerance);
    CHECK(worst_difference(inference.c, expected.c) <= tolerance);
  }
}

TEST_CASE_TEMPLATE("backward gives the gradients that central differences give", Real, float, double) {
  unsigned seed = 100;
  for (const Case& c : cases) {
    const Problem p = random_problem(c.options, c.B, c.T, c.ragged, ++seed);
    const Results<Real> r = Core<Real>(p).forward_backward();
    Random random(seed);
    CAPTURE(seed);
    check_gradient(p, &Problem::parameters, r.dparameters, random);
    check_gradient(p, &Problem::x, r.dx, random);
    check_gradient(p, &Problem::h0, r.dh0, random);
    check_gradient(p, &Problem::c0, r.dc0, random);
  }
}

TEST_CASE("backward adds to the gradients of the parameters") {
  const Problem p = random_problem(model(3, 10), 4, 5, false, 1);
  const Core<double> core(p);
  std::unique_ptr<eigenlstm::Tape<double>> tape;
  core.forward(&tape);
  std::vector<double> gradients(core.parameters.size());
  const auto backward = [&] {
    core.lstm.backward(*tape, batch_major(p.dy.data(), p.T, Index(10)), {p.dh.data(), p.dc.data()}, {}, {},
                       gradients.data());
  };
  backward();
  const std::vector<double> once = gradients;
  backward();  // a tape can be used more than once
  for (std::size_t j = 0; j < once.size(); ++j) CHECK(gradients[j] == doctest::Approx(2 * once[j]).epsilon(1e-12));
}

TEST_CASE_TEMPLATE("training and inference give the same bits, at any number of threads", Real, float, double) {
  const test::EveryThread every;
  const int before = eigenlstm::num_threads();
  // In turn: threads share the rows; the units (one row, a large recurrent matrix); the directions; the rows of both
  // directions; and in ragged batches, which go from many rows to a single one, first the rows and then the units (in
  // double on five threads the backward pass does so, too).
  for (const Case& c : {Case{model(8, 64), 40, 20, false}, Case{model(4, 160), 1, 40, false},
                        Case{model(4, 150), 2, 30, false}, Case{model(8, 40, 2, true), 12, 30, true},
                        Case{model(8, 64, 1, true), 20, 40, false}, Case{model(3, 130, 1, true), 3, 40, true},
                        Case{model(8, 64), 40, 20, true}, Case{model(3, 260), 30, 6, true}}) {
    const Problem p = random_problem(c.options, c.B, c.T, c.ragged, 7);
    const Core<Real> core(p);
    eigenlstm::set_num_threads(1);
    const Results<Real> expected = core.forward_backward();
    for (int threads : {1, 2, 3, 5}) {
      CAPTURE(threads);
      eigenlstm::set_num_threads(threads);
      CHECK(core.forward_backward() == expected);
      const Results<Real> inference = core.forward();
      CHECK(inference.y == expected.y);
      CHECK(inference.h == expected.h);
      CHECK(inference.c == expected.c);
    }
  }
  eigenlstm::set_num_threads(before);
}

TEST_CASE_TEMPLATE("weights packed by any number of threads are the same", Real, float, double) {
  const Problem p = random_problem(model(64, 403), 1, 2, false, 11);  // enough work for three threads
  std::deque<Core<Real>>
      all;  // all kept, since memory that was freed and used again would hold the right weights already
  CHECK(test::same_for_any_threads([&] { return all.emplace_back(p).forward_backward(); }));
}

TEST_CASE("arrays with any strides: time-major, and every second feature") {
  const Problem p = random_problem(model(3, 20), 4, 6, true, 3);
  const Core<double> core(p);
  const Index B = p.B, T = p.T, I = 3, H = 20;
  const Results<double> expected = core.forward();
  std::vector<double> x(T * B * I * 2, 99.0), y(T * B * H * 2, 99.0);
  for (Index b = 0; b < B; ++b)
    for (Index t = 0; t < T; ++t)
      for (Index i = 0; i < I; ++i) x[((t * B + b) * I + i) * 2] = p.x[(b * T + t) * I + i];
  core.lstm.forward(core.weights, B, T, {x.data(), 2 * I, 2 * B * I, 2}, p.lengths.data(),
                    {core.h0.data(), core.c0.data()}, {y.data(), 2 * H, 2 * B * H, 2}, {});
  for (Index b = 0; b < B; ++b)
    for (Index t = 0; t < T; ++t)
      for (Index u = 0; u < H; ++u) {
        CHECK(y[((t * B + b) * H + u) * 2] == expected.y[(b * T + t) * H + u]);
        CHECK(y[((t * B + b) * H + u) * 2 + 1] == 99.0);
      }
}

TEST_CASE("without rows or steps, the initial state is returned") {
  for (auto [B, T] : {std::pair<Index, Index>{0, 5}, {3, 0}, {0, 0}}) {
    const Problem p = random_problem(model(2, 9, 2), B, T, false, 5);
    const Results<double> r = Core<double>(p).forward_backward();
    CHECK(r.h == p.h0);
    CHECK(r.c == p.c0);
    CHECK(r.dh0 == p.dh);
    CHECK(r.dc0 == p.dc);
  }
}

TEST_CASE("wrong sizes and lengths are refused") {
  using Error = std::invalid_argument;
  CHECK_THROWS_AS(eigenlstm::LSTM<float>(model(0, 4)), Error);
  CHECK_THROWS_AS(eigenlstm::LSTM<float>(model(4, 0)), Error);
  CHECK_THROWS_AS(eigenlstm::LSTM<float>(model(4, 4, 0)), Error);
  for (Index wrong : {-1, 7}) {
    Problem p = random_problem(model(2, 4), 3, 6, true, 1);
    p.lengths[1] = wrong;
    CHECK_THROWS_AS(Core<float>(p).forward(), Error);
  }
}
