// A fast 64-bit hash of memory: "have these values changed?"
#pragma once

#include <cstddef>
#include <cstdint>

namespace eigenlstm {

/// The hash of `n` bytes. Different bytes give different hashes, with a chance of about 2^-64 that they don't. Not
/// secure against an adversary, and different on machines of another byte order.
std::uint64_t fingerprint(const void* data, std::size_t n);

}  // namespace eigenlstm
