// Tapes that fit in a number of bytes.
//
// Time is cut into segments. forward() keeps the states before each; backward() goes through the segments from the last
// to the first, runs each forward again with a tape of its own, full or light, and then backward. Segments are whole
// chunks of the backward pass, so that its sums, and with them the gradients, have the same bits (except for the
// gradients of each row by itself, which have chunks of their own).
//
// Layers that run forward in time pass through a segment together, as one stack. A direction that starts at the end
// must have finished the whole sequence before the layer above can start: then every layer is a stack of its own, and h
// of the layers below the last one is kept.
#pragma once

#include <cstddef>
#include <vector>

#include "eigenlstm/sequence.hpp"
#include "lstm/layer_sizes.hpp"
#include "lstm/rows.hpp"

namespace eigenlstm {

/// Steps [begin, end) of all rows.
struct Steps {
  Index begin, end;
};

/// Layers [begin, end).
struct Layers {
  Index begin, end;
};

/// What a tape keeps of each step: in inference nothing; h and c (a light tape); or whatever the backward pass reads,
/// gates included (a full tape).
enum class Kept { nothing, states, everything };

struct Checkpoints {
  std::vector<Steps> segments;   // empty: the tape keeps all steps
  Kept kept = Kept::everything;  // in the tape, or in the tape of a segment
  std::size_t bytes = 0;         // of the tape, with that of the largest segment
  std::vector<Layers> stacks;    // layers that pass through a segment together, from the first to the last
  bool needs_other_direction = false;

  /// Whether a limited tape keeps h of all steps of a stack's layers: for the layer above, or for the other direction.
  bool keeps_history(Layers stack) const {
    return !segments.empty() && (stack.end < stacks.back().end || needs_other_direction);
  }
};

/// The plan that keeps as much as fits in memory.bytes, for a batch that is cut into `micro_batches`. Throws
/// std::invalid_argument if nothing fits.
Checkpoints plan_tape(const ModelSizes& model, const Rows& rows, Index micro_batches, Memory memory);

/// About how many frames a micro-batch has in a chunk of the backward pass.
constexpr Index max_chunk_frames = 512;
/// The chunks of a batch, the same for all micro-batches, and as even as whole steps allow. With a single row, or
/// gradients of each row by itself, they have max_chunk_frames steps instead and the last one has the rest: a row then
/// has the same chunks in any batch and with any length, so its gradient has the same bits.
std::vector<Steps> chunk_steps(const Rows& rows, Index micro_batches, bool per_row);
/// The parts of these chunks that lie within `steps`.
std::vector<Steps> within(const std::vector<Steps>& chunks, Steps steps);

}  // namespace eigenlstm
