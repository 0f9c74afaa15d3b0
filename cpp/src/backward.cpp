// The backward pass, twin of forward.cpp.
//
// Time runs backwards in chunks of steps. For each chunk the recurrence gives dz of all its rows; then, while dz is in
// cache, dx = dz W, and dW += dz^T x, dR += dz^T h_prev, db += sum of dz. Sums over rows run in the order of the packed
// rows within a chunk, chunks from the last to the first: it depends on shapes only, so do the bits.
#include <algorithm>
#include <deque>

#include "input.hpp"
#include "schedule.hpp"
#include "tape.hpp"

namespace eigenlstm {
namespace {

/// Rows of dz that a chunk holds (one step at least).
constexpr Index chunk_rows = 256;

/// A gradient with respect to a layer's input or output: the caller's array, or packed rows (t, position) between layers.
template <class Real>
struct RowGradient {
  Sequence<Real> strided{};  // used where packed is null
  Real* packed = nullptr;    // [total rows][features], row offset(t) + position
  Index features = 0;

  Real* at(const Rows& rows, Index position, Index t) const {
    return packed ? packed + (rows.offset(t) + position) * features
                  : strided.data + rows.batch_row(position) * strided.batch_stride + t * strided.time_stride;
  }
  Index stride() const { return packed ? 1 : strided.feature_stride; }
  explicit operator bool() const { return packed != nullptr || strided.data != nullptr; }
};

template <class Real>
struct DirectionBackward {
  Padded<Real> p;
  DirectionShape shape;
  const DirectionWeights<Real>& weights;
  const DirectionTape<Real>& tape;
  const LayerInput<Real>& input;
  const Rows& rows;
  bool reverse;
  RowGradient<const Real> dy;  // of the layer's output; this direction's columns start at dy_column
  Index dy_column;
  RowGradient<Real> dx;
  bool dx_adds;                // another direction has written dx
  State<const Real> dfinal;    // (B, H) of this direction
  State<Real> dinitial;
  Real* dparameters;

