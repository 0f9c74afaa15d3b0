#include "runtime/team.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "eigenlstm/threads.hpp"
#include "runtime/cpu_quota.hpp"
#include "runtime/cpu_set.hpp"
#include "runtime/memory.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace eigenlstm {
namespace {

/// How long a thread spins before it sleeps: while it waits for others within a call, and a worker for the next call.
constexpr auto spin_in_call = std::chrono::microseconds(100), spin_between_calls = std::chrono::microseconds(150);
/// How often a call looks whether it is to be interrupted.
constexpr auto poll_interval = std::chrono::milliseconds(50);

class Pool {
 public:
  /// The first board is the call's own; the others are those of its parts.
  static constexpr int boards = 17;

  ~Pool() {
    quit_.store(true);
    bell_.ring();
    others_bell_.ring();
    for (Worker& worker : workers_) worker.thread.join();
  }

  bool try_take() { return !taken_.exchange(true, std::memory_order_acquire); }
  void give_back() { taken_.store(false, std::memory_order_release); }

  /// How many threads there can be, including the caller; starts them as needed. The caller holds the pool.
  int grow(int threads) {
    threads = std::min(threads, Board::max_threads);
    try {
      while (int(workers_.size()) < threads - 1) {
        workers_.reserve(workers_.size() + 1);  // what follows the start of a thread must not throw
        workers_.push_back({std::thread(&Pool::work, this, int(workers_.size()) + 1), {}});
      }
    } catch (const std::exception&) {  // no more threads, or no memory for them: continue with the ones we have
    }
    return int(workers_.size()) + 1 < threads ? int(workers_.size()) + 1 : threads;
  }

  /// The call is cut into so many parts that have boards.
  void set_parts(int parts) { parts_.store(parts, std::memory_order_relaxed); }

  /// All blocks, by `thread`, which posts them, and by others that come. Calls meanwhile() from time to time.
  template <class Meanwhile>
  void run(int board, int thread, Board::Job job, void* context, const Strands& strands, int threads,
           Meanwhile meanwhile) {
    if (board == 0) {
      caller_cpu_.store(this_cpu(), std::memory_order_relaxed);
      if (places_ || crowded_.load(std::memory_order_relaxed)) place_workers(threads);
    }
    Board& own = boards_[std::size_t(board)];
    own.post(job, context, strands, thread, threads);
    bell_.ring();
    if (board == 0) others_bell_.ring();
    Memories memories;
    while (!own.finished()) {
      Board::Claim claim;
      bell_.await(
          spin_in_call, [&] { return (claim = look(board, thread, memories)) || own.finished(); }, poll_interval,
          meanwhile);
      if (claim) run_block(claim);
    }
  }

 private:
  using Memories = std::array<Board::Memory, boards>;

  void work(int thread) {
    FlushDenormals flush;
    Memories memories;
    std::uint32_t seen = 0;
    for (;;) {
      Board::Claim claim;
      // Whoever has no strand need not wake up at every step, and whoever the call has no use for waits for one that
      // has.
      const bool called = thread < boards_[0].threads();
      const bool works = boards_[0].has_strand_of(thread) || (called && parts_.load(std::memory_order_relaxed) > 0);
      (works ? bell_ : others_bell_).await(spin_between_calls, [&] {
        return (boards_[0].posted() != seen && (called || thread < boards_[0].threads())) ||
               (claim = look(0, thread, memories)) || quit_.load();
      });
      if (quit_.load()) return;
      if (claim) {
        run_block(claim);
        continue;
      }
      seen = boards_[0].posted();
      if (thread < boards_[0].threads() && this_cpu() == caller_cpu_.load(std::memory_order_relaxed))
        crowded_.store(true, std::memory_order_relaxed);
      hold_up_for_tests();
    }
  }

