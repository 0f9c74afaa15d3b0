// The backward pass, twin of forward.cpp.
//
// Time runs backwards in chunks of steps. For each chunk the recurrence gives dz of all its rows; then, while dz is in
// cache, dx = dz W, and dW += dz^T x, dR += dz^T h_prev, db += sum of dz. Sums over rows run in the order of the packed
// rows within a chunk, chunks from the last to the first: it depends on shapes only, so do the bits.
#include <algorithm>
#include <deque>

#include "backward.hpp"
#include "pass.hpp"
#include "schedule.hpp"

namespace eigenlstm {
namespace {

/// Writes dfinal, (B, H) or null, for the positions of `a` to padded rows.
template <class Real>
void start_gradient(const DirectionBackward<Real>& d, const Assignment& a, const Real* dfinal, Real* out) {
  const Index u0 = a.panel_begin * d.p.L, u1 = a.panel_end * d.p.L, used = std::max(u0, std::min(u1, d.p.H));
  for (Index position = a.row_begin; position < a.row_end; ++position) {
    Real* row = out + position * d.p.row;
    std::fill(row + u0, row + u1, Real(0));
    if (dfinal) std::copy(dfinal + d.rows.batch_row(position) * d.p.H + u0, dfinal + d.rows.batch_row(position) * d.p.H + used, row + u0);
  }
}

template <class Real>
void finish_gradient(const DirectionBackward<Real>& d, const Assignment& a, const Real* in, Real* dinitial) {
  const Index u0 = a.panel_begin * d.p.L, u1 = std::min(a.panel_end * d.p.L, d.p.H);
  for (Index position = a.row_begin; dinitial != nullptr && position < a.row_end; ++position)
    std::copy(in + position * d.p.row + u0, in + position * d.p.row + u1, dinitial + d.rows.batch_row(position) * d.p.H + u0);
}

/// dy of the rows and units of `a` at step s, padded with zeros.
template <class Real>
void stage_dy(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index row_end, Real* out) {
  const Index u0 = a.panel_begin * d.p.L, u1 = a.panel_end * d.p.L, used = std::max(u0, std::min(u1, d.p.H));
  const Index stride = d.dy.stride();
  for (Index position = a.row_begin; position < row_end; ++position) {
    Real* row = out + position * d.p.row;
    if (d.dy) {
      const Real* from = d.dy.at(d.rows, position, d.rows.time(s, position, d.reverse)) + d.dy_column * stride;
      if (stride == 1) std::copy(from + u0, from + used, row + u0);
      else for (Index u = u0; u < used; ++u) row[u] = from[u * stride];
    }
    std::fill(row + (d.dy ? used : u0), row + u1, Real(0));
  }
}

/// The recurrent gradients [B] rows, and dy of the step at hand.
template <class Real>
struct Recurrent {
  Real *dh, *dc, *dy;
};

/// From the last step of the chunk to its first: dz, and dh for the step before.
template <class Real>
void recurrence(const DirectionBackward<Real>& d, const Assignment& a, const Recurrent<Real>& w, const Chunk& chunk, const Gates<Real>& gates,
                Real* chunk_dz, Team& team, bool polls, Barrier& barrier) {
  const auto& table = kernels<Real>();
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, unit = a.panel_begin * p.L, panels = a.panel_end - a.panel_begin;
  const Index dz_panel = chunk.rows * width;
  for (Index s = chunk.s1 - 1; s >= chunk.s0; --s) {
    const Index row_end = std::max(a.row_begin, std::min(a.row_end, d.rows.active(s))), n = row_end - a.row_begin;
    const Index at = d.rows.offset(s) + a.row_begin, start = a.row_begin * p.row + unit;
    Real* dz = chunk_dz + (at - chunk.first_row) * width;
    if (polls && s % 16 == 0) team.poll();
    if (n > 0) {
      stage_dy(d, a, s, row_end, w.dy);
      table.step_backward({n, panels, gates.at(a.panel_begin, at, p.L), gates.panel_stride(p.L),
                           d.c_before(s) + start, d.c_at(s) + start, p.row, p.row,
                           w.dy + start, w.dh + start, p.row, p.row, w.dc + start, p.row, dz + a.panel_begin * dz_panel, dz_panel});
    }
    // dh needs dz of all units
    if (panels < p.panels ? barrier.wait(team.stopped()) : team.stopped()) return;
    if (n > 0) {
      // dh = dz R, for this member's units. Its wide panels are whole: by_units splits at multiples of 4 panels.
      table.gemm({n, panels, p.gates(), dz, width, 1, dz_panel, width, d.weights.backward_h.data() + a.panel_begin / 4 * p.wide_panel(),
                  p.wide_panel(), w.dh + start, width, p.row, GemmArgs<Real>::zero, n <= table.tile_rows && s % 2 == 1});
    }
  }
}

/// dx = dz W of the chunk's rows [begin, end), some at a time through `staged`.
template <class Real>
void input_gradient(const DirectionBackward<Real>& d, Range range, const Real* dz, const Chunk& chunk, Real* staged, Index staged_rows) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, vectors = ceil_div(p.I, p.L), stride = d.dx.stride();
  Index s = chunk.s0;
  for (Index row = range.begin; row < range.end; row += staged_rows) {
    const Index n = std::min(staged_rows, range.end - row);
    kernels<Real>().gemm({n, vectors, p.gates(), dz + row * width, width, 1, chunk.rows * width, width, d.weights.backward_x.data(),
                          p.wide_panel(), staged, width, vectors * p.L, GemmArgs<Real>::zero});
    for (Index j = 0; j < n; ++j) {
      while (d.rows.offset(s + 1) - chunk.first_row <= row + j) ++s;
      const Index position = chunk.first_row + row + j - d.rows.offset(s);
      const Index t = d.rows.time(s, position, d.reverse);
      Real *to = d.dx.at(d.rows, position, t), *from = staged + j * vectors * p.L;
      d.input.drop(position, t, from);
      if (d.rows.time(s, position, true) >= d.dx_adds_from) for (Index i = 0; i < p.I; ++i) to[i * stride] += from[i];
      else if (stride == 1) std::copy_n(from, p.I, to);
      else for (Index i = 0; i < p.I; ++i) to[i * stride] = from[i];
    }
  }
}

constexpr Index dx_rows = 48;

/// One direction of one layer on the whole team.
template <class Real>
void run_direction(const DirectionBackward<Real>& d, Arena& memory, Team& team) {
  const Padded<Real>& p = d.p;
  const Index B = d.rows.batch_size();
  Schedule schedule = Schedule::choose(team.size(), p, 1, d.rows);
  if (schedule.by_units && p.panels / 4 < schedule.members) schedule = Schedule{};  // units split at wide panels
  const std::vector<Chunk> all = chunks_of(d.rows, d.steps, d.per_row);
  Index most_rows = 0;
  for (const Chunk& chunk : all) most_rows = std::max(most_rows, chunk.rows);
  const bool light = d.tape.gates.size() == 0;
  const Recurrent<Real> w{memory.take<Real>(B * p.row), memory.take<Real>(B * p.row), memory.take<Real>(B * p.row)};
  Real* dz = memory.take<Real>(most_rows * p.gates());
  Real* gates = light ? memory.take<Real>(most_rows * p.gates()) : d.tape.gates.data();
  std::vector<ChunkRows<Real>> inputs;  // of the batch, or for one row at a time of each member
  for (int m = 0; m < (d.per_row ? team.size() : 1); ++m)
    inputs.push_back(ChunkRows<Real>::take(memory, p, d.per_row ? std::min(d.steps.end - d.steps.begin, max_chunk) : most_rows, d.per_row ? nullptr : dz));
  const Index staged_size = std::max({p.I, dx_rows * ceil_div(p.I, p.L) * p.L, light ? recompute_scratch(p) : 0});
  Real* staged = memory.take<Real>(staged_size * team.size());
  Barrier units_barrier(schedule.members), barrier(team.size());
  team.run([&](int m) {
    const bool recurs = m < schedule.members;
    Assignment a = assign(schedule, recurs ? m : 0, d.rows, p.panels);
    if (schedule.by_units) {
      a.panel_begin = 4 * share(ceil_div(p.panels, 4), m, schedule.members).begin;
      a.panel_end = std::min(p.panels, 4 * share(ceil_div(p.panels, 4), m, schedule.members).end);
    }
    if (recurs) {
      start_gradient(d, a, d.dfinal.h, w.dh);
      start_gradient(d, a, d.dfinal.c, w.dc);
    }
    Real* own = staged + m * staged_size;
    const Index row_begin = d.rows.split(m, team.size()), row_end = d.rows.split(m + 1, team.size());
    for (auto chunk = all.rbegin(); chunk != all.rend(); ++chunk) {
      const Gates<Real> kept{gates, light ? chunk->first_row : d.rows.offset(d.steps.begin), light ? chunk->rows : d.row(d.steps.end)};
      const Range part = share(chunk->rows, m, team.size());
      ChunkRows<Real> batch = inputs.front();
      batch.rows = chunk->rows;
      if (light) recompute_gates(d, *chunk, part, kept, own);
      if (barrier.wait(team.stopped())) return;  // the chunk before is done with dz and its inputs
      if (recurs) recurrence(d, a, w, *chunk, kept, dz, team, m == 0, units_barrier);
      if (!d.per_row) stage_inputs(d, row_begin, row_end, *chunk, batch, own);
      if (barrier.wait(team.stopped())) return;
      if (d.dx) input_gradient(d, part, dz, *chunk, own, dx_rows);
      if (d.per_row) row_gradients(d, row_begin, row_end, *chunk, dz, inputs[m], own);
      else parameter_gradients(d, share(4 * p.panels, m, team.size()), batch, d.dparameters);
    }
    if (recurs) {
      finish_gradient(d, a, w.dh, d.dinitial.h);
      finish_gradient(d, a, w.dc, d.dinitial.c);
    }
  });
  team.throw_if_stopped();
}

/// A pass backwards, from the gradient of its last layer's output to that of its first layer's input.
template <class Real>
struct Gradients {
  RowGradient<const Real> upper;
  RowGradient<Real> lower;
  State<const Real> dfinal;  // of all directions
  State<Real> dinitial;
  Real* dparameters;
  bool per_row;
  Index num_parameters;
};

/// `input`: of the first layer.
template <class Real>
void backward_layers(const Pass<Real>& pass, const LayerInput<Real>& first_input, const std::vector<DirectionTape<Real>>& tapes,
                     const Gradients<Real>& g, Team& team) {
  const Rows& rows = pass.rows;
  const Index D = pass.directions(), H = pass.options.hidden_size, B = rows.batch_size();
  const Index first_row = rows.offset(pass.steps.begin), n = rows.offset(pass.steps.end) - first_row;
  Buffer<Real> between[2];  // gradients of the outputs of the layers below the last one
  RowGradient<const Real> upper = g.upper;
  for (Index layer = pass.layers.end - 1; layer >= pass.layers.begin; --layer) {
    Arena& memory = arena();
    const bool first = layer == pass.layers.begin;
    const LayerInput<Real> input = first ? first_input : input_of(pass, layer, tapes, pass.steps.begin);
    if (!first) between[layer % 2] = Buffer<Real>(n * D * H);
    const RowGradient<Real> lower = first ? g.lower : RowGradient<Real>{{}, between[layer % 2].data(), D * H, first_row};
    for (Index direction = 0; direction < D; ++direction) {
      const Index index = layer * D + direction, state = index * B * H;
      const auto at = [state](auto* p) { return p ? p + state : p; };
      const DirectionShape shape = direction_shape(pass.options, layer, direction);
      const Index done = D == 1 ? rows.time_steps() : direction == 0 ? pass.steps.end : pass.steps.begin;
      const DirectionBackward<Real> run{Padded<Real>(shape), shape, pass.weights.directions[index], tapes[index], input, rows, pass.steps,
                                        direction == 1, upper, direction * H, lower, done,
                                        {at(g.dfinal.h), at(g.dfinal.c)}, {at(g.dinitial.h), at(g.dinitial.c)}, g.dparameters, g.per_row,
                                        g.num_parameters};
      run_direction(run, memory, team);
    }
    upper = RowGradient<const Real>{{}, lower.packed, lower.features, lower.first_row};
  }
}

template <class Real>
void zero_padding(const Rows& rows, Sequence<Real> dx, Index features) {
  for (Index position = 0; position < rows.batch_size(); ++position)
    for (Index t = rows.length(position); t < rows.time_steps(); ++t)
      for (Index i = 0; i < features; ++i)
        dx.data[rows.batch_row(position) * dx.batch_stride + t * dx.time_stride + i * dx.feature_stride] = Real(0);
}

}  // namespace

