// The backward pass, twin of forward.cpp.
//
// Time runs backwards in chunks of steps. For each chunk the recurrence gives dz of all its rows; then, while dz is in
// cache, dx = dz W, and dW += dz^T x, dR += dz^T h_prev, db += sum of dz. Sums over rows run in the order of the packed
// rows within a chunk, chunks from the last to the first: it depends on shapes only, so do the bits.
#include <algorithm>
#include <deque>

#include "backward.hpp"
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
                           d.c_before(s) + start, d.tape.c.data() + at * p.row + unit, p.row, p.row,
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
      if (d.dx_adds) for (Index i = 0; i < p.I; ++i) to[i * stride] += from[i];
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
  const std::vector<Chunk> all = chunks(d.rows, d.per_row);
  Index most_rows = 0;
  for (const Chunk& chunk : all) most_rows = std::max(most_rows, chunk.rows);
  const bool light = d.tape.gates.size() == 0;
  const Recurrent<Real> w{memory.take<Real>(B * p.row), memory.take<Real>(B * p.row), memory.take<Real>(B * p.row)};
  Real* dz = memory.take<Real>(most_rows * p.gates());
  Real* gates = light ? memory.take<Real>(most_rows * p.gates()) : d.tape.gates.data();
  std::vector<ChunkRows<Real>> inputs;  // of the batch, or for one row at a time of each member
  for (int m = 0; m < (d.per_row ? team.size() : 1); ++m)
    inputs.push_back(ChunkRows<Real>::take(memory, p, d.per_row ? std::min(d.rows.steps(), max_chunk) : most_rows, d.per_row ? nullptr : dz));
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
      const Gates<Real> kept{gates, light ? chunk->first_row : 0, light ? chunk->rows : d.rows.total()};
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

}  // namespace

template <class Real>
void LSTM<Real>::backward(const Tape<Real>& tape_value, Sequence<const Real> dy, State<const Real> dfinal, Sequence<Real> dx,
                          State<Real> dinitial, Real* dparameters, bool per_row) const {
  const auto& tape = tape_value.impl();
  const Rows& rows = tape.rows;
  const Index D = directions(), H = options_.hidden_size, B = rows.batch_size();
  if (dx.data)
    for (Index position = 0; position < B; ++position)
      for (Index t = rows.length(position); t < rows.time_steps(); ++t)
        for (Index i = 0; i < options_.input_size; ++i)
          dx.data[rows.batch_row(position) * dx.batch_stride + t * dx.time_stride + i * dx.feature_stride] = Real(0);

  Team team(useful_threads(2 * layer_work(direction_shape(options_, options_.num_layers - 1, 0), D, rows)));
  Buffer<Real> between[2];  // gradients of the outputs of the layers below the top one
  RowGradient<const Real> upper{dy, nullptr, D * H};
  for (Index layer = options_.num_layers - 1; layer >= 0; --layer) {
    Arena& memory = arena();
    LayerInput<Real> input{&rows, tape.x, options_.input_size};
    RowGradient<Real> lower{dx, nullptr, options_.input_size};
    if (layer > 0) {
      const DirectionTape<Real>* below = &tape.directions[(layer - 1) * D];
      input = LayerInput<Real>{&rows, {}, D * H, {below[0].h.data(), below[D - 1].h.data()}, D,
                               Padded<Real>(direction_shape(options_, layer - 1, 0)).row};
      input.dropout = dropout_after(options_, layer - 1, tape.seed);
      between[layer % 2] = Buffer<Real>(rows.total() * D * H);
      lower = RowGradient<Real>{{}, between[layer % 2].data(), D * H};
    }
    for (Index direction = 0; direction < D; ++direction) {
      const Index index = layer * D + direction, state = index * B * H;
      const auto at = [state](auto* p) { return p ? p + state : p; };
      const DirectionShape shape = direction_shape(options_, layer, direction);
      const DirectionBackward<Real> run{Padded<Real>(shape), shape, tape.weights->directions[index], tape.directions[index], input, rows,
                                        direction == 1, upper, direction * H, lower, direction > 0,
                                        {at(dfinal.h), at(dfinal.c)}, {at(dinitial.h), at(dinitial.c)}, dparameters, per_row, num_parameters_};
      run_direction(run, memory, team);
    }
    upper = RowGradient<const Real>{{}, lower.packed, lower.features};
  }
}

template void LSTM<float>::backward(const Tape<float>&, Sequence<const float>, State<const float>, Sequence<float>, State<float>, float*, bool) const;
template void LSTM<double>::backward(const Tape<double>&, Sequence<const double>, State<const double>, Sequence<double>, State<double>, double*, bool) const;

}  // namespace eigenlstm
