// The threads of one call.
//
// A persistent pool: workers spin briefly for the next job, then sleep. One call at a time has the pool; a call that
// finds it in use runs on its own thread alone, with the same bits as result. No OpenMP, since libgomp hangs after a
// fork.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "kernels/ranges.hpp"

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

/// A barrier for the members of a Team, who also vote on whether to leave: all get the same answer, true if any of them
/// asked for it in this round.
class Barrier {
 public:
  explicit Barrier(int members) : members_(members) {}
  bool wait(bool leave = false);

 private:
  const int members_;
  alignas(64) std::atomic<int> arrived_{0};
  std::atomic<bool> asked_{false};
  alignas(64) std::atomic<unsigned> phase_{0};
  bool answer_ = false;  // of the last round; written by its last member before phase_
  Doorbell bell_;
};

/// The threads of a call, or some of them.
class Team {
 public:
  /// Takes the pool for up to `wanted` threads, the caller included; size() says how many there are.
  explicit Team(int wanted);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  /// Calls f(member) for member = 0 .. size() - 1, each on a thread of its own, the caller being 0. f must not throw.
  /// Denormals are flushed to zero inside f (promise 5).
  template <class F>
  void run(F&& f) {
    run_job([](void* context, int member) { (*static_cast<F*>(context))(member); }, &f);
  }

  /// Calls f(subteam, i) for i = 0 .. n - 1, n >= 1, on parts of this team that work at the same time: one for each
  /// call or member if that leaves no subteam with more than a quarter above the average, otherwise as many as divide
  /// both numbers. Each subteam makes its calls one after the other. If f throws, its subteam makes no more of them,
  /// and once the others have finished, the exception of the first such subteam is thrown here. Throws Interrupted if
  /// the call was interrupted.
  template <class F>
  void split(std::ptrdiff_t n, const F& f) {
    split_jobs(
        n, [](const void* context, Team& part, std::ptrdiff_t i) { (*static_cast<const F*>(context))(part, i); }, &f);
  }

  /// To be called often by member 0: calls the interrupt check every 50 ms (threads.hpp).
  void poll();
  /// Whether the call has been interrupted; for every member.
  bool stopped() const { return call_->stopped_.load(std::memory_order_relaxed); }
  /// After run(): throws Interrupted if it was.
  void throw_if_stopped() const;

 private:
  using Job = void (*)(void* context, int member);
  using PartJob = void (*)(const void* context, Team& part, std::ptrdiff_t i);
  struct Part;
  Team(Team& whole, Part& part, int size, bool polls);
  void run_job(Job job, void* context);
  void split_jobs(std::ptrdiff_t n, PartJob job, const void* context);

  int size_ = 1;
  Part* part_ = nullptr;  // null: all threads of the call
  Team* call_ = this;     // with them
  bool polls_ = true;     // member 0 is the caller
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
