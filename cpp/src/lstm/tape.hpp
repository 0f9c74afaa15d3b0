// What forward() keeps for backward().
#pragma once

#include <vector>

#include "eigenlstm/lstm.hpp"
#include "lstm/checkpoints.hpp"
#include "lstm/rows.hpp"
#include "lstm/weights.hpp"
#include "runtime/memory.hpp"

namespace eigenlstm {

/// What the forward pass computes of the gates and backward() needs, for consecutive frames: of the whole tape, or of a
/// chunk. Null: not kept, or not needed.
template <class Real>
struct GateValues {
  Real* gates = nullptr;      // [panel][frame][4][L]: i f g o after activation
  Real* z = nullptr;          // likewise what entered the activations, where a slope needs it
  Real* z_hat = nullptr;      // likewise the normalised W x + R h, with layer normalisation
  Real* deviation = nullptr;  // [frame][4]: what it was divided by
  Index first_frame = 0, frames = 0;
  Index panel_stride(Index L) const { return frames * 4 * L; }

  /// Makes a step store them, for its rows from frame `frame` on and its panels from `panel` on.
  void store_to(StepArgs<Real>& step, StepVariant<Real>& variant, Index panel, Index frame, Index L) const {
    const Index place = at(panel, frame, L);
    step.gates_panel_stride = panel_stride(L);
    step.gates = gates ? gates + place : nullptr;
    variant.z = z ? z + place : nullptr;
    variant.z_hat = z_hat ? z_hat + place : nullptr;
    variant.deviation = deviation ? deviation + (frame - first_frame) * 4 : nullptr;
  }
  Index at(Index panel, Index frame, Index L) const { return (panel * frames + frame - first_frame) * 4 * L; }
};

/// What the tape has of one direction and some steps: frame first_frame(s) - first_frame(begin) + position (rows.hpp),
/// Padded::h_stride or c_stride values apart.
template <class Real>
struct DirectionTape {
  Kept kept = Kept::nothing;
  Buffer<Real> gates, z, z_hat, deviation;  // see GateValues; only with Kept::everything
  Buffer<Real> c, h;                        // [frames]
  Buffer<Real> c0, h0;                      // [B] before step `begin`

  GateValues<Real> values(Index first_frame, Index frames) const {
    GateValues<Real> all;
    all.gates = gates.data(), all.z = z.data(), all.z_hat = z_hat.data(), all.deviation = deviation.data();
    all.first_frame = first_frame, all.frames = frames;
    return all;
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

/// The tape of the rows of one micro-batch (micro_batches.hpp).
template <class Real>
struct MicroBatch {
  explicit MicroBatch(Rows r) : rows(std::move(r)) {}
  Rows rows;
  /// layer * D + direction: all steps; in a limited tape, what the segments of the layers above need.
  std::vector<DirectionTape<Real>> directions;
  // Of variants; empty where not used.
  std::vector<Buffer<Real>> input_masks;      // [layer][B][I]: variational dropout
  std::vector<Buffer<Real>> recurrent_masks;  // [layer * D + direction][B][h_stride]: the mask on h_prev
  Buffer<Real> filled;                        // [frames][I]: x with its gaps filled, with Missing::forward_fill
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
  // Of a limited tape: the states before each segment of steps (checkpoints.hpp).
  Checkpoints plan;
  std::vector<States<Real>> states;
  bool learned_h = false, learned_c = false;  // the initial state was the learned one
};

}  // namespace eigenlstm
