// RTNeural's LSTM without a head, of types whose sizes are fixed when they are compiled.
#include <RTNeural/RTNeural.h>

#include <algorithm>
#include <memory>

#include "peer.hpp"

namespace {

template <int I, int H>
struct Layer {
  explicit Layer(const LayerWeights& weights) {
    using Rows = std::vector<std::vector<float>>;
    const auto transposed = [](const std::vector<float>& w, int n) {
      Rows rows(n, std::vector<float>(4 * H));
      for (int k = 0; k < n; ++k)
        for (int j = 0; j < 4 * H; ++j) rows[k][j] = w[j * n + k];
      return rows;
    };
    lstm.setWVals(transposed(weights.W, I));
    lstm.setUVals(transposed(weights.R, H));
    lstm.setBVals(weights.b);
    lstm.reset();
  }
  RTNeural::LSTMLayerT<float, I, H> lstm;
};

template <int H>
Play play(const std::vector<LayerWeights>& layers) {
  auto first = std::make_shared<Layer<1, H>>(layers[0]);
  const auto copy = [](const auto& lstm, float* y) { std::copy_n(lstm.outs.data(), H, y); };
  Eigen::Matrix<float, 1, 1> in;
  if (layers.size() == 1)
    return [=](const float* x, int T, float* y) mutable {
      for (int t = 0; t < T; ++t, y += H) {
        in(0) = x[t];
        first->lstm.forward(in);
        copy(first->lstm, y);
      }
    };
  auto second = std::make_shared<Layer<H, H>>(layers[1]);
  return [=](const float* x, int T, float* y) mutable {
    for (int t = 0; t < T; ++t, y += H) {
      in(0) = x[t];
      first->lstm.forward(in);
      second->lstm.forward(first->lstm.outs);
      copy(second->lstm, y);
    }
  };
}

}  // namespace

Play rtneural_lstm(int H, const std::vector<LayerWeights>& layers) {
  switch (H) {
    case 8: return play<8>(layers);
    case 12: return play<12>(layers);
    case 16: return play<16>(layers);
    case 20: return play<20>(layers);
    case 24: return play<24>(layers);
    case 32: return play<32>(layers);
    case 40: return play<40>(layers);
    case 48: return play<48>(layers);
    case 64: return play<64>(layers);
    default: return {};
  }
}
