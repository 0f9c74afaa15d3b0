// Aligned memory that is kept between calls: the page faults of fresh megabytes cost more than small layers do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

namespace eigenlstm {

/// A block of memory, aligned to 64 bytes (2 MB and huge pages, where the system has them, from 4 MB on). Freed
/// blocks go to a small cache of the process and come from there. Contents start undefined.
class Block {
 public:
  Block() = default;
  explicit Block(std::size_t bytes);
  ~Block() { release(); }
  Block(Block&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; other.bytes_ = 0; }
  Block& operator=(Block&& other) noexcept;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void release() noexcept;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Bytes of n values; std::bad_alloc where there is no such number.
template <class Real>
std::size_t bytes_of(std::ptrdiff_t n) {
  if (n < 0 || std::size_t(n) > (std::size_t(1) << 62) / sizeof(Real)) throw std::bad_alloc();
  return std::size_t(n) * sizeof(Real);
}

/// An array of Real in a Block.
template <class Real>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::ptrdiff_t n) : block_(bytes_of<Real>(n)), size_(n) {}
  Real* data() const { return static_cast<Real*>(block_.data()); }
  std::ptrdiff_t size() const { return size_; }

 private:
  Block block_;
  std::ptrdiff_t size_ = 0;
};

template <class Real>
Buffer<Real> zeros(std::ptrdiff_t n) {
  Buffer<Real> buffer(n);
  std::fill_n(buffer.data(), n, Real(0));
  return buffer;
}

/// Scratch memory of one call: pieces are taken one after the other and all given back together. The thread's own
/// arena() keeps its memory, so that a call allocates only when it needs more than any before it.
class Arena {
 public:
  template <class Real>
  Real* take(std::ptrdiff_t n) { return static_cast<Real*>(take_bytes(bytes_of<Real>(n))); }
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
