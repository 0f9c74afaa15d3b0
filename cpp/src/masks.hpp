// Which random numbers each mask is made of.
//
// A mask is a function of the seed of the call, what it is for, the row's place in the batch and the time: neither
// threads nor the rows around nor the sequence's length change a bit of it, and backward draws it again.
#pragma once

#include "eigenlstm/random.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {

enum class Mask : std::uint64_t { dropout };

/// The stream (random.hpp) of a mask of layer * D + direction (dropout: of the layer), for one row of the batch.
inline std::uint64_t mask_stream(Mask mask, Index index, Index batch_row) {
  return std::uint64_t(mask) << 56 | std::uint64_t(index) << 40 | std::uint64_t(batch_row);
}

/// Times n values by the mask of time t: 0 with probability p, else 1 / (1 - p).
template <class Real>
void drop(std::uint64_t seed, std::uint64_t stream, Index t, Index n, double p, Real* x) {
  kernels<Real>().training.drop(seed, stream, std::uint64_t(t) * std::uint64_t((n + 3) / 4), n, p, x);
}

}  // namespace eigenlstm
