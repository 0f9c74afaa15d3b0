// The backward pass, twin of forward.cpp.
//
// Time runs backwards in chunks of steps. For each chunk the recurrence gives dz of all its rows; then, while dz is in
// cache, dx = dz W, and dW += dz^T x, dR += dz^T h_prev, db += sum of dz. Sums over rows run in the order of the packed
// rows within a chunk, in blocks of so many of them, chunks from the last to the first, and at last over micro-batches:
// all that depends on shapes only, so do the bits.
#include "lstm/backward_steps.hpp"
#include "lstm/missing.hpp"
#include "lstm/pass.hpp"

namespace eigenlstm {
namespace {

/// Rows of dx that are made at once, of a step at least: W is read for each such number of rows.
constexpr Index dx_rows = 96;

/// Whether dz W is dx, and can be written to its place: by whole vectors.
template <class Real>
bool dx_in_place(const DirectionBackward<Real>& d) {
  return d.dx.stride() == 1 && d.dx.features == d.p.I && d.p.I % d.p.L == 0 && !d.rows.ragged() &&
         d.dx_adds_from >= d.rows.time_steps() && !d.residual && !d.input.drops();
}

/// dx = dz W of the chunk's rows [begin, end).
template <class Real>
void input_gradient(const DirectionBackward<Real>& d, Range range, const Real* dz, const Chunk& chunk, Real* staged) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, vectors = ceil_div(p.I, p.L), stride = d.dx.stride(), features = d.dx.features;
  const auto multiply = [&](Index row, Index n, const typename GemmArgs<Real>::Result& out) {
    kernels<Real>().gemm({n,
                          vectors,
                          p.dense_gates(),
                          {dz + row * p.dz_row, p.dz_row},
                          {d.weights.backward_x.data(), p.wide_panel(), width},
                          out,
                          GemmArgs<Real>::zero});
  };
  const bool in_place = dx_in_place(d);
  Index s = chunk.s0;
  for (Index row = range.begin, n; row < range.end; row += n) {
    while (d.rows.offset(s + 1) - chunk.first_row <= row) ++s;
    if (in_place) {
      const Index B = d.rows.batch_size(), position = chunk.first_row + row - d.rows.offset(s);
      n = std::min(range.end - row, position > 0
                                        ? B - position
                                        : std::max<Index>(1, dx_rows / B) * B);  // the rest of a step, or whole steps
      const Index time = d.dx.time_distance(d.rows);
      multiply(row, n,
               {d.dx.at(d.rows, position, d.rows.time(s, position, d.reverse)), width, d.dx.row_distance(),
                d.reverse ? -time : time, B});
      continue;
    }
    n = std::min(dx_rows, range.end - row);
    multiply(row, n, {staged, width, vectors * p.L});
    for (Index j = 0; j < n; ++j) {
      while (d.rows.offset(s + 1) - chunk.first_row <= row + j) ++s;
      const Index position = chunk.first_row + row + j - d.rows.offset(s);
      const Index t = d.rows.time(s, position, d.reverse);
      Real *to = d.dx.at(d.rows, position, t), *from = staged + j * vectors * p.L;
      d.input.drop(position, t, from);
      if (d.input.indicates) d.input.drop_missing(position, t, from);
      const bool adds = d.rows.time(s, position, true) >= d.dx_adds_from;
      if (adds)
        for (Index i = 0; i < features; ++i) to[i * stride] += from[i];
      else if (stride == 1)
        std::copy_n(from, features, to);
      else
        for (Index i = 0; i < features; ++i) to[i * stride] = from[i];
      if (d.residual && (adds || d.input.below_directions == 1)) {  // last, in whatever order the directions came
        const Real* dy = d.dy.at(d.rows, position, t);
        for (Index i = 0; i < features; ++i) to[i * stride] += dy[i * d.dy.stride()];
      }
    }
  }
}

/// Room for the gate values of a chunk of a light tape.
template <class Real>
GateValues<Real> take_gates(Arena& memory, const DirectionBackward<Real>& d, Index rows) {
  const Index gates = rows * d.p.gates();
  const bool normalised = d.shape.normalised();
  return {memory.take<Real>(gates),
          d.weights.keeps_z() ? memory.take<Real>(gates) : nullptr,
          normalised ? memory.take<Real>(gates) : nullptr,
          normalised ? memory.take<Real>(rows * 4) : nullptr,
          0,
          0};
}

/// One direction of one layer on the whole team.
template <class Real>
void run_direction(const DirectionBackward<Real>& d, const std::vector<Steps>& chunks, Arena& memory, Team& team) {
  const Padded<Real>& p = d.p;
  const Schedule schedule = Schedule::choose(team.size(), p, 1, d.rows, backward_units, 4);  // by units at wide panels
  const std::vector<Chunk> all = chunks_of(d.rows, chunks);
  Index most_rows = 0;
  for (const Chunk& chunk : all) most_rows = std::max(most_rows, chunk.rows);
  const bool light = d.tape.gates.size() == 0;
  const Recurrent<Real> w = Recurrent<Real>::take(memory, d);
  ChunkRows<Real> batch = ChunkRows<Real>::take(memory, d, most_rows);
  if (!d.per_row) batch.take_inputs(memory, p);
  std::vector<ChunkRows<Real>> own_rows;  // for one row at a time of each member
  for (int m = 0; d.per_row && m < team.size(); ++m) {
    own_rows.push_back(ChunkRows<Real>::take(memory, d, std::min(d.steps.end - d.steps.begin, max_chunk)));
    own_rows.back().take_inputs(memory, p);
  }
  const GateValues<Real> chunk_values = light ? take_gates(memory, d, most_rows) : GateValues<Real>{};
  // Of each member: gates of dz by columns; rows of dx; a row of x or h on its way to its panels; what
  // recompute_gates() needs.
  const Index summed_rows = d.per_row ? own_rows.front().rows : most_rows;
  const Index scratch_size =
      std::max({transposes_dz(p) ? columns_row<Real>(summed_rows) * std::min(panels_at_once, p.panels) * 4 * p.L : 0,
                dx_rows * ceil_div(p.I, p.L) * p.L, p.wide_panels(p.P) * 4 * p.L, light ? recompute_scratch(p) : 0});
  Real* const scratches = memory.take<Real>(scratch_size * team.size());
  Barrier units_barrier(schedule.members), barrier(team.size());
  team.run([&](int m) {
    const bool recurs = m < schedule.members;
    const Assignment a = assign(schedule, recurs ? m : 0, d.rows, p.panels);
    const Range units{a.panel_begin * p.L, a.panel_end * p.L};
    if (recurs) {
      start_gradient(d, a, h_columns(p, a), p.P, p.h_row, d.dfinal.h, w.dh);
      start_gradient(d, a, units, p.H, p.row, d.dfinal.c, w.dc);
    }
    Real* const scratch = scratches + m * scratch_size;
    const Index row_begin = d.rows.split(m, team.size()), row_end = d.rows.split(m + 1, team.size());
    for (auto chunk = all.rbegin(); chunk != all.rend(); ++chunk) {
      GateValues<Real> values = light ? chunk_values : d.tape.values(d.rows.offset(d.steps.begin), d.row(d.steps.end));
      if (light) values.first_row = chunk->first_row, values.rows = chunk->rows;
      const Range part = share(chunk->rows, m, team.size());
      ChunkRows<Real> rows = batch;
      rows.rows = chunk->rows;
      if (light) recompute_gates(d, *chunk, part, values, scratch);
      if (barrier.wait(team.stopped())) return;  // the chunk before is done with dz and its inputs
      if (recurs) recurrence(d, a, w, *chunk, values, rows, team, m == 0, units_barrier);
      if (!d.per_row) stage_inputs(d, row_begin, row_end, *chunk, rows, scratch);
      if (barrier.wait(team.stopped())) return;
      if (d.dx) input_gradient(d, part, rows.dz, *chunk, scratch);
      if (d.per_row)
        row_gradients(d, row_begin, row_end, *chunk, rows, own_rows[m], scratch);
      else
        parameter_gradients(d, share(4 * p.panels, m, team.size()), rows, d.dparameters, d.dmasked, scratch);
    }
    if (recurs) {
      finish_gradient(d, a, h_columns(p, a), p.P, p.h_row, w.dh, d.dinitial.h);
      finish_gradient(d, a, units, p.H, p.row, w.dc, d.dinitial.c);
    }
  });
  team.throw_if_stopped();
}

/// What all micro-batches of a call have in common.
template <class Real>
struct BackwardCall {
  const typename Tape<Real>::Impl& batch;
  Sequence<const Real> dy;
  State<const Real> dfinal;
  Sequence<Real> dx;
  State<Real> dinitial;
  const States<Real>& carried;       // of the batch: between segments of steps
  const std::vector<Steps>& chunks;  // of all steps
  bool per_row;
  Index num_parameters;
};

/// A pass backwards, from the gradient of its last layer's output to that of its first layer's input.
template <class Real>
struct Gradients {
  const BackwardCall<Real>& call;
  RowArray<const Real> upper;
  RowArray<Real> lower;
  State<const Real> after;  // of the states after its steps, of all directions
  State<Real> before;       // of those before them
  Real *dparameters, *dmasked;
};

/// `inputs`: of all layers of the pass.
template <class Real>
void backward_layers(const Pass<Real>& pass, const Inputs<Real>& inputs, const std::vector<DirectionTape<Real>>& tapes,
                     const Gradients<Real>& g, Team& team) {
  const Rows &rows = pass.rows(), &batch = pass.batch.rows;
  const LSTMOptions& o = pass.options();
  const Index D = pass.directions(), B = batch.batch_size();
  const std::vector<Steps> chunks = within(g.call.chunks, pass.steps);
  const Index first_row = rows.offset(pass.steps.begin), n = rows.offset(pass.steps.end) - first_row;
  Buffer<Real> between[2];  // gradients of the outputs of the layers below the last one
  RowArray<const Real> upper = g.upper;
  for (Index layer = pass.layers.end - 1; layer >= pass.layers.begin; --layer) {
    Arena& memory = arena();
    const bool first = layer == pass.layers.begin;
    const LayerInput<Real>& input = inputs.of(layer);
    if (!first) between[layer % 2] = Buffer<Real>(n * input.size);
    const RowArray<Real> lower = first ? g.lower : RowArray<Real>{{}, between[layer % 2].data(), input.size, first_row};
    for (Index d = 0; d < D; ++d) {
      const Index index = layer * D + d;
      const auto at = [B](auto* all, Index before) { return all ? all + B * before : all; };
      const DirectionShape shape = direction_shape(o, layer, d);
      const Index done = D == 1 ? rows.time_steps() : d == 0 ? pass.steps.end : pass.steps.begin;
      const DirectionBackward<Real> run{Padded<Real>(shape),
                                        shape,
                                        pass.batch.weights->directions[index],
                                        tapes[index],
                                        pass.micro.recurrent[index].data(),
                                        input,
                                        rows,
                                        pass.steps,
                                        o.runs_backwards(d),
                                        upper,
                                        o.merge == Merge::concat ? d * shape.output_size : 0,
                                        o.merge,
                                        pass.micro.directions[layer * D + (D - 1 - d)].h.data(),
                                        o.residual && layer > 0 && upper,
                                        lower,
                                        done,
                                        {at(g.after.h, shape.h_before), at(g.after.c, shape.c_before)},
                                        {at(g.before.h, shape.h_before), at(g.before.c, shape.c_before)},
                                        g.dparameters,
                                        g.dmasked,
                                        g.call.per_row,
                                        g.call.num_parameters,
                                        index,
                                        pass.batch.seed,
                                        o.cell};
      run_direction(run, chunks, memory, team);
    }
    upper = RowArray<const Real>{{}, lower.packed, lower.features, lower.first_row};
  }
}

template <class Real>
void zero_padding(const Rows& rows, Sequence<Real> dx, Index features) {
  for (Index position = 0; position < rows.batch_size(); ++position)
    for (Index t = rows.length(position); t < rows.time_steps(); ++t)
      for (Index i = 0; i < features; ++i)
        dx.data[rows.batch_row(position) * dx.batch_stride + t * dx.time_stride + i * dx.feature_stride] = Real(0);
}

template <class Real>
void add(const Real* values, Index n, Real* sum) {
  for (Index j = 0; j < n; ++j) sum[j] += values[j];
}

/// What the gradients of the parameters get once those of the initial state and of the masked R are complete. `dmasked`
/// null: no mask.
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
      drop(*tape.weights->drop_seed, mask_stream(Mask::weight, index, r % (4 * H)), 0, P, o.weight_drop, dmasked + at);
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
  const Buffer<Real> dfilled = fills ? Buffer<Real>(rows.total() * o.input_size) : Buffer<Real>();
  const std::vector<Layers> groups = layer_groups(o, batch.plan);
  const std::vector<Steps>& segments = batch.plan.segments;
  Buffer<Real> between[2];
  RowArray<const Real> upper{call.dy, nullptr, o.features(o.num_layers - 1)};
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    RowArray<Real> lower =
        fills ? RowArray<Real>{{}, dfilled.data(), o.input_size} : RowArray<Real>{call.dx, nullptr, o.input_size};
    if (group->begin > 0) {
      const Index features = o.features(group->begin - 1);
      between[group->begin % 2] = Buffer<Real>(rows.total() * features);
      lower = RowArray<Real>{{}, between[group->begin % 2].data(), features};
    }
    Pass<Real> pass{batch, micro, *group, {0, batch.rows.steps()}};
    if (segments.empty())
      backward_layers(pass, Inputs<Real>(pass, group->end - 1, micro.directions), micro.directions,
                      {call, upper, lower, call.dfinal, call.dinitial, dparameters, dmasked}, team);
    for (Index i = Index(segments.size()) - 1; i >= 0; --i) {
      pass.steps = segments[i];
      std::vector<DirectionTape<Real>> again(micro.directions.size());
      Inputs<Real> inputs(pass, group->begin, micro.directions);
      forward_layers(pass, inputs, batch.states[i].template view<const Real>(), {}, {}, again,
                     batch.plan.segment_gates ? Keep::gates : Keep::states, team);
      const State<const Real> after =
          i + 1 == Index(segments.size()) ? call.dfinal : call.carried.template view<const Real>();
      const State<Real> before = i == 0 ? call.dinitial : call.carried.template view<Real>();
      backward_layers(pass, inputs, again, {call, upper, lower, after, before, dparameters, dmasked}, team);
    }
    upper = RowArray<const Real>{{}, lower.packed, lower.features, lower.first_row};
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
              parts = Index(tape.micro_batches.size());
  if (dx.data) zero_padding(rows, dx, options_.input_size);

