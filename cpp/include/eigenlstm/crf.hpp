// A conditional random field over tags: a chain whose score is the sum of its emissions and of its transitions
// (Lafferty, McCallum, Pereira 2001). Sizes: B rows, T steps, K tags; arrays row-major, contiguous.
//
//   score(y) = start[y_0] + sum over t of emission[t][y_t] + sum over t > 0 of transition[y_{t-1}][y_t] + end[y_{T-1}]
//   loss     = log sum over all y' of e^score(y') - score(y)
//
// Rows have their own lengths; steps past them count for nothing. Computed in float64, in logarithms.
#pragma once

#include <cstddef>
#include <cstdint>

namespace eigenlstm {

template <class Real>
struct CrfArrays {
  std::ptrdiff_t B, T, K;
  const Real* emissions;                  // (B, T, K)
  const std::int64_t* lengths;            // (B), each in 0..T
  const Real *transitions, *start, *end;  // (K, K): from, to; (K); (K)
};

/// Gradients: demissions (B, T, K) is written, the others are added to.
template <class Real>
struct CrfGradients {
  Real *demissions, *dtransitions, *dstart, *dend;
};

/// losses[b] of tags (B, T), each in 0..K-1 within the lengths; and the gradients of sum over b of scale[b] losses[b],
/// unless `gradients` is null. How sums over rows are cut depends on B only.
template <class Real>
void crf_loss(const CrfArrays<Real>& arrays, const std::int64_t* tags, const double* scale, double* losses,
              const CrfGradients<Real>* gradients);

/// The best chain of each row, tags (B, T), -1 past its length, and its score (B). Of equals, the lower tag.
template <class Real>
void crf_best(const CrfArrays<Real>& arrays, std::int64_t* tags, double* scores);

}  // namespace eigenlstm
