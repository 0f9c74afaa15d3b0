#include "lstm/micro_batches.hpp"

#include <algorithm>

#include "lstm/schedule.hpp"
#include "lstm/weights.hpp"

namespace eigenlstm {
namespace {

// In training:
/// At most so many.
constexpr Index most = 16;
/// Rows of each, at least: of two; of more than two.
constexpr Index few_rows = 4, many_rows = 64;
/// W and R of a direction, which every step of every micro-batch reads: what L2 has room for beside the rows.
constexpr Index most_weight_bytes = 1 << 19;
/// What the gradients may take of the values in a full tape.
constexpr Index tape_to_gradients = 4;

/// In inference: rows of each, at least, where a thread would have twice as many in a direction of its own.
constexpr Index few_rows_both_ways = 8;

}  // namespace

template <class Real>
Index micro_batches(const LSTMOptions& options, const Rows& rows) {
  Index gradients = 0, tape_row = 0, weight_bytes = 0;
  for (Index layer = 0; layer < options.num_layers; ++layer) {
    const DirectionShape shape = direction_shape(options, layer, 0);
    const Padded<Real> p(shape);
    const Index weights = p.gates() * (shape.input_size + shape.output_size);
    gradients += options.directions() * weights;
    tape_row += options.directions() * (p.gates() + p.c_stride + p.h_stride);
    weight_bytes = std::max(weight_bytes, weights * Index(sizeof(Real)));
  }
  if (weight_bytes > most_weight_bytes) return 1;
  const auto fits = [&](Index n) {
    return rows.batch_size() >= n * (n == 2 ? few_rows : many_rows) &&
           tape_to_gradients * n * gradients <= rows.num_frames() * tape_row;
  };
  Index n = 1;
  while (n < most && fits(2 * n)) n *= 2;
  return n;
}

template <class Real>
Index inference_micro_batches(const LSTMOptions& options, const Rows& rows, int threads) {
  if (threads == 1 || rows.ragged()) return 1;  // the longest rows together keep tiles fuller than every n-th row does
  const Padded<Real> p(
      direction_shape(options, 0, 0));  // other layers have other inputs, which make no difference here
  const Schedule schedule = Schedule::choose(threads, p, options.directions(), rows, forward_units, 1);
  if (schedule.by_units || schedule.team() < threads || recurrent_bytes(p) >= forward_units.bytes) return 1;
  return schedule.groups == 2 && rows.batch_size() < threads * few_rows_both_ways ? 1 : threads;
}

template Index micro_batches<float>(const LSTMOptions&, const Rows&);
template Index micro_batches<double>(const LSTMOptions&, const Rows&);
template Index inference_micro_batches<float>(const LSTMOptions&, const Rows&, int);
template Index inference_micro_batches<double>(const LSTMOptions&, const Rows&, int);

}  // namespace eigenlstm