  const Real* h_before(Index s) const { return s == 0 ? tape.h0.data() : tape.h.data() + rows.offset(s - 1) * p.row; }
  const Real* c_before(Index s) const { return s == 0 ? tape.c0.data() : tape.c.data() + rows.offset(s - 1) * p.row; }
};

/// What the members share within a chunk, and their own scratch.
template <class Real>
struct Workspace {
  Real *dh, *dc, *dy;   // [B] rows: the recurrent gradients, and dy of the step at hand
  Real* dz;             // [panel][chunk row][4][L]
  Real *x, *h;          // inputs of the chunk in wide panels [wide panel][chunk row][4 L]
  Index capacity;       // chunk rows
};

/// Steps [s0, s1) whose rows lie together.
struct Chunk {
  Index s0, s1, first_row, rows;
};
inline Chunk chunk_before(const Rows& rows, Index s1) {
  Index s0 = s1 - 1;
  while (s0 > 0 && rows.offset(s1) - rows.offset(s0 - 1) <= chunk_rows) --s0;
  return {s0, s1, rows.offset(s0), rows.offset(s1) - rows.offset(s0)};
}

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

/// From the last step of the chunk to its first: dz, and dh for the step before.
template <class Real>
void recurrence(const DirectionBackward<Real>& d, const Assignment& a, const Workspace<Real>& w, const Chunk& chunk, Team& team, bool polls,
                Barrier& barrier) {
  const auto& table = kernels<Real>();
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, total = d.rows.total(), unit = a.panel_begin * p.L, panels = a.panel_end - a.panel_begin;
  const Index dz_panel = chunk.rows * width;
  for (Index s = chunk.s1 - 1; s >= chunk.s0; --s) {
    const Index row_end = std::max(a.row_begin, std::min(a.row_end, d.rows.active(s))), n = row_end - a.row_begin;
    const Index at = d.rows.offset(s) + a.row_begin, start = a.row_begin * p.row + unit;
    Real* dz = w.dz + (at - chunk.first_row) * width;
    if (polls && s % 16 == 0) team.poll();
    if (n > 0) {
      stage_dy(d, a, s, row_end, w.dy);
      table.step_backward({n, panels, d.tape.gates.data() + (a.panel_begin * total + at) * width, total * width,
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

/// The inputs of this member's rows of the chunk, in wide panels, for dW and dR.
template <class Real>
void stage_inputs(const DirectionBackward<Real>& d, Index row_begin, Index row_limit, const Workspace<Real>& w, const Chunk& chunk, Real* staged) {
  const Index width = 4 * d.p.L;
  const auto spread = [&](const Real* from, Index n, Real* panels, Index row) {
    for (Index column = 0; column < n; column += width) {
      Real* to = panels + column / width * chunk.rows * width + row * width;
      const Index used = std::min(width, n - column);
      std::copy_n(from + column, used, to);
      std::fill(to + used, to + width, Real(0));
    }
  };
  for (Index s = chunk.s0; s < chunk.s1; ++s) {
    const Index row_end = std::min(row_limit, d.rows.active(s));
    for (Index position = row_begin; position < row_end; ++position) {
      const Index row = d.rows.offset(s) - chunk.first_row + position;
      d.input.gather(s, position, position + 1, d.reverse, staged);
      spread(staged, d.p.I, w.x, row);
      spread(d.h_before(s) + position * d.p.row, d.p.H, w.h, row);
    }
  }
}

/// dweight (4H, n) += dz^T inputs, for one gate of one panel of units; inputs in wide panels.
template <class Real>
void add_weight_gradient(const Padded<Real>& p, Index panel, Index gate, const Workspace<Real>& w, const Chunk& chunk, const Real* inputs,
                         Index n, Real* dweight) {
  const auto& table = kernels<Real>();
  const Index L = p.L, width = 4 * L, units = std::min(L, p.H - panel * L), whole = n / L;
  const Real* dz = w.dz + panel * chunk.rows * width + gate * L;
  Real* out = dweight + (gate * p.H + panel * L) * n;
  if (whole > 0)
    table.gemm({units, whole, chunk.rows, dz, 1, width, 0, chunk.rows, inputs, chunk.rows * width, out, width, n, GemmArgs<Real>::add});
  if (n % L == 0) return;
  alignas(64) Real tail[64 / sizeof(Real) * (64 / sizeof(Real))];  // the columns that fill no vector, summed aside
  const Real* last = inputs + whole / 4 * chunk.rows * width + whole % 4 * L;
  table.gemm({units, 1, chunk.rows, dz, 1, width, 0, chunk.rows, last, 0, tail, width, L, GemmArgs<Real>::zero});
  for (Index u = 0; u < units; ++u)
    for (Index j = whole * L; j < n; ++j) out[u * n + j] += tail[u * L + j - whole * L];
}

template <class Real>
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const Workspace<Real>& w, const Chunk& chunk) {
  const Padded<Real>& p = d.p;
  for (Index item = items.begin; item < items.end; ++item) {
    const Index panel = item / 4, gate = item % 4;
    add_weight_gradient(p, panel, gate, w, chunk, w.x, p.I, d.dparameters + d.shape.weight_ih);
    add_weight_gradient(p, panel, gate, w, chunk, w.h, p.H, d.dparameters + d.shape.weight_hh);
    if (d.shape.bias < 0) continue;
    alignas(64) Real sum[64 / sizeof(Real)] = {};
    kernels<Real>().sum_rows(chunk.rows, w.dz + panel * chunk.rows * 4 * p.L + gate * p.L, 4 * p.L, 1, sum);
    for (Index u = 0; u < std::min(p.L, p.H - panel * p.L); ++u) d.dparameters[d.shape.bias + gate * p.H + panel * p.L + u] += sum[u];
  }
}

/// dx = dz W of the chunk's rows [begin, end), some at a time through `staged`.
template <class Real>
void input_gradient(const DirectionBackward<Real>& d, Range range, const Workspace<Real>& w, const Chunk& chunk, Real* staged, Index staged_rows) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, vectors = ceil_div(p.I, p.L), stride = d.dx.stride();
  Index s = chunk.s0;
  for (Index row = range.begin; row < range.end; row += staged_rows) {
    const Index n = std::min(staged_rows, range.end - row);
    kernels<Real>().gemm({n, vectors, p.gates(), w.dz + row * width, width, 1, chunk.rows * width, width, d.weights.backward_x.data(),
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
  Workspace<Real> w{};
  w.capacity = std::min(d.rows.total(), std::max(chunk_rows, B));
  w.dh = memory.take<Real>(B * p.row);
  w.dc = memory.take<Real>(B * p.row);
  w.dy = memory.take<Real>(B * p.row);
  w.dz = memory.take<Real>(w.capacity * p.gates());
  w.x = memory.take<Real>(w.capacity * p.wide_panels(p.I) * 4 * p.L);
  w.h = memory.take<Real>(w.capacity * p.wide_panels(p.H) * 4 * p.L);
  const Index staged_size = std::max(p.I, dx_rows * ceil_div(p.I, p.L) * p.L);
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
    for (Index s1 = d.rows.steps(); s1 > 0;) {
      const Chunk chunk = chunk_before(d.rows, s1);
      s1 = chunk.s0;
      if (barrier.wait(team.stopped())) return;  // the chunk before is done with w
      if (recurs) recurrence(d, a, w, chunk, team, m == 0, units_barrier);
      Real* own = staged + m * staged_size;
      stage_inputs(d, d.rows.split(m, team.size()), d.rows.split(m + 1, team.size()), w, chunk, own);
      if (barrier.wait(team.stopped())) return;
      if (d.dx) input_gradient(d, share(chunk.rows, m, team.size()), w, chunk, own, dx_rows);
      parameter_gradients(d, share(4 * p.panels, m, team.size()), w, chunk);
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
                          State<Real> dinitial, Real* dparameters) const {
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
                                        {at(dfinal.h), at(dfinal.c)}, {at(dinitial.h), at(dinitial.c)}, dparameters};
      run_direction(run, memory, team);
    }
    upper = RowGradient<const Real>{{}, lower.packed, lower.features};
  }
}

template void LSTM<float>::backward(const Tape<float>&, Sequence<const float>, State<const float>, Sequence<float>, State<float>, float*) const;
template void LSTM<double>::backward(const Tape<double>&, Sequence<const double>, State<const double>, Sequence<double>, State<double>, double*) const;

}  // namespace eigenlstm
