#include <cmath>
#include <cstdio>
#include <vector>

#include <eigenlstm/lstm.hpp>

int main() {
  eigenlstm::LSTMOptions options;
  options.input_size = 1;
  options.hidden_size = 8;
  const eigenlstm::LSTM<float> lstm(options);
  const std::vector<float> parameters(lstm.num_parameters(), 0.1f);  // of your own, in the order of lstm.parameters()
  eigenlstm::Stream<float> stream(lstm, lstm.pack(parameters.data(), false), 1);
  float y[8];
  for (int t = 0; t < 100; ++t) {
    const float x = std::sin(0.1f * float(t));
    stream.step(&x, y);
  }
  std::printf("h = %.4f\n", y[0]);
  return std::isfinite(y[0]) ? 0 : 1;
}
