// The forward pass. Its twin is backward.cpp.
#include <algorithm>
#include <deque>
#include <stdexcept>

#include "input.hpp"
#include "pass.hpp"
#include "schedule.hpp"
#include "tape.hpp"

namespace eigenlstm {
namespace {

/// One direction of one layer at work.
template <class Real>
struct DirectionForward {
  Padded<Real> p;
  const Real* weights;
  const LayerInput<Real>& input;
  const Rows& rows;
  Steps steps;
  bool reverse;
  // h of every step where it is kept (`history`), else of the last two; c of every step, or one in place.
  Real *h0, *h, *c0, *c;
  bool h_history, c_history;
  Real* gates;  // [panel][rows of the steps][4][L], or null
  Sequence<Real> y;  // this direction's columns; data null: not the last layer
  State<Real> final;  // (B, H) of this direction

  Real* h_at(Index s) const { return s < steps.begin ? h0 : h + (h_history ? row(s) : (s & 1) * rows.batch_size()) * p.row; }
  Real* c_at(Index s) const { return s < steps.begin ? c0 : c_history ? c + row(s) * p.row : c0; }
  /// Where the rows of step s start among those of `steps`.
  Index row(Index s) const { return rows.offset(s) - rows.offset(steps.begin); }
};

/// Scratch of one member.
template <class Real>
struct Scratch {
  Real *x, *z;
};

/// Rows of W x that are worth computing at once when the recurrence has few rows: the weights are then read once.
constexpr Index chunk_rows = 48;

/// Time steps whose W x are computed at once. 1: x and h go through one tile, step by step.
template <class Real>
Index projected_steps(Index rows, Steps steps) {
  if (rows == 0 || rows >= 2 * kernels<Real>().tile_rows) return 1;
  return std::min(steps.end - steps.begin, std::max<Index>(1, chunk_rows / rows));
}

/// The members' own rows of step s.
struct Active {
  Index begin, end;
  Index count() const { return end - begin; }
};
inline Active active_rows(const Rows& rows, const Assignment& a, Index s) {
  return {a.row_begin, std::max(a.row_begin, std::min(a.row_end, rows.active(s)))};
}

/// b + W x of steps [s0, s1) into z [panel][row of the chunk][4][L]. Returns the rows of the chunk.
template <class Real>
Index project_chunk(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch, Index s0, Index s1) {
  Index n = 0;
  for (Index s = s0; s < s1; ++s) {
    const Active act = active_rows(d.rows, a, s);
    d.input.gather(s, act.begin, act.end, d.reverse, scratch.x + n * d.p.I);
    n += act.count();
  }
  if (n == 0) return 0;
  const Index width = 4 * d.p.L;
  const Real* weights = d.weights + a.panel_begin * d.p.weights_panel();
  kernels<Real>().gemm({n, 4 * (a.panel_end - a.panel_begin), d.p.I, scratch.x, d.p.I, 1, 0, std::max<Index>(d.p.I, 1),
                        weights + width, d.p.weights_panel(), scratch.z, n * width, width, GemmArgs<Real>::bias});
  return n;
}

/// Copies the units that member `a` owns of step s to y, and of the rows that end there to the final state.
template <class Real>
void deliver(const DirectionForward<Real>& d, const Assignment& a, Index s) {
  const Index u0 = a.panel_begin * d.p.L, u1 = std::min(a.panel_end * d.p.L, d.p.H);
  const Active act = active_rows(d.rows, a, s), next = active_rows(d.rows, a, s + 1 < d.steps.end ? s + 1 : d.rows.steps());
  const Real* h = d.h_at(s);
  if (d.y.data != nullptr) {
    for (Index position = act.begin; position < act.end; ++position) {
      Real* y = d.y.data + d.rows.batch_row(position) * d.y.batch_stride + d.rows.time(s, position, d.reverse) * d.y.time_stride;
      const Real* from = h + position * d.p.row;
      if (d.y.feature_stride == 1) std::copy(from + u0, from + u1, y + u0);
      else for (Index u = u0; u < u1; ++u) y[u * d.y.feature_stride] = from[u];
    }
  }
  for (Index position = next.end; position < act.end; ++position) {
    const Index to = d.rows.batch_row(position) * d.p.H;
    if (d.final.h) std::copy(h + position * d.p.row + u0, h + position * d.p.row + u1, d.final.h + to + u0);
    const Real* c = d.c_at(s) + position * d.p.row;
    if (d.final.c) std::copy(c + u0, c + u1, d.final.c + to + u0);
  }
}

template <class Real>
void run_direction(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch, Team& team, Barrier& barrier,
                   bool polls) {
  const auto& table = kernels<Real>();
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, total = d.row(d.steps.end);
  const Index chunk = projected_steps<Real>(active_rows(d.rows, a, d.steps.begin).count(), d.steps);
  const double step_work = double(p.gates()) * double(p.I + p.H) * double(d.rows.batch_size());
  const Index poll_steps = std::max<Index>(1, Index(1e6 / step_work));
  const bool lockstep = a.panel_end - a.panel_begin < p.panels;
  for (Index s0 = d.steps.begin; s0 < d.steps.end && active_rows(d.rows, a, s0).count() > 0; s0 += chunk) {
    const Index s1 = std::min(s0 + chunk, d.steps.end);
    const Index projected = chunk > 1 ? project_chunk(d, a, scratch, s0, s1) : 0;
    Real* z = scratch.z;
    for (Index s = s0; s < s1; ++s) {
      const Active act = active_rows(d.rows, a, s);
      const Index n = act.count();
      if (polls && s % poll_steps == 0) team.poll();
      if (n > 0) {
        if (chunk == 1) d.input.gather(s, act.begin, act.end, d.reverse, scratch.x);
        const Index row = act.begin * p.row, unit = a.panel_begin * p.L;
        StepArgs<Real> step = step_args(p, d.weights, a.panel_begin, a.panel_end);
        step.rows = n;
        step.x = chunk == 1 ? scratch.x : nullptr;
        step.x_row = p.I;
        step.h_prev = d.h_at(s - 1) + row;
        step.h_prev_row = p.row;
        step.z = z;
        step.z_panel = chunk > 1 ? projected * width : n == 1 ? width : 0;
        step.c_prev = d.c_at(s - 1) + row + unit;
        step.c = d.c_at(s) + row + unit;
        step.h = d.h_at(s) + row + unit;
        step.c_prev_row = step.c_row = step.h_row = p.row;
        step.gates = d.gates ? d.gates + (a.panel_begin * total + d.row(s) + act.begin) * width : nullptr;
        step.gates_panel = total * width;
        step.backwards = n <= table.tile_rows && s % 2 == 1;
        table.step_forward(step);
        deliver(d, a, s);
        z += chunk > 1 ? n * width : 0;
      }
      if (lockstep ? barrier.wait(team.stopped()) : team.stopped()) return;
    }
  }
}

/// h or c before step `begin`, (B, H) or null, to padded rows in the order of positions; rows that have no such step end in it.
template <class Real>
void start_state(const Padded<Real>& p, const Rows& rows, Index begin, const Real* initial, Real* start, Real* final) {
  for (Index position = 0; position < rows.batch_size(); ++position, start += p.row) {
    const Index from = rows.batch_row(position) * p.H;
    if (initial) std::copy_n(initial + from, p.H, start);
    std::fill(start + (initial ? p.H : 0), start + p.row, Real(0));
    if (final && rows.length(position) <= begin) std::copy_n(start, p.H, final + from);
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

template <class Real>
void copy_or_zero(const Real* from, const Buffer<Real>& to) {
  if (from) std::copy_n(from, to.size(), to.data());
  else std::fill_n(to.data(), to.size(), Real(0));
}

void check_lengths(Index B, Index T, const Index* lengths) {
  for (Index b = 0; lengths != nullptr && b < B; ++b)
    if (lengths[b] < 0 || lengths[b] > T)
      throw std::invalid_argument("LSTM.forward: lengths must be from 0 to T = " + std::to_string(T) + ", got " +
                                  std::to_string(lengths[b]) + " in row " + std::to_string(b));
}

/// One layer on the whole team.
template <class Real>
void run_layer(std::vector<DirectionForward<Real>>& directions, Arena& memory, Team& team) {
  const DirectionForward<Real>& first = directions.front();
  const Rows& rows = first.rows;
  const Padded<Real>& p = first.p;
  const Schedule schedule = Schedule::choose(team.size(), p, Index(directions.size()), rows);
  std::deque<Barrier> barriers;
  std::vector<Scratch<Real>> scratch;
  for (int g = 0; g < schedule.groups; ++g) barriers.emplace_back(schedule.members);
  for (int m = 0; m < schedule.team(); ++m) {
    const Assignment a = assign(schedule, m, rows, p.panels);
    const Index n = active_rows(rows, a, first.steps.begin).count(), chunk = projected_steps<Real>(n, first.steps);
    const Index panels = a.panel_end - a.panel_begin;
    // z of all panels: of a chunk, or of a single row, as the last one of a ragged batch; else one tile.
    const Index z_tiles = chunk > 1 ? n * chunk * panels : std::max(n, panels);
    scratch.push_back({memory.take<Real>(n * chunk * p.I), memory.take<Real>(z_tiles * 4 * p.L)});
  }
  team.run([&](int m) {
    if (m >= schedule.team()) return;
    const Assignment a = assign(schedule, m, rows, p.panels);
    for (Index d = a.first_direction; d < Index(directions.size()); d += a.direction_stride)
      run_direction(directions[d], a, scratch[m], team, barriers[a.group], m == 0);
  });
  team.throw_if_stopped();
}

}  // namespace

template <class Real>
void forward_layers(const Pass<Real>& pass, LayerInput<Real> input, State<const Real> initial, Sequence<Real> y, State<Real> final,
                    std::vector<DirectionTape<Real>>& tapes, Keep keep, Team& team) {
  Arena& memory = arena();
  const Rows& rows = pass.rows;
  const Index D = pass.directions(), H = pass.options.hidden_size, B = rows.batch_size();
  const Index first_row = rows.offset(pass.steps.begin), n = rows.offset(pass.steps.end) - first_row;
  const bool states = keep != Keep::nothing;
  for (Index layer = pass.layers.begin; layer < pass.layers.end; ++layer) {
    const bool last = layer + 1 == pass.layers.end, has_y = y.data != nullptr && layer + 1 == pass.options.num_layers;
    std::vector<DirectionForward<Real>> running;
    for (Index d = 0; d < D; ++d) {
      const Index index = layer * D + d, state = index * B * H;
      const auto at = [state](auto* p) { return p ? p + state : p; };
      const Padded<Real> p(direction_shape(pass.options, layer, d));
      DirectionTape<Real>& kept = tapes[index];
      const auto take = [&](Buffer<Real>& buffer, bool keeps, Index size) {
        if (!keeps) return memory.take<Real>(size);
        buffer = Buffer<Real>(size);
        return buffer.data();
      };
      const bool whole_h = kept.h.size() > 0, h_history = states || whole_h || !last;
      DirectionForward<Real> run{p, pass.weights.directions[index].forward.data(), input, rows, pass.steps, d == 1,
                                 take(kept.h0, states, B * p.row),
                                 whole_h ? kept.h.data() + first_row * p.row : take(kept.h, states, (h_history ? n : 2 * B) * p.row),
                                 take(kept.c0, states, B * p.row),
                                 states ? take(kept.c, true, n * p.row) : nullptr,
                                 h_history, states,
                                 keep == Keep::gates ? take(kept.gates, true, n * p.gates()) : nullptr,
                                 Sequence<Real>{has_y ? y.data + d * H * y.feature_stride : nullptr, y.batch_stride, y.time_stride, y.feature_stride},
                                 State<Real>{at(final.h), at(final.c)}};
      start_state(p, rows, pass.steps.begin, at(initial.h), run.h0, run.final.h);
      start_state(p, rows, pass.steps.begin, at(initial.c), run.c0, run.final.c);
      running.push_back(run);
    }
    if (n > 0) run_layer(running, memory, team);
    input = LayerInput<Real>{&rows, {}, D * H, {running.front().h, running.back().h}, D, running.front().p.row, first_row};
    input.dropout = dropout_after(pass.options, layer, pass.seed);
  }
}

template <class Real>
void LSTM<Real>::forward(std::shared_ptr<const Weights<Real>> weights, Index B, Index T, Sequence<const Real> x, const Index* lengths,
                         State<const Real> initial, Sequence<Real> y, State<Real> final, std::unique_ptr<Tape<Real>>* tape_out,
                         std::optional<std::uint64_t> seed, Memory memory) const {
  check_lengths(B, T, lengths);
  const Index D = directions(), H = options_.hidden_size;
  auto tape = std::make_unique<typename Tape<Real>::Impl>(*this, Rows(B, T, lengths));
  const Rows& rows = tape->rows;
  if (tape_out) tape->plan = plan_tape<Real>(options_, rows, memory);
  if (rows.ragged()) zero_padding(rows, y, D * H);
  tape->directions.resize(options_.num_layers * D);
  const Keep keep = tape_out == nullptr || !tape->plan.segments.empty() ? Keep::nothing
                    : tape->plan.kind == Memory::full                   ? Keep::gates
                                                                        : Keep::states;
  Team team(useful_threads(layer_work(direction_shape(options_, options_.num_layers - 1, 0), D, rows)));
  const std::vector<Steps> whole{{0, rows.steps()}}, &segments = tape->plan.segments.empty() ? whole : tape->plan.segments;
  for (std::size_t i = 0; i < tape->plan.segments.size(); ++i) tape->states.emplace_back(options_.num_layers * D * B * H);
  if (!tape->states.empty()) {
    copy_or_zero(initial.h, tape->states[0].h);
    copy_or_zero(initial.c, tape->states[0].c);
  }
  for (Layers group : layer_groups(options_, tape->plan)) {
    for (Index index = group.begin * D; group.end < options_.num_layers && index < group.end * D; ++index)
      tape->directions[index].h = Buffer<Real>(rows.total() * Padded<Real>(direction_shape(options_, index / D, index % D)).row);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const Pass<Real> pass{options_, *weights, rows, x, seed, group, segments[i]};
      const auto before = tape->states.empty() ? initial : tape->states[i].template view<const Real>();
      const auto after = i + 1 < segments.size() ? tape->states[i + 1].template view<Real>() : final;
      forward_layers(pass, input_of(pass, group.begin, tape->directions, 0), before, y, after, tape->directions, keep, team);
    }
  }
  if (tape_out) {
    tape->x = x;
    tape->seed = seed;
    tape->weights = std::move(weights);
    *tape_out = std::make_unique<Tape<Real>>(std::move(tape));
  }
}

template void forward_layers(const Pass<float>&, LayerInput<float>, State<const float>, Sequence<float>, State<float>,
                             std::vector<DirectionTape<float>>&, Keep, Team&);
template void forward_layers(const Pass<double>&, LayerInput<double>, State<const double>, Sequence<double>, State<double>,
                             std::vector<DirectionTape<double>>&, Keep, Team&);
template void LSTM<float>::forward(std::shared_ptr<const Weights<float>>, Index, Index, Sequence<const float>, const Index*, State<const float>,
                                   Sequence<float>, State<float>, std::unique_ptr<Tape<float>>*, std::optional<std::uint64_t>, Memory) const;
template void LSTM<double>::forward(std::shared_ptr<const Weights<double>>, Index, Index, Sequence<const double>, const Index*, State<const double>,
                                    Sequence<double>, State<double>, std::unique_ptr<Tape<double>>*, std::optional<std::uint64_t>, Memory) const;

}  // namespace eigenlstm
