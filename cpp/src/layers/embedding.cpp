#include "eigenlstm/embedding.hpp"

#include <algorithm>

#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

using Index = std::ptrdiff_t;
constexpr Index task_rows = 512;    // rows of a task of the gather
constexpr Index task_columns = 64;  // columns of a task of the scatter: every row, in order
constexpr double copy_work = 4;     // a value moved costs about as much as this many multiply-adds

}  // namespace

template <class Real>
void embedding_forward(Index N, Index D, const std::int64_t* indices, const Real* weight, Real* y) {
  const Index tasks = ceil_div(N, task_rows);
  for_tasks(tasks, task_threads(tasks, copy_work * double(N) * double(D)), [=](Index task, int) {
    for (Index r = task * task_rows; r < std::min(N, (task + 1) * task_rows); ++r)
      std::copy_n(weight + Index(indices[r]) * D, D, y + r * D);
  });
}

template <class Real>
void embedding_backward(Index N, Index D, const std::int64_t* indices, const Real* dy, std::int64_t padding_idx,
                        Real* dweight) {
  const Index tasks = ceil_div(D, task_columns);
  for_tasks(tasks, task_threads(tasks, copy_work * double(N) * double(D)), [=](Index task, int) {
    const Index begin = task * task_columns, end = std::min(D, begin + task_columns);
    for (Index r = 0; r < N; ++r) {
      if (indices[r] == padding_idx) continue;
      Real* const sum = dweight + Index(indices[r]) * D;
      for (Index d = begin; d < end; ++d) sum[d] += dy[r * D + d];
    }
  });
}

template void embedding_forward(Index, Index, const std::int64_t*, const float*, float*);
template void embedding_forward(Index, Index, const std::int64_t*, const double*, double*);
template void embedding_backward(Index, Index, const std::int64_t*, const float*, std::int64_t, float*);
template void embedding_backward(Index, Index, const std::int64_t*, const double*, std::int64_t, double*);

}  // namespace eigenlstm
