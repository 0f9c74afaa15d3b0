#include "eigenlstm/optimisers.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/table.hpp"
#include "runtime/memory.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

constexpr Index task_values = 1 << 14;
constexpr double value_work = 30;  // the memory traffic of a value takes about as long as this many multiply-adds

template <class F>
void by_tasks(Index n, F f) {
  const Index tasks = ceil_div(n, task_values);
  for_tasks<true>(tasks, task_threads(tasks, value_work * double(n)), [=](Index task, int) {
    const Index begin = task * task_values;
    f(begin, std::min(task_values, n - begin));
  });
}

template <class Real, class F>
void update_by_tasks(const Update<Real>& u, F step) {
  by_tasks(u.n, [&](Index begin, Index n) { step(u.part(begin, n)); });
}

}  // namespace

template <class Real>
void update(const Sgd& o, std::int64_t step, const Update<Real>& u) {
  update_by_tasks(u, [&](const Update<Real>& part) { kernels<Real>().training.sgd(o, step == 1, part); });
}

template <class Real>
void update(const Adam& o, std::int64_t step, const Update<Real>& u) {
  update_by_tasks(u, [&](const Update<Real>& part) { kernels<Real>().training.adam(o, step, part); });
}

template <class Real>
void update(const RmsProp& o, std::int64_t, const Update<Real>& u) {
  update_by_tasks(u, [&](const Update<Real>& part) { kernels<Real>().training.rmsprop(o, part); });
}

template <class Real>
void update(const Adagrad& o, std::int64_t step, const Update<Real>& u) {
  update_by_tasks(u, [&](const Update<Real>& part) { kernels<Real>().training.adagrad(o, step, part); });
}

template <class Real>
void ema(Index n, double decay, const Real* params, Real* average) {
  by_tasks(
      n, [=](Index begin, Index size) { kernels<Real>().training.ema(size, decay, params + begin, average + begin); });
}

template <class Real>
void set_zero(Index n, Real* x) {
  constexpr Index line = cache_line<Real>;
  alignas(64) static constexpr Real zero_line[line] = {};
  const bool past_caches = bytes_of<Real>(n) >= past_caches_bytes && reinterpret_cast<std::uintptr_t>(x) % 64 == 0;
  by_tasks(n, [=](Index begin, Index size) {
    const Index lines = past_caches ? size / line : 0;
    kernels<Real>().copy_past_caches(lines, line, zero_line, 0, x + begin, line);
    std::fill(x + begin + lines * line, x + begin + size, Real(0));
  });
}

template <class Real>
double norm(Index n, const Real* x) {
  const Index tasks = ceil_div(n, task_values);
  double* const sums = arena().allocate<double>(tasks);
  by_tasks(n, [=](Index begin, Index size) {
    sums[begin / task_values] = kernels<Real>().training.sum_of_squares(size, x + begin);
  });
  double total = 0;
  for (Index i = 0; i < tasks; ++i) total += sums[i];
  return std::sqrt(total);
}

template void update(const Sgd&, std::int64_t, const Update<float>&);
template void update(const Sgd&, std::int64_t, const Update<double>&);
template void update(const Adam&, std::int64_t, const Update<float>&);
template void update(const Adam&, std::int64_t, const Update<double>&);
template void update(const RmsProp&, std::int64_t, const Update<float>&);
template void update(const RmsProp&, std::int64_t, const Update<double>&);
template void update(const Adagrad&, std::int64_t, const Update<float>&);
template void update(const Adagrad&, std::int64_t, const Update<double>&);
template void ema(Index, double, const float*, float*);
template void ema(Index, double, const double*, double*);
template void set_zero(Index, float*);
template void set_zero(Index, double*);
template double norm(Index, const float*);
template double norm(Index, const double*);

}  // namespace eigenlstm
