// A function of each value of an array.
#pragma once

#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// y = function(x) for any n: the tail passes through a padded vector, so that every value is computed in the same way.
template <class Real, class Function>
void map(const Real* x, Real* y, Index n, Function function) {
  constexpr Index L = lanes<Real>;
  Index j = 0;
  for (; j + L <= n; j += L) store(y + j, function(load(x + j)));
  if (j == n) return;
  Real tail[L] = {};
  for (Index l = 0; j + l < n; ++l) tail[l] = x[j + l];
  store(tail, function(load(tail)));
  for (Index l = 0; j + l < n; ++l) y[j + l] = tail[l];
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
