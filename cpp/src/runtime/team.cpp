#include "runtime/team.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
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

class Pool {
 public:
  using Job = void (*)(void*, int);
  static constexpr std::uint64_t ticket_members = 4096, quit = ~std::uint64_t(0);

  ~Pool() {
    ticket_.store(quit);
    posted_.ring();
    for (Worker& worker : workers_) worker.thread.join();
  }

  bool try_take() { return !taken_.exchange(true, std::memory_order_acquire); }
  void give_back() { taken_.store(false, std::memory_order_release); }

  /// How many members there can be, including the caller; starts threads as needed. The caller holds the pool.
  int grow(int members) {
    try {
      while (int(workers_.size()) < members - 1) {
        workers_.reserve(workers_.size() + 1);  // what follows the start of a thread must not throw
        workers_.push_back({std::thread(&Pool::work, this, int(workers_.size()) + 1), {}});
      }
    } catch (const std::exception&) {  // no more threads, or no memory for them: continue with the ones we have
    }
    return int(workers_.size()) + 1 < members ? int(workers_.size()) + 1 : members;
  }

  void run(Job job, void* context, int members) {
    job_ = job;
    context_ = context;
    caller_cpu_ = this_cpu();
    if (places_ || crowded_.load(std::memory_order_relaxed)) place_workers(members);
    pending_.store(members - 1, std::memory_order_relaxed);
    const std::uint64_t job_number = ticket_.load(std::memory_order_relaxed) / ticket_members + 1;
    ticket_.store(job_number * ticket_members + std::uint64_t(members), std::memory_order_seq_cst);
    posted_.ring();
    job(context, 0);
    done_.await(spin_in_call, [this] { return pending_.load(std::memory_order_seq_cst) == 0; });
  }

 private:
  void work(int member) {
    FlushDenormals flush;
    std::uint64_t seen = 0;
    for (;;) {
      posted_.await(spin_between_calls, [&] { return ticket_.load(std::memory_order_seq_cst) != seen; });
      seen = ticket_.load(std::memory_order_acquire);
      if (seen == quit) return;
      // The ticket tells the job's members too: a worker that is none may look when the next job is already there.
      if (std::uint64_t(member) < seen % ticket_members) {
        if (caller_cpu_ >= 0 && this_cpu() == caller_cpu_) crowded_.store(true, std::memory_order_relaxed);
        job_(context_, member);
        if (pending_.fetch_sub(1, std::memory_order_seq_cst) == 1) done_.ring();
      }
    }
  }

  struct Worker {
    std::thread thread;
    CpuSet given;  // by place_workers()
  };

  /// Systems sometimes wake workers on the processor of their caller although others are idle: after they have been
  /// busy, and in virtual machines, whose idle processors look busy, most of the time. The two threads then take turns,
  /// and a call takes as long as with one thread. So once a worker has started on its caller's processor, callers keep
  /// workers off their own processor, if the process has enough others. If it has not, workers may run anywhere.
  void place_workers(int members) {
    const CpuSet all = CpuSet::of_process();
    const bool enough = all.count() >= members, crowded = crowded_.exchange(false, std::memory_order_relaxed);
    const CpuSet cpus = enough ? all.without(caller_cpu_) : all;
    for (int i = 0; i < members - 1; ++i) {
      Worker& worker = workers_[std::size_t(i)];
      if (cpus == worker.given && !(crowded && enough)) continue;  // crowded: someone else may have set it
      if (enough || CpuSet::of(worker.thread).count() < all.count()) cpus.apply_to(worker.thread);
      worker.given = cpus;
    }
    places_ = true;
  }

  std::vector<Worker> workers_;
  Doorbell posted_, done_;
  std::atomic<bool> taken_{false};
  Job job_ = nullptr;
  void* context_ = nullptr;
  int caller_cpu_ = -1;
  std::atomic<bool> crowded_{false};                  // a worker has started a job on its caller's processor
  bool places_ = false;                               // it has happened
  alignas(64) std::atomic<std::uint64_t> ticket_{0};  // job number * ticket_members + the job's members
  alignas(64) std::atomic<int> pending_{0};
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
constexpr auto poll_interval = std::chrono::milliseconds(50);

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

bool Barrier::wait(bool leave) {
  if (members_ == 1) return leave;
  const unsigned phase = phase_.load(std::memory_order_relaxed);
  if (leave) asked_.store(true, std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
    answer_ = asked_.exchange(false, std::memory_order_relaxed);
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_seq_cst);
    bell_.ring();
  } else {
    bell_.await(spin_in_call, [&] { return phase_.load(std::memory_order_seq_cst) != phase; });
  }
  return answer_;
}

Team::Team(int wanted) : next_poll_(std::chrono::steady_clock::now() + poll_interval) {
  if (wanted > 1 && pool().try_take()) {
    size_ = pool().grow(wanted);
    if (size_ == 1) pool().give_back();
  }
}

/// Some members of a team, of whom the first, their leader, has calls to make and the others do what these run.
struct Team::Part {
  explicit Part(int members) : barrier(members) {}
  Barrier barrier;  // before a job and after it
  Job job = nullptr;
  void* context = nullptr;
  std::exception_ptr error;

  void run(Job todo, void* with) {
    job = todo;
    context = with;
    barrier.wait();
    if (todo == nullptr) return;
    todo(with, 0);
    barrier.wait();
  }
  void dismiss() { run(nullptr, nullptr); }
  void serve(int member) {
    while (barrier.wait(), job != nullptr) {
      job(context, member);
      barrier.wait();
    }
  }
};

Team::Team(Team& whole, Part& part, int size, bool polls)
    : size_(size), part_(&part), call_(whole.call_), polls_(polls) {}

Team::~Team() {
  if (size_ > 1 && part_ == nullptr) pool().give_back();
}

void Team::run_job(Job job, void* context) {
  FlushDenormals flush;
  if (size_ == 1)
    job(context, 0);
  else if (part_ != nullptr)
    part_->run(job, context);
  else
    pool().run(job, context, size_);
}

void Team::split_jobs(std::ptrdiff_t n, PartJob job, const void* context) {
  const int parts = num_parts(n, size_), members = size_ / parts;
  if (parts == 1) {
    for (std::ptrdiff_t i = 0; i < n; ++i) job(context, *this, i);
    return;
  }
  std::deque<Part> all;
  for (int p = 0; p < parts; ++p) all.emplace_back(members);
  std::atomic<int> working{parts};
  Doorbell done;
  run([&](int m) {
    const int p = m / members;
    if (m % members > 0) return all[std::size_t(p)].serve(m % members);
    Team team(*this, all[std::size_t(p)], members, m == 0);
    try {
      // If some shares have one call more, the last has: it belongs to the caller, who checks for interrupts while it
      // works.
      for (auto [i, end] = share(n, parts - 1 - p, parts); i < end && !stopped(); ++i) job(context, team, i);
    } catch (const Forked&) {
      throw;  // there is nobody to wait for
    } catch (...) {
      all[std::size_t(p)].error = std::current_exception();
    }
    all[std::size_t(p)].dismiss();
    if (working.fetch_sub(1, std::memory_order_seq_cst) == 1) done.ring();
    if (m == 0)
      done.await(
          spin_in_call, [&] { return working.load(std::memory_order_seq_cst) == 0; }, poll_interval, [&] { poll(); });
  });
  for (const Part& part : all)
    if (part.error) std::rethrow_exception(part.error);
  throw_if_stopped();
}

void Team::poll() {
  bool (*check)() = interrupt_check_.load(std::memory_order_relaxed);
  if (check == nullptr || !polls_) return;
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
