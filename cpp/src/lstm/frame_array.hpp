// An array with values for each frame, one row at one time: the caller's (strided), or one of ours (packed).
#pragma once

#include "eigenlstm/sequence.hpp"
#include "lstm/rows.hpp"

namespace eigenlstm {

template <class Real>
struct FrameArray {
  Sequence<Real> strided{};  // used where packed is null
  Real* packed = nullptr;    // [frames][features], frame first_frame(t) + position
  Index features = 0;
  Index first_frame = 0;  // the one that `packed` starts with

  Real* at(const Rows& rows, Index position, Index t) const {
    return packed ? packed + (rows.first_frame(t) + position - first_frame) * features
                  : strided.data + rows.batch_row(position) * strided.batch_stride + t * strided.time_stride;
  }
  /// From one row of the batch to the next at the same time; where a ragged batch is packed, from one position to the
  /// next.
  Index row_stride() const { return packed ? features : strided.batch_stride; }
  /// From one time to the next in the same row of a batch that is not ragged.
  Index time_stride(const Rows& rows) const { return packed ? rows.batch_size() * features : strided.time_stride; }
  Index feature_stride() const { return packed ? 1 : strided.feature_stride; }
  explicit operator bool() const { return packed != nullptr || strided.data != nullptr; }
};

}  // namespace eigenlstm
