// Work that the threads of a call share. Nobody is dealt a part: whoever comes takes the next piece that may run, so
// that a thread that comes late, or never, holds up no other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "kernels/ranges.hpp"

namespace eigenlstm {

/// Called by tests at places where a thread may be held up: before it looks for work, with a block in its hands, and
/// after one.
inline std::atomic<void (*)()> delay_for_tests{nullptr};
inline void hold_up_for_tests() {
  if (const auto delay = delay_for_tests.load(std::memory_order_relaxed)) delay();
}

/// How work is cut: `count` strands, each a row of `blocks` blocks that run one after the other, on any thread.
struct Strands {
  int count = 1;
  std::ptrdiff_t blocks = 1;
  bool together = false;  // a block begins only when all strands have done those before it
};

/// The work of one Team::run() at a time. A block belongs to the thread that has claimed it until it is done; nothing
/// else of the work is touched by a thread, so the poster waits for claimed blocks only.
class Board {
 public:
  using Job = void (*)(void* context, int strand, std::ptrdiff_t block, int thread);
  static constexpr int max_threads = 256, max_strands = 256;

  /// A block to run.
  struct Claim {
    Board* board = nullptr;  // null: there is none
    int strand = 0;
    std::ptrdiff_t block = 0;
    int thread = 0;
    explicit operator bool() const { return board != nullptr; }
  };
  /// What a thread remembers of a work.
  struct Memory {
    std::uint32_t number = 0;
    int last = -1;           // the strand that it ran last
    std::uint64_t seen = 0;  // the state of a strand that another thread should be running,
    int looks = 0;           // and how often it has been the same
    bool late = true;        // whether a thread had not come when it last looked at all strands
    int waits = 0;           // how often it has found that its own strand waits for the others
  };

  /// The work before must be finished. Strands have threads that run them unless they are late: thread `first` the
  /// first one, and so on among `threads`.
  void post(Job job, void* context, const Strands& strands, int first, int threads);
  int threads() const { return threads_.load(std::memory_order_relaxed); }
  std::uint32_t posted() const { return number_.load(std::memory_order_seq_cst); }
  /// Whether a strand is this thread's, unless it is late.
  bool has_strand_of(int thread) const;
  /// Whether every block is done; for the thread that posted.
  bool finished() const { return done_.load(std::memory_order_seq_cst) == all_; }
  /// A block that this thread may run now: of its own strands, of the one that it ran last and of those whose thread
  /// has not come, the one that is furthest behind; otherwise of any that has been left alone for a while.
  Claim claim(int thread, Memory& memory);
  /// Runs a claimed block. Returns whether threads that sleep have something to look at.
  bool run(const Claim& claim);

 private:
  /// The state of a strand: number of the work (32 bits), the next block (31), and whether it is claimed. A strand at
  /// its end stays claimed, so that no thread takes the end of one work for a block of the next.
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> state{1};
    std::atomic<std::uint32_t> here{0};  // the last work that the thread of this index has seen
  };
  static constexpr int enough_looks = 64;   // some microseconds
  static constexpr int waits_per_look = 8;  // at the strands of others, whose threads have come
  int thread_of(int strand) const;

  std::array<Slot, max_strands> slots_;
  alignas(64) std::atomic<std::uint32_t> number_{0};
  // Written before number_, and constant as long as a block is not done: so what was read before a claim that
  // succeeded was right.
  std::atomic<Job> job_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<int> strands_{0}, first_{0}, threads_{1};
  std::atomic<std::ptrdiff_t> blocks_{0};
  std::atomic<bool> together_{false};
  std::ptrdiff_t all_ = 0;  // blocks of all strands
  alignas(64) std::atomic<std::ptrdiff_t> done_{0};
};

}  // namespace eigenlstm
