// Random numbers without a state: a value is a function of (seed, substream, index), so that any number of threads
// draws the same values in any order. A seed has 2^64 substreams, independent sequences of numbers: each mask of a
// layer and row has one of its own.
//
// The generator is Philox4x32-10 of Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011. The seed is its key; index and substream are the low and the high half of its counter.
#pragma once

#include <cstddef>
#include <cstdint>

namespace eigenlstm {

// Internal linkage throughout: the kernels compile this header once per ISA, and the linker may not merge the copies.

/// The multipliers, and what a round adds to the two words of the key.
static constexpr std::uint32_t random_multipliers[2] = {0xD2511F53u, 0xCD9E8D57u},
                               random_weyl[2] = {0x9E3779B9u, 0xBB67AE85u};

/// Block `index` of a substream, four words.
static inline void random_bits(std::uint64_t seed, std::uint64_t substream, std::uint64_t index,
                               std::uint32_t words[4]) {
  std::uint32_t c0 = std::uint32_t(index), c1 = std::uint32_t(index >> 32), c2 = std::uint32_t(substream),
                c3 = std::uint32_t(substream >> 32);
  std::uint32_t k0 = std::uint32_t(seed), k1 = std::uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t(random_multipliers[0]) * c0, p1 = std::uint64_t(random_multipliers[1]) * c2;
    c0 = std::uint32_t(p1 >> 32) ^ c1 ^ k0;
    c2 = std::uint32_t(p0 >> 32) ^ c3 ^ k1;
    c1 = std::uint32_t(p1);
    c3 = std::uint32_t(p0);
    k0 += random_weyl[0];
    k1 += random_weyl[1];
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

/// Uniform in [0, 1), a multiple of 2^-24: exact in float. Value i of a substream is word i % 4 of block i / 4.
static inline float uniform24(std::uint32_t word) { return float(word >> 8) * 0x1p-24f; }

/// Uniform in [0, 1), a multiple of 2^-53. Value i of a substream is made of two words of block i / 2: the first two if
/// i is even, the last two if it is odd.
static inline double uniform53(std::uint32_t high, std::uint32_t low) {
  return (double(high >> 5) * 0x1p26 + double(low >> 6)) * 0x1p-53;
}

/// out[i] = value start + i of the substream, 24 bits in float and 53 in double.
void random_uniform(std::uint64_t seed, std::uint64_t substream, std::uint64_t start, std::ptrdiff_t n, float* out);
void random_uniform(std::uint64_t seed, std::uint64_t substream, std::uint64_t start, std::ptrdiff_t n, double* out);

/// mask[i] = 0 with probability p, otherwise 1 / (1 - p), for 0 <= p < 1: it is 0 where the 24-bit value i of the
/// substream is below p. Both types get the same zeros.
template <class Real>
void dropout_mask(std::uint64_t seed, std::uint64_t substream, std::ptrdiff_t n, double p, Real* mask);

}  // namespace eigenlstm
