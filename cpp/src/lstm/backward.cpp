// The backward pass, twin of forward.cpp.
//
// Time runs backwards in chunks of steps. For each chunk the recurrence yields dz of all its frames; then, while dz is
// in the cache, dx = dz W, and dW += dz^T x, dR += dz^T h_prev, db += sum of dz. These sums run over the frames of a
// chunk in their order, block by block (gemm.hpp), over chunks from the last to the first, and finally over
// micro-batches. All of that depends on shapes only, and so do the bits.
#include "lstm/backward_steps.hpp"
#include "lstm/missing.hpp"
#include "lstm/output.hpp"
#include "lstm/pass.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

/// The number of frames of dx that are computed at once, for which W is read once; a step with more frames is computed
/// whole.
constexpr Index dx_frames = 96;

/// Whether dz W is dx itself, so that it can be written to its place in whole vectors.
template <class Real>
bool dx_in_place(const DirectionBackward<Real>& d) {
  return d.dx.feature_stride() == 1 && d.dx.features == d.p.I && d.p.I % d.p.L == 0 && !d.rows.ragged() &&
         d.dx_adds_from >= d.rows.time_steps() && !d.residual && !d.input.drops();
}

/// Writes `from`, the gradient with respect to the inputs of one frame, to its place in dx.
template <class Real>
void deliver_dx(const DirectionBackward<Real>& d, Index s, Index position, Real* from) {
  const Index t = d.rows.time(s, position, d.reverse), stride = d.dx.feature_stride(), features = d.dx.features;
  Real* to = d.dx.at(d.rows, position, t);
  d.input.drop(position, t, from);
  if (d.input.indicates) d.input.drop_missing(position, t, from);
  const bool adds = d.rows.time(s, position, true) >= d.dx_adds_from;
  if (adds)
    for (Index i = 0; i < features; ++i) to[i * stride] += from[i];
  else
    write_frame(from, features, to, stride);
  if (d.residual && (adds || d.input.below_directions == 1)) {  // last, whichever direction came first
    const Real* dy = d.dy.at(d.rows, position, t);
    for (Index i = 0; i < features; ++i) to[i * stride] += dy[i * d.dy.feature_stride()];
  }
}

/// dx = dz W of some frames of the chunk.
template <class Real>
void input_gradient(const DirectionBackward<Real>& d, Range frames, const Real* dz, const Chunk& chunk, Real* staged) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, vectors = ceil_div(p.I, p.L);
  const auto multiply = [&](Index frame, Index n, const typename GemmArgs<Real>::Result& out) {
    GemmArgs<Real> product;
    product.rows = n;
    product.vectors = vectors;
    product.K = p.dense_gates();
    product.a = {dz + frame * p.dz_stride, p.dz_stride};
    product.b = {d.weights.backward_x.data(), p.column_panel_stride(), width};
    product.c = out;
    kernels<Real>().gemm(product);
  };
  const bool in_place = dx_in_place(d);
  Index s = chunk.s0;
  for (Index frame = frames.begin, n; frame < frames.end; frame += n) {
    while (d.rows.first_frame(s + 1) - chunk.first_frame <= frame) ++s;
    if (in_place) {
      const Index B = d.rows.batch_size(), position = chunk.first_frame + frame - d.rows.first_frame(s);
      // the rest of a step, or whole steps
      n = std::min(frames.end - frame, position > 0 ? B - position : std::max<Index>(1, dx_frames / B) * B);
      const Index time = d.dx.time_stride(d.rows);
      multiply(frame, n,
               {d.dx.at(d.rows, position, d.rows.time(s, position, d.reverse)), width, d.dx.row_stride(),
                d.reverse ? -time : time, B});
      continue;
    }
    n = std::min(dx_frames, frames.end - frame);
    multiply(frame, n, {staged, width, vectors * p.L});
    for (Index j = 0; j < n; ++j) {
      while (d.rows.first_frame(s + 1) - chunk.first_frame <= frame + j) ++s;
      deliver_dx(d, s, chunk.first_frame + frame + j - d.rows.first_frame(s), staged + j * vectors * p.L);
    }
  }
}

/// Room for the gate values of a chunk of a light tape.
template <class Real>
GateValues<Real> allocate_gates(Arena& memory, const DirectionBackward<Real>& d, Index frames) {
  const Index n = frames * d.p.gates();
  GateValues<Real> values;
  values.gates = memory.allocate<Real>(n);
  if (d.weights.keeps_z()) values.z = memory.allocate<Real>(n);
  if (d.shape.normalised()) {
    values.z_hat = memory.allocate<Real>(n);
    values.deviation = memory.allocate<Real>(frames * 4);
  }
  return values;
}

