// Sums and products of arrays, and affine maps of features, for callers that have set how denormals are treated.
#pragma once

#include <algorithm>
#include <cstddef>

namespace eigenlstm {

/// y = (xs[0] + xs[1]) + xs[2] ..., or the products; y overlaps none of them.
template <bool product, class Real>
void join(std::ptrdiff_t count, const Real* const* xs, std::ptrdiff_t n, Real* y) {
  const Real *a = xs[0], *b = xs[count > 1 ? 1 : 0];
  if (count == 1) std::copy_n(a, n, y);
  for (std::ptrdiff_t j = 0; count > 1 && j < n; ++j) y[j] = product ? a[j] * b[j] : a[j] + b[j];
  for (std::ptrdiff_t i = 2; i < count; ++i)
    for (std::ptrdiff_t j = 0; j < n; ++j) y[j] = product ? y[j] * xs[i][j] : y[j] + xs[i][j];
}

/// Each row x (n) -> y = scale x + offset, which may be x.
template <class Real>
void affine_rows(std::ptrdiff_t rows, std::ptrdiff_t n, const Real* x, const Real* scale, const Real* offset, Real* y) {
  for (std::ptrdiff_t r = 0; r < rows; ++r, x += n, y += n)
    for (std::ptrdiff_t j = 0; j < n; ++j) y[j] = scale[j] * x[j] + offset[j];
}

}  // namespace eigenlstm
