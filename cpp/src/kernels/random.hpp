// Masks from the counter-based generator.
#pragma once

#include "eigenlstm/random.hpp"
#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// Blocks first_block, first_block + 1, ... of four values each: 16 at a time, so that the compiler makes vectors.
template <class Real>
void dropout_mask(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Index n, double p, Real* mask) {
  constexpr Index group = 16;
  const Real kept = Real(1 / (1 - p));
  const float threshold = float(p);
  for (Index i = 0; i < n; i += 4 * group, first_block += group) {
    std::uint32_t words[group][4];
    for (Index block = 0; block < group; ++block) random_bits(seed, stream, first_block + block, words[block]);
    const Index count = n - i < 4 * group ? n - i : 4 * group;
    for (Index j = 0; j < count; ++j) mask[i + j] = uniform24(words[j / 4][j % 4]) < threshold ? Real(0) : kept;
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
