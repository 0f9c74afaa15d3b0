// The affine map y = x W^T + b and its twin. Sizes: N rows, F inputs, O outputs; all arrays row-major, contiguous.
//
// An output is one chain of multiply-adds: the bias, then x_0 ... x_{F-1}. Sums over rows (dweight, dbias) are computed
// 128 rows at a time. So no row depends on the other rows, and no result on the number of threads.
#pragma once

#include <cstddef>

namespace eigenlstm {

/// x (N, F), weight (O, F), bias (O) or null -> y (N, O).
template <class Real>
void linear_forward(std::ptrdiff_t N, std::ptrdiff_t F, std::ptrdiff_t O, const Real* x, const Real* weight,
                    const Real* bias, Real* y);

/// dy (N, O) -> dx (N, F) or null, if it is not wanted. Adds to dweight (O, F) and dbias (O) or null.
template <class Real>
void linear_backward(std::ptrdiff_t N, std::ptrdiff_t F, std::ptrdiff_t O, const Real* x, const Real* weight,
                     const Real* dy, Real* dweight, Real* dbias, Real* dx);

}  // namespace eigenlstm
