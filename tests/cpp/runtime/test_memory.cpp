// Blocks, their cache, and the arena.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "runtime/memory.hpp"
#include "support/random.hpp"

using eigenlstm::Arena;
using eigenlstm::Block;
using eigenlstm::Buffer;

namespace {

bool aligned(const void* p, std::uintptr_t to) { return reinterpret_cast<std::uintptr_t>(p) % to == 0; }

}  // namespace

TEST_CASE("blocks are aligned, large ones to huge pages") {
  const std::size_t mb = std::size_t(1) << 20;
  for (std::size_t bytes : {std::size_t(1), std::size_t(63), std::size_t(64), std::size_t(65), mb, 3 * mb / 2, 2 * mb,
                            2 * mb + 1, 5 * mb}) {
    const Block block(bytes);
    CHECK(aligned(block.data(), bytes < 3 * mb / 2 ? 64 : 2 * mb));
    CHECK(block.bytes() >= bytes);
    std::memset(block.data(), 1, bytes);
  }
}

TEST_CASE("empty blocks, and sizes that no machine has memory for") {
  CHECK(Block(0).data() == nullptr);
  CHECK(Buffer<float>(0).data() == nullptr);
  CHECK_THROWS_AS(Block(std::size_t(1) << 61), std::bad_alloc);
  CHECK_THROWS_AS(Block(~std::size_t(0)), std::bad_alloc);
  for (const std::ptrdiff_t n : {std::ptrdiff_t(1) << 62, (std::ptrdiff_t(1) << 62) + 1,
                                 std::ptrdiff_t(-1)}) {  // whose number of bytes overflows
    CHECK_THROWS_AS(Buffer<float>{n}, std::bad_alloc);
    CHECK_THROWS_AS(Arena().allocate<float>(n), std::bad_alloc);
  }
}

#ifndef __SANITIZE_ADDRESS__  // AddressSanitizer, with which no freed block is kept
TEST_CASE("a freed block is used again for about as much memory, not for much less") {
  const std::size_t bytes = std::size_t(60) << 20;  // more than any other test uses
  void* first;
  {
    const Block block(bytes);
    first = block.data();
  }
  {
    const Block small(bytes / 4);
    CHECK(small.data() != first);
  }
  const Block again(bytes - bytes / 8);
  CHECK(again.data() == first);
}

TEST_CASE("a block that was freed recently is kept in preference to larger ones that were freed long ago") {
  const std::size_t mb = std::size_t(1) << 20;
  {
    std::vector<Block> large(300);  // more than are kept, both by number and by bytes
    for (Block& block : large) block = Block(4 * mb);
  }
  void* first;
  {
    const Block block(mb);
    first = block.data();
  }
  CHECK(Block(mb).data() == first);
}
#endif

TEST_CASE("moving a block hands it over") {
  Block a(1000);
  void* data = a.data();
  Block b(std::move(a));
  CHECK(a.data() == nullptr);
  CHECK(b.data() == data);
  a = std::move(b);
  CHECK(a.data() == data);
}

TEST_CASE("the pieces of an arena are aligned and don't overlap, and its memory is kept") {
  Arena arena;
  test::Random random(1);
  for (int call = 0; call < 20; ++call) {
    arena.reset();
    std::vector<std::pair<unsigned char*, std::size_t>> pieces;
    for (int i = 0; i < 30; ++i) {
      const auto n = random.whole(0, 40000);
      auto* piece = arena.allocate<unsigned char>(n);
      CHECK(aligned(piece, 64));
      std::memset(piece, i, std::size_t(n));
      pieces.emplace_back(piece, std::size_t(n));
    }
    for (int i = 0; i < 30; ++i)
      CHECK(std::count(pieces[i].first, pieces[i].first + pieces[i].second, i) == std::ptrdiff_t(pieces[i].second));
  }
#ifndef __SANITIZE_ADDRESS__
  arena.reset();
  double* first = arena.allocate<double>(100);
  arena.reset();
  CHECK(arena.allocate<double>(100) == first);
#endif
}

TEST_CASE("a call within a call has an arena of its own") {
  int* outer = eigenlstm::arena().allocate<int>(1000);
  std::fill_n(outer, 1000, 1);
  {
    const eigenlstm::ArenaAside aside;
    std::fill_n(eigenlstm::arena().allocate<int>(100000), 100000, 2);
  }
  CHECK(std::count(outer, outer + 1000, 1) == 1000);
}

TEST_CASE("blocks from many threads at once") {
  std::vector<std::thread> threads;
  std::vector<int> right(4);
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&right, t] {
      test::Random random(t);
      bool kept = true;
      for (int i = 0; i < 200; ++i) {
        Buffer<unsigned char> a(random.whole(1, 300000)), b(random.whole(1, 300000));
        std::memset(a.data(), int(t), std::size_t(a.size()));
        std::memset(b.data(), int(t) + 10, std::size_t(b.size()));
        kept = kept && a.data()[a.size() - 1] == t && b.data()[0] == t + 10;
        if (i % 3 == 0) std::swap(a, b);
      }
      right[t] = kept;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == std::vector<int>(4, 1));
}
