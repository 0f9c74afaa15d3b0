#include "eigenlstm/fingerprint.hpp"

#include <cstring>

namespace eigenlstm {
namespace {

constexpr int lanes = 4;  // multiplications in flight, to hide their latency
constexpr std::size_t block = lanes * 16;

/// The two halves of a 128-bit product, folded: every bit of a and b reaches every bit of the result (as in wyhash).
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return std::uint64_t(product) ^ std::uint64_t(product >> 64);
}

// Odd, with ones in the exponent, so that xor with finite floats never yields a factor of zero.
constexpr std::uint64_t secret[lanes] = {0xFFB1A32D7FD2ED03u, 0xFFB779B17FB94A7Fu, 0xFFD9E8FE7FE659FDu,
                                         0xFFF58476D1CE4E5Bu};

inline void absorb(std::uint64_t state[lanes], const unsigned char* bytes) {
  std::uint64_t words[2 * lanes];
  std::memcpy(words, bytes, block);
  for (int lane = 0; lane < lanes; ++lane)
    state[lane] = mix(state[lane] ^ words[2 * lane], secret[lane] ^ words[2 * lane + 1]);
}

}  // namespace

std::uint64_t fingerprint(const void* data, std::size_t n) {
  const unsigned char* bytes = static_cast<const unsigned char*>(data);
  std::uint64_t state[lanes];
  for (int lane = 0; lane < lanes; ++lane) state[lane] = mix(n ^ 0x9E3779B97F4A7C15u, secret[lane]);
  std::size_t left = n;
  for (; left >= block; left -= block, bytes += block) absorb(state, bytes);
  unsigned char tail[block] = {};
  if (left > 0) std::memcpy(tail, bytes, left);
  absorb(state, tail);
  std::uint64_t hash = n;
  for (int lane = 0; lane < lanes; ++lane) hash = mix(hash ^ state[lane], secret[lane]);
  return hash;
}

}  // namespace eigenlstm