  /// Something to run: on a board; and for those who have nothing to do there, if it is the call's, on those of its
  /// parts.
  Board::Claim look(int board, int thread, Memories& memories) {
    auto claim = boards_[std::size_t(board)].claim(thread, memories[std::size_t(board)]);
    const int end = board == 0 ? 1 + parts_.load(std::memory_order_relaxed) : 0;
    for (int part = 1; part < end && !claim; ++part)
      claim = boards_[std::size_t(part)].claim(thread, memories[std::size_t(part)]);
    return claim;
  }
  void run_block(const Board::Claim& claim) {
    if (claim.board->run(claim)) bell_.ring();
  }

  struct Worker {
    std::thread thread;
    CpuSet given;  // by place_workers()
  };

  /// Systems sometimes wake workers on the processor of their caller although others are idle: after they have been
  /// busy, and in virtual machines, whose idle processors look busy, most of the time. The two threads then take turns,
  /// and a call takes as long as with one thread. So once a worker has started on its caller's processor, callers keep
  /// workers off their own processor, if the process has enough others. If it has not, workers may run anywhere.
  void place_workers(int threads) {
    const CpuSet all = CpuSet::of_process();
    const bool enough = all.count() >= threads, crowded = crowded_.exchange(false, std::memory_order_relaxed);
    const CpuSet cpus = enough ? all.without(caller_cpu_.load(std::memory_order_relaxed)) : all;
    for (int i = 0; i < threads - 1; ++i) {
      Worker& worker = workers_[std::size_t(i)];
      if (cpus == worker.given && !(crowded && enough)) continue;  // crowded: someone else may have set it
      if (enough || CpuSet::of(worker.thread).count() < all.count()) cpus.apply_to(worker.thread);
      worker.given = cpus;
    }
    places_ = true;
  }

  std::vector<Worker> workers_;
  Doorbell bell_;         // of the caller and of workers that have a strand or a part: some works ring it at every step
  Doorbell others_bell_;  // of the other workers: it rings when the call posts work
  std::atomic<bool> taken_{false}, quit_{false};
  std::atomic<int> caller_cpu_{-1};
  std::atomic<bool> crowded_{false};  // a worker has come to a job on its caller's processor
  bool places_ = false;               // it has happened
  std::atomic<int> parts_{0};         // that have boards
  std::array<Board, boards> boards_;
};

// Never destroyed: one of the user's threads may still be in a call when the process exits. After a fork the child has
// none of the threads, so it abandons the old pool and builds its own.
std::atomic<Pool*> pool_{nullptr};

Pool& pool() {
  Pool* current = pool_.load(std::memory_order_acquire);
  if (current != nullptr) return *current;
  static const int registered = pthread_atfork(nullptr, nullptr, [] { pool_.store(nullptr); });
  (void)registered;
  Pool* fresh = new Pool;
  if (pool_.compare_exchange_strong(current, fresh)) return *fresh;
  delete fresh;
  return *current;
}

int usable_cpus() {
  const int allowed = CpuSet::of_this_thread().count();
  if (allowed > 0) return allowed;
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? int(n) : 1;
}

int default_threads() {
  if (const char* text = std::getenv("EIGENLSTM_NUM_THREADS"); text != nullptr && *text != '\0') {
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (*end != '\0' || n < 1 || n > 1024)
      throw std::runtime_error(std::string("EIGENLSTM_NUM_THREADS must be a whole number from 1 to 1024, got ") + text);
    return int(n);
  }
  const int cpus = usable_cpus(), quota = cpu_quota();
  return quota > 0 ? std::min(cpus, quota) : cpus;
}

std::atomic<int> threads_{0};  // 0: not yet asked for
std::atomic<bool (*)()> interrupt_check_{nullptr};

/// Parts that a team of `size` makes n calls with: see Team::split.
int num_parts(std::ptrdiff_t n, int size) {
  const std::ptrdiff_t parts = std::min<std::ptrdiff_t>(n, size), most = (n + parts - 1) / parts;
  return int(size % parts == 0 && 4 * most * parts <= 5 * n ? parts : std::gcd(n, std::ptrdiff_t(size)));
}

}  // namespace

