// Missing values: what the options Missing::error, forward_fill and mask make of NaN in x. The functions of one frame
// (one row at one step) are those that whole sequences and streams share.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>

#include "lstm/frame_array.hpp"
#include "runtime/memory.hpp"

namespace eigenlstm {

/// The first of `features` values that is NaN, or -1. Values are `stride` apart, here and below.
template <class Real>
Index first_missing(const Real* x, Index stride, Index features) {
  for (Index i = 0; i < features; ++i)
    if (std::isnan(x[i * stride])) return i;
  return -1;
}

/// Missing::forward_fill: x to `filled`, with the values of `before` in place of NaN (null: with 0). `before` may be
/// `filled`.
template <class Real>
void fill_frame(const Real* x, Index stride, Index features, const Real* before, Real* filled) {
  for (Index i = 0; i < features; ++i) {
    const Real value = x[i * stride];
    filled[i] = !std::isnan(value) ? value : before != nullptr ? before[i] : Real(0);
  }
}

/// Missing::mask: x to out[0, features) with 0 in place of NaN, and to the `features` values behind it 1 where x is NaN
/// and 0 elsewhere.
template <class Real>
void indicate_missing(const Real* x, Index stride, Index features, Real* out) {
  for (Index i = 0; i < features; ++i) {
    const bool missing = std::isnan(x[i * stride]);
    out[i] = missing ? Real(0) : x[i * stride];
    out[features + i] = missing ? Real(1) : Real(0);
  }
}

/// Its twin: makes the gradient with respect to x zero where x is NaN.
template <class Real>
void indicate_missing_backward(const Real* x, Index stride, Index features, Real* dx) {
  for (Index i = 0; i < features; ++i)
    if (std::isnan(x[i * stride])) dx[i] = Real(0);
}

/// Throws std::invalid_argument for the first NaN in x, row by row, within the rows' lengths.
template <class Real>
void refuse_missing(const Rows& rows, Sequence<const Real> x, Index features) {
  Index row = -1, step = 0, feature = 0;
  for (Index position = 0; position < rows.batch_size(); ++position) {
    const Index b = rows.batch_row(position);
    for (Index t = 0; t < rows.length(position) && (row < 0 || b < row); ++t) {
      const Index i = first_missing(x.data + b * x.batch_stride + t * x.time_stride, x.feature_stride, features);
      if (i >= 0) row = b, step = t, feature = i;
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
      const Real* const before = t > 0 ? to.at(rows, position, t - 1) : nullptr;
      fill_frame(from.at(rows, position, t), x.feature_stride, features, before, to.at(rows, position, t));
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
