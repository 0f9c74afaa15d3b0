// A consumer of the component `model`: runs a model that Python saved.
//
//   use_model MODEL                      writes sines in, and prints the last step's values
//   use_model MODEL X Y B T              reads x (B, T, input_size) as raw values from the file X, writes y to Y
//   use_model --load FILES...            loads each file and steps where it is a model; prints what is wrong with it
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <eigenlstm/model.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "load_each.hpp"

namespace {

using eigenlstm::Index;
using eigenlstm::Model;

template <class Real, class X>
std::vector<Real> run(const Model& model, Index B, Index T, const std::vector<X>& x) {
  std::vector<Real> y(std::size_t(B * T * model.output_size())), steps = y;
  model.predict(B, T, x.data(), y.data());
  // Once more step by step, the state saved and restored in another session at each.
  const Index I = model.input_size(), O = model.output_size();
  eigenlstm::ModelStream<Real> stream = model.stream<Real>(B);
  std::vector<X> x_t(std::size_t(B * I));
  std::vector<Real> y_t(std::size_t(B * O)), state(std::size_t(B * stream.state_size()));
  stream.get_state(state.data());
  for (Index t = 0; t < T; ++t) {
    for (Index b = 0; b < B; ++b)
      for (Index i = 0; i < I; ++i) x_t[std::size_t(b * I + i)] = x[std::size_t((b * T + t) * I + i)];
    eigenlstm::ModelStream<Real> next = model.stream<Real>(B);
    next.set_state(state.data());
    next.step(x_t.data(), y_t.data());
    next.get_state(state.data());
    for (Index b = 0; b < B; ++b) std::copy_n(&y_t[std::size_t(b * O)], O, &steps[std::size_t((b * T + t) * O)]);
  }
  if (std::memcmp(y.data(), steps.data(), y.size() * sizeof(Real)) != 0) {
    std::fprintf(stderr, "the steps differ from the sequence\n");
    std::exit(1);
  }
  return y;
}

template <class T>
std::vector<T> read(const char* path, std::size_t n) {
  std::vector<T> values(n);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(values.data()), std::streamsize(n * sizeof(T)));
  if (!file) std::fprintf(stderr, "%s: too short\n", path), std::exit(1);
  return values;
}

template <class Real>
int from_files(const Model& model, char** arguments) {
  const Index B = std::atol(arguments[2]), T = std::atol(arguments[3]);
  const std::size_t n = std::size_t(B * T * model.input_size());
  const std::vector<Real> y = model.takes_integers() ? run<Real>(model, B, T, read<std::int64_t>(arguments[0], n))
                                                     : run<Real>(model, B, T, read<Real>(arguments[0], n));
  std::ofstream file(arguments[1], std::ios::binary);
  file.write(reinterpret_cast<const char*>(y.data()), std::streamsize(y.size() * sizeof(Real)));
  return file ? 0 : 1;
}

template <class Real>
void sines(const Model& model, Index T) {
  std::vector<Real> y(std::size_t(model.output_size()));
  eigenlstm::ModelStream<Real> stream = model.stream<Real>();
  for (Index t = 0; t < T; ++t) {
    const std::vector<Real> x(std::size_t(model.input_size()), Real(std::sin(0.1 * double(t))));
    const std::int64_t integer = 0;
    if (model.takes_integers())
      stream.step(&integer, y.data());
    else
      stream.step(x.data(), y.data());
  }
  std::printf("%s:", model.dtype());
  for (const Real value : y) std::printf(" %.4f", double(value));
  std::printf("\n");
}

void run_a_little(const char* path) {
  const Model model = Model::load(path);
  if (std::strcmp(model.dtype(), "float32") == 0)
    sines<float>(model, 2);
  else
    sines<double>(model, 2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (std::strcmp(argv[1], "--load") == 0) return load_each(argc - 2, argv + 2, run_a_little);
  const Model model = Model::load(argv[1]);
  const bool single = std::strcmp(model.dtype(), "float32") == 0;
  if (argc == 6) return single ? from_files<float>(model, argv + 2) : from_files<double>(model, argv + 2);
  single ? sines<float>(model, 100) : sines<double>(model, 100);
  return 0;
}
