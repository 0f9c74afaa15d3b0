// Masks from the counter-based generator.
#pragma once

#include "eigenlstm/random.hpp"
#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// `drawn` with probability p, else `other`: values of blocks first_block, first_block + 1, ..., four of each. 16 blocks at a time, so that
/// the compiler makes vectors.
template <class Real>
void random_mask(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Index n, double p, Real drawn, Real other, Real* mask) {
  constexpr int group = 16;
  const float threshold = float(p);
  std::uint32_t words[4][group];
  Real last[4 * group];
  for (Index i = 0; i < n; i += 4 * group, first_block += group) {
    const bool whole = n - i >= 4 * group;
    Real* const out = whole ? mask + i : last;
    random_blocks<group>(seed, stream, first_block, words);
    for (int block = 0; block < group; ++block)
      for (int w = 0; w < 4; ++w) out[4 * block + w] = uniform24(words[w][block]) < threshold ? drawn : other;
    for (Index j = 0; !whole && j < n - i; ++j) mask[i + j] = last[j];
  }
}

/// x[i] *= 0 with probability p, else 1 / (1 - p).
template <class Real>
void drop(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Index n, double p, Real* x) {
  constexpr Index chunk = 256;
  Real mask[chunk];
  for (Index i = 0; i < n; i += chunk, first_block += chunk / 4) {
    const Index count = n - i < chunk ? n - i : chunk;
    random_mask(seed, stream, first_block, count, p, Real(0), Real(1 / (1 - p)), mask);
    for (Index j = 0; j < count; ++j) x[i + j] *= mask[j];
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
