// The forward pass. Its twin is backward.cpp.
#include "lstm/forward_layer.hpp"

#include <stdexcept>

#include "lstm/micro_batches.hpp"
#include "lstm/missing.hpp"
#include "lstm/pass.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

/// h or c before step `begin`, (B, n) or null, to rows `stride` apart in the order of positions. Rows that have no
/// such step end in that state.
template <class Real>
void start_state(const Rows& rows, Index begin, Index n, Index stride, const Real* initial, Real* start, Real* final) {
  for (Index position = 0; position < rows.batch_size(); ++position, start += stride) {
    const Index from = rows.batch_row(position) * n;
    if (initial) std::copy_n(initial + from, n, start);
    std::fill(start + (initial ? n : 0), start + stride, Real(0));
    if (final && rows.length(position) <= begin) std::copy_n(start, n, final + from);
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

/// The learned h0 or c0 (a member of DirectionWeights) of all directions for B rows, in the order of a State.
template <class Real>
Buffer<Real> for_all_rows(const Weights<Real>& weights, Buffer<Real> DirectionWeights<Real>::*learned, Index B,
                          Index size) {
  Buffer<Real> all(B * size);
  Real* out = all.data();
  for (const DirectionWeights<Real>& w : weights.directions)
    for (Index b = 0; b < B; ++b) out = std::copy_n((w.*learned).data(), (w.*learned).size(), out);
  return all;
}

/// One mask for all steps of a row: [position][n], `stride` apart.
template <class Real>
Buffer<Real> variational_mask(const Rows& rows, std::uint64_t seed, Mask kind, Index index, Index n, Index stride,
                              double p) {
  Buffer<Real> mask(rows.batch_size() * stride);
  std::fill_n(mask.data(), mask.size(), Real(1));
  for (Index position = 0; position < rows.batch_size(); ++position)
    drop(seed, mask_substream(kind, index, rows.batch_row(position)), 0, n, p, mask.data() + position * stride);
  return mask;
}

template <class Real>
void draw_masks(const LSTMOptions& o, std::optional<std::uint64_t> seed, MicroBatch<Real>& micro) {
  micro.input_masks.resize(o.num_layers);
  micro.recurrent_masks.resize(o.num_layers * o.directions());
  for (Index layer = 0; seed && layer < o.num_layers; ++layer) {
    const DirectionShape shape = direction_shape(o, layer, 0);
    const Padded<Real> p(shape);
    if (o.input_dropout > 0)
      micro.input_masks[layer] =
          variational_mask<Real>(micro.rows, *seed, Mask::input, layer, p.I, p.I, o.input_dropout);
    for (Index index = layer * o.directions(); o.recurrent_dropout > 0 && index < (layer + 1) * o.directions(); ++index)
      micro.recurrent_masks[index] =
          variational_mask<Real>(micro.rows, *seed, Mask::recurrent, index, p.P, p.h_stride, o.recurrent_dropout);
  }
}

/// Room for what a full tape of n frames keeps of the gates.
template <class Real>
void allocate_gates(const DirectionContext<Real>& d, Index n, DirectionTape<Real>& tape) {
  tape.gates = Buffer<Real>(n * d.p.gates());
  if (d.weights.keeps_z()) tape.z = Buffer<Real>(n * d.p.gates());
  if (!d.weights.normalises()) return;
  tape.z_hat = Buffer<Real>(n * d.p.gates());
  tape.deviation = Buffer<Real>(n * 4);
}

/// What forward_layers() needs of one direction before it can start: memory, and the states before the first step.
template <class Real>
DirectionForward<Real> prepare_direction(const DirectionContext<Real>& context, DirectionTape<Real>& tape, Kept kept,
                                         bool needs_all_h, Arena& memory) {
  const Padded<Real>& p = context.p;
  const Rows& rows = context.rows;
  const Index B = rows.batch_size(), first_frame = rows.first_frame(context.steps.begin);
  const Index n = rows.first_frame(context.steps.end) - first_frame;
  const bool keeps = kept != Kept::nothing, whole_h = tape.h.size() > 0;
  const auto allocate = [&](Buffer<Real>& buffer, Index size) {
    if (!keeps) return memory.allocate<Real>(size);
    buffer = Buffer<Real>(size);
    return buffer.data();
  };
  tape.kept = kept;
  if (kept == Kept::everything) allocate_gates(context, n, tape);
  DirectionForward<Real> d(context);
  d.all_h = keeps || whole_h || needs_all_h;
  d.all_c = keeps;
  d.h0 = allocate(tape.h0, B * p.h_stride);
  d.h = whole_h ? tape.h.data() + first_frame * p.h_stride : allocate(tape.h, (d.all_h ? n : 2 * B) * p.h_stride);
  d.c0 = allocate(tape.c0, B * p.c_stride);
  if (d.all_c) d.c = allocate(tape.c, n * p.c_stride);
  d.gate_values = tape.values(first_frame, n);
  return d;
}

}  // namespace

template <class Real>
void forward_layers(const Pass<Real>& pass, Inputs<Real>& inputs, State<const Real> initial, Sequence<Real> y,
                    State<Real> final, std::vector<DirectionTape<Real>>& tapes, Kept kept, Team& team) {
  Arena& memory = arena();  // of all layers: each reads h of the one below
  const Rows& rows = pass.rows();
  const LSTMOptions& o = pass.options();
  const Index D = pass.directions(), whole_batch = pass.batch.rows.batch_size();
  const Index n = rows.first_frame(pass.steps.end) - rows.first_frame(pass.steps.begin);
  const auto at = [whole_batch](auto* all, Index before) { return all ? all + whole_batch * before : all; };
  for (Index layer = pass.layers.begin; layer < pass.layers.end; ++layer) {
    const bool last = layer + 1 == pass.layers.end, combined = combines(o, layer);
    const bool writes_y = y.data != nullptr && layer + 1 == o.num_layers && !combined;
    std::vector<DirectionForward<Real>> directions;
    for (Index direction = 0; direction < D; ++direction) {
      const DirectionContext<Real> context(pass, inputs.of(layer), layer, direction);
      const DirectionShape& shape = context.shape;
      DirectionForward<Real> d = prepare_direction(context, tapes[context.index], kept, !last || combined, memory);
      if (writes_y) {
        d.y = y;
        d.y.data += direction * d.p.P * y.feature_stride;
        d.y_past_caches = goes_past_caches(d.y, pass.batch.rows.num_frames() * d.p.P);
      }
      d.final = {at(final.h, shape.h_before), at(final.c, shape.c_before)};
      d.turned = pass.turned;
      start_state(rows, pass.steps.begin, d.p.P, d.p.h_stride, at(initial.h, shape.h_before), d.h0, d.final.h);
      start_state(rows, pass.steps.begin, d.p.H, d.p.c_stride, at(initial.c, shape.c_before), d.c0, d.final.c);
      directions.push_back(d);
    }
    if (n > 0) forward_layer(directions, memory, team);
    inputs.push(pass, directions.front().h, directions.back().h, pass.steps.begin);
  }
  const bool all_of_y =
      !o.looks_ahead() || n == rows.num_frames();  // otherwise these steps are other times, or not whole
  if (y.data != nullptr && n > 0 && all_of_y && pass.layers.end == o.num_layers && combines(o, o.num_layers - 1))
    write_combined(inputs.of(o.num_layers), pass.steps, y, memory, team);
}

namespace {

/// What all micro-batches of a call have in common.
template <class Real>
struct ForwardCall {
  explicit ForwardCall(typename Tape<Real>::Impl& whole_batch) : batch(whole_batch) {}
  typename Tape<Real>::Impl& batch;
  State<const Real> initial{};
  Sequence<Real> y{};
  State<Real> final{};
  Kept kept = Kept::nothing;
  bool turned = false;
  std::vector<Steps> segments;  // of time, one after the other; of a limited tape, or of an inference
  States<Real> carried;         // between them in an inference

  State<const Real> before(std::size_t i) const {
    if (!batch.states.empty()) return batch.states[i].template view<const Real>();
    return i == 0 ? initial : carried.template view<const Real>();
  }
  State<Real> after(std::size_t i) const {
    if (i + 1 == segments.size()) return final;
    return batch.states.empty() ? carried.template view<Real>() : batch.states[i + 1].template view<Real>();
  }
};

template <class Real>
void prepare_micro_batch(const ForwardCall<Real>& call, MicroBatch<Real>& micro) {
  const LSTMOptions& o = call.batch.options;
  if (o.missing == Missing::forward_fill) micro.filled = fill_missing(micro.rows, call.batch.x, o.input_size);
  draw_masks<Real>(o, call.batch.seed, micro);
  micro.directions.resize(o.num_layers * o.directions());
}

template <class Real>
void forward_segment(const ForwardCall<Real>& call, MicroBatch<Real>& micro, Layers stack, std::size_t i, Team& team) {
  const Pass<Real> pass{call.batch, micro, stack, call.segments[i], call.turned};
  Inputs<Real> inputs(pass, stack.begin, micro.directions);
  forward_layers(pass, inputs, call.before(i), call.y, call.after(i), micro.directions, call.kept, team);
}

template <class Real>
void forward_micro_batch(const ForwardCall<Real>& call, MicroBatch<Real>& micro, Team& team) {
  auto& batch = call.batch;
  const LSTMOptions& o = batch.options;
  const Rows& rows = micro.rows;
  const Index D = o.directions(), top = o.num_layers - 1;
  prepare_micro_batch(call, micro);
  const bool y_afterwards =
      o.looks_ahead() && call.segments.size() > 1 && combines(o, top);  // of all directions, once they have finished
  for (Layers stack : batch.plan.stacks) {
    const bool segmented = !batch.plan.segments.empty(), keeps = batch.plan.keeps_history(stack);
    const bool histories = segmented && (keeps || y_afterwards);
    for (Index index = stack.begin * D; histories && index < stack.end * D; ++index)
      micro.directions[index].h =
          Buffer<Real>(rows.num_frames() * Padded<Real>(direction_shape(o, index / D, index % D)).h_stride);
    for (std::size_t i = 0; i < call.segments.size(); ++i) forward_segment(call, micro, stack, i, team);
    if (stack.end == o.num_layers && y_afterwards) {
      const Steps whole{0, rows.steps()};
      const Pass<Real> pass{batch, micro, stack, whole};
      write_combined(Inputs<Real>(pass, o.num_layers, micro.directions).of(o.num_layers), whole, call.y, arena(), team);
      for (Index index = top * D; !keeps && index < (top + 1) * D; ++index) micro.directions[index].h = Buffer<Real>();
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
  const ModelSizes model = model_sizes<Real>(options_);
  const Index n = tape_out ? micro_batches(model, rows) : inference_micro_batches(model, rows, team.size());
  tape->plan.stacks = {{0, options_.num_layers}};
  if (tape_out) tape->plan = plan_tape(model, rows, n, memory);
  for (Index k = 0; k < n; ++k) tape->micro_batches.emplace_back(rows.micro_batch(k, n));
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
  // A limited tape keeps the states before each segment only.
  const Kept kept = tape_out == nullptr || !tape->plan.segments.empty() ? Kept::nothing : tape->plan.kept;
  // Weights larger than the cache: only the panels read last are still in it, so each call starts at the end where the
  // previous one stopped. (All models of a thread share this: two that are called alternately, a step each, gain
  // nothing.)
  static thread_local bool next_turned = false;
  const bool turned = next_turned;
  if (rows.steps() % 2 == 1) next_turned = !turned;
  ForwardCall<Real> call(*tape);
  call.initial = initial;
  call.y = y;
  call.final = final;
  call.kept = kept;
  call.turned = turned;
  call.segments = tape->plan.segments;
  const bool by_segments = tape_out == nullptr && n > 1 && !options_.looks_ahead();
  if (call.segments.empty()) {
    const double work = largest_layer_work(options_, rows) * double(options_.num_layers) / double(n);
    const Index segments = by_segments ? inference_segments(rows, work) : 1;
    for (Index i = 0; i < segments; ++i) {
      const Range steps = share(rows.steps(), i, segments);
      call.segments.push_back({steps.begin, steps.end});
    }
    if (segments > 1) call.carried = States<Real>(B * state_h_size(), B * state_c_size());
  }
  team.split(n, by_segments ? Index(call.segments.size()) : 1, [&](Team& part, Index k, Index i) {
    MicroBatch<Real>& micro = tape->micro_batches[std::size_t(k)];
    if (!by_segments) return forward_micro_batch(call, micro, part);
    if (i == 0) prepare_micro_batch(call, micro);
    forward_segment(call, micro, tape->plan.stacks[0], std::size_t(i), part);
  });
  if (tape_out) *tape_out = std::make_unique<Tape<Real>>(std::move(tape));
}

template void forward_layers(const Pass<float>&, Inputs<float>&, State<const float>, Sequence<float>, State<float>,
                             std::vector<DirectionTape<float>>&, Kept, Team&);
template void forward_layers(const Pass<double>&, Inputs<double>&, State<const double>, Sequence<double>, State<double>,
                             std::vector<DirectionTape<double>>&, Kept, Team&);
template void LSTM<float>::forward(std::shared_ptr<const Weights<float>>, Index, Index, Sequence<const float>,
                                   const Index*, State<const float>, Sequence<float>, State<float>,
                                   std::unique_ptr<Tape<float>>*, std::optional<std::uint64_t>, Memory) const;
template void LSTM<double>::forward(std::shared_ptr<const Weights<double>>, Index, Index, Sequence<const double>,
                                    const Index*, State<const double>, Sequence<double>, State<double>,
                                    std::unique_ptr<Tape<double>>*, std::optional<std::uint64_t>, Memory) const;

}  // namespace eigenlstm
