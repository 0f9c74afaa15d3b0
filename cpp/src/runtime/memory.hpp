// Scratch memory.
#pragma once

#include <cstddef>
#include <vector>

#include "eigenlstm/buffer.hpp"

namespace eigenlstm {

/// From so many bytes on, what is written whole and not read at once is stored past the caches: far more than L2 holds,
/// which keeps what is at work.
constexpr std::size_t past_caches_bytes = std::size_t(6) << 20;

/// Scratch memory of one call: pieces are taken one after the other and all given back together. The thread's own
/// arena() keeps its memory, so that a call allocates only when it needs more than any before it.
class Arena {
 public:
  template <class Real>
  Real* take(std::ptrdiff_t n) {
    return static_cast<Real*>(take_bytes(bytes_of<Real>(n)));
  }
  void reset();

 private:
  void* take_bytes(std::size_t bytes);
  std::vector<Block> blocks_;  // the last one is being handed out
  std::size_t used_ = 0;       // of the last one
};

/// The calling thread's arena, reset. Calls do not nest, but for those within an ArenaAside.
Arena& arena();

/// For its lifetime the calling thread has another arena: a call may begin here while one is under way.
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
