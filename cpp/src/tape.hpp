// What forward() keeps of each direction.
#pragma once

#include <vector>

#include "eigenlstm/lstm.hpp"
#include "memory.hpp"
#include "rows.hpp"
#include "weights.hpp"

namespace eigenlstm {

/// h or c of every step: row offset(s) + position (rows.hpp), `Padded::row` values apart.
template <class Real>
struct DirectionTape {
  Buffer<Real> gates;   // [panel][total rows][4][L]: i f g o after activation
  Buffer<Real> c, h;    // [total rows]
  Buffer<Real> c0, h0;  // [B]
};

template <class Real>
struct Tape<Real>::Impl {
  Impl(const LSTM<Real>& model, Rows r) : lstm(model), rows(std::move(r)) {}
  LSTM<Real> lstm;
  Rows rows;
  std::shared_ptr<const Weights<Real>> weights;
  Sequence<const Real> x{};
  std::optional<std::uint64_t> seed;  // of the random masks; none: no masks
  std::vector<DirectionTape<Real>> directions;  // layer * D + direction
};

}  // namespace eigenlstm
