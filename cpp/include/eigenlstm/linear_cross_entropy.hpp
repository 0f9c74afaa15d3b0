// An affine map to C classes and the cross-entropy of its results, computed together for a chunk of rows at a time, so
// that the logits of all rows are never in memory at once. Sizes: N rows, F inputs, C classes; all arrays are row-major
// and contiguous.
//
// Rows whose label is ignore_index, or whose weight is 0, are left out of every product. The others are summed in
// chunks of 256 rows, whatever the number of threads, so that no result depends on it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "eigenlstm/losses.hpp"

namespace eigenlstm {

template <class Real>
struct LinearCrossEntropy {
  std::ptrdiff_t N, F, C;
  const Real *x, *matrix, *bias;  // (N, F), (C, F), (C) or null
  const std::int64_t* labels;     // (N), each in 0..C-1 or ignore_index
  const Real* row_weight;         // (N) or null
  const Real* class_weight;       // (C) or null
};

/// Where the gradients go: dx (N, F) is written, dmatrix (C, F) and dbias (C) or null are added to.
template <class Real>
struct LinearCrossEntropyGradients {
  Real *dx, *dmatrix, *dbias;
};

/// The sum (or with options.mean the mean) of weight * loss, and its gradients unless they are null.
template <class Real>
double linear_cross_entropy(const LinearCrossEntropy<Real>& of, const CrossEntropyOptions& options,
                            const LinearCrossEntropyGradients<Real>* gradients);

}  // namespace eigenlstm
