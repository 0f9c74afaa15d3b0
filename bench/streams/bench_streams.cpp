// Steps of LSTMs of one input without a head: nanoseconds a step of our stream, by `step` and by `process` in blocks of
// 64 steps, and of RTNeural's types of fixed sizes.
//
//   EIGENLSTM_ISA=avx2 build/bench/streams/bench_streams [H ...]
//
// All get the same noise; their rounds take turns. A figure is the median of the rounds, in brackets the fastest.
// Before it is timed, a peer must give what ours gives.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <eigenlstm/isa.hpp>
#include <eigenlstm/lstm.hpp>
#include <memory>
#include <random>
#include <string>

#include "peer.hpp"

namespace {

constexpr int steps = 9'600, block = 64, rounds = 101;

struct Racer {
  std::string name;
  Play play;
  std::vector<float> y{};
  std::vector<double> times{};
  double median() {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }
};

std::vector<LayerWeights> random_weights(int H, int layers) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 1 / std::sqrt(float(H)));
  const auto draw = [&](int n) {
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& each : values) each = normal(random);
    return values;
  };
  std::vector<LayerWeights> all;
  for (int layer = 0; layer < layers; ++layer)
    all.push_back({draw(4 * H * (layer == 0 ? 1 : H)), draw(4 * H * H), draw(4 * H)});
  return all;
}

std::vector<Racer> racers(int H, int layers) {
  const std::vector<LayerWeights> weights = random_weights(H, layers);
  eigenlstm::LSTMOptions options;
  options.input_size = 1;
  options.hidden_size = H;
  options.num_layers = layers;
  const eigenlstm::LSTM<float> lstm(options);
  std::vector<float> parameters;
  for (const LayerWeights& each : weights)
    for (const auto* values : {&each.W, &each.R, &each.b})
      parameters.insert(parameters.end(), values->begin(), values->end());
  const auto stream = [&] {
    return std::make_shared<eigenlstm::Stream<float>>(lstm, lstm.pack(parameters.data(), false), 1);
  };
  auto by_steps = stream(), by_blocks = stream();
  std::vector<Racer> all;
  all.push_back({"eigenlstm, step", [=](const float* x, int T, float* y) {
                   for (int t = 0; t < T; ++t) by_steps->step(x + t, y + t * H);
                 }});
  all.push_back({"eigenlstm, process", [=](const float* x, int T, float* y) { by_blocks->process(x, T, y); }});
#ifdef WITH_RTNEURAL
  if (Play play = rtneural_lstm(H, weights)) all.push_back({"RTNeural (Eigen)", play});
#endif
  return all;
}

double round_of(Racer& racer, const std::vector<float>& x, int H) {
  racer.y.resize(x.size() * std::size_t(H));
  const auto start = std::chrono::steady_clock::now();
  for (int t = 0; t < steps; t += block) racer.play(&x[std::size_t(t)], block, &racer.y[std::size_t(t * H)]);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / steps * 1e9;
}

void race(int H, int layers, const std::vector<float>& x) {
  std::vector<Racer> all = racers(H, layers);
  for (Racer& each : all) round_of(each, x, H);
  std::vector<double> off;
  for (const Racer& each : all) {
    off.push_back(0);
    for (std::size_t i = 0; i < each.y.size(); ++i)
      off.back() = std::max(off.back(), std::abs(double(each.y[i]) - all[0].y[i]));
  }
  for (int i = 0; i < rounds; ++i)
    for (Racer& each : all) each.times.push_back(round_of(each, x, H));
  const double ours = all[0].median();
  for (std::size_t i = 0; i < all.size(); ++i)
    std::printf("H = %-3d layers = %d  %-20s %7.1f (%.1f) ns a step  %5.2fx%s\n", H, layers, all[i].name.c_str(),
                all[i].median(), all[i].times[0], all[i].median() / ours, off[i] > 1e-4 ? "  WRONG" : "");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<float> x(steps);
  std::mt19937 random(0);
  std::uniform_real_distribution<float> uniform(-0.5f, 0.5f);
  for (float& each : x) each = uniform(random);
  std::vector<int> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::atoi(argv[i]));
  if (sizes.empty()) sizes = {8, 12, 16, 20, 24, 32, 40, 48, 64};
  std::printf("instruction set %s\n", eigenlstm::isa());
  for (int layers : {1, 2})
    for (int H : sizes) race(H, layers, x);
}
