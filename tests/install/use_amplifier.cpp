// A consumer of the component `audio`: plays amplifiers from files.
//
//   use_amplifier DTYPE FILE X Y KNOBS...   reads samples as raw values from the file X, writes what is played to Y in
//                                           blocks of growing lengths, and prints what the file says of itself
//   use_amplifier --load FILES...           loads each file and plays a little; prints what is wrong with it
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <eigenlstm/audio.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "load_each.hpp"

namespace {

using eigenlstm::Index;

template <class Real>
std::vector<Real> read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<Real> values(bytes.size() / sizeof(Real));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(Real));
  return values;
}

template <class Real>
int play(int count, char** arguments) {
  auto amp = eigenlstm::audio::load<Real>(arguments[0]);
  const std::vector<Real> x = read<Real>(arguments[1]);
  for (int k = 3; k < count; ++k) amp.set_knob(k - 3, Real(std::atof(arguments[k])));
  std::vector<Real> y(x.size() * std::size_t(amp.outputs())), again(y.size());
  const Index n = Index(x.size());
  for (std::vector<Real>* played : {&y, &again}) {
    for (Index start = 0, size = 1; start < n; start += size, size = 2 * size + 1)
      amp.process(x.data() + start, std::min(size, n - start), played->data() + start * amp.outputs());
    amp.reset();
  }
  if (std::memcmp(y.data(), again.data(), y.size() * sizeof(Real)) != 0) {
    std::fprintf(stderr, "a reset player plays something else\n");
    return 1;
  }
  std::ofstream file(arguments[2], std::ios::binary);
  file.write(reinterpret_cast<const char*>(y.data()), std::streamsize(y.size() * sizeof(Real)));
  const eigenlstm::audio::Description& about = amp.description();
  std::printf("%s\n%.17g %.17g %.17g %ld %ld %ld\n%s\n", about.format.c_str(), about.sample_rate, about.in_gain,
              about.out_gain, long(about.prewarm), long(amp.knobs()), long(amp.outputs()), about.metadata.c_str());
  return file ? 0 : 1;
}

void play_a_little(const char* path) {
  auto amp = eigenlstm::audio::load<float>(path);
  std::vector<float> x(300, 1.0f), y(x.size() * std::size_t(amp.outputs()));
  for (Index k = 0; k < amp.knobs(); ++k) amp.set_knob(k, 1);
  amp.process(x.data(), Index(x.size()), y.data());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--load") == 0) return load_each(argc - 2, argv + 2, play_a_little);
  if (argc < 5) return 2;
  return std::strcmp(argv[1], "float64") == 0 ? play<double>(argc - 2, argv + 2) : play<float>(argc - 2, argv + 2);
}
