// The options in which an LSTM can differ from the plain one of Hochreiter & Schmidhuber and Gers et al. All of them
// have gradients.
//
// The cell with all of them (the sources are below; r is the mask of recurrent dropout):
//   z = norm(W x + R (r * h_prev)) + b
//   i = act(clip(z_i + p_i c_prev))     f = act(clip(z_f + p_f c_prev)), or 1 - i     g = act(clip(z_g))
//   c_new = cell_clip(f c_prev + i g)   o = act(clip(z_o + p_o c_new))
//   h_new = W_hr m, m = o act(norm(c_new))   c = zoneout(c_prev, c_new)   h = zoneout(h_prev, h_new)
#pragma once

#include <limits>

namespace eigenlstm {

/// f(x), with ONNX's names, parameters and defaults (operator LSTM, opset 22).
enum class ActivationKind {
  sigmoid,
  tanh,
  linear,            // x
  relu,              // max(x, 0)
  leaky_relu,        // x, or alpha x where x < 0 (0.01)
  thresholded_relu,  // x where x > alpha, else 0 (1)
  elu,               // x, or alpha (e^x - 1) where x < 0 (1)
  affine,            // alpha x + beta (1, 0)
  scaled_tanh,       // alpha tanh(beta x) (1, 1)
  softsign,          // x / (1 + |x|)
  softplus,          // log(1 + e^x)
  hard_sigmoid,      // alpha x + beta, within 0 and 1 (0.2, 0.5: ONNX and Keras 2; 1/6, 0.5: Keras 3 and PyTorch)
  hard_swish,        // x hard_sigmoid(x; 1/6, 0.5)
};

struct Activation {
  ActivationKind kind;
  double alpha = 0, beta = 0;
};

/// The activation of a name, with its default parameters except for the `count` that are given: alpha, or alpha and
/// beta. "hard_sigmoid" is ONNX's, "hard_sigmoid_keras3" has Keras 3's slope. Throws std::invalid_argument for another
/// name, listing them, and for parameters that the activation does not have or that are not finite.
Activation activation(const char* name, const double* parameters = nullptr, int count = 0);

/// How the outputs of two directions become one: side by side, or unit by unit.
enum class Merge { concat, sum, mean, mul };

/// What happens to NaN in x: it stays NaN; it is an error; it is replaced by the last value of its row and feature (0
/// before the first); or it becomes 0, and the layer has I more inputs, which are 1 where x was NaN and 0 elsewhere.
enum class Missing { propagate, error, forward_fill, mask };

/// Of the gates i, f and o; of g; of c on its way to h.
struct CellActivations {
  Activation gate{ActivationKind::sigmoid}, candidate{ActivationKind::tanh}, output{ActivationKind::tanh};
};

struct CellOptions : CellActivations {
  /// Diagonal: i and f see c_prev, o sees c_new (Gers & Schmidhuber 2000; ONNX, TensorFlow).
  bool peephole = false;
  /// f = 1 - i (Greff et al. 2017; ONNX input_forget).
  bool coupled_input_forget = false;
  /// Layer normalisation (Ba, Kiros, Hinton 2016) of each gate's W x + R h over its H units, and of c on its way to the
  /// output, with epsilon 1e-5; the bias b comes after it.
  bool layer_norm = false;
  /// Bound on the absolute value of what enters the activations of the gates (ONNX clip).
  double gate_clip = std::numeric_limits<double>::infinity();
  /// Bound on |c_new| (TensorFlow, cuDNN).
  double cell_clip = std::numeric_limits<double>::infinity();
  /// Probability that a unit keeps its old h, c (Krueger et al. 2017); inference takes the expectation.
  double zoneout_h = 0, zoneout_c = 0;
};

}  // namespace eigenlstm
