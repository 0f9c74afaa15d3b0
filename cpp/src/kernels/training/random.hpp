// Masks from the counter-based generator.
#pragma once

#include "eigenlstm/random.hpp"
#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// Blocks first_block ... first_block + N - 1 of a substream (random_bits), of four words each: word w of the i-th is
/// words[w][i].
template <int N>
void random_blocks(std::uint64_t seed, std::uint64_t substream, std::uint64_t first_block,
                   std::uint32_t (&words)[4][N]) {
  constexpr int lanes = sizeof(WideWords) / sizeof(std::uint64_t);
  static_assert(N % (2 * lanes) == 0);
  WideWords numbers{};  // a constant, since the compiler would insert numbers into c0 lane by lane
  for (int lane = 0; lane < lanes; ++lane) numbers[lane] = std::uint64_t(lane);
  for (int i = 0; i < N; i += 2 * lanes) {  // two side by side: a round is a chain of some 8 cycles
    WideWords c0[2], c1[2], c2[2], c3[2];
    for (int v = 0; v < 2; ++v) {
      c0[v] = numbers + (first_block + std::uint64_t(i + v * lanes)), c2[v] = WideWords{} + substream;
      c1[v] = c0[v] >> 32, c3[v] = c2[v] >> 32;
    }
    std::uint32_t k0 = std::uint32_t(seed), k1 = std::uint32_t(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      for (int v = 0; v < 2; ++v) {
        const WideWords p0 = multiply_words(c0[v], random_multipliers[0]),
                        p1 = multiply_words(c2[v], random_multipliers[1]);
        c0[v] = p1 >> 32 ^ c1[v] ^ k0;
        c2[v] = p0 >> 32 ^ c3[v] ^ k1;
        c1[v] = p1;
        c3[v] = p0;
      }
      k0 += random_weyl[0];
      k1 += random_weyl[1];
    }
    for (int v = 0; v < 2; ++v) {
      store_words(words[0] + i + v * lanes, c0[v]);
      store_words(words[1] + i + v * lanes, c1[v]);
      store_words(words[2] + i + v * lanes, c2[v]);
      store_words(words[3] + i + v * lanes, c3[v]);
    }
  }
}

/// `drawn` with probability p, else `other`: values of blocks first_block, first_block + 1, ..., four of each.
template <class Real>
void random_mask(std::uint64_t seed, std::uint64_t substream, std::uint64_t first_block, Index n, double p, Real drawn,
                 Real other, Real* mask) {
  constexpr int group = 16;
  const float threshold = float(p);
  std::uint32_t words[4][group];
  Real last[4 * group];
  for (Index i = 0; i < n; i += 4 * group, first_block += group) {
    const bool whole = n - i >= 4 * group;
    Real* const out = whole ? mask + i : last;
    random_blocks(seed, substream, first_block, words);
    for (int block = 0; block < group; ++block)
      for (int w = 0; w < 4; ++w) out[4 * block + w] = uniform24(words[w][block]) < threshold ? drawn : other;
    for (Index j = 0; !whole && j < n - i; ++j) mask[i + j] = last[j];
  }
}

/// x[i] *= 0 with probability p, else 1 / (1 - p).
template <class Real>
void drop(std::uint64_t seed, std::uint64_t substream, std::uint64_t first_block, Index n, double p, Real* x) {
  constexpr Index at_once = 256;
  Real mask[at_once];
  for (Index i = 0; i < n; i += at_once, first_block += at_once / 4) {
    const Index count = n - i < at_once ? n - i : at_once;
    random_mask(seed, substream, first_block, count, p, Real(0), Real(1 / (1 - p)), mask);
    for (Index j = 0; j < count; ++j) x[i + j] *= mask[j];
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
