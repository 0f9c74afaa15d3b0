// What forward() keeps of each direction.
#pragma once

#include <vector>

#include "eigenlstm/lstm.hpp"
#include "checkpoints.hpp"
#include "memory.hpp"
#include "rows.hpp"
#include "weights.hpp"

namespace eigenlstm {

/// h or c of some steps: row offset(s) - offset(begin) + position (rows.hpp), `Padded::row` values apart.
template <class Real>
struct DirectionTape {
  Buffer<Real> gates;   // [panel][rows][4][L]: i f g o after activation
  Buffer<Real> c, h;    // [rows]
  Buffer<Real> c0, h0;  // [B] before step `begin`
};

/// h and c of all directions, (num_layers * D, B, H) as a State has them.
template <class Real>
struct States {
  States() = default;
  explicit States(Index n) : h(n), c(n) {}
  Buffer<Real> h, c;
  template <class T>
  State<T> view() const { return {h.data(), c.data()}; }
};

template <class Real>
struct Tape<Real>::Impl {
  Impl(const LSTM<Real>& model, Rows r) : lstm(model), rows(std::move(r)) {}
  LSTM<Real> lstm;
  Rows rows;
  std::shared_ptr<const Weights<Real>> weights;
  Sequence<const Real> x{};
  std::optional<std::uint64_t> seed;  // of the random masks; none: no masks
  std::vector<DirectionTape<Real>> directions;  // layer * D + direction; of all steps
  // Where the tape is limited: the states before each segment of steps, and of `directions` only what segments of the layers
  // above need (checkpoints.hpp).
  Checkpoints plan;
  std::vector<States<Real>> states;
};

}  // namespace eigenlstm