int num_threads() {
  int n = threads_.load(std::memory_order_relaxed);
  if (n == 0) threads_.store(n = default_threads(), std::memory_order_relaxed);
  return n;
}

void set_num_threads(int n) {
  if (n < 1 || n > 1024)
    throw std::invalid_argument("set_num_threads: n must be from 1 to 1024, got " + std::to_string(n));
  threads_.store(n, std::memory_order_relaxed);
}

void set_interrupt_check(bool (*check)()) { interrupt_check_.store(check); }

void Doorbell::relax() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

Team::Team(int wanted) : next_poll_(std::chrono::steady_clock::now() + poll_interval) {
  if (wanted > 1 && pool().try_take()) {
    size_ = pool().grow(wanted);
    if (size_ == 1) pool().give_back();
  }
}

/// The threads of a part are those of its call, and `size` is how many it should have.
Team::Team(Team& whole, int size, int board, int leader)
    : size_(size), board_(board), leader_(leader), call_(whole.call_) {}

Team::~Team() {
  if (size_ > 1 && call_ == this) pool().give_back();
}

void Team::run_strands(const Strands& strands, Board::Job job, void* context) {
  if (strands.count == 0) return;
  FlushDenormals flush;
  if (size_ > 1)
    return pool().run(board_, leader_, job, context, strands, threads(), [&] {
      if (leader_ == 0) poll();
    });
  for (std::ptrdiff_t block = 0; block < strands.blocks; ++block)
    for (int strand = 0; strand < strands.count; ++strand) job(context, strand, block, leader_);
}

void Team::split_work(std::ptrdiff_t n, std::ptrdiff_t blocks, PartJob job, const void* context) {
  const int parts = num_parts(n, size_), members = size_ / parts;
  if (parts == 1 || n > (members > 1 ? Pool::boards - 1 : Board::max_strands)) {
    for (std::ptrdiff_t i = 0; i < n && !stopped(); ++i)
      for (std::ptrdiff_t block = 0; block < blocks && !stopped(); ++block) job(context, *this, i, block);
    return throw_if_stopped();
  }
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(n));
  if (members > 1) pool().set_parts(int(n));
  run({int(n), blocks}, [&](int i, std::ptrdiff_t block, int thread) {
    std::exception_ptr& error = errors[std::size_t(i)];
    if (error || stopped()) return;
    Team part(*this, members, members > 1 ? 1 + i : 0, thread);
    try {
      job(context, part, i, block);
    } catch (const Forked&) {
      throw;  // there is nobody to wait for
    } catch (...) {
      error = std::current_exception();
    }
  });
  if (members > 1) pool().set_parts(0);
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  throw_if_stopped();
}

void Team::poll() {
  bool (*check)() = interrupt_check_.load(std::memory_order_relaxed);
  if (check == nullptr) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < call_->next_poll_) return;
  call_->next_poll_ = now + poll_interval;
  const pid_t process = getpid();
  ArenaAside aside;  // the check runs Python's signal handlers, which may do anything
  if (check()) call_->stopped_.store(true);
  if (call_->size_ > 1 && getpid() != process)
    throw Forked("a signal handler has forked during a call of several threads, which cannot go on in the child");
}

void Team::throw_if_stopped() const {
  if (stopped()) throw Interrupted{};
}

#if defined(__x86_64__) || defined(__i386__)
namespace {
constexpr unsigned flush_bits = 0x8040;  // FTZ, DAZ
}
FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) {
  if ((saved_ & flush_bits) != flush_bits) _mm_setcsr(unsigned(saved_) | flush_bits);
}
FlushDenormals::~FlushDenormals() {
  if ((saved_ & flush_bits) != flush_bits) _mm_setcsr(unsigned(saved_));
}
#elif defined(__aarch64__)
FlushDenormals::FlushDenormals() {
  asm volatile("mrs %0, fpcr" : "=r"(saved_));
  asm volatile("msr fpcr, %0" : : "r"(saved_ | (1ULL << 24)));  // FZ
}
FlushDenormals::~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }
#endif

}  // namespace eigenlstm
