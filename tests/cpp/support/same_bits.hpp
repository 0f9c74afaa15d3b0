// Promise 1: the same results for any number of threads.
#pragma once

#include "eigenlstm/threads.hpp"
#include "runtime/parallel.hpp"
#include "support/random.hpp"

namespace test {

using Index = std::ptrdiff_t;

template <class Real>
std::vector<Real> values(Index n, unsigned seed) {
  return Random(seed).vector<Real>(n, 2);
}

/// During its lifetime, even the least work is shared by all threads.
class EveryThread {
 public:
  EveryThread() { eigenlstm::min_work_per_member = 1; }
  ~EveryThread() { eigenlstm::min_work_per_member = saved_; }
  EveryThread(const EveryThread&) = delete;
  EveryThread& operator=(const EveryThread&) = delete;

 private:
  const double saved_ = eigenlstm::min_work_per_member;
};

/// Calls f() with 1, 2, 3 and 5 threads and returns whether all results equal the first one, bit for bit.
template <class F>
bool same_for_any_threads(F f) {
  const EveryThread every;
  const int before = eigenlstm::num_threads();
  eigenlstm::set_num_threads(1);
  const auto first = f();
  bool same = true;
  for (int threads : {2, 3, 5}) {
    eigenlstm::set_num_threads(threads);
    same = same && f() == first;
  }
  eigenlstm::set_num_threads(before);
  return same;
}

}  // namespace test
