// Losses: value and gradient in one call.
//
// Let p be a prediction, y its target, w its weight (1 where none is given). Every function returns scale * sum of w *
// loss and writes dy = scale * w * d loss / d p. Where w is 0, p and y are ignored (they may be NaN) and dy is 0. Sums
// are computed in float64, in pieces whose size depends on shapes only: the same bits for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace eigenlstm {

enum class ElementLoss {
  mse,           // (p - y)^2
  mae,           // |p - y|, slope 0 at 0
  huber,         // d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), d = p - y (Huber 1964); parameter: delta
  bce,           // on logits: a softplus(-p) y + softplus(p) (1 - y); parameter: a, the weight of the positive class
  quantile,      // max(q d, (q - 1) d), d = y - p, slope 0 at 0 (Koenker, Bassett 1978); parameter: q
  poisson_nll,   // e^p - y p: p is the logarithm of the rate; without log(y!), which does not depend on p
  gaussian_nll,  // (s + (m - y)^2 e^-s) / 2: predictions are pairs of mean m and log variance s (Nix, Weigend 1994)
};

/// n targets with `per_target` predictions each (for gaussian_nll: 2), y_pred and dy (n, per_target), y_true (n).
/// weight: `num_weights` values, each for n / num_weights consecutive targets, or null: all 1.
/// parameters: `num_parameters` values that repeat along the predictions, or null where the loss has none (BCE: 1).
template <class Real>
double element_loss(ElementLoss loss, std::ptrdiff_t n, std::ptrdiff_t per_target, const Real* y_pred,
                    const Real* y_true, const Real* weight, std::ptrdiff_t num_weights, const Real* parameters,
                    std::ptrdiff_t num_parameters, double scale, Real* dy);

struct CrossEntropyOptions {
  double label_smoothing = 0;
  std::int64_t ignore_index = -100;  // rows with this label have weight 0
  bool mean = true;                  // divide by the sum of weight * class_weight[label]; else sum
};

/// -sum over c of t_c log softmax(logits)_c, t = (1 - s) onehot(label) + s / C, each t_c times class_weight[c].
/// logits, dlogits (N, C); labels (N) in [0, C) or ignore_index; weight (N) and class_weight (C) or null.
/// The result is 0 if no row has a weight.
template <class Real>
double cross_entropy(std::ptrdiff_t N, std::ptrdiff_t C, const Real* logits, const std::int64_t* labels,
                     const Real* weight, const Real* class_weight, const CrossEntropyOptions& options, Real* dlogits);

}  // namespace eigenlstm
