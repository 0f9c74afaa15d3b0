// Inference of one layer at the shapes of bench/compare. The first steps are compared with the scalar equations.
#include <cmath>

#include "measure.hpp"

namespace {

using eigenlstm::Index;

/// The first steps of the first row, which depend on no other row and on no later step.
template <class Real>
bool right(const test::Core<Real>& core, const test::Results<Real>& results) {
  test::Problem first = core.problem;
  const Index I = first.options.input_size, H = first.options.hidden_size;
  first.B = 1;
  first.T = std::min<Index>(first.T, 2);
  first.x.resize(first.T * I);
  first.h0.resize(H);
  first.c0.resize(H);
  const test::Outputs expected = test::reference(first);
  for (std::size_t j = 0; j < expected.y.size(); ++j)
    if (!(std::abs(double(results.y[j]) - expected.y[j]) <= (sizeof(Real) == 4 ? 1e-5 : 1e-13))) return false;
  return true;
}

template <class Real>
void forward(benchmark::State& state, const bench::Shape& shape, int threads) {
  const test::Core<Real> core(test::random_problem(test::model(shape.I, shape.H), shape.B, shape.T, false, 1));
  test::Results<Real> out = core.forward();
  if (!right(core, out)) return state.SkipWithError("wrong output");
  const auto x = bench::on_lines(core.x), y = bench::on_lines(out.y);
  for (auto _ : state) {
    core.lstm.forward(core.weights, shape.B, shape.T, test::batch_major<const Real>(x.data(), shape.T, shape.I),
                      nullptr, {core.h0.data(), core.c0.data()}, test::batch_major(y.data(), shape.T, shape.H),
                      {out.h.data(), out.c.data()});
    benchmark::ClobberMemory();
  }
  bench::report<Real>(state, shape.flops(), threads);
}

}  // namespace

int main(int argc, char** argv) {
  bench::register_grid("lstm_forward", forward<float>, forward<double>);
  return bench::main(argc, argv);
}
