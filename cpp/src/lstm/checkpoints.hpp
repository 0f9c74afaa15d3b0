// Tapes that fit in a number of bytes.
//
// Time is cut into segments. forward() keeps the states before each; backward() takes the segments from the last to the
// first, runs each forward again with a tape of its own, full or light, and then backward. Segments are whole chunks of
// the backward pass, so that its sums, and with them the gradients, are the same bits (but for the gradients of each
// row by itself, whose chunks are others).
//
// A stack that runs forward in time runs all layers of a segment together. A direction that starts at the end must be
// through with the whole sequence before the layer above can start: there every layer is cut by itself, and h of the
// layers below the last one is kept.
#pragma once

#include <cstddef>
#include <vector>

#include "eigenlstm/lstm.hpp"
#include "lstm/rows.hpp"

namespace eigenlstm {

/// Steps [begin, end) of all rows.
struct Steps {
  Index begin, end;
};

/// Layers [begin, end), cut together.
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
};

/// Of what fits in memory.bytes, the plan that keeps most of a batch cut into so many micro-batches; throws
/// std::invalid_argument where nothing fits.
template <class Real>
Checkpoints plan_tape(const LSTMOptions& options, const Rows& rows, Index micro_batches, Memory memory);

/// The layers that are cut together, from the first to the last.
inline std::vector<Layers> layer_groups(const LSTMOptions& options, const Checkpoints& plan) {
  if (plan.segments.empty() || !options.looks_ahead()) return {{0, options.num_layers}};
  std::vector<Layers> groups;
  for (Index layer = 0; layer < options.num_layers; ++layer) groups.push_back({layer, layer + 1});
  return groups;
}

/// Whether a limited tape keeps h of all steps of layers that are cut together: for the layer above, or for the other
/// direction, of which the gradient of a product of directions needs it.
inline bool keeps_history(const LSTMOptions& options, Layers group) {
  return group.end < options.num_layers || (options.bidirectional && options.merge == Merge::mul);
}

/// Rows that a micro-batch has in a chunk of the backward pass, about.
constexpr Index max_chunk_frames = 512;
/// The chunks of a batch, the same for all micro-batches: as even as whole steps allow. Of a single row, or where each
/// row has its own gradient, they have max_chunk_frames steps instead and the last one the rest: a row has the same
/// chunks in any company and whatever its length, so its gradient has the same bits.
std::vector<Steps> chunk_steps(const Rows& rows, Index micro_batches, bool per_row);
/// What `steps` have of these chunks.
std::vector<Steps> within(const std::vector<Steps>& chunks, Steps steps);

}  // namespace eigenlstm
