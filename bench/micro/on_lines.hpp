// Memory for the arrays of a benchmark.
#pragma once

#include <algorithm>
#include <vector>

// This does not use eigenlstm/buffer.hpp, since bench/builds also compiles the file with older revisions, which lack
// that header or have memory.hpp in another folder.
#if __has_include("runtime/memory.hpp")
#include "runtime/memory.hpp"
#else
#include "memory.hpp"
#endif

namespace bench {

/// Values that begin on a cache line and, if there are many, are in huge pages, like the engine's own arrays and those
/// that it returns to Python. (A SIMD vector that crosses a line takes two reads.)
template <class Real>
eigenlstm::Buffer<Real> on_lines(const std::vector<Real>& values) {
  eigenlstm::Buffer<Real> copy(std::ptrdiff_t(values.size()));
  std::copy(values.begin(), values.end(), copy.data());
  return copy;
}

}  // namespace bench
