#include "eigenlstm/linear_cross_entropy.hpp"

#include <algorithm>

#include "kernels/table.hpp"
#include "runtime/memory.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

constexpr Index chunk_rows = 256;   // rows whose logits are in memory at the same time
constexpr Index task_rows = 128;    // of a task of dx
constexpr Index task_classes = 48;  // of a task of the matrix's gradient
constexpr double value_work = 60;   // a value of a softmax costs about as much as these multiply-adds

/// What all chunks of rows share: the packed matrices, and memory for the arrays of one chunk.
template <class Real>
struct Plan {
  const LinearCrossEntropy<Real>& of;
  const KernelTable<Real>& kernel = kernels<Real>();
  int most_threads;  // that have a tile; set_num_threads() may be called meanwhile
  Index width = 4 * kernel.lanes;
  Index class_panels = ceil_div(of.C, width), input_panels = ceil_div(of.F, width);
  Real *forward, *backward;            // [class panel][1 + F][4 L]: bias, then columns of W^T; [input panel][C][4 L]
  Real *x, *logits, *x_panels, *tile;  // of a chunk: [rows][F], [rows][C], [input panel][rows][4 L]; of each thread
  std::int64_t* labels;                // [rows]
  Real* row_weight;                    // [rows]

  Plan(const LinearCrossEntropy<Real>& o, Index rows, int threads, bool gradients) : of(o), most_threads(threads) {
    Arena& memory = arena();
    forward = memory.allocate<Real>(class_panels * (1 + of.F) * width);
    logits = memory.allocate<Real>(rows * of.C);
    x = memory.allocate<Real>(rows * of.F);
    tile = memory.allocate<Real>(threads * tile_size());
    labels = memory.allocate<std::int64_t>(rows);
    row_weight = memory.allocate<Real>(rows);
    backward = gradients ? memory.allocate<Real>(input_panels * of.C * width) : nullptr;
    x_panels = gradients ? memory.allocate<Real>(input_panels * rows * width) : nullptr;
  }
  int threads_for(Index tasks, double work) const { return std::min(most_threads, task_threads(tasks, work)); }
  Index tile_size() const { return std::max(chunk_rows, task_classes) * width; }

  void pack() const {
    const int threads = task_threads(class_panels, double(of.C) * double(of.F) * 2);
    for_tasks(class_panels, threads, [&](Index panel, int) {
      const Index first = panel * width, columns = std::min(width, of.C - first);
      Real* const out = forward + panel * (1 + of.F) * width;
      std::fill_n(out, width, Real(0));
      if (of.bias != nullptr) std::copy_n(of.bias + first, columns, out);
      kernel.pack_transposed(columns, of.F, of.matrix + first * of.F, out + width);
    });
    if (backward != nullptr) kernel.pack_rows(of.C, of.F, of.matrix, backward, of.C * width, false);
  }

  /// Runs a product of `m` rows whose result has `columns` columns from `out` on, through a padded tile if need be.
  void multiply(GemmArgs<Real> args, Index columns, Real* out, Index out_stride, Real* own_tile) const {
    const Index vectors = ceil_div(columns, kernel.lanes);
    const bool whole = columns == vectors * kernel.lanes;
    args.vectors = vectors;
    args.c = {whole ? out : own_tile, width, whole ? out_stride : width};
    kernel.gemm(args);
    if (whole) return;
    for (Index i = 0; i < args.rows; ++i) std::copy_n(own_tile + i * width, columns, out + i * out_stride);
  }

  void take_rows(const Index* indices, Index rows) const {
    for (Index i = 0; i < rows; ++i) {
      std::copy_n(of.x + indices[i] * of.F, of.F, x + i * of.F);
      labels[i] = of.labels[indices[i]];
      row_weight[i] = of.row_weight == nullptr ? Real(1) : of.row_weight[indices[i]];
    }
  }

  void compute_logits(Index rows) const {
    for_tasks(class_panels, threads_for(class_panels, double(rows) * double(of.F) * double(of.C)),
              [&](Index panel, int thread) {
                const Index first = panel * width;
                GemmArgs<Real> args;
                args.rows = rows;
                args.K = of.F;
                args.a = {x, of.F};
                args.b = {forward + panel * (1 + of.F) * width + width, (1 + of.F) * width, width};
                args.start = GemmArgs<Real>::bias;
                multiply(args, std::min(width, of.C - first), logits + first, of.C, tile + thread * tile_size());
              });
  }

  /// The logits become their gradients, in place; `sums` get the losses of the rows, which are added by the caller.
  void compute_losses(Index rows, const CrossEntropyOptions& options, double scale, double* sums) const {
    for_tasks(rows, task_threads(rows, value_work * double(rows) * double(of.C)), [&](Index r, int) {
      CrossEntropyArgs<Real> args{};
      args.rows = 1;
      args.classes = of.C;
      args.logits = args.dlogits = logits + r * of.C;
      args.labels = labels + r;
      args.ignore_index = options.ignore_index;
      args.weight = row_weight + r;
      args.class_weight = of.class_weight;
      args.smoothing = Real(options.label_smoothing);
      args.scale = Real(scale);
      sums[r] = kernel.training.cross_entropy(args);
    });
  }

