// Amplifiers, sample by sample: nanoseconds a sample of our player and of those whose files these are, in one run.
//
//   python bench/audio/files.py FOLDER && build/bench/audio/bench_audio FOLDER/*
//
// Every player gets the same noise in blocks of 64 samples, a second of it a round. Rounds of all players take turns; a
// figure is the median of the rounds, in brackets the fastest. Before it is timed, a player must give what ours gives.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <eigenlstm/audio.hpp>
#include <eigenlstm/isa.hpp>
#include <memory>
#include <random>

#include "peers.hpp"

namespace {

constexpr int samples = 48'000, block = 64, rounds = 41;

double seconds_of(const Play& play, const std::vector<float>& x, std::vector<float>& y) {
  const auto start = std::chrono::steady_clock::now();
  for (int t = 0; t < samples; t += block) play(&x[t], block, &y[t]);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<Peer> players(const std::string& path) {
  auto amp = std::make_shared<eigenlstm::audio::Player<float>>(eigenlstm::audio::load<float>(path));
  std::vector<Peer> all{{"eigenlstm", [amp](const float* x, int n, float* y) { amp->process(x, n, y); }}};
#ifdef WITH_NAM
  for (const Peer& each : neural_amp_modeler(path)) all.push_back(each);
#endif
#ifdef WITH_RTNEURAL
  for (const Peer& each : rtneural_eigen(path)) all.push_back(each);
#endif
#ifdef WITH_RTNEURAL_XSIMD
  for (const Peer& each : rtneural_xsimd(path)) all.push_back(each);
#endif
  return all;
}

/// The largest difference of two signals.
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0;
  for (int t = 0; t < samples; ++t) worst = std::max(worst, std::abs(static_cast<double>(a[t]) - b[t]));
  return worst;
}

/// Prints the lines of a file; whether all gave the same and ours was fastest.
bool race(const std::string& path, const std::vector<float>& x) {
  const std::vector<Peer> all = players(path);
  std::vector<std::vector<float>> y(all.size(), std::vector<float>(samples));
  for (std::size_t i = 0; i < all.size(); ++i) seconds_of(all[i].play, x, y[i]);
  std::vector<std::vector<double>> times(all.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::vector<float> again(samples);
      times[i].push_back(seconds_of(all[i].play, x, again) / samples * 1e9);
    }
  bool good = true;
  double ours = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::sort(times[i].begin(), times[i].end());
    const double median = times[i][rounds / 2], off = difference(y[i], y[0]);
    if (i == 0) ours = median;
    std::printf("  %-32s %8.1f (%.1f) ns a sample  %6.2fx  differs by %.1e%s\n", all[i].name.c_str(), median,
                times[i][0], median / ours, off, off > 1e-3 ? "  WRONG" : "");
    good = good && off <= 1e-3 && median >= ours;
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<float> x(samples);
  std::mt19937 random(0);
  std::uniform_real_distribution<float> uniform(-0.5f, 0.5f);
  for (float& each : x) each = uniform(random);
  std::printf("instruction set %s\n", eigenlstm::isa());
  bool good = true;
  for (int i = 1; i < argc; ++i) {
    std::printf("%s\n", argv[i]);
    good = race(argv[i], x) && good;
  }
  std::printf(good ? "fastest at every file\n" : "NOT fastest at every file\n");
  return good ? 0 : 1;
}
