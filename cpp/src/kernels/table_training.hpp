// The kernels for training: the part of the table of kernels (table.hpp) that losses, optimizers and random masks use.
#pragma once

#include <cstddef>
#include <cstdint>

#include "eigenlstm/optimisers.hpp"

namespace eigenlstm {

/// n values of an elementwise loss. y_true and parameter are already spread to one value for each y_pred.
template <class Real>
struct ElementLossArgs {
  std::ptrdiff_t n;
  const Real *y_pred, *y_true;
  const Real* weight;     // null: all 1. Where it is 0, y_pred and y_true are ignored
  const Real* parameter;  // Quantile: q. BCE: weight of the positive class. Huber: delta. Others: null
  Real scale;             // dy = scale * weight * derivative
  Real* dy;
};

/// Rows of C logits, each with the label of its class.
template <class Real>
struct CrossEntropyArgs {
  std::ptrdiff_t rows, classes;
  const Real* logits;
  const std::int64_t* labels;
  std::int64_t ignore_index;  // rows with this label are ignored
  const Real* weight;         // of rows, or null
  const Real* class_weight;   // of classes, or null
  Real smoothing, scale;
  Real* dlogits;
};

/// One row of CTC: T >= 1 frames of C logits against S labels that some path spells.
template <class Real>
struct CtcArgs {
  std::ptrdiff_t T, C, S, blank;
  const Real* logits;  // [T][C]
  const std::int64_t* labels;
  double scale;
  Real* dlogits;    // [T][C]
  double* scratch;  // ctc_scratch(T, S, lanes of double) values
};

/// States of one kind in whole vectors, and all the memory that a row needs.
constexpr std::ptrdiff_t ctc_width(std::ptrdiff_t S, std::ptrdiff_t lanes) { return (S + lanes) / lanes * lanes; }
constexpr std::ptrdiff_t ctc_scratch(std::ptrdiff_t T, std::ptrdiff_t S, std::ptrdiff_t lanes) {
  const std::ptrdiff_t width = ctc_width(S, lanes), padded = width + 2 * lanes;
  return 7 * padded + T * (width + 2 * padded + 1);
}

/// Every loss returns the sum of weight * loss over its values, in float64, in an order that only n decides.
template <class Real>
struct TrainingTable {
  using ElementLoss = double (*)(const ElementLossArgs<Real>&);
  ElementLoss mse, mae, huber, bce, quantile, poisson_nll;
  ElementLoss gaussian_nll;  // y_pred, dy: pairs (mean, log variance), 2 n values
  double (*cross_entropy)(const CrossEntropyArgs<Real>&);

  double (*ctc)(const CtcArgs<Real>&);

  // Each row of n values of x, x_stride apart, to its softmax, in place.
  void (*softmax)(std::ptrdiff_t rows, std::ptrdiff_t n, Real* x, std::ptrdiff_t x_stride);
  // Of a[i] + m[i][j], i < n: the largest for each j, and the sum of the exponentials of what they fall short of it.
  // Columns are counted in whole vectors, m's rows m_stride apart.
  void (*log_sum_exp_columns)(std::ptrdiff_t n, const Real* a, const Real* m, std::ptrdiff_t m_stride,
                              std::ptrdiff_t vectors, Real* top, Real* sum);
  // out[i][j] += weight exp(a[i] + m[i][j] + b[j]), i < n; likewise, out of m's stride.
  void (*add_exponentials)(std::ptrdiff_t n, const Real* a, const Real* m, const Real* b, std::ptrdiff_t m_stride,
                           std::ptrdiff_t vectors, Real weight, Real* out);

  // random_mask: `drawn` with probability p, otherwise `other`. drop: times 0 with probability p, else 1 / (1 - p).
  void (*random_mask)(std::uint64_t seed, std::uint64_t substream, std::uint64_t first_block, std::ptrdiff_t n,
                      double p, Real drawn, Real other, Real* mask);
  void (*drop)(std::uint64_t seed, std::uint64_t substream, std::uint64_t first_block, std::ptrdiff_t n, double p,
               Real* x);

  double (*sum_of_squares)(std::ptrdiff_t n, const Real* x);
  void (*sgd)(const Sgd&, bool first, const Update<Real>&);
  void (*adam)(const Adam&, std::int64_t step, const Update<Real>&);
  void (*rmsprop)(const RmsProp&, const Update<Real>&);
  void (*adagrad)(const Adagrad&, std::int64_t step, const Update<Real>&);
  void (*ema)(std::ptrdiff_t n, double decay, const Real* params, Real* average);
};

}  // namespace eigenlstm
