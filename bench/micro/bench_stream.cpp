// Nanoseconds for one step of a stream, called as in a real-time thread. It is checked against the scalar equations.
#include <cmath>

#include "measure.hpp"

namespace {

using eigenlstm::Index;

template <class Real>
void step(benchmark::State& state, Index I, Index H, Index layers) {
  constexpr Index T = 6;
  test::Problem p = test::random_problem(test::model(I, H, layers), 1, T, false, 1);
  std::fill(p.h0.begin(), p.h0.end(), 0.0);
  std::fill(p.c0.begin(), p.c0.end(), 0.0);
  const test::Core<Real> core(p);
  eigenlstm::Stream<Real> stream(core.lstm, core.weights, 1);
  std::vector<Real> y(H);
  for (Index t = 0; t < T; ++t) stream.step(&core.x[t * I], y.data());
  const test::Outputs expected = test::reference(p);
  for (Index u = 0; u < H; ++u)
    if (!(std::abs(double(y[u]) - expected.y[(T - 1) * H + u]) <= (sizeof(Real) == 4 ? 1e-5 : 1e-13)))
      return state.SkipWithError("wrong output");
  for (auto _ : state) {
    stream.step(core.x.data(), y.data());
    benchmark::ClobberMemory();
  }
  const double first = 8.0 * double(H) * double(I + H), others = double(layers - 1) * 16.0 * double(H) * double(H);
  bench::report<Real>(state, first + others);
}

template <class Real>
void register_steps() {
  const auto add = [](Index I, Index H, Index layers) {
    const std::string title = "stream_step/" + std::string(bench::dtype<Real>) + "/I" + std::to_string(I) + "_H" +
                              std::to_string(H) + "_layers" + std::to_string(layers);
    benchmark::RegisterBenchmark(title.c_str(), step<Real>, I, H, layers);
  };
  for (Index H : {8, 16, 32, 40, 64, 128}) add(1, H, 1);
  for (Index H : {16, 64, 256}) add(H, H, 1);
  add(1, 16, 2);
}

}  // namespace

int main(int argc, char** argv) {
  register_steps<float>();
  register_steps<double>();
  return bench::main(argc, argv);
}