template <class Real>
void LSTM<Real>::backward(const Tape<Real>& tape_value, Sequence<const Real> dy, State<const Real> dfinal, Sequence<Real> dx,
                          State<Real> dinitial, Real* dparameters, bool per_row) const {
  const auto& tape = tape_value.impl();
  const Rows& rows = tape.rows;
  const Index D = directions(), H = options_.hidden_size;
  if (dx.data) zero_padding(rows, dx, options_.input_size);
  Team team(useful_threads(2 * layer_work(direction_shape(options_, options_.num_layers - 1, 0), D, rows)));

  const std::vector<Layers> groups = layer_groups(options_, tape.plan);
  const std::vector<Steps>& segments = tape.plan.segments;
  States<Real> carried(segments.empty() ? 0 : options_.num_layers * D * rows.batch_size() * H);
  Buffer<Real> between[2];
  RowGradient<const Real> upper{dy, nullptr, D * H};
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    RowGradient<Real> lower{dx, nullptr, options_.input_size};
    if (group->begin > 0) {
      between[group->begin % 2] = Buffer<Real>(rows.total() * D * H);
      lower = RowGradient<Real>{{}, between[group->begin % 2].data(), D * H};
    }
    Pass<Real> pass{options_, *tape.weights, rows, tape.x, tape.seed, *group, {0, rows.steps()}};
    const LayerInput<Real> input = input_of(pass, group->begin, tape.directions, 0);
    if (segments.empty()) backward_layers(pass, input, tape.directions, {upper, lower, dfinal, dinitial, dparameters, per_row, num_parameters_}, team);
    for (Index i = Index(segments.size()) - 1; i >= 0; --i) {
      pass.steps = segments[i];
      std::vector<DirectionTape<Real>> again(tape.directions.size());
      forward_layers(pass, input, tape.states[i].template view<const Real>(), {}, {}, again, tape.plan.segment_gates ? Keep::gates : Keep::states, team);
      const State<const Real> after = i + 1 == Index(segments.size()) ? dfinal : carried.template view<const Real>();
      const State<Real> before = i == 0 ? dinitial : carried.template view<Real>();
      backward_layers(pass, input, again, {upper, lower, after, before, dparameters, per_row, num_parameters_}, team);
    }
    upper = RowGradient<const Real>{{}, lower.packed, lower.features};
  }
}

template void LSTM<float>::backward(const Tape<float>&, Sequence<const float>, State<const float>, Sequence<float>, State<float>, float*, bool) const;
template void LSTM<double>::backward(const Tape<double>&, Sequence<const double>, State<const double>, Sequence<double>, State<double>, double*, bool) const;

}  // namespace eigenlstm
