#include "eigenlstm/losses.hpp"

#include <algorithm>

#include "kernels/table.hpp"
#include "runtime/memory.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

constexpr Index task_values = 4096;  // predictions of a task
constexpr double value_work = 60;    // a value costs about as much as these multiply-adds

template <class Real>
typename TrainingTable<Real>::ElementLoss kernel(ElementLoss loss) {
  const TrainingTable<Real>& table = kernels<Real>().training;
  switch (loss) {
    case ElementLoss::mse: return table.mse;
    case ElementLoss::mae: return table.mae;
    case ElementLoss::huber: return table.huber;
    case ElementLoss::bce: return table.bce;
    case ElementLoss::quantile: return table.quantile;
    case ElementLoss::poisson_nll: return table.poisson_nll;
    case ElementLoss::gaussian_nll: return table.gaussian_nll;
  }
  return nullptr;
}

/// Values that repeat along a longer axis: value i of it is data[i / repeat % count].
template <class Real>
struct Spread {
  const Real* data;
  Index repeat, count;

  /// Values first ... first + n - 1: in place where they lie so, else copied to `out`.
  const Real* values(Index first, Index n, Real* out) const {
    if (data == nullptr) return nullptr;
    Index j = first / repeat % count, left = repeat - first % repeat;
    if (repeat == 1 && j + n <= count) return data + j;
    for (Index i = 0; i < n; ++i) {
      out[i] = data[j];
      if (--left > 0) continue;
      left = repeat;
      if (++j == count) j = 0;
    }
    return out;
  }
};

double sum_in_order(const double* values, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += values[i];
  return sum;
}

}  // namespace

template <class Real>
double element_loss(ElementLoss loss, Index n, Index per_target, const Real* y_pred, const Real* y_true,
                    const Real* weight, Index num_weights, const Real* parameters, Index num_parameters, double scale,
                    Real* dy) {
  const Index pair = loss == ElementLoss::gaussian_nll ? 2 : 1;  // predictions that the kernel takes at once
  const Index repeat = per_target / pair, size = n * repeat;
  const Index tasks = ceil_div(size, task_values);
  const int threads = task_threads(tasks, value_work * double(size));
  const Spread<Real> all_targets{y_true, repeat, n};
  const Spread<Real> all_weights{weight, num_weights > 0 ? repeat * (n / num_weights) : 1, num_weights};
  const Spread<Real> all_parameters{parameters, 1, num_parameters};
  Arena& memory = arena();
  double* const sums = memory.allocate<double>(tasks);
  Real* const scratch = memory.allocate<Real>(3 * task_values * threads);
  const auto function = kernel<Real>(loss);
  for_tasks(tasks, threads, [&](Index task, int thread) {
    const Index begin = task * task_values, count = std::min(task_values, size - begin);
    Real* const own = scratch + 3 * task_values * thread;
    ElementLossArgs<Real> args{};
    args.n = count;
    args.y_pred = y_pred + begin * pair;
    args.y_true = all_targets.values(begin, count, own);
    args.weight = all_weights.values(begin, count, own + task_values);
    args.parameter = all_parameters.values(begin, count, own + 2 * task_values);
    args.scale = Real(scale);
    args.dy = dy + begin * pair;
    sums[task] = function(args);
  });
  return scale * sum_in_order(sums, tasks);
}

template <class Real>
double cross_entropy(Index N, Index C, const Real* logits, const std::int64_t* labels, const Real* weight,
                     const Real* class_weight, const CrossEntropyOptions& options, Real* dlogits) {
  double scale = 1;
  if (options.mean) {
    double total = 0;
    for (Index r = 0; r < N; ++r)
      if (labels[r] != options.ignore_index)
        total += (weight ? double(weight[r]) : 1.0) * (class_weight ? double(class_weight[labels[r]]) : 1.0);
    scale = total > 0 ? 1 / total : 0;
  }
  const Index rows = std::max<Index>(1, task_values / C), tasks = ceil_div(N, rows);
  double* const sums = arena().allocate<double>(tasks);
  for_tasks(tasks, task_threads(tasks, value_work * double(N) * double(C)), [&](Index task, int) {
    const Index r = task * rows;
    CrossEntropyArgs<Real> args{};
    args.rows = std::min(rows, N - r);
    args.classes = C;
    args.logits = logits + r * C;
    args.labels = labels + r;
    args.ignore_index = options.ignore_index;
    args.weight = weight ? weight + r : nullptr;
    args.class_weight = class_weight;
    args.smoothing = Real(options.label_smoothing);
    args.scale = Real(scale);
    args.dlogits = dlogits + r * C;
    sums[task] = kernels<Real>().training.cross_entropy(args);
  });
  return scale * sum_in_order(sums, tasks);
}

template double element_loss(ElementLoss, Index, Index, const float*, const float*, const float*, Index, const float*,
                             Index, double, float*);
template double element_loss(ElementLoss, Index, Index, const double*, const double*, const double*, Index,
                             const double*, Index, double, double*);
template double cross_entropy(Index, Index, const float*, const std::int64_t*, const float*, const float*,
                              const CrossEntropyOptions&, float*);
template double cross_entropy(Index, Index, const double*, const std::int64_t*, const double*, const double*,
                              const CrossEntropyOptions&, double*);

}  // namespace eigenlstm
