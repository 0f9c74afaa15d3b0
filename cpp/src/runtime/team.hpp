// The threads of one call.
//
// A persistent pool: workers spin briefly for the next job, then sleep. One call at a time has the pool; a call that
// finds it in use runs on its own thread alone, with the same bits as result. No OpenMP, since libgomp hangs after a
// fork.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <type_traits>

#include "kernels/ranges.hpp"
#include "runtime/board.hpp"

namespace eigenlstm {

/// Where threads wait for something that others do. They spin for a while, then sleep.
class Doorbell {
 public:
  using Clock = std::chrono::steady_clock;

  /// Waits until ready(), spinning for `spin` before sleeping. ready() must load, and whoever rings must have stored,
  /// with memory_order_seq_cst: then either the sleeper sees the change, or ring() sees the sleeper.
  template <class Ready>
  void await(Clock::duration spin, Ready ready) {
    if (spins(spin, ready)) return;
    Sleeper sleeper(*this);
    wake_.bell.wait(sleeper.lock, ready);
  }
  /// The same, but calls meanwhile() after each `interval` of sleep.
  template <class Ready, class Meanwhile>
  void await(Clock::duration spin, Ready ready, Clock::duration interval, Meanwhile meanwhile) {
    if (spins(spin, ready)) return;
    Sleeper sleeper(*this);
    while (!wake_.bell.wait_for(sleeper.lock, interval, ready)) {
      sleeper.lock.unlock();
      meanwhile();
      sleeper.lock.lock();
    }
  }
  /// To be called after a change: sleeping threads check again.
  void ring() {
    if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.bell.notify_all();
  }

 private:
  struct Sleeper {
    explicit Sleeper(Doorbell& b) : bell(b), lock(b.mutex_) { bell.sleepers_.fetch_add(1, std::memory_order_seq_cst); }
    ~Sleeper() { bell.sleepers_.fetch_sub(1, std::memory_order_relaxed); }
    Doorbell& bell;
    std::unique_lock<std::mutex> lock;
  };
  template <class Ready>
  static bool spins(Clock::duration spin, Ready ready) {
    constexpr int looks = 64;  // between two readings of the clock; each takes about 10 to 40 ns
    Clock::time_point end{};
    for (int i = 1;; ++i) {
      if (ready()) return true;
      relax();
      if (i % looks != 0) continue;
      const Clock::time_point now = Clock::now();
      if (i == looks)
        end = now + spin;
      else if (now >= end)
        return false;
    }
  }
  static void relax();

  /// Never destroyed: glibc's destructor waits for those who sleep, and in a forked child they do not exist. There is
  /// nothing to free.
  union Wake {
    Wake() : bell() {}
    ~Wake() {}
    std::condition_variable bell;
  };
  std::mutex mutex_;
  Wake wake_;
  std::atomic<int> sleepers_{0};
};

/// The threads of a call, or of a part of it. None of them waits for one that has not begun: see Board.
class Team {
 public:
  /// Takes the pool for up to `wanted` threads, the caller included; size() says how many there are.
  explicit Team(int wanted);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// For how many threads there is to be work.
  int size() const { return size_; }
  /// Those of the whole call, from 0, the caller, on: any of them may run a block.
  int threads() const { return call_->size_; }

  /// Calls f(strand, block, thread) for every block of every strand. f must not throw. Denormals are flushed to zero
  /// inside f (promise 5).
  template <class F>
  void run(const Strands& strands, F&& f) {
    run_strands(
        strands,
        [](void* context, int strand, std::ptrdiff_t block, int thread) {
          (*static_cast<std::remove_reference_t<F>*>(context))(strand, block, thread);
        },
        &f);
  }

  /// Calls f(i, thread) for i = 0 .. n - 1, in any order. f must not throw.
  template <class F>
  void for_each(std::ptrdiff_t n, F&& f) {
    constexpr std::ptrdiff_t groups_per_thread = 8;  // the last ones to finish are waited for
    const auto groups = std::min({n, groups_per_thread * size_, std::ptrdiff_t(size_ == 1 ? 1 : Board::max_strands)});
    if (groups == 0) return;
    run({int(groups)}, [&](int group, std::ptrdiff_t, int thread) {
      const Range mine = share(n, group, groups);
      for (std::ptrdiff_t i = mine.begin; i < mine.end; ++i) f(i, thread);
    });
  }

  /// Calls f(part, i, block) for i = 0 .. n - 1, and block = 0 .. blocks - 1 one after the other, on parts of this team
  /// that work at the same time. A part has as many threads as if there were one part for each i or thread, or, where
  /// that would leave one with more than a quarter above the average, as many parts as divide both numbers. If f
  /// throws, i has no more blocks, and once the others have finished, the exception of the first such i is thrown here.
  /// Throws Interrupted if the call was interrupted.
  template <class F>
  void split(std::ptrdiff_t n, std::ptrdiff_t blocks, const F& f) {
    split_work(
        n, blocks,
        [](const void* context, Team& part, std::ptrdiff_t i, std::ptrdiff_t block) {
          (*static_cast<const F*>(context))(part, i, block);
        },
        &f);
  }

  /// To be called often by thread 0: calls the interrupt check every 50 ms (threads.hpp).
  void poll();
  /// Whether the call has been interrupted; for every thread.
  bool stopped() const { return call_->stopped_.load(std::memory_order_relaxed); }
  /// After run(): throws Interrupted if it was.
  void throw_if_stopped() const;

 private:
  using PartJob = void (*)(const void* context, Team& part, std::ptrdiff_t i, std::ptrdiff_t block);
  Team(Team& whole, int size, int board, int leader);
  void run_strands(const Strands& strands, Board::Job job, void* context);
  void split_work(std::ptrdiff_t n, std::ptrdiff_t blocks, PartJob job, const void* context);

  int size_ = 1;
  int board_ = 0, leader_ = 0;  // of a part: the board that it has, and the thread that posts there
  Team* call_ = this;           // with all threads
  std::atomic<bool> stopped_{false};
  std::chrono::steady_clock::time_point next_poll_;
};

/// Sets flush-to-zero and denormals-are-zero for its lifetime.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();

 private:
  unsigned long long saved_;
};

}  // namespace eigenlstm
