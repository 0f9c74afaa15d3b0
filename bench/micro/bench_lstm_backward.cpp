// A training step of one layer without the optimizer, at the shapes of bench/compare: packing the weights, forward with
// a tape, backward with dx and the gradients of all parameters. The gradients are checked along a random direction, by
// central differences of the scalar equations.
#include <cmath>

#include "measure.hpp"

namespace {

using eigenlstm::Index;

/// Two rows of two steps with the sizes of `shape`, whose gradient is checked along a direction in parameter space.
template <class Real>
bool right(const bench::Shape& shape) {
  test::Problem p = test::random_problem(test::model(shape.I, shape.H), 2, 2, false, 2);
  const auto gradient = test::Core<Real>(p).forward_backward().dparameters;
  test::Random random(3);
  const test::Values at = p.parameters, direction = random.vector<double>(Index(at.size()));
  const double step = 1e-5 / std::sqrt(double(at.size()));
  double along = 0, losses[2];
  for (std::size_t j = 0; j < at.size(); ++j) along += direction[j] * double(gradient[j]);
  for (int side : {0, 1}) {
    for (std::size_t j = 0; j < at.size(); ++j) p.parameters[j] = at[j] + (side ? step : -step) * direction[j];
    losses[side] = test::loss(p);
  }
  const double expected = (losses[1] - losses[0]) / (2 * step);
  return std::abs(along - expected) <= 1e-3 * (1 + std::abs(expected));
}

template <class Real>
void backward(benchmark::State& state, const bench::Shape& shape, int threads) {
  if (!right<Real>(shape)) return state.SkipWithError("wrong gradient");
  test::Core<Real> core(test::random_problem(test::model(shape.I, shape.H), shape.B, shape.T, false, 1));
  const auto parameters = bench::on_lines(core.parameters), x = bench::on_lines(core.x),
             dy = bench::on_lines(test::as<Real>(core.problem.dy));
  const eigenlstm::Buffer<Real> y(dy.size()), dx(x.size());
  const auto dparameters = eigenlstm::Buffer<Real>::zeros(parameters.size());
  for (auto _ : state) {
    std::unique_ptr<eigenlstm::Tape<Real>> tape;
    core.lstm.forward(core.lstm.pack(parameters.data(), true), shape.B, shape.T,
                      test::batch_major<const Real>(x.data(), shape.T, shape.I), nullptr, {},
                      test::batch_major(y.data(), shape.T, shape.H), {}, &tape);
    core.lstm.backward(*tape, test::batch_major<const Real>(dy.data(), shape.T, shape.H), {},
                       test::batch_major(dx.data(), shape.T, shape.I), {}, dparameters.data());
    benchmark::ClobberMemory();
  }
  bench::report<Real>(state, 3 * shape.flops(), threads);
}

}  // namespace

int main(int argc, char** argv) {
  bench::register_grid("lstm_backward", backward<float>, backward<double>);
  return bench::main(argc, argv);
}
