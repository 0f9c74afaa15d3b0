// The training layer's part of the table of kernels.
#pragma once

#include "kernels/gemm/pack.hpp"
#include "kernels/table_training.hpp"
#include "kernels/training/ctc.hpp"
#include "kernels/training/exponentials.hpp"
#include "kernels/training/losses.hpp"
#include "kernels/training/optimisers.hpp"
#include "kernels/training/random.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
void pack_transposed(Index rows, Index K, const Real* w, Real* panel) {
  constexpr Index L = lanes<Real>;
  for (Index v = 0; v < 4; ++v, panel += L, w += L * K, rows -= L) {
    if (rows >= L) {
      transpose(L, K, w, K, panel, 4 * L);
      continue;
    }
    for (Index k = 0; k < K; ++k)
      for (Index l = 0; l < L; ++l) panel[k * 4 * L + l] = l < rows ? w[l * K + k] : Real(0);
  }
}

template <class Real>
constexpr TrainingTable<Real> training_table() {
  return {mse<Real>,
          mae<Real>,
          huber<Real>,
          bce<Real>,
          quantile<Real>,
          poisson_nll<Real>,
          gaussian_nll<Real>,
          cross_entropy<Real>,
          ctc<Real>,
          softmax<Real>,
          log_sum_exp_columns<Real>,
          add_exponentials<Real>,
          pack_transposed<Real>,
          random_mask<Real>,
          drop<Real>,
          sum_of_squares<Real>,
          sgd<Real>,
          adam<Real>,
          rmsprop<Real>,
          adagrad<Real>,
          ema<Real>};
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
