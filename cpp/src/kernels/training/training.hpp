// The training layer's part of the table of kernels.
#pragma once

#include "kernels/table_training.hpp"
#include "kernels/training/ctc.hpp"
#include "kernels/training/exponentials.hpp"
#include "kernels/training/losses.hpp"
#include "kernels/training/optimisers.hpp"
#include "kernels/training/random.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
constexpr TrainingTable<Real> training_table() {
  TrainingTable<Real> table{};
  table.mse = mse<Real>;
  table.mae = mae<Real>;
  table.huber = huber<Real>;
  table.bce = bce<Real>;
  table.quantile = quantile<Real>;
  table.poisson_nll = poisson_nll<Real>;
  table.gaussian_nll = gaussian_nll<Real>;
  table.cross_entropy = cross_entropy<Real>;
  table.ctc = ctc<Real>;
  table.softmax = softmax<Real>;
  table.log_sum_exp_columns = log_sum_exp_columns<Real>;
  table.add_exponentials = add_exponentials<Real>;
  table.random_mask = random_mask<Real>;
  table.drop = drop<Real>;
  table.sum_of_squares = sum_of_squares<Real>;
  table.sgd = sgd<Real>;
  table.adam = adam<Real>;
  table.rmsprop = rmsprop<Real>;
  table.adagrad = adagrad<Real>;
  table.ema = ema<Real>;
  return table;
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
