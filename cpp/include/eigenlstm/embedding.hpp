// A trained vector for each integer. Sizes: N indices, D values in a vector; arrays row-major, contiguous.
#pragma once

#include <cstddef>
#include <cstdint>

namespace eigenlstm {

/// y (N, D): y[r] = weight[indices[r]], weight (V, D). Indices must lie in [0, V).
template <class Real>
void embedding_forward(std::ptrdiff_t N, std::ptrdiff_t D, const std::int64_t* indices, const Real* weight, Real* y);

/// dweight[indices[r]] += dy[r] for r = 0 ... N - 1, in this order; rows whose index is `padding_idx` are left out
/// (-1: none). The cost depends on N, not on the size of the table.
template <class Real>
void embedding_backward(std::ptrdiff_t N, std::ptrdiff_t D, const std::int64_t* indices, const Real* dy,
                        std::int64_t padding_idx, Real* dweight);

}  // namespace eigenlstm
