#include "eigenlstm/linear.hpp"

#include <algorithm>

#include "kernels/table.hpp"
#include "runtime/memory.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

constexpr Index task_rows = 256;    // rows of a task of the two products by rows: their panel of B is packed once
constexpr Index sum_rows = 128;     // rows that are summed at a time: their packed panel stays in L1
constexpr Index task_outputs = 48;  // outputs of a task of those sums

/// y (N, n) = start + A (N, K) B (K, n), where pack(j, columns, out) writes the columns [j, j + columns) of B as a
/// panel [1 + K][4 L], of which row 0 is the start. Tasks: a panel of 4 L columns x a block of rows.
template <class Real, class Pack>
void product_by_rows(Index N, Index K, Index n, const Real* a, Real* y, Pack pack) {
  const auto& kernel = kernels<Real>();
  const Index width = 4 * kernel.lanes, row_tasks = ceil_div(N, task_rows), tasks = row_tasks * ceil_div(n, width);
  const int threads = task_threads(tasks, double(N) * double(K) * double(n));
  const Index panel_size = (1 + K) * width, scratch_size = panel_size + std::min(N, task_rows) * width;
  Real* const scratch = arena().allocate<Real>(threads * scratch_size);
  for_tasks(tasks, threads, [&](Index task, int thread) {
    const Index r = task % row_tasks * task_rows, rows = std::min(task_rows, N - r);
    const Index j = task / row_tasks * width, columns = std::min(width, n - j);
    const Index vectors = ceil_div(columns, kernel.lanes);
    Real *const panel = scratch + thread * scratch_size, *const tile = panel + panel_size;
    pack(j, columns, panel);
    const bool whole = columns == vectors * kernel.lanes;  // else the product goes through a padded tile
    Real* const out = y + r * n + j;
    GemmArgs<Real> product;
    product.rows = rows;
    product.vectors = vectors;
    product.K = K;
    product.a = {a + r * K, K};
    product.b = {panel + width, panel_size, width};
    product.c = {whole ? out : tile, width, whole ? n : width};
    product.start = GemmArgs<Real>::bias;
    kernel.gemm(product);
    if (whole) return;
    for (Index i = 0; i < rows; ++i) std::copy_n(tile + i * width, columns, out + i * n);
  });
}

/// panel[k][0 .. columns) = rows k of a row-major matrix; the rest of the 4 L columns is zero.
template <class Real>
void pack_rows(Index K, Index columns, const Real* b, Index b_stride, Index width, Real* panel) {
  for (Index k = 0; k < K; ++k, b += b_stride, panel += width) {
    std::copy_n(b, columns, panel);
    std::fill(panel + columns, panel + width, Real(0));
  }
}

/// dweight (O, F) += dy^T (O, N) x (N, F). Tasks: a panel of 4 L inputs x a block of outputs.
template <class Real>
void add_weight_gradient(Index N, Index F, Index O, const Real* x, const Real* dy, Real* dweight) {
  const auto& kernel = kernels<Real>();
  const Index width = 4 * kernel.lanes, row_tasks = ceil_div(O, task_outputs), tasks = row_tasks * ceil_div(F, width);
  const int threads = task_threads(tasks, double(N) * double(F) * double(O));
  const Index scratch_size = (sum_rows + task_outputs) * width;
  Real* const scratch = arena().allocate<Real>(threads * scratch_size);
  for_tasks(tasks, threads, [&](Index task, int thread) {
    const Index o = task % row_tasks * task_outputs, outputs = std::min(task_outputs, O - o);
    const Index j = task / row_tasks * width, columns = std::min(width, F - j);
    Real *const panel = scratch + thread * scratch_size, *const tile = panel + sum_rows * width;
    std::fill_n(tile, outputs * width, Real(0));
    for (Index r = 0; r < N; r += sum_rows) {
      const Index rows = std::min(sum_rows, N - r);
      pack_rows(rows, columns, x + r * F + j, F, width, panel);
      GemmArgs<Real> product;
      product.rows = outputs;
      product.vectors = ceil_div(columns, kernel.lanes);
      product.K = rows;
      product.a = {dy + r * O + o, 1, O};
      product.b = {panel, 0, width};
      product.c = {tile, width, width};
      product.start = GemmArgs<Real>::add;
      kernel.gemm(product);
    }
    for (Index i = 0; i < outputs; ++i)
      for (Index c = 0; c < columns; ++c) dweight[(o + i) * F + j + c] += tile[i * width + c];
  });
}

template <class Real>
void add_bias_gradient(Index N, Index O, const Real* dy, Real* dbias) {
  Real *const total = arena().allocate<Real>(2 * O), *const partial = total + O;
  std::fill_n(total, O, Real(0));
  for (Index r = 0; r < N; r += sum_rows) {
    std::fill_n(partial, O, Real(0));
    for (Index i = r; i < std::min(N, r + sum_rows); ++i)
      for (Index o = 0; o < O; ++o) partial[o] += dy[i * O + o];
    for (Index o = 0; o < O; ++o) total[o] += partial[o];
  }
  for (Index o = 0; o < O; ++o) dbias[o] += total[o];
}

}  // namespace

template <class Real>
void linear_forward(Index N, Index F, Index O, const Real* x, const Real* weight, const Real* bias, Real* y) {
  const Index width = 4 * kernels<Real>().lanes;
  product_by_rows(N, F, O, x, y, [=](Index j, Index columns, Real* panel) {
    std::fill_n(panel, width, Real(0));
    if (bias != nullptr) std::copy_n(bias + j, columns, panel);
    kernels<Real>().pack_transposed(columns, F, weight + j * F, panel + width);
  });
}

template <class Real>
void linear_backward(Index N, Index F, Index O, const Real* x, const Real* weight, const Real* dy, Real* dweight,
                     Real* dbias, Real* dx) {
  const Index width = 4 * kernels<Real>().lanes;
  if (dx != nullptr)
    product_by_rows(N, O, F, dy, dx, [=](Index j, Index columns, Real* panel) {  // dx = dy W
      std::fill_n(panel, width, Real(0));
      pack_rows(O, columns, weight + j, F, width, panel + width);
    });
  add_weight_gradient(N, F, O, x, dy, dweight);
  if (dbias != nullptr) add_bias_gradient(N, O, dy, dbias);
}

template void linear_forward(Index, Index, Index, const float*, const float*, const float*, float*);
template void linear_forward(Index, Index, Index, const double*, const double*, const double*, double*);
template void linear_backward(Index, Index, Index, const float*, const float*, const float*, float*, float*, float*);
template void linear_backward(Index, Index, Index, const double*, const double*, const double*, double*, double*,
                              double*);

}  // namespace eigenlstm
