#include "lstm/checkpoints.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/ranges.hpp"

namespace eigenlstm {
namespace {

/// Values in a frame of all directions of some layers: of h, of c, and what a full tape keeps besides.
struct FrameSize {
  Index h = 0, c = 0, besides = 0;
};

FrameSize frame_size(const ModelSizes& model, Layers layers) {
  FrameSize size;
  for (Index k = layers.begin; k < layers.end; ++k) {
    const LayerSizes& layer = model.layers[std::size_t(k)];
    size.h += model.directions * layer.h;
    size.c += model.directions * layer.c;
    size.besides += layer.full_frame;
  }
  return size;
}

/// Values of a tape of n frames, with the states before them.
Index tape_values(FrameSize size, Index n, Index B, Kept kept) {
  return (n + B) * (size.h + size.c) + (kept == Kept::everything ? n * size.besides : 0);
}

std::vector<Layers> stacks_of(const ModelSizes& model, bool segmented) {
  const Index n = Index(model.layers.size());
  if (!segmented || !model.looks_ahead) return {{0, n}};
  std::vector<Layers> stacks;
  for (Index layer = 0; layer < n; ++layer) stacks.push_back({layer, layer + 1});
  return stacks;
}

/// Segments of n chunks each.
std::vector<Steps> cut(const std::vector<Steps>& chunks, Index n) {
  std::vector<Steps> segments;
  for (std::size_t i = 0; i < chunks.size(); i += n)
    segments.push_back({chunks[i].begin, chunks[std::min(i + n, chunks.size()) - 1].end});
  return segments;
}

/// Bytes of a limited tape.
std::size_t planned_bytes(const ModelSizes& model, const Rows& rows, const Checkpoints& plan) {
  const Index B = rows.batch_size();
  Index states = Index(plan.segments.size()) * B * model.state, segment = 0, most_frames = 0;
  for (Steps s : plan.segments)
    most_frames = std::max(most_frames, rows.first_frame(s.end) - rows.first_frame(s.begin));
  for (Layers stack : plan.stacks) {
    const FrameSize size = frame_size(model, stack);
    segment = std::max(segment, tape_values(size, most_frames, B, plan.kept));
    if (plan.keeps_history(stack)) states += rows.num_frames() * size.h;
  }
  return std::size_t(states + segment) * model.value_bytes;
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

Checkpoints plan_tape(const ModelSizes& model, const Rows& rows, Index micro_batches, Memory memory) {
  const FrameSize all = frame_size(model, {0, Index(model.layers.size())});
  Checkpoints plan;
  plan.needs_other_direction = model.needs_other_direction;
  plan.stacks = stacks_of(model, false);
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (Kept kept : {Kept::everything, Kept::states}) {
    plan.kept = kept;
    plan.bytes = std::size_t(tape_values(all, rows.num_frames(), rows.batch_size(), kept)) * model.value_bytes;
    const Memory::Kind kind = kept == Kept::everything ? Memory::full : Memory::light;
    if (memory.kind == Memory::limited ? plan.bytes <= memory.bytes : memory.kind == kind) return plan;
    least = plan.bytes;
  }
  plan.stacks = stacks_of(model, true);
  const std::vector<Steps> chunks = chunk_steps(rows, micro_batches, false);
  for (Kept kept : {Kept::everything, Kept::states}) {
    plan.kept = kept;
    for (Index n = Index(chunks.size()); n > 0; --n) {
      plan.segments = cut(chunks, n);
      plan.bytes = planned_bytes(model, rows, plan);
      if (plan.bytes <= memory.bytes) return plan;
      least = std::min(least, plan.bytes);
    }
  }
  throw std::invalid_argument("LSTM.forward: memory must be at least " + std::to_string(least) +
                              " bytes for this batch, got " + std::to_string(memory.bytes));
}

}  // namespace eigenlstm
