// Attention: a query of each step takes a weighted mean of the steps of a memory. Sizes: B rows, T steps of the
// queries, S steps of the memory, Q values of a query and of a key, A units of the additive score, M values of a memory
// step; all arrays row-major, contiguous.
//
//   score(t, s)   dot: scale * query_t . key_s           (Luong, Pham, Manning 2015)
//                 additive: v . tanh(query_t + key_s)    (Bahdanau, Cho, Bengio 2015)
//   weight(t, .)  softmax of score(t, s) over s < memory_lengths[b]
//   context(t)    sum over s of weight(t, s) memory_s
//
// Steps of a query past query_lengths[b], and rows without a memory, have weights and a context of zero and no
// gradient. Every sum goes over its steps or features in order, so no row depends on the rows beside it, on padding or
// on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace eigenlstm {

struct AttentionShape {
  std::ptrdiff_t B, T, S, Q, M;        // Q: with additive scores, A
  const std::int64_t* query_lengths;   // (B), or null: T
  const std::int64_t* memory_lengths;  // (B), or null: S
};

/// How scores are made: `v` (A) or null for dot products, which are scaled.
template <class Real>
struct AttentionScore {
  const Real* v;
  Real scale;
};

/// query (B, T, Q), key (B, S, Q), memory (B, S, M) -> weights (B, T, S), context (B, T, M).
template <class Real>
void attention_forward(const AttentionShape& shape, const AttentionScore<Real>& score, const Real* query,
                       const Real* key, const Real* memory, Real* weights, Real* context);

/// weights (B, T, S) of the forward pass, dcontext (B, T, M) -> dquery, dkey, dmemory, of the shapes of their values.
/// Adds to dv (A), where scores are additive: rows in order.
template <class Real>
void attention_backward(const AttentionShape& shape, const AttentionScore<Real>& score, const Real* query,
                        const Real* key, const Real* memory, const Real* weights, const Real* dcontext, Real* dquery,
                        Real* dkey, Real* dmemory, Real* dv);

}  // namespace eigenlstm
