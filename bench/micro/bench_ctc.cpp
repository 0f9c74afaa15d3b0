// CTC with its gradient, at shapes of speech and handwriting recognition. Results are checked before they are timed:
// the gradients of a frame add up to zero, and they predict how the loss changes along them. In the cases called "hard"
// the network is so sure of the blank that probabilities underflow and the computation has to use logarithms.

#include "eigenlstm/ctc.hpp"

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <vector>

#include "eigenlstm/isa.hpp"
#include "eigenlstm/threads.hpp"

namespace {

using Index = std::ptrdiff_t;

struct Problem {
  Index B, T, C, S;
  std::vector<float> logits, dlogits;
  std::vector<std::int64_t> targets, frames, counts;
  std::vector<double> scale, losses;

  Problem(Index b, Index t, Index c, Index s, bool hard)
      : B(b),
        T(t),
        C(c),
        S(s),
        logits(B * T * C),
        dlogits(logits.size()),
        targets(B * S),
        frames(B, T),
        counts(B, S),
        scale(B, 1.0),
        losses(B) {
    std::mt19937 generator(0);
    std::normal_distribution<float> normal;
    for (float& x : logits) x = normal(generator);
    for (std::int64_t& label : targets) label = 1 + std::int64_t(generator() % unsigned(C - 1));
    if (hard)
      for (std::size_t i = 0; i < logits.size(); i += std::size_t(C)) logits[i] += 80;
  }

  double run() {
    eigenlstm::ctc(B, T, C, S, logits.data(), targets.data(), frames.data(), counts.data(), 0, scale.data(),
                   losses.data(), dlogits.data());
    double sum = 0;
    for (double loss : losses) sum += loss;
    return sum;
  }

  bool correct() {
    const double before = run();
    double square = 0, worst = 0;
    for (std::size_t i = 0; i < dlogits.size(); i += std::size_t(C)) {
      double sum = 0;
      for (Index c = 0; c < C; ++c) {
        sum += double(dlogits[i + c]);
        square += double(dlogits[i + c]) * double(dlogits[i + c]);
      }
      worst = std::max(worst, std::abs(sum));
    }
    const float step = 1e-3f;
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] += step * dlogits[i];
    const double slope = (run() - before) / double(step);
    return std::isfinite(before) && worst < 1e-5 && std::abs(slope / square - 1) < 0.02;
  }
};

void forward_backward(benchmark::State& state, bool hard) {
  eigenlstm::set_num_threads(int(state.range(4)));
  Problem problem(state.range(0), state.range(1), state.range(2), state.range(3), hard);
  if (!problem.correct()) {
    state.SkipWithError("wrong gradient");
    return;
  }
  for (auto _ : state) {
    problem.run();
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * problem.B * problem.T);
  state.SetLabel(eigenlstm::isa());
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"B", "T", "C", "S", "threads"})->UseRealTime();
  for (int threads : {1, 2})
    benchmark->Args({32, 200, 40, 30, threads})->Args({1, 200, 40, 30, threads})->Args({8, 1000, 1000, 100, threads});
}

}  // namespace

BENCHMARK_CAPTURE(forward_backward, plain, false)->Apply(shapes);
BENCHMARK_CAPTURE(forward_backward, hard, true)->Apply(shapes);
BENCHMARK_MAIN();
