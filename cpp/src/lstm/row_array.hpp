// An array with a row for each batch row and time: the caller's, or packed.
#pragma once

#include "eigenlstm/lstm.hpp"
#include "lstm/rows.hpp"

namespace eigenlstm {

template <class Real>
struct RowArray {
  Sequence<Real> strided{};  // used where packed is null
  Real* packed = nullptr;    // [rows][features], row offset(t) + position - first_row
  Index features = 0;
  Index first_row = 0;  // that packed starts with

  Real* at(const Rows& rows, Index position, Index t) const {
    return packed ? packed + (rows.offset(t) + position - first_row) * features
                  : strided.data + rows.batch_row(position) * strided.batch_stride + t * strided.time_stride;
  }
  /// From a batch row to the next at the same time; of a ragged batch's packed rows, to that at the next position.
  Index row_distance() const { return packed ? features : strided.batch_stride; }
  /// From a time to the next in the same row, of a batch that is not ragged.
  Index time_distance(const Rows& rows) const { return packed ? rows.batch_size() * features : strided.time_stride; }
  Index stride() const { return packed ? 1 : strided.feature_stride; }
  explicit operator bool() const { return packed != nullptr || strided.data != nullptr; }
};

}  // namespace eigenlstm
