// Plays a recording through a model of an amplifier, in blocks, as a plug-in would:
//
//   amp MODEL IN.wav OUT.wav [KNOB ...]
//
// Needs libsndfile. For resampling and further options see python -m eigenlstm amp.
#include <sndfile.h>
#include <eigenlstm/audio.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <vector>

namespace {

using File = std::unique_ptr<SNDFILE, int (*)(SNDFILE*)>;

File open(const char* path, int mode, SF_INFO& info) {
  File file(sf_open(path, mode, &info), sf_close);
  if (!file) throw std::runtime_error(std::string(path) + ": " + sf_strerror(nullptr));
  return file;
}

void play(int argc, char** argv) {
  auto amp = eigenlstm::audio::load<float>(argv[1]);
  for (int k = 0; k + 4 < argc; ++k) amp.set_knob(k, std::strtof(argv[k + 4], nullptr));
  SF_INFO info{};
  const File in = open(argv[2], SFM_READ, info);
  const double rate = amp.description().sample_rate;
  if (info.channels != 1) throw std::runtime_error(std::string(argv[2]) + ": has more than one channel");
  if (rate != 0 && rate != info.samplerate)
    throw std::runtime_error(std::string(argv[2]) + ": has " + std::to_string(info.samplerate) + " Hz, the model " +
                             std::to_string(static_cast<int>(rate)) + " Hz");
  info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
  const File out = open(argv[3], SFM_WRITE, info);
  std::vector<float> block(64);
  float peak = 0;
  while (const sf_count_t n = sf_readf_float(in.get(), block.data(), 64)) {
    amp.process(block.data(), n, block.data());
    for (sf_count_t t = 0; t < n; ++t) peak = std::max(peak, std::abs(block[static_cast<std::size_t>(t)]));
    if (sf_writef_float(out.get(), block.data(), n) != n)
      throw std::runtime_error(std::string(argv[3]) + ": not written");
  }
  std::printf("%s model, peak %.3f\n", amp.description().format.c_str(), static_cast<double>(peak));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: amp MODEL IN.wav OUT.wav [KNOB ...]\n");
    return 2;
  }
  try {
    play(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "amp: %s\n", error.what());
    return 1;
  }
  return 0;
}
