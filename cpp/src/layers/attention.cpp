#include "eigenlstm/attention.hpp"

#include <algorithm>

#include "kernels/table.hpp"
#include "runtime/memory.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

constexpr double tanh_work = 20;  // a tanh costs about as much as this many multiply-adds

inline Index rounded(Index n, Index size) { return ceil_div(n, size) * size; }

/// One row of the batch: its own steps, and scratch memory for what is packed.
template <class Real>
struct Row {
  const KernelTable<Real>& kernel;
  Index T = 0, S = 0, Q = 0, M = 0;  // T and S: the row's own steps
  Index width = 0;                   // of a panel, 4 L
  Real *panels = nullptr, *tile = nullptr;

  /// out (m, n) = A (m, K) B (K, n), B being in panels; through a padded tile, as n need not be whole vectors.
  void product(Index m, Index K, Index n, typename GemmArgs<Real>::Left a, Real* out) const {
    const Index row = rounded(n, kernel.lanes);
    GemmArgs<Real> args;
    args.rows = m;
    args.vectors = row / kernel.lanes;
    args.K = K;
    args.a = a;
    args.b = {panels, K * width, width};
    args.c = {tile, width, row};
    kernel.gemm(args);
    for (Index i = 0; i < m; ++i) std::copy_n(tile + i * row, n, out + i * n);
  }

  /// out (m, n) = A (m, K) b (K, n).
  void product_with(Index m, Index K, Index n, typename GemmArgs<Real>::Left a, const Real* b, Real* out) const {
    kernel.pack_rows(K, n, b, panels, K * width, false);
    product(m, K, n, a, out);
  }

  /// out (m, n) = A (m, K) b^T, b (n, K).
  void product_with_transposed(Index m, Index K, Index n, typename GemmArgs<Real>::Left a, const Real* b,
                               Real* out) const {
    for (Index j = 0; j < n; j += width) kernel.pack_transposed(std::min(width, n - j), K, b + j * K, panels + j * K);
    product(m, K, n, a, out);
  }

  /// out (S, A) = tanh(query (A) + key (S, A)).
  void activated(const Real* query, const Real* key, Real* out) const {
    for (Index s = 0; s < S; ++s)
      for (Index a = 0; a < Q; ++a) out[s * Q + a] = query[a] + key[s * Q + a];
    kernel.tanh(out, out, S * Q);
  }
};

/// The number of values in the panels of the largest product; `tile`: in the padded tile that products share.
inline Index largest_product(const AttentionShape& shape, Index width, Index lanes, Index* tile) {
  const Index T = shape.T, S = shape.S, Q = shape.Q, M = shape.M;
  const Index S_wide = rounded(S, width), Q_wide = rounded(Q, width), M_wide = rounded(M, width);
  *tile = std::max({T * rounded(S, lanes), std::max(T, S) * rounded(std::max(Q, M), lanes), S * lanes});
  return std::max({Q * S_wide, M * S_wide, S * M_wide, S * Q_wide, T * Q_wide, T * M_wide, Q * width});
}

/// Calls f(b, row, scratch) for each row of the batch, with `extra` values of scratch memory. Each row is a task. The
/// caller writes the zeros past a row's own steps.
template <class Real, class F>
void for_rows(const AttentionShape& shape, bool additive, Index extra, double factor, F f) {
  const auto& kernel = kernels<Real>();
  const Index width = 4 * kernel.lanes;
  Index tile = 0;
  const Index panels = largest_product(shape, width, kernel.lanes, &tile), size = panels + tile + extra;
  const double pairs = double(shape.B) * double(shape.T) * double(shape.S);
  const int threads =
      task_threads(shape.B, factor * pairs * (double(shape.M) + double(shape.Q) * (additive ? tanh_work : 1)));
  Real* const memory = arena().allocate<Real>(threads * size);
  for_tasks(shape.B, threads, [&](Index b, int thread) {
    Real* const own = memory + thread * size;
    const Index T = shape.query_lengths ? Index(shape.query_lengths[b]) : shape.T;
    const Index S = shape.memory_lengths ? Index(shape.memory_lengths[b]) : shape.S;
    Row<Real> row{kernel};
    row.T = T, row.S = S, row.Q = shape.Q, row.M = shape.M;
    row.width = width;
    row.panels = own;
    row.tile = own + panels;
    f(b, row, own + panels + tile);
  });
}

template <class Real>
void scores(const Row<Real>& row, const AttentionScore<Real>& score, const Real* query, const Real* key, Real* out,
            Real* scratch) {
  const Index T = row.T, S = row.S, Q = row.Q;
  if (score.v == nullptr) {
    row.product_with_transposed(T, Q, S, {query, Q}, key, out);
    for (Index i = 0; i < T * S; ++i) out[i] *= score.scale;
    return;
  }
  for (Index t = 0; t < T; ++t) {
    row.activated(query + t * Q, key, scratch);
    row.product_with(S, Q, 1, {scratch, Q}, score.v, out + t * S);
  }
}