  void compute_dx(const Index* indices, Index rows, Real* dx) const {
    const Index row_tasks = ceil_div(rows, task_rows), tasks = row_tasks * input_panels;
    for_tasks(tasks, threads_for(tasks, double(rows) * double(of.F) * double(of.C)), [&](Index task, int thread) {
      const Index r = task % row_tasks * task_rows, panel = task / row_tasks, first = panel * width;
      const Index columns = std::min(width, of.F - first);
      Real* const own = tile + thread * tile_size();
      GemmArgs<Real> args;
      args.rows = std::min(task_rows, rows - r);
      args.vectors = ceil_div(columns, kernel.lanes);
      args.K = of.C;
      args.a = {logits + r * of.C, of.C};
      args.b = {backward + panel * of.C * width, of.C * width, width};
      args.c = {own, width, width};
      kernel.gemm(args);
      for (Index i = 0; i < args.rows; ++i) std::copy_n(own + i * width, columns, dx + indices[r + i] * of.F + first);
    });
  }

  void add_dmatrix(Index rows, Real* dmatrix) const {
    kernel.pack_rows(rows, of.F, x, x_panels, rows * width, false);
    const Index class_tasks = ceil_div(of.C, task_classes), tasks = class_tasks * input_panels;
    for_tasks(tasks, threads_for(tasks, double(rows) * double(of.F) * double(of.C)), [&](Index task, int thread) {
      const Index o = task % class_tasks * task_classes, panel = task / class_tasks, first = panel * width;
      const Index columns = std::min(width, of.F - first);
      Real* const own = tile + thread * tile_size();
      GemmArgs<Real> args;
      args.rows = std::min(task_classes, of.C - o);
      args.vectors = ceil_div(columns, kernel.lanes);
      args.K = rows;
      args.a = {logits + o, 1, of.C};
      args.b = {x_panels + panel * rows * width, rows * width, width};
      args.start = GemmArgs<Real>::add;
      Real* const to = dmatrix + o * of.F + first;
      const bool whole = columns == args.vectors * kernel.lanes;
      args.c = {whole ? to : own, width, whole ? of.F : width};
      if (!whole) std::fill_n(own, args.rows * width, Real(0));
      kernel.gemm(args);
      for (Index i = 0; !whole && i < args.rows; ++i)
        for (Index c = 0; c < columns; ++c) to[i * of.F + c] += own[i * width + c];
    });
  }

  void add_dbias(Index rows, Real* dbias) const {
    const Index block = 1024, tasks = ceil_div(of.C, block);
    for_tasks(tasks, task_threads(tasks, double(rows) * double(of.C)), [&](Index task, int) {
      const Index first = task * block, last = std::min(of.C, first + block);
      Real sum[block] = {};
      for (Index r = 0; r < rows; ++r)
        for (Index c = first; c < last; ++c) sum[c - first] += logits[r * of.C + c];
      for (Index c = first; c < last; ++c) dbias[c] += sum[c - first];
    });
  }
};

}  // namespace

template <class Real>
double linear_cross_entropy(const LinearCrossEntropy<Real>& of, const CrossEntropyOptions& options,
                            const LinearCrossEntropyGradients<Real>* gradients) {
  Buffer<Index> seen(of.N);
  Index n = 0;
  double total = 0;
  for (Index r = 0; r < of.N; ++r) {
    const double weight = of.row_weight == nullptr ? 1.0 : double(of.row_weight[r]);
    if (of.labels[r] == options.ignore_index || weight == 0) continue;
    seen.data()[n++] = r;
    total += weight * (of.class_weight == nullptr ? 1.0 : double(of.class_weight[of.labels[r]]));
  }
  if (gradients != nullptr) std::fill_n(gradients->dx, of.N * of.F, Real(0));
  if (n == 0) return 0;
  const double scale = !options.mean ? 1 : total > 0 ? 1 / total : 0;
  Buffer<double> losses(chunk_rows);
  const Plan<Real> plan(of, std::min(n, chunk_rows), num_threads(), gradients != nullptr);
  plan.pack();
  double sum = 0;
  for (Index first = 0; first < n; first += chunk_rows) {
    const Index rows = std::min(chunk_rows, n - first);
    const Index* const indices = seen.data() + first;
    plan.take_rows(indices, rows);
    plan.compute_logits(rows);
    plan.compute_losses(rows, options, scale, losses.data());
    for (Index r = 0; r < rows; ++r) sum += losses.data()[r];
    if (gradients == nullptr) continue;
    plan.compute_dx(indices, rows, gradients->dx);
    plan.add_dmatrix(rows, gradients->dmatrix);
    if (gradients->dbias != nullptr) plan.add_dbias(rows, gradients->dbias);
  }
  return scale * sum;
}

template double linear_cross_entropy(const LinearCrossEntropy<float>&, const CrossEntropyOptions&,
                                     const LinearCrossEntropyGradients<float>*);
template double linear_cross_entropy(const LinearCrossEntropy<double>&, const CrossEntropyOptions&,
                                     const LinearCrossEntropyGradients<double>*);

}  // namespace eigenlstm
