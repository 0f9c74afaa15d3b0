#include "eigenlstm/fingerprint.hpp"

#include <cstring>

namespace eigenlstm {

namespace {

constexpr int lanes = 8;  // as many multiplications in flight as hide their latency

/// One to one in either argument while the other is fixed: a changed word always changes the result.
inline std::uint64_t mix(std::uint64_t state, std::uint64_t word) {
  state ^= word;
  return (state << 29 | state >> 35) * 0x9E3779B97F4A7C15u;
}

}  // namespace

std::uint64_t fingerprint(const void* data, std::size_t n) {
  const unsigned char* bytes = static_cast<const unsigned char*>(data);
  std::uint64_t state[lanes];
  for (int lane = 0; lane < lanes; ++lane) state[lane] = mix(n, 0xD1B54A32D192ED03u * (lane + 1));
  std::uint64_t words[lanes];
  for (; n >= sizeof words; n -= sizeof words, bytes += sizeof words) {
    std::memcpy(words, bytes, sizeof words);
    for (int lane = 0; lane < lanes; ++lane) state[lane] = mix(state[lane], words[lane]);
  }
  std::memset(words, 0, sizeof words);
  if (n > 0) std::memcpy(words, bytes, n);
  std::uint64_t hash = 0;
  for (int lane = 0; lane < lanes; ++lane) hash = mix(hash, mix(state[lane], words[lane]));
  hash ^= hash >> 32;  // the last multiplication left the low bits with little to say
  return hash * 0xD6E8FEB86659FD93u;
}

}  // namespace eigenlstm
