// Operations without matrix products, for use between recurrent layers: activations of values and of vectors,
// sums, products, layer normalisation. Arrays are (rows, n), row-major, contiguous. A row has the same bits in any
// batch. Denormals are flushed.
#pragma once

#include <cstddef>
#include <vector>

#include "eigenlstm/variants.hpp"

namespace eigenlstm {

/// An activation between layers: one that a cell may have, or another one.
struct LayerActivation {
  enum Kind {
    of_cell,      // `cell`, of each value
    silu,         // x sigmoid(x) (Elfwing et al. 2018)
    gelu_tanh,    // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks, Gimpel 2016)
    selu,         // 1.0507 elu(x; 1.6733) (Klambauer et al. 2017)
    relu6,        // x within 0 and 6
    exponential,  // e^x
    softmax,      // of each row
    log_softmax
  };
  Kind kind = of_cell;
  Activation cell{ActivationKind::linear};
};

/// The activation of a name with its default parameters, except for those given. Throws std::invalid_argument for
/// another name, and for parameters that the activation does not have or that are not finite.
LayerActivation layer_activation(const char* name, const std::vector<double>& parameters = {});

/// x (rows, n) -> y, which must not overlap x.
template <class Real>
void activate(const LayerActivation& activation, std::ptrdiff_t rows, std::ptrdiff_t n, const Real* x, Real* y);

/// The sum, or the product, of `count` arrays of n values, in their order: y = (xs[0] + xs[1]) + xs[2] ... y must not
/// overlap them.
template <class Real>
void add(std::ptrdiff_t count, const Real* const* xs, std::ptrdiff_t n, Real* y);
template <class Real>
void multiply(std::ptrdiff_t count, const Real* const* xs, std::ptrdiff_t n, Real* y);

/// x (rows, n) -> y = scale x + offset, feature by feature, (n) each; each product and each sum is rounded.
template <class Real>
void affine(std::ptrdiff_t rows, std::ptrdiff_t n, const Real* x, const Real* scale, const Real* offset, Real* y);

/// x (rows, n) -> y = weight normed + bias with normed = (x - mean) scale, scale = 1 / sqrt(variance + eps), over each
/// row; the variance is the biased one (Ba, Kiros, Hinton 2016). `normed` (rows, n) and `scale` (rows) may be null.
template <class Real>
void layer_norm_forward(std::ptrdiff_t rows, std::ptrdiff_t n, const Real* x, const Real* weight, const Real* bias,
                        double eps, Real* y, Real* normed = nullptr, Real* scale = nullptr);

}  // namespace eigenlstm