/// What the members share while they work on one direction, and the scratch of each.
template <class Real>
struct DirectionMemory {
  DirectionMemory(Arena& memory, const DirectionBackward<Real>& d, Index most_frames, int members)
      : light(d.tape.kept == Kept::states), gradients(StepGradients<Real>::allocate(memory, d)) {
    const Padded<Real>& p = d.p;
    batch = ChunkArrays<Real>::allocate(memory, d, most_frames);
    if (!d.per_row) batch.allocate_inputs(memory, p);
    for (int m = 0; d.per_row && m < members; ++m) {
      own_row.push_back(
          ChunkArrays<Real>::allocate(memory, d, std::min(d.steps.end - d.steps.begin, max_chunk_frames)));
      own_row.back().allocate_inputs(memory, p);
    }
    if (light) chunk_values = allocate_gates(memory, d, most_frames);
    // Of each member, one after the other: gates of dz by columns; frames of dx; an x or h on its way to its panels;
    // what recompute_gates() needs.
    const Index summed = d.per_row ? own_row.front().frames : most_frames;
    scratch_size = std::max(
        {transposes_dz(p) ? columns_stride<Real>(summed) * std::min(blocks_at_once(p), p.blocks) * 4 * p.U : 0,
         dx_frames * ceil_div(p.I, p.L) * p.L, p.column_panels(p.P) * 4 * p.L, light ? recompute_scratch(p) : 0});
    scratch = memory.allocate<Real>(scratch_size * members);
  }
  bool light;  // the gates are computed again, chunk by chunk
  StepGradients<Real> gradients;
  ChunkArrays<Real> batch;
  std::vector<ChunkArrays<Real>> own_row;  // of each member, with gradients of each row by itself
  GateValues<Real> chunk_values;
  Index scratch_size;
  Real* scratch;
};

/// Runs one direction of one layer on the whole team.
template <class Real>
void backward_direction(const DirectionBackward<Real>& d, const std::vector<Steps>& chunks, Arena& memory, Team& team) {
  const Padded<Real>& p = d.p;
  // units: four panels each, whole panels of the columns of h
  const Schedule schedule = Schedule::choose(team.size(), p.work(), 1, d.rows, backward_units, 4);
  const std::vector<Chunk> all = chunks_of(d.rows, chunks);
  Index most_frames = 0;
  for (const Chunk& chunk : all) most_frames = std::max(most_frames, chunk.frames);
  const DirectionMemory<Real> shared(memory, d, most_frames, team.size());
  const StepGradients<Real>& w = shared.gradients;
  std::vector<Assignment> members;
  for (int m = 0; m < schedule.members; ++m) members.push_back(assign(schedule, m, d.rows, p.panels));
  const auto units = [&](const Assignment& a) { return Range{a.panel_begin * p.L, a.panel_end * p.L}; };
  const auto scratch = [&](int m) { return shared.scratch + m * shared.scratch_size; };

  team.run({schedule.members}, [&](int m, Index, int) {
    const Assignment& a = members[std::size_t(m)];
    start_gradient(d, a, h_columns(p, a), p.P, p.h_stride, d.dfinal.h, w.dh);
    start_gradient(d, a, units(a), p.H, p.c_stride, d.dfinal.c, w.dc);
  });
  for (auto chunk = all.rbegin(); chunk != all.rend() && !team.stopped(); ++chunk) {
    GateValues<Real> values = shared.chunk_values;
    if (shared.light)
      values.first_frame = chunk->first_frame, values.frames = chunk->frames;
    else
      values = d.tape.values(d.rows.first_frame(d.steps.begin), d.frame(d.steps.end));
    ChunkArrays<Real> arrays = shared.batch;
    arrays.frames = chunk->frames;
    if (!d.per_row) locate_inputs(d, *chunk, arrays);
    if (shared.light)
      team.run({team.size()}, [&](int m, Index, int) {
        recompute_gates(d, *chunk, share(chunk->frames, m, team.size()), values, scratch(m));
      });
    // In turn k, dh of step s1 - k, and with it dz of the step before. Members that split the units wait in between,
    // since dh needs dz of all units.
    const double step_work = double(p.gates()) * double(p.P) * double(d.rows.batch_size()) / schedule.members;
    const Index turns = chunk->s1 - chunk->s0 + 1;
    const Index turns_at_once = schedule.by_units ? 1 : steps_of_block(turns, step_work, team.size());
    team.run({schedule.members, ceil_div(turns, turns_at_once), schedule.by_units},
             [&](int m, Index block, int thread) {
               const Assignment& a = members[std::size_t(m)];
               const Index end = std::min((block + 1) * turns_at_once, turns);
               for (Index k = block * turns_at_once; k < end && !team.stopped(); ++k) {
                 const Index s = chunk->s1 - k;
                 if (thread == 0 && s % 16 == 0) team.poll();
                 if (k > 0) recurrent_gradient(d, a, s, w, *chunk, values, arrays);
                 if (s > chunk->s0) cell_back(d, a, s - 1, w, *chunk, values, arrays);
               }
             });
    const auto rows_of = [&](int m) { return Range{d.rows.split(m, team.size()), d.rows.split(m + 1, team.size())}; };
    if (!d.per_row)
      team.run({team.size()}, [&](int m, Index, int) {
        stage_inputs(d, rows_of(m).begin, rows_of(m).end, *chunk, arrays, scratch(m));
      });
    team.run({team.size(), 2}, [&](int m, Index block, int) {
      if (team.stopped()) return;
      if (block == 0) {
        if (d.dx) input_gradient(d, share(chunk->frames, m, team.size()), arrays.dz, *chunk, scratch(m));
      } else if (d.per_row) {
        row_gradients(d, rows_of(m).begin, rows_of(m).end, *chunk, arrays, shared.own_row[std::size_t(m)], scratch(m));
      } else {
        parameter_gradients(d, share(4 * p.blocks, m, team.size()), arrays, d.dparameters, d.dmasked, scratch(m));
      }
    });
  }
  team.throw_if_stopped();
  team.run({schedule.members}, [&](int m, Index, int) {
    const Assignment& a = members[std::size_t(m)];
    finish_gradient(d, a, h_columns(p, a), p.P, p.h_stride, w.dh, d.dinitial.h);
    finish_gradient(d, a, units(a), p.H, p.c_stride, w.dc, d.dinitial.c);
  });
}

