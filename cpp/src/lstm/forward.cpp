// The forward pass. Its twin is backward.cpp.
#include "lstm/forward_layer.hpp"

#include <stdexcept>

#include "lstm/micro_batches.hpp"
#include "lstm/missing.hpp"
#include "lstm/pass.hpp"
#include "lstm/row_array.hpp"

namespace eigenlstm {
namespace {

/// h or c before step `begin`, (B, n) or null, to rows `row` apart in the order of positions; rows that have no such
/// step end in it.
template <class Real>
void start_state(const Rows& rows, Index begin, Index n, Index row, const Real* initial, Real* start, Real* final) {
  for (Index position = 0; position < rows.batch_size(); ++position, start += row) {
    const Index from = rows.batch_row(position) * n;
    if (initial) std::copy_n(initial + from, n, start);
    std::fill(start + (initial ? n : 0), start + row, Real(0));
    if (final && rows.length(position) <= begin) std::copy_n(start, n, final + from);
  }
}

template <class Real>
void zero_padding(const Rows& rows, Sequence<Real> y, Index features) {
  for (Index position = 0; position < rows.batch_size(); ++position)
    for (Index t = rows.length(position); t < rows.time_steps(); ++t) {
      Real* at = y.data + rows.batch_row(position) * y.batch_stride + t * y.time_stride;
      for (Index u = 0; u < features; ++u) at[u * y.feature_stride] = Real(0);
    }
}

void check_lengths(Index B, Index T, const Index* lengths) {
  for (Index b = 0; lengths != nullptr && b < B; ++b)
    if (lengths[b] < 0 || lengths[b] > T)
      throw std::invalid_argument("LSTM.forward: lengths must be from 0 to T = " + std::to_string(T) + ", got " +
                                  std::to_string(lengths[b]) + " in row " + std::to_string(b));
}

template <class Real>
void copy_or_zero(const Real* from, const Buffer<Real>& to) {
  if (from)
    std::copy_n(from, to.size(), to.data());
  else
    std::fill_n(to.data(), to.size(), Real(0));
}

/// Learned h0 or c0 (the member of DirectionWeights) of all directions for B rows, as a State has them.
template <class Real>
Buffer<Real> for_all_rows(const Weights<Real>& weights, Buffer<Real> DirectionWeights<Real>::*learned, Index B,
                          Index size) {
  Buffer<Real> all(B * size);
  Real* out = all.data();
  for (const DirectionWeights<Real>& w : weights.directions)
    for (Index b = 0; b < B; ++b) out = std::copy_n((w.*learned).data(), (w.*learned).size(), out);
  return all;
}

/// One mask for all steps of a row: [position][row], n values each.
template <class Real>
Buffer<Real> variational_mask(const Rows& rows, std::uint64_t seed, Mask kind, Index index, Index n, Index row,
                              double p) {
  Buffer<Real> mask(rows.batch_size() * row);
  std::fill_n(mask.data(), mask.size(), Real(1));
  for (Index position = 0; position < rows.batch_size(); ++position)
    drop(seed, mask_stream(kind, index, rows.batch_row(position)), 0, n, p, mask.data() + position * row);
  return mask;
}

template <class Real>
void draw_masks(const LSTMOptions& o, std::optional<std::uint64_t> seed, MicroBatch<Real>& micro) {
  micro.input_masks.resize(o.num_layers);
  micro.recurrent.resize(o.num_layers * o.directions());
  for (Index layer = 0; seed && layer < o.num_layers; ++layer) {
    const DirectionShape shape = direction_shape(o, layer, 0);
    const Padded<Real> p(shape);
    if (o.input_dropout > 0)
      micro.input_masks[layer] =
          variational_mask<Real>(micro.rows, *seed, Mask::input, layer, p.I, p.I, o.input_dropout);
    for (Index index = layer * o.directions(); o.recurrent_dropout > 0 && index < (layer + 1) * o.directions(); ++index)
      micro.recurrent[index] =
          variational_mask<Real>(micro.rows, *seed, Mask::recurrent, index, p.P, p.h_row, o.recurrent_dropout);
  }
}

/// Room for what a full tape of n rows keeps of the gates.
template <class Real>
void take_gates(const DirectionWeights<Real>& weights, const Padded<Real>& p, Index n, DirectionTape<Real>& tape) {
  tape.gates = Buffer<Real>(n * p.gates());
  if (weights.keeps_z()) tape.z = Buffer<Real>(n * p.gates());
  if (!weights.normalises()) return;
  tape.z_hat = Buffer<Real>(n * p.gates());
  tape.deviation = Buffer<Real>(n * 4);
}

/// The output of the last layer where it is more than its directions' h: of the times in `steps`.
template <class Real>
void write_output(const LayerInput<Real>& output, Steps steps, Sequence<Real> y, Arena& memory, Team& team) {
  const Rows& rows = *output.rows;
  const RowArray<Real> to{y, nullptr, output.size};
  Real* staged = memory.take<Real>(output.size * team.size());
  team.run([&](int m) {
    Real* own = staged + m * output.size;
    for (Index position = rows.split(m, team.size()); position < rows.split(m + 1, team.size()); ++position)
      for (Index t = steps.begin; t < std::min(steps.end, rows.length(position)); ++t) {
        output.copy(position, t, own);
        Real* out = to.at(rows, position, t);
        for (Index j = 0; j < output.size; ++j) out[j * to.stride()] = own[j];
      }
  });
}

}  // namespace

template <class Real>
void forward_layers(const Pass<Real>& pass, Inputs<Real>& inputs, State<const Real> initial, Sequence<Real> y,
                    State<Real> final, std::vector<DirectionTape<Real>>& tapes, Keep keep, Team& team) {
  Arena& memory = arena();
  const Rows& rows = pass.rows();
  const LSTMOptions& o = pass.options();
  const Index D = pass.directions(), B = rows.batch_size(), whole_batch = pass.batch.rows.batch_size();
  const Index first_row = rows.offset(pass.steps.begin), n = rows.offset(pass.steps.end) - first_row;
  const bool states = keep != Keep::nothing;
  for (Index layer = pass.layers.begin; layer < pass.layers.end; ++layer) {
    const bool last = layer + 1 == pass.layers.end, combined = combines(o, layer);
    const bool writes_y = y.data != nullptr && layer + 1 == o.num_layers && !combined;
    std::vector<DirectionForward<Real>> running;
    for (Index d = 0; d < D; ++d) {
      const Index index = layer * D + d;
      const DirectionShape shape = direction_shape(o, layer, d);
      const Padded<Real> p(shape);
      DirectionTape<Real>& kept = tapes[index];
      const auto take = [&](Buffer<Real>& buffer, bool keeps, Index size) {
        if (!keeps) return memory.take<Real>(size);
        buffer = Buffer<Real>(size);
        return buffer.data();
      };
      const auto at = [whole_batch](auto* all, Index before) { return all ? all + whole_batch * before : all; };
      const bool whole_h = kept.h.size() > 0, h_history = states || whole_h || !last || combined;
      if (keep == Keep::gates) take_gates(pass.batch.weights->directions[index], p, n, kept);
      const Sequence<Real> own_y{writes_y ? y.data + d * p.P * y.feature_stride : nullptr, y.batch_stride,
                                 y.time_stride, y.feature_stride};
      DirectionForward<Real> run{
          p,
          pass.batch.weights->directions[index],
          inputs.of(layer),
          rows,
          pass.steps,
          o.runs_backwards(d),
          take(kept.h0, states, B * p.h_row),
          whole_h ? kept.h.data() + first_row * p.h_row : take(kept.h, states, (h_history ? n : 2 * B) * p.h_row),
          take(kept.c0, states, B * p.row),
          states ? take(kept.c, true, n * p.row) : nullptr,
          h_history,
          states,
          kept.values(first_row, n),
          own_y,
          {at(final.h, shape.h_before), at(final.c, shape.c_before)},
          pass.micro.recurrent[index].data(),
          index,
          pass.batch.seed,
          o.cell,
          pass.turned,
          goes_past_caches(own_y, pass.batch.rows.total() * p.P)};
      start_state(rows, pass.steps.begin, p.P, p.h_row, at(initial.h, shape.h_before), run.h0, run.final.h);
      start_state(rows, pass.steps.begin, p.H, p.row, at(initial.c, shape.c_before), run.c0, run.final.c);
      running.push_back(run);
    }
    if (n > 0) run_layer(running, memory, team);
    inputs.push(pass, running.front().h, running.back().h, pass.steps.begin);
  }
  const bool all_of_y = !o.looks_ahead() || n == rows.total();  // else these steps are not those times, or not whole
  if (y.data != nullptr && n > 0 && all_of_y && pass.layers.end == o.num_layers && combines(o, o.num_layers - 1))
    write_output(inputs.of(o.num_layers), pass.steps, y, memory, team);
}

namespace {

/// What all micro-batches of a call have in common.
template <class Real>
struct ForwardCall {
  typename Tape<Real>::Impl& batch;
  State<const Real> initial;
  Sequence<Real> y;
  State<Real> final;
  Keep keep;
  bool turned;
};

template <class Real>
void forward_micro_batch(const ForwardCall<Real>& call, MicroBatch<Real>& micro, Team& team) {
  auto& batch = call.batch;
  const LSTMOptions& o = batch.options;
  const Rows& rows = micro.rows;
  const Index D = o.directions(), top = o.num_layers - 1;
  if (o.missing == Missing::forward_fill) micro.filled = fill_missing(rows, batch.x, o.input_size);
  draw_masks<Real>(o, batch.seed, micro);
  micro.directions.resize(o.num_layers * D);
  const std::vector<Steps> whole{{0, rows.steps()}},
      &segments = batch.plan.segments.empty() ? whole : batch.plan.segments;
  const bool y_afterwards =
      o.looks_ahead() && segments.size() > 1 && combines(o, top);  // of all directions, once they are through
  for (Layers group : layer_groups(o, batch.plan)) {
    const bool histories = !batch.plan.segments.empty() && (keeps_history(o, group) || y_afterwards);
    for (Index index = group.begin * D; histories && index < group.end * D; ++index)
      micro.directions[index].h =
          Buffer<Real>(rows.total() * Padded<Real>(direction_shape(o, index / D, index % D)).h_row);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const Pass<Real> pass{batch, micro, group, segments[i], call.turned};
      const auto before = batch.states.empty() ? call.initial : batch.states[i].template view<const Real>();
      const auto after = i + 1 < segments.size() ? batch.states[i + 1].template view<Real>() : call.final;
      Inputs<Real> inputs(pass, group.begin, micro.directions);
      forward_layers(pass, inputs, before, call.y, after, micro.directions, call.keep, team);
    }
    if (group.end == o.num_layers && y_afterwards) {
      const Pass<Real> pass{batch, micro, group, whole[0]};
      write_output(Inputs<Real>(pass, o.num_layers, micro.directions).of(o.num_layers), whole[0], call.y, arena(),
                   team);
      for (Index index = top * D; !keeps_history(o, group) && index < (top + 1) * D; ++index)
        micro.directions[index].h = Buffer<Real>();
    }
  }
}

}  // namespace

