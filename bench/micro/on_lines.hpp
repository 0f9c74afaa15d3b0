// Where the arrays of a benchmark stand.
#pragma once

#include <algorithm>
#include <vector>

// Not eigenlstm/buffer.hpp: bench/builds compiles this file with older revisions too, which lack that header or keep
// memory.hpp elsewhere.
#if __has_include("runtime/memory.hpp")
#include "runtime/memory.hpp"
#else
#include "memory.hpp"
#endif

namespace bench {

/// The values where they begin on a cache line and large ones in huge pages, as those of the engine do and those that
/// Python gets from it: a SIMD vector across two lines takes two reads.
template <class Real>
eigenlstm::Buffer<Real> on_lines(const std::vector<Real>& values) {
  eigenlstm::Buffer<Real> copy(std::ptrdiff_t(values.size()));
  std::copy(values.begin(), values.end(), copy.data());
  return copy;
}

}  // namespace bench
