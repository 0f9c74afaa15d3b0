// Aligned memory that is kept between calls: the page faults of fresh megabytes cost more than small layers do. What
// the library keeps stands in it; results may, too: rows that begin on cache lines, in large pages, make a layer some
// percent faster.
#pragma once

#include <cstddef>
#include <new>

namespace eigenlstm {

/// A block of memory, aligned to 64 bytes. From 1.5 MB on it is aligned to 2 MB and in huge pages where the system has
/// them (but for its end, if the last one would be mostly empty). Freed blocks go to a cache of the process (512 MB at
/// most) and come from there, so that bytes() may be up to twice what was asked for. Contents start undefined. Throws
/// std::bad_alloc.
class Block {
 public:
  Block() = default;
  explicit Block(std::size_t bytes);
  /// All bits zero. The pages of a large one that was not kept take no memory until they are written.
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
