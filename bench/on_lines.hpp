// Where the arrays of a benchmark stand.
#pragma once

#include <algorithm>
#include <vector>

#include "memory.hpp"  // not eigenlstm/buffer.hpp: bench/builds compiles this with revisions that have none

namespace bench {

/// The values where they begin on a cache line and large ones in huge pages, as those of the engine do and those that Python gets from it: a SIMD
/// vector across two lines takes two reads.
template <class Real>
eigenlstm::Buffer<Real> on_lines(const std::vector<Real>& values) {
  eigenlstm::Buffer<Real> copy(std::ptrdiff_t(values.size()));
  std::copy(values.begin(), values.end(), copy.data());
  return copy;
}

}  // namespace bench
