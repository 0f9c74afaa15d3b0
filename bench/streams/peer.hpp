// The peer of bench_streams, behind one function.
#pragma once

#include <functional>
#include <vector>

/// x (T) -> y (T, H), the state going on from call to call.
using Play = std::function<void(const float* x, int T, float* y)>;

/// W (4H, I), R (4H, H), b (4H) of a layer, gates i f g o.
struct LayerWeights {
  std::vector<float> W, R, b;
};

/// An LSTM of one input and `layers.size()` layers (1 or 2) of H units; empty if it isn't there in this size.
Play rtneural_lstm(int H, const std::vector<LayerWeights>& layers);