/// What all micro-batches of a call have in common.
template <class Real>
struct BackwardCall {
  explicit BackwardCall(const typename Tape<Real>::Impl& tape) : batch(tape) {}
  const typename Tape<Real>::Impl& batch;
  Sequence<const Real> dy{};
  State<const Real> dfinal{};
  Sequence<Real> dx{};
  State<Real> dinitial{};
  States<Real> carried;       // gradients of the states between segments, of the whole batch
  std::vector<Steps> chunks;  // of all steps
  bool per_row = false;
  Index num_parameters = 0;
};

/// Runs a pass backwards, from the gradient of its last layer's output to that of its first layer's input.
template <class Real>
struct Gradients {
  FrameArray<const Real> upper;
  FrameArray<Real> lower;
  State<const Real> after{};  // of the states after its steps, of all directions
  State<Real> before{};       // of those before them
  Real *dparameters = nullptr, *dmasked = nullptr;
};

/// `inputs`: of all layers of the pass.
template <class Real>
void backward_layers(const BackwardCall<Real>& call, const Pass<Real>& pass, const Inputs<Real>& inputs,
                     const std::vector<DirectionTape<Real>>& tapes, const Gradients<Real>& g, Team& team) {
  const Rows& rows = pass.rows();
  const LSTMOptions& o = pass.options();
  const Index D = pass.directions(), B = pass.batch.rows.batch_size();
  const std::vector<Steps> chunks = within(call.chunks, pass.steps);
  const Index first_frame = rows.first_frame(pass.steps.begin), n = rows.first_frame(pass.steps.end) - first_frame;
  const auto at = [B](auto* all, Index before) { return all ? all + B * before : all; };
  Buffer<Real> between[2];  // gradients of the outputs of the layers below the last one
  FrameArray<const Real> upper = g.upper;
  for (Index layer = pass.layers.end - 1; layer >= pass.layers.begin; --layer) {
    Arena& memory = arena();
    const bool first = layer == pass.layers.begin;
    const LayerInput<Real>& input = inputs.of(layer);
    if (!first) between[layer % 2] = Buffer<Real>(n * input.size);
    const FrameArray<Real> lower =
        first ? g.lower : FrameArray<Real>{{}, between[layer % 2].data(), input.size, first_frame};
    for (Index direction = 0; direction < D; ++direction) {
      const DirectionContext<Real> context(pass, input, layer, direction);
      const DirectionShape& shape = context.shape;
      DirectionBackward<Real> d(context, tapes[context.index]);
      d.dy = upper;
      d.dy_column = o.merge == Merge::concat ? direction * shape.output_size : 0;
      d.merge = o.merge;
      d.other_h = pass.micro.directions[layer * D + (D - 1 - direction)].h.data();
      d.residual = o.residual && layer > 0 && upper;
      d.dx = lower;
      d.dx_adds_from = D == 1 ? rows.time_steps() : direction == 0 ? pass.steps.end : pass.steps.begin;
      d.dfinal = {at(g.after.h, shape.h_before), at(g.after.c, shape.c_before)};
      d.dinitial = {at(g.before.h, shape.h_before), at(g.before.c, shape.c_before)};
      d.dparameters = g.dparameters;
      d.dmasked = g.dmasked;
      d.per_row = call.per_row;
      d.num_parameters = call.num_parameters;
      backward_direction(d, chunks, memory, team);
    }
    upper = FrameArray<const Real>{{}, lower.packed, lower.features, lower.first_frame};
  }
}

