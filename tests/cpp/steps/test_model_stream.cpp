// Whole models step by step against the layers over whole sequences, and sessions that do not touch each other.
#include "eigenlstm/model_stream.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "eigenlstm/linear.hpp"
#include "support/core.hpp"

using namespace test;
using eigenlstm::ModelStream;
using eigenlstm::StepGraph;

namespace {

template <class Real>
std::vector<Real> numbers(Index n, int seed) {
  std::vector<Real> values(std::size_t(n), Real(0));
  Real value = Real(0.1) * Real(seed);
  for (Real& each : values) each = value = Real(3.7) * value * (Real(1) - value);  // the logistic map, within 0 and 1
  return values;
}

template <class Real>
std::vector<Real> process(ModelStream<Real> stream, const std::vector<Real>& x, Index T) {
  std::vector<Real> y(std::size_t(stream.batch_size() * T * stream.output_size()));
  stream.process(x.data(), T, y.data());
  return y;
}

}  // namespace

TEST_CASE_TEMPLATE("a model of an LSTM, a head and a skip gives the bits of its layers", Real, float, double) {
  for (Index B : {1, 3})
    for (Index O : {1, 5, 16, 64, 70}) {
      const Core<Real> core(random_problem(model(O, 12, 2), B, 9, false, 11));
      const Index rows = B * 9, H = 12;
      const std::vector<Real> weight = numbers<Real>(O * H, 3), bias = numbers<Real>(O, 5);
      StepGraph<Real> graph(O);
      const Index h = graph.lstm(graph.input(), core.lstm, core.weights);
      graph.add({graph.linear(h, O, weight.data(), bias.data()), graph.input()});

      std::vector<Real> states(std::size_t(rows * H)), expected(std::size_t(rows * O)), final_h(2 * B * H),
          final_c = final_h;
      core.lstm.forward(core.weights, B, 9, {core.x.data(), 9 * O, O, 1}, nullptr, {}, {states.data(), 9 * H, H, 1},
                        {final_h.data(), final_c.data()});
      eigenlstm::linear_forward<Real>(rows, H, O, states.data(), weight.data(), bias.data(), expected.data());
      for (Index i = 0; i < rows * O; ++i) expected[std::size_t(i)] += core.x[std::size_t(i)];
      CHECK(process(ModelStream<Real>(graph, B), core.x, 9) == expected);
    }
}

TEST_CASE("copies, states and resets of a model") {
  StepGraph<float> graph(2);
  const std::vector<float> some = numbers<float>(500, 2), x = numbers<float>(20, 4);
  const Index windows = graph.causal_conv1d(graph.input(), 3, 4, 2, some.data(), nullptr);
  graph.concat({graph.shift(windows, 0.5f), graph.layer_norm(windows, some.data(), some.data(), 1e-5)});
  ModelStream<float> stream(graph, 1);
  const std::vector<float> whole = process(stream, x, 10);  // of a copy
  CHECK(stream.state_size() == 6 * 2 + 3);
  std::vector<float> y(6), state(std::size_t(stream.state_size()));
  for (Index t = 0; t < 10; ++t) {
    ModelStream<float> other(graph, 1);  // goes on with the state of the one before
    stream.get_state(state.data());
    other.set_state(state.data());
    other.step(&x[std::size_t(2 * t)], y.data());
    CHECK(std::equal(y.begin(), y.end(), &whole[std::size_t(6 * t)]));
    stream.step(&x[std::size_t(2 * t)], y.data());
    CHECK(std::equal(y.begin(), y.end(), &whole[std::size_t(6 * t)]));
  }
  stream.reset();
  CHECK(process(stream, x, 10) == whole);
}

TEST_CASE("integers, and what a graph refuses") {
  StepGraph<float> words(1, true);
  const std::vector<float> matrix = numbers<float>(12, 3);
  const std::int64_t three = 3, four = 4;
  float y[3];
  words.embedding(words.input(), 4, 3, matrix.data());
  ModelStream<float> stream(words, 1);
  stream.step(&three, y);
  CHECK(std::equal(y, y + 3, &matrix[9]));
  CHECK_THROWS_WITH_AS(stream.step(&four, y), "ModelStream.step: x must lie in 0..3, got 4", std::invalid_argument);
  CHECK_THROWS_AS(stream.step(&matrix[0], y), std::invalid_argument);

  StepGraph<float> graph(3);
  CHECK_THROWS_WITH_AS(graph.slice(0, 2, 2), "StepGraph.slice: takes 2 features from 2 on, there are 3",
                       std::invalid_argument);
  CHECK_THROWS_AS(graph.add({0}), std::invalid_argument);
  CHECK_THROWS_AS(graph.add({0, 1}), std::invalid_argument);
  CHECK_THROWS_AS(graph.embedding(0, 4, 3, matrix.data()), std::invalid_argument);
  CHECK_THROWS_AS(words.activation(0, {}), std::invalid_argument);
  CHECK_THROWS_AS(ModelStream<float>(graph, 0), std::invalid_argument);
  const Core<float> both(random_problem(model(3, 4, 1, true), 1, 1, false, 1));
  CHECK_THROWS_AS(graph.lstm(0, both.lstm, both.weights), std::invalid_argument);
  CHECK(ModelStream<float>(graph, 2).output_size() == 3);  // nothing but its input
}