  Buffer<Real> dh0, dc0, masked;
  if (tape.learned_h && dinitial.h == nullptr) dinitial.h = (dh0 = Buffer<Real>::zeros(h_size)).data();
  if (tape.learned_c && dinitial.c == nullptr) dinitial.c = (dc0 = Buffer<Real>::zeros(c_size)).data();
  const bool masks = tape.weights->drop_seed.has_value(), segmented = !tape.plan.segments.empty();
  if (masks) masked = Buffer<Real>::zeros(num_parameters_ * (per_row ? B : 1));
  // The first micro-batch adds to the caller's gradients, each other one to sums of its own.
  std::vector<Buffer<Real>> sums, masked_sums;
  for (Index k = 1; k < parts && !per_row; ++k) {
    sums.push_back(Buffer<Real>::zeros(num_parameters_));
    if (masks) masked_sums.push_back(Buffer<Real>::zeros(num_parameters_));
  }
  Real* const dmasked = masks ? masked.data() : dparameters;
  const States<Real> carried(segmented ? h_size : 0, segmented ? c_size : 0);

  Team team(useful_threads(2 * largest_layer_work(options_, rows)));
  const std::vector<Steps> chunks = chunk_steps(rows, parts, per_row);
  const BackwardCall<Real> call{tape, dy, dfinal, dx, dinitial, carried, chunks, per_row, num_parameters_};
  team.split(parts, [&](Team& part, Index k) {
    const bool own = k > 0 && !per_row;
    Real* const sum = own ? sums[k - 1].data() : dparameters;
    backward_micro_batch(call, tape.micro_batches[k], sum,
                         !masks ? sum
                         : own  ? masked_sums[k - 1].data()
                                : dmasked,
                         part);
  });
  if (!sums.empty())
    team.run([&](int m) {
      const auto [begin, end] = share(num_parameters_, m, team.size());
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
