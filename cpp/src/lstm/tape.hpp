// What forward() keeps of each direction.
#pragma once

#include <vector>

#include "eigenlstm/lstm.hpp"
#include "lstm/checkpoints.hpp"
#include "lstm/rows.hpp"
#include "lstm/weights.hpp"
#include "runtime/memory.hpp"

namespace eigenlstm {

/// What the forward pass computes of the gates and backward() needs, of consecutive rows: of the whole tape, or of a
/// chunk.
template <class Real>
struct GateValues {
  Real* gates;      // [panel][row][4][L]: i f g o after activation; null: not kept
  Real* z;          // likewise what entered the activations, where a slope needs it; else null
  Real* z_hat;      // likewise the normalised W x + R h, with layer normalisation; else null
  Real* deviation;  // [row][4]: what it was divided by
  Index first_row, rows;
  Index panel_stride(Index L) const { return rows * 4 * L; }

  /// The arguments of a step that stores them for the rows from `row` on, panels from `panel` on.
  void store_to(StepArgs<Real>& step, StepVariant<Real>& variant, Index panel, Index row, Index L) const {
    const Index at = offset(panel, row, L);
    step.gates_panel = panel_stride(L);
    step.gates = gates ? gates + at : nullptr;
    variant.z = z ? z + at : nullptr;
    variant.z_hat = z_hat ? z_hat + at : nullptr;
    variant.deviation = deviation ? deviation + (row - first_row) * 4 : nullptr;
  }
  Index offset(Index panel, Index row, Index L) const { return (panel * rows + row - first_row) * 4 * L; }
};

/// h or c of some steps: row offset(s) - offset(begin) + position (rows.hpp), `Padded::h_row` or `row` values apart.
template <class Real>
struct DirectionTape {
  Buffer<Real> gates, z, z_hat, deviation;  // see GateValues; a light tape has none of them
  Buffer<Real> c, h;                        // [rows]
  Buffer<Real> c0, h0;                      // [B] before step `begin`

  GateValues<Real> values(Index first_row, Index rows) const {
    return {gates.data(), z.data(), z_hat.data(), deviation.data(), first_row, rows};
  }
};

/// h and c of all directions, as a State has them.
template <class Real>
struct States {
  States() = default;
  States(Index h_size, Index c_size) : h(h_size), c(c_size) {}
  Buffer<Real> h, c;
  template <class T>
  State<T> view() const {
    return {h.data(), c.data()};
  }
};

/// Of the rows of one micro-batch (micro_batches.hpp).
template <class Real>
struct MicroBatch {
  Rows rows;
  std::vector<DirectionTape<Real>>
      directions{};  // layer * D + direction; of all steps, or of a limited tape what segments of layers above need
  // Of variants; empty where not used.
  std::vector<Buffer<Real>> input_masks{};  // [layer][B][I]: variational dropout
  std::vector<Buffer<Real>> recurrent{};    // [layer * D + direction][B][h_row]: the mask on h_prev
  Buffer<Real> filled{};                    // [total rows][I]: x without its gaps, with Missing::forward_fill
};

template <class Real>
struct Tape<Real>::Impl {
  Impl(const LSTMOptions& o, Rows r) : options(o), rows(std::move(r)) {}
  LSTMOptions options;
  Rows rows;
  std::shared_ptr<const Weights<Real>> weights;
  Sequence<const Real> x{};
  std::optional<std::uint64_t> seed;  // of the random masks; none: no masks
  std::vector<MicroBatch<Real>> micro_batches;
  // Where the tape is limited: the states before each segment of steps (checkpoints.hpp).
  Checkpoints plan;
  std::vector<States<Real>> states;
  bool learned_h = false, learned_c = false;  // the initial state was the learned one
};

}  // namespace eigenlstm
