// Streaming gives the bits of a call with the whole sequence, step by step or in blocks, and sessions don't affect each
// other.
#include <doctest/doctest.h>

#include <cmath>
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

TEST_CASE_TEMPLATE("a row by itself has the bits that it has in a batch, whatever the sizes", Real, float, double) {
  // A single row has a kernel of its own. H to 66: every number of units in the last panel, and of panels side by side.
  constexpr Index B = 7, T = 3;
  for (Index H = 1; H <= 66; ++H)
    for (Index I : {1, 6}) {
      CAPTURE(H);
      CAPTURE(I);
      const Core<Real> core(random_problem(model(I, H), B, T, false, unsigned(H)));
      std::unique_ptr<eigenlstm::Tape<Real>> tape, own_tape;
      const Results<Real> together = core.forward(&tape);
      const Index b = H % B;
      std::vector<Real> y(T * H), h(H), c(H);
      core.lstm.forward(core.weights, 1, T, batch_major(&core.x[b * T * I], T, I), nullptr,
                        {&core.h0[b * H], &core.c0[b * H]}, batch_major(y.data(), T, H), {h.data(), c.data()},
                        &own_tape);
      CHECK(y == std::vector<Real>(&together.y[b * T * H], &together.y[b * T * H] + T * H));
      CHECK(c == std::vector<Real>(&together.c[b * H], &together.c[b * H] + H));
      for (const auto what : {eigenlstm::Traced::i, eigenlstm::Traced::f, eigenlstm::Traced::g, eigenlstm::Traced::o}) {
        std::vector<Real> all(B * T * H), own(T * H);
        tape->trace(0, what, batch_major(all.data(), T, H));
        own_tape->trace(0, what, batch_major(own.data(), T, H));
        CHECK(own == std::vector<Real>(&all[b * T * H], &all[b * T * H] + T * H));
      }
      eigenlstm::Stream<Real> stream(core.lstm, core.weights, 1);
      stream.set_state({&core.h0[b * H], &core.c0[b * H]});
      std::vector<Real> streamed(T * H);
      stream.process(&core.x[b * T * I], T, streamed.data());
      CHECK(streamed == y);
    }
}

TEST_CASE("a block of steps gives the bits of single steps, and may be written over its input") {
  for (Index B : {1, 3})
    for (Index layers : {1, 2})
      for (bool residual : {false, true}) {
        eigenlstm::LSTMOptions options = model(8, 8, layers);
        options.residual = residual && layers > 1;
        const Core<float> core(random_problem(options, B, 11, false, 19));
        eigenlstm::Stream<float> steps(core.lstm, core.weights, B), blocks(core.lstm, core.weights, B);
        std::vector<float> expected(core.problem.y_size()), y = core.x;
        run(steps, core, 0, 11, expected);
        blocks.process(y.data(), 11, y.data());
        CHECK(y == expected);
      }
}

TEST_CASE("NaN anywhere in a block is refused before its first step") {
  eigenlstm::LSTMOptions options = model(2, 5);
  options.missing = eigenlstm::Missing::error;
  Core<float> core(random_problem(options, 2, 4, false, 23));
  eigenlstm::Stream<float> stream(core.lstm, core.weights, 2);
  std::vector<float> y(core.problem.y_size(), 7), h(10), c(10);
  core.x[(1 * 4 + 2) * 2 + 1] = NAN;
  CHECK_THROWS_WITH_AS(
      stream.process(core.x.data(), 4, y.data()),
      "Stream.process: x must not have NaN with missing=\"error\", got one in row 1, step 2, feature 1",
      std::invalid_argument);
  stream.get_state({h.data(), c.data()});
  CHECK(y == std::vector<float>(y.size(), 7));
  CHECK(c == std::vector<float>(10));
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
