// eigenlstm-latency MODEL [--steps N] [--rate HZ] [--block N]: how long the steps of a saved model take, and how they
// compare with real time; what `python -m eigenlstm latency` prints, without Python.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <random>
#include <string>
#include <vector>

#include "eigenlstm/isa.hpp"
#include "eigenlstm/model.hpp"

namespace {

using eigenlstm::Index;

struct Options {
  const char* model = nullptr;
  long steps = 1000000, rate = 48000, block = 64;
};

double microseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

/// Sorted times of `count` calls of f(i), with the reading of the clock.
template <class F>
std::vector<double> times_of(long count, F&& f) {
  std::vector<double> times(std::size_t(count), 0.0);
  for (long i = 0; i < count; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f(i);
    times[std::size_t(i)] = microseconds(std::chrono::steady_clock::now() - start);
  }
  std::sort(times.begin(), times.end());
  return times;
}

double percentile(const std::vector<double>& sorted, double p) {
  return sorted[std::size_t(p / 100 * double(sorted.size() - 1) + 0.5)];
}

void print_row(const std::string& what, const std::vector<double>& times, const char* unit) {
  std::printf("%-27s p50 %.2f   p99 %.2f   p99.9 %.2f   largest %.2f us   (%zu %s)\n", what.c_str(),
              percentile(times, 50), percentile(times, 99), percentile(times, 99.9), times.back(), times.size(), unit);
}

template <class Real, class X>
void measure(const eigenlstm::Model& model, const Options& options, const std::vector<X>& x) {
  const Index I = model.input_size();
  std::vector<Real> y(std::size_t(options.block * model.output_size()));
  eigenlstm::ModelStream<Real> stream = model.stream<Real>();
  stream.process(x.data(), options.block, y.data());
  const std::vector<double> single =
      times_of(options.steps, [&](long i) { stream.step(x.data() + i % options.block * I, y.data()); });
  const std::vector<double> blocks = times_of(std::max(1L, options.steps / options.block),
                                              [&](long) { stream.process(x.data(), options.block, y.data()); });
  print_row("a step", single, "steps");
  print_row("a block of " + std::to_string(options.block) + " steps", blocks, "blocks");
  const double lasts = double(options.block) / double(options.rate) * 1e6;
  std::printf(
      "at %ld Hz a block lasts %.1f us: the model is %.1f times as fast as real time, in the slowest block %.1f "
      "times\n",
      options.rate, lasts, lasts / percentile(blocks, 50), lasts / blocks.back());
}

template <class Real>
void measure(const eigenlstm::Model& model, const Options& options) {
  if (model.takes_integers()) {
    measure<Real>(model, options, std::vector<std::int64_t>(std::size_t(options.block), 0));
    return;
  }
  std::mt19937 random(0);
  std::normal_distribution<Real> normal;
  std::vector<Real> x(std::size_t(options.block * model.input_size()));
  for (Real& value : x) value = normal(random);
  measure<Real>(model, options, x);
}

/// False where the arguments are none that this program has.
bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    long* const option = std::strcmp(argv[i], "--steps") == 0   ? &options.steps
                         : std::strcmp(argv[i], "--rate") == 0  ? &options.rate
                         : std::strcmp(argv[i], "--block") == 0 ? &options.block
                                                                : nullptr;
    if (option == nullptr && options.model != nullptr) return false;
    if (option == nullptr) {
      options.model = argv[i];
      continue;
    }
    if (++i == argc) return false;
    char* end = nullptr;
    *option = std::strtol(argv[i], &end, 10);
    if (*end != '\0' || *option < 1 || *option > 1000000000) return false;
  }
  return options.model != nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: %s MODEL [--steps N] [--rate HZ] [--block N], numbers from 1 to 10^9\n", argv[0]);
    return 2;
  }
  try {
    const auto model = eigenlstm::Model::load(options.model);
    std::printf("%s: %td features in, %td out, %s; %s, 1 thread\n", options.model, model.input_size(),
                model.output_size(), model.dtype(), eigenlstm::isa());
    std::strcmp(model.dtype(), "float32") == 0 ? measure<float>(model, options) : measure<double>(model, options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: error: %s\n", argv[0], error.what());
    return 2;
  }
  return 0;
}