/// dscores (T, S) of dweights, in its place: w (dw - sum of dw w).
template <class Real>
void softmax_backward(Index T, Index S, const Real* weights, Index weights_stride, Real* d) {
  for (Index t = 0; t < T; ++t, weights += weights_stride, d += S) {
    Real sum = 0;
    for (Index s = 0; s < S; ++s) sum += d[s] * weights[s];
    for (Index s = 0; s < S; ++s) d[s] = weights[s] * (d[s] - sum);
  }
}

template <class Real>
void additive_backward(const Row<Real>& row, const Real* v, const Real* query, const Real* key, const Real* dscore,
                       Real* dquery, Real* dkey, Real* dv, Real* scratch) {
  const Index T = row.T, S = row.S, A = row.Q;
  for (Index t = 0; t < T; ++t) {
    row.activated(query + t * A, key, scratch);
    for (Index s = 0; s < S; ++s) {
      const Real d = dscore[t * S + s], *const y = scratch + s * A;
      for (Index a = 0; a < A; ++a) dv[a] += d * y[a];
      for (Index a = 0; a < A; ++a) {
        const Real dz = d * v[a] * (Real(1) - y[a] * y[a]);
        dquery[t * A + a] += dz;
        dkey[s * A + a] += dz;
      }
    }
  }
}

}  // namespace

template <class Real>
void attention_forward(const AttentionShape& shape, const AttentionScore<Real>& score, const Real* query,
                       const Real* key, const Real* memory, Real* weights, Real* context) {
  const Index T_all = shape.T, S_all = shape.S, Q = shape.Q, M = shape.M;
  const bool additive = score.v != nullptr;
  const Index extra = T_all * S_all + (additive ? S_all * Q : 0);
  for_rows<Real>(shape, additive, extra, 1, [&](Index b, const Row<Real>& row, Real* scratch) {
    Real* const w = weights + b * T_all * S_all;
    Real* const y = context + b * T_all * M;
    std::fill_n(w, T_all * S_all, Real(0));
    std::fill_n(y, T_all * M, Real(0));
    const Index T = row.T, S = row.S;
    if (T == 0 || S == 0) return;
    const Real* const m = memory + b * S_all * M;
    scores(row, score, query + b * T_all * Q, key + b * S_all * Q, scratch, scratch + T_all * S_all);
    row.kernel.training.softmax(T, S, scratch, S);
    for (Index t = 0; t < T; ++t) std::copy_n(scratch + t * S, S, w + t * S_all);
    row.product_with(T, S, M, {scratch, S}, m, y);
  });
}

template <class Real>
void attention_backward(const AttentionShape& shape, const AttentionScore<Real>& score, const Real* query,
                        const Real* key, const Real* memory, const Real* weights, const Real* dcontext, Real* dquery,
                        Real* dkey, Real* dmemory, Real* dv) {
  const Index T_all = shape.T, S_all = shape.S, Q = shape.Q, M = shape.M;
  const bool additive = score.v != nullptr;
  const Index extra = T_all * S_all + (additive ? S_all * Q : 0);
  Buffer<Real> dv_rows(additive ? shape.B * Q : 0);  // not from the arena, which for_rows() uses
  std::fill_n(dv_rows.data(), dv_rows.size(), Real(0));
  for_rows<Real>(shape, additive, extra, 2, [&](Index b, const Row<Real>& row, Real* d) {
    Real *const dq = dquery + b * T_all * Q, *const dk = dkey + b * S_all * Q, *const dm = dmemory + b * S_all * M;
    std::fill_n(dq, T_all * Q, Real(0));
    std::fill_n(dk, S_all * Q, Real(0));
    std::fill_n(dm, S_all * M, Real(0));
    const Index T = row.T, S = row.S;
    if (T == 0 || S == 0) return;
    const Real *const q = query + b * T_all * Q, *const k = key + b * S_all * Q, *const m = memory + b * S_all * M,
                      *const w = weights + b * T_all * S_all, *const dy = dcontext + b * T_all * M;
    row.product_with(S, T, M, {w, 1, S_all}, dy, dm);     // context = w m
    row.product_with_transposed(T, M, S, {dy, M}, m, d);  // dw
    softmax_backward(T, S, w, S_all, d);
    if (additive) {
      additive_backward(row, score.v, q, k, d, dq, dk, dv_rows.data() + b * Q, d + T_all * S_all);
      return;
    }
    for (Index i = 0; i < T * S; ++i) d[i] *= score.scale;
    row.product_with(T, S, Q, {d, S}, k, dq);  // score = scale q k^T
    row.product_with(S, T, Q, {d, 1, S}, q, dk);
  });
  for (Index b = 0; b < (additive ? shape.B : 0); ++b)
    for (Index a = 0; a < Q; ++a) dv[a] += dv_rows.data()[b * Q + a];
}

template void attention_forward(const AttentionShape&, const AttentionScore<float>&, const float*, const float*,
                                const float*, float*, float*);
template void attention_forward(const AttentionShape&, const AttentionScore<double>&, const double*, const double*,
                                const double*, double*, double*);
template void attention_backward(const AttentionShape&, const AttentionScore<float>&, const float*, const float*,
                                 const float*, const float*, const float*, float*, float*, float*, float*);
template void attention_backward(const AttentionShape&, const AttentionScore<double>&, const double*, const double*,
                                 const double*, const double*, const double*, double*, double*, double*, double*);

}  // namespace eigenlstm
