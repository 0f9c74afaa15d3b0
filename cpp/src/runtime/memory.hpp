// Scratch memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "eigenlstm/buffer.hpp"

namespace eigenlstm {

/// Arrays of at least this many bytes that are written in one go and not read right after are stored past the caches:
/// they are far larger than L2, which then keeps what is in use.
constexpr std::size_t past_caches_bytes = std::size_t(6) << 20;

/// Scratch memory of one call: pieces are allocated one after the other and all released together. The thread's own
/// arena() keeps its memory, so that a call asks the system only when it needs more than any call before it.
class Arena {
 public:
  template <class Real>
  Real* allocate(std::ptrdiff_t n) {
    return static_cast<Real*>(allocate_bytes(bytes_of<Real>(n)));
  }
  void reset();

 private:
  void* allocate_bytes(std::size_t bytes);
  std::vector<Block> blocks_;  // pieces are allocated from the last one
  std::size_t used_ = 0;       // of the last one
};

/// A copy of n values.
template <class Real>
Buffer<Real> copied(const Real* values, std::ptrdiff_t n) {
  Buffer<Real> copy(n);
  std::copy_n(values, n, copy.data());
  return copy;
}

/// The calling thread's arena, after a reset. Calls do not nest, except within an ArenaAside.
Arena& arena();

/// For its lifetime the calling thread has another arena, so that a call can begin during another one.
class ArenaAside {
 public:
  ArenaAside();
  ~ArenaAside();
  ArenaAside(const ArenaAside&) = delete;
  ArenaAside& operator=(const ArenaAside&) = delete;

 private:
  Arena saved_;
};

}  // namespace eigenlstm
