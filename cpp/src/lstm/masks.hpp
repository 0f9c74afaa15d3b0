// Which random numbers each mask consists of.
//
// A mask is a function of the seed of the call, its purpose, the place of the row in the batch and the time. Neither
// threads nor other rows nor the length of the sequence change a bit of it, and the backward pass draws it again.
#pragma once

#include "eigenlstm/random.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {

enum class Mask : std::uint64_t { dropout, input, recurrent, zoneout_h, zoneout_c, weight };

/// The substream (random.hpp) of a mask of layer * D + direction (dropout, input: of the layer), for one row of the
/// batch (weight: of R).
inline std::uint64_t mask_substream(Mask mask, Index index, Index row) {
  return std::uint64_t(mask) << 56 | std::uint64_t(index) << 40 | std::uint64_t(row);
}

/// Multiplies n values by the mask of time t: 0 with probability p, else 1 / (1 - p).
template <class Real>
void drop(std::uint64_t seed, std::uint64_t substream, Index t, Index n, double p, Real* x) {
  kernels<Real>().training.drop(seed, substream, std::uint64_t(t) * std::uint64_t((n + 3) / 4), n, p, x);
}

/// The mask of time t that says which of n values keep their old state: 1 with probability p, else 0. Writes values
/// [begin, end), begin a multiple of 4.
template <class Real>
void draw_zoneout(std::uint64_t seed, std::uint64_t substream, Index t, Index n, Index begin, Index end, double p,
                  Real* mask) {
  kernels<Real>().training.random_mask(seed, substream, std::uint64_t(t * ((n + 3) / 4) + begin / 4), end - begin, p,
                                       Real(1), Real(0), mask + begin);
}

}  // namespace eigenlstm
