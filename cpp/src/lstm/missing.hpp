// Missing values: NaN in x, refused or filled. (Missing::mask is in layer_input.hpp: it needs no pass over x.)
#pragma once

#include <cmath>
#include <stdexcept>

#include "lstm/frame_array.hpp"
#include "runtime/memory.hpp"

namespace eigenlstm {

/// Throws std::invalid_argument for the first NaN in x, row by row, within the rows' lengths.
template <class Real>
void refuse_missing(const Rows& rows, Sequence<const Real> x, Index features) {
  Index row = -1, step = 0, feature = 0;
  for (Index position = 0; position < rows.batch_size(); ++position) {
    const Index b = rows.batch_row(position);
    for (Index t = 0; t < rows.length(position) && (row < 0 || b < row); ++t)
      for (Index i = 0; i < features; ++i)
        if (std::isnan(x.data[b * x.batch_stride + t * x.time_stride + i * x.feature_stride])) {
          row = b, step = t, feature = i;
          break;
        }
  }
  if (row >= 0)
    throw std::invalid_argument("LSTM.forward: x must not have NaN with missing=\"error\", got one in row " +
                                std::to_string(row) + ", step " + std::to_string(step) + ", feature " +
                                std::to_string(feature));
}

/// x with the last value instead of NaN (0 before the first), [frames][features].
template <class Real>
Buffer<Real> fill_missing(const Rows& rows, Sequence<const Real> x, Index features) {
  Buffer<Real> all(rows.num_frames() * features);
  const FrameArray<const Real> from{x, nullptr, features};
  const FrameArray<Real> to{{}, all.data(), features};
  for (Index position = 0; position < rows.batch_size(); ++position)
    for (Index t = 0; t < rows.length(position); ++t) {
      const Real *in = from.at(rows, position, t), *before = t > 0 ? to.at(rows, position, t - 1) : nullptr;
      Real* filled = to.at(rows, position, t);
      for (Index i = 0; i < features; ++i) {
        const Real value = in[i * x.feature_stride];
        filled[i] = !std::isnan(value) ? value : before != nullptr ? before[i] : Real(0);
      }
    }
  return all;
}

/// Its twin: the gradient of a filled-in value belongs to the value that it was filled with.
template <class Real>
void fill_missing_backward(const Rows& rows, Sequence<const Real> x, Index features, const Real* dfilled,
                           Sequence<Real> dx) {
  const FrameArray<const Real> from{x, nullptr, features}, gradient{{}, dfilled, features};
  const FrameArray<Real> to{dx, nullptr, features};
  for (Index position = 0; position < rows.batch_size(); ++position)
    for (Index i = 0; i < features; ++i) {
      Real sum = Real(0);
      for (Index t = rows.length(position) - 1; t >= 0; --t) {
        const bool missing = std::isnan(from.at(rows, position, t)[i * x.feature_stride]);
        sum += gradient.at(rows, position, t)[i];
        to.at(rows, position, t)[i * dx.feature_stride] = missing ? Real(0) : sum;
        if (!missing) sum = Real(0);
      }
    }
}

}  // namespace eigenlstm
