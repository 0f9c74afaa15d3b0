#include "runtime/board.hpp"

#include <algorithm>

namespace eigenlstm {
namespace {

constexpr std::uint64_t state_of(std::uint32_t number, std::ptrdiff_t block, bool claimed) {
  return std::uint64_t(number) << 32 | std::uint64_t(block) << 1 | std::uint64_t(claimed);
}

constexpr auto relaxed = std::memory_order_relaxed;

}  // namespace

void Board::post(Job job, void* context, const Strands& strands, int first, int threads) {
  const std::uint32_t number = number_.load(relaxed) + 1;
  job_.store(job, relaxed);
  context_.store(context, relaxed);
  strands_.store(strands.count, relaxed);
  blocks_.store(strands.blocks, relaxed);
  together_.store(strands.together, relaxed);
  first_.store(first, relaxed);
  threads_.store(threads, relaxed);
  all_ = strands.count * strands.blocks;
  done_.store(0, relaxed);
  for (int j = 0; j < strands.count; ++j) slots_[std::size_t(j)].state.store(state_of(number, 0, all_ == 0), relaxed);
  number_.store(number, std::memory_order_seq_cst);
}

int Board::thread_of(int strand) const {
  const int n = strands_.load(relaxed), threads = threads_.load(relaxed);
  const int thread = n < threads ? strand * (threads / n) : ((strand + 1) * threads - 1) / n;
  return (first_.load(relaxed) + thread) % threads;
}

bool Board::has_strand_of(int thread) const {
  const int n = strands_.load(relaxed), threads = threads_.load(relaxed);
  if (n >= threads) return thread < threads;
  for (int strand = 0; strand < n; ++strand)
    if (thread_of(strand) == thread) return true;
  return false;
}

Board::Claim Board::claim(int thread, Memory& memory) {
  const std::uint32_t number = number_.load(std::memory_order_seq_cst);
  const int n = strands_.load(relaxed), threads = threads_.load(relaxed);
  if (thread >= threads) return {};
  Slot& own = slots_[std::size_t(thread)];
  if (own.here.load(relaxed) != number) own.here.store(number, relaxed);
  const bool together = together_.load(relaxed), single = blocks_.load(relaxed) == 1;
  const std::ptrdiff_t done = together ? done_.load(std::memory_order_seq_cst) : 0;
  if (memory.number != number) memory = Memory{number};
  // While it waits for the others, a thread leaves their cache lines alone.
  if (together && n == threads && !memory.late) {
    const std::uint64_t state = own.state.load(std::memory_order_relaxed);
    const bool waits = (state & 1) == 0 && std::ptrdiff_t(std::uint32_t(state) >> 1) * n > done;
    if (waits && ++memory.waits % waits_per_look != 0) return {};
  }
  int found = -1, other = -1;
  std::uint64_t found_state = 0, other_state = 0;
  const int start = n < threads ? 0 : int(std::ptrdiff_t(n) * thread / threads);
  bool late = false;
  for (int i = 0; i < n; ++i) {
    const int j = (start + i) % n;
    const std::uint64_t state = slots_[std::size_t(j)].state.load(std::memory_order_acquire);
    if (state >> 32 != number) return {};
    const std::ptrdiff_t block = std::ptrdiff_t(std::uint32_t(state) >> 1);
    if (state & 1 || (together && block * n > done)) continue;
    const int whose = thread_of(j);
    const bool absent = slots_[std::size_t(whose)].here.load(relaxed) != number;
    late = late || absent;
    if (whose == thread || j == memory.last || absent) {
      if (found < 0 || state < found_state) found = j, found_state = state;
      if (together || block == 0) {  // none is further behind
        late = late || memory.late;
        break;
      }
    } else if (other < 0) {
      other = j, other_state = state;
    }
  }
  memory.late = late;
  if (found < 0 && other >= 0) {
    if (memory.seen != other_state) memory.seen = other_state, memory.looks = 0;
    memory.late = true;
    if (!single && ++memory.looks < enough_looks) return {};
    found = other, found_state = other_state;
    if (!single) slots_[std::size_t(thread_of(other))].here.store(0, relaxed);  // until it comes back
  }
  if (found < 0 || !slots_[std::size_t(found)].state.compare_exchange_strong(found_state, found_state | 1,
                                                                             std::memory_order_acquire, relaxed))
    return {};
  memory.last = found;
  return {this, found, std::ptrdiff_t(std::uint32_t(found_state) >> 1), thread};
}

bool Board::run(const Claim& claim) {
  hold_up_for_tests();
  job_.load(relaxed)(context_.load(relaxed), claim.strand, claim.block, claim.thread);
  hold_up_for_tests();
  const std::ptrdiff_t n = strands_.load(relaxed), blocks = blocks_.load(relaxed), next = claim.block + 1;
  const bool together = together_.load(relaxed);
  const std::ptrdiff_t all = n * blocks;
  slots_[std::size_t(claim.strand)].state.store(state_of(number_.load(relaxed), next, next == blocks),
                                                std::memory_order_release);
  const std::ptrdiff_t done =
      done_.fetch_add(1, std::memory_order_seq_cst) + 1;  // from here on the work may be another
  return done == all || (together && done % n == 0);
}

}  // namespace eigenlstm
