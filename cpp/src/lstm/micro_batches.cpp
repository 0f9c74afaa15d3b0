#include "lstm/micro_batches.hpp"

#include <algorithm>

#include "lstm/schedule.hpp"

namespace eigenlstm {
namespace {

// In training:
constexpr Index max_micro_batches = 16;
/// Minimum rows of a micro-batch: 4 if the batch is cut in two, 64 if it is cut further.
constexpr Index min_rows_of_two = 4, min_rows_of_more = 64;
/// The most bytes of W and R of a direction, which every step of every micro-batch reads: what L2 has room for beside
/// the rows.
constexpr Index max_weight_bytes = 1 << 19;
/// The gradients may take up a quarter of the values of a full tape.
constexpr Index tape_to_gradients = 4;

/// In inference: minimum rows of a micro-batch where a thread could instead have twice as many in a direction of its
/// own.
constexpr Index min_rows_both_ways = 8;
/// Minimum multiply-adds of a segment, so that to begin one costs less than a hundredth of it; and the most segments.
constexpr double segment_work = 4e7;
constexpr Index max_segments = 16;

}  // namespace

Index micro_batches(const ModelSizes& model, const Rows& rows) {
  Index gradients = 0, frame = 0, weight_bytes = 0;
  for (const LayerSizes& layer : model.layers) {
    gradients += model.directions * layer.weights;
    frame += model.directions * layer.frame;
    weight_bytes = std::max(weight_bytes, layer.weights * Index(model.value_bytes));
  }
  if (weight_bytes > max_weight_bytes) return 1;
  const auto fits = [&](Index n) {
    return rows.batch_size() >= n * (n == 2 ? min_rows_of_two : min_rows_of_more) &&
           tape_to_gradients * n * gradients <= rows.num_frames() * frame;
  };
  Index n = 1;
  while (n < max_micro_batches && fits(2 * n)) n *= 2;
  return n;
}

Index inference_micro_batches(const ModelSizes& model, const Rows& rows, int threads) {
  if (threads == 1 || rows.ragged()) return 1;  // the longest rows together fill tiles better than every n-th row does
  const LayerWork& first = model.layers.front().work;  // other layers have other inputs, which makes no difference here
  const Schedule schedule = Schedule::choose(threads, first, model.directions, rows, forward_units, 1);
  if (schedule.by_units || schedule.team() < threads || first.recurrent_bytes >= forward_units.bytes) return 1;
  return schedule.groups == 2 && rows.batch_size() < threads * min_rows_both_ways ? 1 : threads;
}

Index inference_segments(const Rows& rows, double work) {
  const Index most = std::min(max_segments, rows.steps());
  return std::max<Index>(1, std::min(most, Index(work / segment_work)));
}

}  // namespace eigenlstm
