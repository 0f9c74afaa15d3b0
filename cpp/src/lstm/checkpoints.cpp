#include "lstm/checkpoints.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "lstm/weights.hpp"

namespace eigenlstm {
namespace {

/// Values in a frame of all directions of some layers: of h, of c, and of what a full tape keeps besides.
struct FrameSize {
  Index h = 0, c = 0, gates = 0;
};

template <class Real>
FrameSize frame_size(const LSTMOptions& options, Layers layers) {
  FrameSize size;
  for (Index layer = layers.begin; layer < layers.end; ++layer) {
    const Padded<Real> p(direction_shape(options, layer, 0));
    const Index D = options.directions();
    size.h += D * p.h_stride;
    size.c += D * p.c_stride;
    for (Index d = 0; d < D; ++d) {
      const CellOptions cell = options.cell_of(d);
      size.gates += p.gates() * (1 + (keeps_z(cell) ? 1 : 0) + (cell.layer_norm ? 1 : 0)) + (cell.layer_norm ? 4 : 0);
    }
  }
  return size;
}

/// Values of a tape of n frames, with the states before them.
Index tape_values(FrameSize size, Index n, Index B, Kept kept) {
  return (n + B) * (size.h + size.c) + (kept == Kept::everything ? n * size.gates : 0);
}

/// Segments of n chunks each.
std::vector<Steps> cut(const std::vector<Steps>& chunks, Index n) {
  std::vector<Steps> segments;
  for (std::size_t i = 0; i < chunks.size(); i += n)
    segments.push_back({chunks[i].begin, chunks[std::min(i + n, chunks.size()) - 1].end});
  return segments;
}

template <class Real>
std::size_t bytes_of(const LSTMOptions& options, const Rows& rows, const Checkpoints& plan) {
  const Index B = rows.batch_size();
  const DirectionShape top = direction_shape(options, options.num_layers - 1, options.directions() - 1);
  const Index state = top.h_before + top.output_size + top.c_before + top.hidden_size;
  Index states = Index(plan.segments.size()) * B * state, segment = 0, most_frames = 0;
  for (Steps s : plan.segments)
    most_frames = std::max(most_frames, rows.first_frame(s.end) - rows.first_frame(s.begin));
  for (Layers group : layer_groups(options, plan)) {
    const FrameSize size = frame_size<Real>(options, group);
    segment = std::max(segment, tape_values(size, most_frames, B, plan.kept));
    if (keeps_history(options, group)) states += rows.num_frames() * size.h;
  }
  return std::size_t(states + segment) * sizeof(Real);
}

}  // namespace

std::vector<Steps> chunk_steps(const Rows& rows, Index micro_batches, bool per_row) {
  const bool single = per_row || rows.batch_size() == 1;
  const auto counted = [&](Index s) {
    return single ? 1 : ceil_div(rows.active(s), micro_batches);
  };  // rows of the largest micro-batch; or steps
  Index total = 0;
  for (Index s = 0; s < rows.steps(); ++s) total += counted(s);
  const Index chunks = ceil_div(total, max_chunk_frames);
  std::vector<Steps> all;
  for (Index s0 = 0, s1 = 0, before = 0; s0 < rows.steps(); s0 = s1) {
    const Index end = single ? before + max_chunk_frames : ceil_div((before + 1) * chunks, total) * total / chunks;
    do before += counted(s1++);
    while (s1 < rows.steps() && before < end);
    all.push_back({s0, s1});
  }
  return all;
}

std::vector<Steps> within(const std::vector<Steps>& chunks, Steps steps) {
  std::vector<Steps> some;
  if (steps.begin == steps.end) return some;
  auto chunk = std::partition_point(chunks.begin(), chunks.end(), [&](const Steps& c) { return c.end <= steps.begin; });
  for (; chunk != chunks.end() && chunk->begin < steps.end; ++chunk)
    some.push_back({std::max(chunk->begin, steps.begin), std::min(chunk->end, steps.end)});
  return some;
}

template <class Real>
Checkpoints plan_tape(const LSTMOptions& options, const Rows& rows, Index micro_batches, Memory memory) {
  const FrameSize all = frame_size<Real>(options, {0, options.num_layers});
  Checkpoints plan;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (Kept kept : {Kept::everything, Kept::states}) {
    plan.kept = kept;
    plan.bytes = std::size_t(tape_values(all, rows.num_frames(), rows.batch_size(), kept)) * sizeof(Real);
    const Memory::Kind kind = kept == Kept::everything ? Memory::full : Memory::light;
    if (memory.kind == Memory::limited ? plan.bytes <= memory.bytes : memory.kind == kind) return plan;
    least = plan.bytes;
  }
  const std::vector<Steps> chunks = chunk_steps(rows, micro_batches, false);
  for (Kept kept : {Kept::everything, Kept::states}) {
    plan.kept = kept;
    for (Index n = Index(chunks.size()); n > 0; --n) {
      plan.segments = cut(chunks, n);
      plan.bytes = bytes_of<Real>(options, rows, plan);
      if (plan.bytes <= memory.bytes) return plan;
      least = std::min(least, plan.bytes);
    }
  }
  throw std::invalid_argument("LSTM.forward: memory must be at least " + std::to_string(least) +
                              " bytes for this batch, got " + std::to_string(memory.bytes));
}

template Checkpoints plan_tape<float>(const LSTMOptions&, const Rows&, Index, Memory);
template Checkpoints plan_tape<double>(const LSTMOptions&, const Rows&, Index, Memory);

}  // namespace eigenlstm