template <class Real>
void add(const Real* values, Index n, Real* sum) {
  for (Index j = 0; j < n; ++j) sum[j] += values[j];
}

/// Adds to the gradients of the parameters what is only known at the end: the gradients of a learned initial state, and
/// dR multiplied by the mask of weight drop. `dmasked` null: no mask.
template <class Real>
void finish_parameters(const LSTMOptions& o, const typename Tape<Real>::Impl& tape, State<Real> dinitial, Real* dmasked,
                       Index rows, Index row_size, Real* dparameters) {
  const Index B = tape.rows.batch_size();
  for (Index index = 0; index < o.num_layers * o.directions(); ++index) {
    const DirectionShape shape = direction_shape(o, index / o.directions(), index % o.directions());
    const Index H = shape.hidden_size, P = shape.output_size;
    for (Index b = 0; b < B; ++b) {
      Real* row = dparameters + (rows > 1 ? b : 0) * row_size;
      if (tape.learned_h) add(dinitial.h + B * shape.h_before + b * P, P, row + shape.h0);
      if (tape.learned_c) add(dinitial.c + B * shape.c_before + b * H, H, row + shape.c0);
    }
    for (Index r = 0; dmasked != nullptr && r < rows * 4 * H; ++r) {
      const Index at = r / (4 * H) * row_size + shape.weight_hh + r % (4 * H) * P;
      drop(*tape.weights->drop_seed, mask_substream(Mask::weight, index, r % (4 * H)), 0, P, o.weight_drop,
           dmasked + at);
      add(dmasked + at, P, dparameters + at);
    }
  }
}

template <class Real>
void backward_micro_batch(const BackwardCall<Real>& call, const MicroBatch<Real>& micro, Real* dparameters,
                          Real* dmasked, Team& team) {
  const auto& batch = call.batch;
  const LSTMOptions& o = batch.options;
  const Rows& rows = micro.rows;
  const bool fills = call.dx.data && o.missing == Missing::forward_fill;
  const Buffer<Real> dfilled = fills ? Buffer<Real>(rows.num_frames() * o.input_size) : Buffer<Real>();
  const std::vector<Layers>& stacks = batch.plan.stacks;
  const std::vector<Steps>& segments = batch.plan.segments;
  Buffer<Real> between[2];
  Gradients<Real> g;
  g.upper = {call.dy, nullptr, o.features(o.num_layers - 1)};
  g.dparameters = dparameters;
  g.dmasked = dmasked;
  for (auto stack = stacks.rbegin(); stack != stacks.rend(); ++stack) {
    g.lower =
        fills ? FrameArray<Real>{{}, dfilled.data(), o.input_size} : FrameArray<Real>{call.dx, nullptr, o.input_size};
    if (stack->begin > 0) {
      const Index features = o.features(stack->begin - 1);
      between[stack->begin % 2] = Buffer<Real>(rows.num_frames() * features);
      g.lower = FrameArray<Real>{{}, between[stack->begin % 2].data(), features};
    }
    Pass<Real> pass{batch, micro, *stack, {0, batch.rows.steps()}};
    if (segments.empty()) {
      g.after = call.dfinal;
      g.before = call.dinitial;
      backward_layers(call, pass, Inputs<Real>(pass, stack->end - 1, micro.directions), micro.directions, g, team);
    }
    for (Index i = Index(segments.size()) - 1; i >= 0; --i) {
      pass.steps = segments[i];
      std::vector<DirectionTape<Real>> again(micro.directions.size());
      Inputs<Real> inputs(pass, stack->begin, micro.directions);
      forward_layers(pass, inputs, batch.states[i].template view<const Real>(), {}, {}, again, batch.plan.kept, team);
      g.after = i + 1 == Index(segments.size()) ? call.dfinal : call.carried.template view<const Real>();
      g.before = i == 0 ? call.dinitial : call.carried.template view<Real>();
      backward_layers(call, pass, inputs, again, g, team);
    }
    g.upper = FrameArray<const Real>{{}, g.lower.packed, g.lower.features, g.lower.first_frame};
  }
  if (fills) fill_missing_backward(rows, batch.x, o.input_size, dfilled.data(), call.dx);
}

}  // namespace