template <class Real>
void LSTM<Real>::forward(std::shared_ptr<const Weights<Real>> weights, Index B, Index T, Sequence<const Real> x,
                         const Index* lengths, State<const Real> initial, Sequence<Real> y, State<Real> final,
                         std::unique_ptr<Tape<Real>>* tape_out, std::optional<std::uint64_t> seed,
                         Memory memory) const {
  check_lengths(B, T, lengths);
  auto tape = std::make_unique<typename Tape<Real>::Impl>(options_, Rows(B, T, lengths));
  const Rows& rows = tape->rows;
  tape->x = x;
  tape->seed = seed;
  tape->weights = std::move(weights);
  if (options_.missing == Missing::error) refuse_missing(rows, x, options_.input_size);
  Team team(useful_threads(largest_layer_work(options_, rows)));
  const Index parts =
      tape_out ? micro_batches<Real>(options_, rows) : inference_micro_batches<Real>(options_, rows, team.size());
  if (tape_out) tape->plan = plan_tape<Real>(options_, rows, parts, memory);
  for (Index k = 0; k < parts; ++k) tape->micro_batches.push_back({rows.part(k, parts)});
  if (rows.ragged()) zero_padding(rows, y, options_.features(options_.num_layers - 1));
  tape->learned_h = options_.learned_state && initial.h == nullptr;
  tape->learned_c = options_.learned_state && initial.c == nullptr;
  Buffer<Real> h0, c0;
  if (tape->learned_h)
    initial.h = (h0 = for_all_rows(*tape->weights, &DirectionWeights<Real>::h0, B, state_h_size())).data();
  if (tape->learned_c)
    initial.c = (c0 = for_all_rows(*tape->weights, &DirectionWeights<Real>::c0, B, state_c_size())).data();
  for (std::size_t i = 0; i < tape->plan.segments.size(); ++i)
    tape->states.emplace_back(B * state_h_size(), B * state_c_size());
  if (!tape->states.empty()) {
    copy_or_zero(initial.h, tape->states[0].h);
    copy_or_zero(initial.c, tape->states[0].c);
  }
  const Keep keep = tape_out == nullptr || !tape->plan.segments.empty() ? Keep::nothing
                    : tape->plan.kind == Memory::full                   ? Keep::gates
                                                                        : Keep::states;
  // What the last step of a call has left in the caches of weights as large as they are, the first step of the next
  // call reads first. (One turn for all models of a thread: two that are called alternately, a step each, gain
  // nothing.)
  static thread_local bool next_turned = false;
  const bool turned = next_turned;
  if (rows.steps() % 2 == 1) next_turned = !turned;
  const ForwardCall<Real> call{*tape, initial, y, final, keep, turned};
  team.split(parts, [&](Team& part, Index k) { forward_micro_batch(call, tape->micro_batches[k], part); });
  if (tape_out) *tape_out = std::make_unique<Tape<Real>>(std::move(tape));
}

template void forward_layers(const Pass<float>&, Inputs<float>&, State<const float>, Sequence<float>, State<float>,
                             std::vector<DirectionTape<float>>&, Keep, Team&);
template void forward_layers(const Pass<double>&, Inputs<double>&, State<const double>, Sequence<double>, State<double>,
                             std::vector<DirectionTape<double>>&, Keep, Team&);
template void LSTM<float>::forward(std::shared_ptr<const Weights<float>>, Index, Index, Sequence<const float>,
                                   const Index*, State<const float>, Sequence<float>, State<float>,
                                   std::unique_ptr<Tape<float>>*, std::optional<std::uint64_t>, Memory) const;
template void LSTM<double>::forward(std::shared_ptr<const Weights<double>>, Index, Index, Sequence<const double>,
                                    const Index*, State<const double>, Sequence<double>, State<double>,
                                    std::unique_ptr<Tape<double>>*, std::optional<std::uint64_t>, Memory) const;

}  // namespace eigenlstm
