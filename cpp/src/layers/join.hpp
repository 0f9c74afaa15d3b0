// Sums and products of arrays, for callers who have set what happens to denormals.
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

}  // namespace eigenlstm
