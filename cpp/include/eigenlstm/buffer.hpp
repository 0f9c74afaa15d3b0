// Aligned memory that is kept between calls, since the page faults of fresh memory can cost more than a small layer.
// The library stores in it whatever it keeps. Results may be stored in it, too: a layer is a few percent faster if its
// rows begin on cache lines and lie in large pages.
#pragma once

#include <cstddef>
#include <new>

namespace eigenlstm {

/// A block of memory, aligned to 64 bytes. A block of 1.5 MB or more is aligned to 2 MB and uses huge pages where the
/// system has them (except for its end, if the last page would be mostly empty). Freed blocks go to a cache of the
/// process, of at most 512 MB, and new ones come from there, so bytes() may be up to twice the requested size. The
/// contents are undefined at first. Throws std::bad_alloc.
class Block {
 public:
  Block() = default;
  explicit Block(std::size_t bytes);
  /// A block of zeros. The pages of a large one, if it is not from the cache, use no memory until they are written.
  static Block zeros(std::size_t bytes);
  ~Block() { release(); }
  Block(Block&& other) noexcept : data_(other.data_), bytes_(other.bytes_) {
    other.data_ = nullptr;
    other.bytes_ = 0;
  }
  Block& operator=(Block&& other) noexcept;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Block(std::size_t bytes, bool zero);
  void release() noexcept;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// The bytes of n values. Throws std::bad_alloc if the number is too large.
template <class Real>
std::size_t bytes_of(std::ptrdiff_t n) {
  if (n < 0 || std::size_t(n) > (std::size_t(1) << 62) / sizeof(Real)) throw std::bad_alloc();
  return std::size_t(n) * sizeof(Real);
}

/// An array of n values in a Block.
template <class Real>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::ptrdiff_t n) : block_(bytes_of<Real>(n)), size_(n) {}
  static Buffer zeros(std::ptrdiff_t n) {
    Buffer buffer;
    buffer.block_ = Block::zeros(bytes_of<Real>(n));
    buffer.size_ = n;
    return buffer;
  }
  Real* data() const { return static_cast<Real*>(block_.data()); }
  std::ptrdiff_t size() const { return size_; }

 private:
  Block block_;
  std::ptrdiff_t size_ = 0;
};

}  // namespace eigenlstm
