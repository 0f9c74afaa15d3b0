// Streaming gives the bits of a call with the whole sequence, and sessions don't affect each other.
#include <doctest/doctest.h>

#include <stdexcept>

#include "support/core.hpp"

using namespace test;

namespace {

/// Runs steps [t0, t1) of every row and writes their y into the array (B, T, H).
template <class Real>
void run(eigenlstm::Stream<Real>& stream, const Core<Real>& core, Index t0, Index t1, std::vector<Real>& y) {
  const Index B = core.problem.B, T = core.problem.T, I = core.problem.options.input_size,
              H = core.problem.options.hidden_size;
  std::vector<Real> x_t(B * I), y_t(B * H);
  for (Index t = t0; t < t1; ++t) {
    for (Index b = 0; b < B; ++b) std::copy_n(&core.x[(b * T + t) * I], I, &x_t[b * I]);
    stream.step(x_t.data(), y_t.data());
    for (Index b = 0; b < B; ++b) std::copy_n(&y_t[b * H], H, &y[(b * T + t) * H]);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("a stream gives the same bits as a call with the sequence", Real, float, double) {
  for (Index B : {1, 2, 5, 20})
    for (Index H : {1, 8, 31, 64, 100})
      for (Index layers : {1, 3}) {
        CAPTURE(B);
        CAPTURE(H);
        const Core<Real> core(random_problem(model(3, H, layers), B, 9, false, 11));
        const Results<Real> expected = core.forward();
        eigenlstm::Stream<Real> stream(core.lstm, core.weights, B);
        stream.set_state({core.h0.data(), core.c0.data()});
        std::vector<Real> y(expected.y.size()), h(expected.h.size()), c(expected.c.size());
        run(stream, core, 0, 9, y);
        stream.get_state({h.data(), c.data()});
        CHECK(y == expected.y);
        CHECK(h == expected.h);
        CHECK(c == expected.c);
      }
}

TEST_CASE("a copy of a stream is independent; reset starts from zeros") {
  const Core<float> core(random_problem(model(4, 24, 2), 2, 10, false, 13));
  eigenlstm::Stream<float> stream(core.lstm, core.weights, 2);
  std::vector<float> whole(core.problem.y_size()), y = whole, again = whole;
  run(stream, core, 0, 10, whole);
  stream.reset();
  run(stream, core, 0, 5, y);
  eigenlstm::Stream<float> copy(stream);
  CHECK(copy.batch_size() == 2);
  again = y;
  run(copy, core, 5, 10, again);
  CHECK(again == whole);
  run(stream, core, 5, 10, y);  // the steps of the copy have not changed it
  CHECK(y == whole);
}

TEST_CASE("a stream outlives the model that made it") {
  const Problem p = random_problem(model(2, 9), 1, 4, false, 17);
  std::vector<float> y(p.y_size()), expected;
  auto core = std::make_unique<Core<float>>(p);
  eigenlstm::Stream<float> stream(core->lstm, core->weights, 1);
  core.reset();
  const Core<float> other(p);
  eigenlstm::Stream<float> reference_stream(other.lstm, other.weights, 1);
  expected = y;
  run(stream, other, 0, 4, y);
  run(reference_stream, other, 0, 4, expected);
  CHECK(y == expected);
}

TEST_CASE("layers that cannot stream are refused") {
  const Core<float> both(random_problem(model(2, 4, 1, true), 1, 1, false, 1)),
      one(random_problem(model(2, 4), 1, 1, false, 1));
  CHECK_THROWS_AS(eigenlstm::Stream<float>(both.lstm, both.weights, 1), std::invalid_argument);
  CHECK_THROWS_AS(eigenlstm::Stream<float>(one.lstm, one.weights, 0), std::invalid_argument);
}
