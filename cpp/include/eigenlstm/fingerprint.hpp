// A fast 64-bit hash of memory: "have these values changed?"
#pragma once

#include <cstddef>
#include <cstdint>

namespace eigenlstm {

/// Hash of `n` bytes: different bytes give different hashes but for a chance of about 2^-64. Not for adversaries, and
/// not the same on machines of another byte order.
std::uint64_t fingerprint(const void* data, std::size_t n);

}  // namespace eigenlstm
