#include "runtime/memory.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace eigenlstm {
namespace {

/// Under AddressSanitizer every piece of an arena is an allocation of its own and nothing is kept, so that it sees
/// overruns.
#ifdef __SANITIZE_ADDRESS__
constexpr bool watched = true;
#else
constexpr bool watched = false;
#endif

constexpr std::size_t alignment = 64, huge_page = std::size_t(2) << 20,
                      any_page = 65536;  // pages of x86-64 and Arm are 4 to 64 KB

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

#if defined(__linux__) && defined(MADV_HUGEPAGE)
/// Large blocks are mappings of their own: memory that malloc has used before would keep its small pages.
bool maps(std::size_t bytes) { return !watched && bytes >= huge_page; }

/// Null where there is no room.
void* map(std::size_t bytes) {
  const std::size_t reserved = bytes + huge_page;
  void* const all = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return nullptr;
  char *const begin = static_cast<char*>(all), *const end = begin + reserved;
  char* const data =
      begin + (round_up(reinterpret_cast<std::uintptr_t>(begin), huge_page) - reinterpret_cast<std::uintptr_t>(begin));
  char* const data_end = data + bytes;
  if (data > begin) munmap(begin, std::size_t(data - begin));
  if (data_end < end) munmap(data_end, std::size_t(end - data_end));
  madvise(data, bytes, MADV_HUGEPAGE);
  return data;
}

void unmap(void* data, std::size_t bytes) { munmap(data, bytes); }
#else
bool maps(std::size_t) { return false; }
void* map(std::size_t) { return nullptr; }
void unmap(void*, std::size_t) {}
#endif

/// Null where there is no room.
void* allocate(std::size_t bytes) {
  if (maps(bytes)) return map(bytes);
  const std::size_t to = bytes >= huge_page ? huge_page : alignment;
  return std::aligned_alloc(to, round_up(bytes, to));
}

void deallocate(void* data, std::size_t bytes) {
  if (maps(bytes))
    unmap(data, bytes);
  else
    std::free(data);
}

/// Freed blocks, limited in number and bytes; the block that was freed longest ago is dropped first. A block is used
/// for a request that fills at least half of it.
class Cache {
 public:
  void* take(std::size_t& bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    Entry* best = nullptr;
    for (Entry* e = entries_.data(); e != entries_.data() + size_; ++e)
      if (e->bytes >= bytes && e->bytes / 2 <= bytes && (best == nullptr || e->bytes < best->bytes)) best = e;
    if (best == nullptr) return nullptr;
    bytes = best->bytes;
    return remove(best).data;
  }

  void put(void* data, std::size_t bytes) {
    if (watched || bytes > max_held) return deallocate(data, bytes);
    for (;;) {
      Entry oldest;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (size_ < entries_.size() && held_ + bytes <= max_held) {
          entries_[size_++] = {data, bytes, ++freed_};
          held_ += bytes;
          return;
        }
        oldest = remove(std::min_element(entries_.data(), entries_.data() + size_,
                                         [](const Entry& a, const Entry& b) { return a.freed < b.freed; }));
      }
      deallocate(oldest.data, oldest.bytes);
    }
  }

  void clear() {
    for (;;) {
      Entry last;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (size_ == 0) return;
        last = remove(&entries_[size_ - 1]);
      }
      deallocate(last.data, last.bytes);
    }
  }

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  struct Entry {
    void* data;
    std::size_t bytes;
    std::uint64_t freed;  // how many blocks had been freed by then, this one included
  };
  static constexpr std::size_t max_held = std::size_t(512) << 20;

  Entry remove(Entry* e) {
    held_ -= e->bytes;
    return std::exchange(*e, entries_[--size_]);
  }

  std::mutex mutex_;
  std::array<Entry, 256> entries_;
  std::size_t size_ = 0, held_ = 0;
  std::uint64_t freed_ = 0;
};

// Never destroyed: blocks may be freed by destructors that run at exit.
Cache& cache() {
  static Cache* const c = [] {
    // In a child that is forked while another thread holds the lock, it would stay locked for ever.
    pthread_atfork([] { cache().lock(); }, [] { cache().unlock(); }, [] { cache().unlock(); });
    return new Cache;
  }();
  return *c;
}

}  // namespace

Block::Block(std::size_t bytes) : Block(bytes, false) {}
Block Block::zeros(std::size_t bytes) { return Block(bytes, true); }

Block::Block(std::size_t bytes, bool zero) {
  if (bytes == 0) return;
  if (bytes > (std::size_t(1) << 62)) throw std::bad_alloc();
  const std::size_t whole = round_up(bytes, huge_page);
  bytes_ = whole - bytes <= bytes / 3
               ? whole
               : round_up(bytes, bytes < huge_page ? alignment : any_page);  // large blocks may end in small pages
  data_ = cache().take(bytes_);
  const bool is_zero = data_ == nullptr && maps(bytes_);  // fresh pages
  if (data_ == nullptr) data_ = allocate(bytes_);
  if (data_ == nullptr) {
    cache().clear();  // the kept blocks may be the memory that is missing
    data_ = allocate(bytes_);
  }
  if (data_ == nullptr) throw std::bad_alloc();
  if (zero && !is_zero) std::memset(data_, 0, bytes_);
}

Block& Block::operator=(Block&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void Block::release() noexcept {
  if (data_ != nullptr) cache().put(data_, bytes_);
  data_ = nullptr;
}

void Arena::reset() {
  if (watched) blocks_.clear();
  if (blocks_.size() > 1) {  // one block next time
    std::size_t total = 0;
    for (const Block& block : blocks_) total += block.bytes();
    blocks_.clear();
    blocks_.emplace_back(total);
  }
  used_ = 0;
}

void* Arena::allocate_bytes(std::size_t bytes) {
  bytes = round_up(std::max<std::size_t>(bytes, 1), alignment);
  if (watched || blocks_.empty() || used_ + bytes > blocks_.back().bytes()) {
    blocks_.emplace_back(watched ? bytes : std::max<std::size_t>(bytes, 1 << 16));
    used_ = 0;
  }
  void* p = static_cast<char*>(blocks_.back().data()) + used_;
  used_ += bytes;
  return p;
}

namespace {
Arena& own_arena() {
  thread_local Arena arena;
  return arena;
}
}  // namespace

Arena& arena() {
  own_arena().reset();
  return own_arena();
}

ArenaAside::ArenaAside() { std::swap(saved_, own_arena()); }
ArenaAside::~ArenaAside() { std::swap(saved_, own_arena()); }

}  // namespace eigenlstm