template <class Real>
void LSTM<Real>::backward(const Tape<Real>& tape_value, Sequence<const Real> dy, State<const Real> dfinal,
                          Sequence<Real> dx, State<Real> dinitial, Real* dparameters, bool per_row) const {
  const auto& tape = tape_value.impl();
  const Rows& rows = tape.rows;
  const Index B = rows.batch_size(), h_size = B * state_h_size(), c_size = B * state_c_size(),
              n = Index(tape.micro_batches.size());
  if (dx.data) zero_padding(rows, dx, options_.input_size);

  Buffer<Real> dh0, dc0, masked;
  if (tape.learned_h && dinitial.h == nullptr) dinitial.h = (dh0 = Buffer<Real>::zeros(h_size)).data();
  if (tape.learned_c && dinitial.c == nullptr) dinitial.c = (dc0 = Buffer<Real>::zeros(c_size)).data();
  const bool masks = tape.weights->drop_seed.has_value();
  if (masks) masked = Buffer<Real>::zeros(num_parameters_ * (per_row ? B : 1));
  // The first micro-batch adds to the caller's gradients, each other one to sums of its own.
  std::vector<Buffer<Real>> sums, masked_sums;
  for (Index k = 1; k < n && !per_row; ++k) {
    sums.push_back(Buffer<Real>::zeros(num_parameters_));
    if (masks) masked_sums.push_back(Buffer<Real>::zeros(num_parameters_));
  }
  Real* const dmasked = masks ? masked.data() : dparameters;

  Team team(useful_threads(2 * largest_layer_work(options_, rows)));
  BackwardCall<Real> call(tape);
  call.dy = dy;
  call.dfinal = dfinal;
  call.dx = dx;
  call.dinitial = dinitial;
  if (!tape.plan.segments.empty()) call.carried = States<Real>(h_size, c_size);
  call.chunks = chunk_steps(rows, n, per_row);
  call.per_row = per_row;
  call.num_parameters = num_parameters_;
  team.split(n, 1, [&](Team& part, Index k, Index) {
    const bool own = k > 0 && !per_row;
    Real* const sum = own ? sums[k - 1].data() : dparameters;
    backward_micro_batch(call, tape.micro_batches[k], sum,
                         !masks ? sum
                         : own  ? masked_sums[k - 1].data()
                                : dmasked,
                         part);
  });
  const Index ranges = 8 * team.size();
  if (!sums.empty())
    team.for_each(ranges, [&](Index i, int) {
      const auto [begin, end] = share(num_parameters_, i, ranges);
      for (const Buffer<Real>& sum : sums) add(sum.data() + begin, end - begin, dparameters + begin);
      for (const Buffer<Real>& sum : masked_sums) add(sum.data() + begin, end - begin, dmasked + begin);
    });
  finish_parameters(options_, tape, dinitial, masks ? dmasked : nullptr, per_row ? B : 1, num_parameters_, dparameters);
}

template void LSTM<float>::backward(const Tape<float>&, Sequence<const float>, State<const float>, Sequence<float>,
                                    State<float>, float*, bool) const;
template void LSTM<double>::backward(const Tape<double>&, Sequence<const double>, State<const double>, Sequence<double>,
                                     State<double>, double*, bool) const;

}  // namespace eigenlstm
