// The forward pass of the directions of one layer through some steps.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "lstm/layer_input.hpp"
#include "lstm/schedule.hpp"
#include "lstm/step.hpp"
#include "lstm/tape.hpp"

namespace eigenlstm {

/// One direction of one layer at work.
template <class Real>
struct DirectionForward {
  Padded<Real> p;
  const DirectionWeights<Real>& weights;
  const LayerInput<Real>& input;
  const Rows& rows;
  Steps steps;
  bool reverse;
  // h of every step where it is kept (`history`), else of the last two; c of every step, or one in place.
  Real *h0, *h, *c0, *c;
  bool h_history, c_history;
  GateValues<Real> kept;              // of these steps
  Sequence<Real> y;                   // this direction's columns; data null: not to be written
  State<Real> final;                  // (B, P) and (B, H) of this direction
  const Real* recurrent;              // [B] rows: the mask on h_prev, or null
  Index index;                        // layer * D + direction
  std::optional<std::uint64_t> seed;  // of zoneout; none: its expectation
  const CellOptions& cell;
  bool turned;         // see Pass
  bool y_past_caches;  // y is stored past the caches

  Real* h_at(Index s) const {
    return s < steps.begin ? h0 : h + (h_history ? row(s) : (s & 1) * rows.batch_size()) * p.h_row;
  }
  Real* c_at(Index s) const { return s < steps.begin ? c0 : c_history ? c + row(s) * p.row : c0; }
  Real* y_at(Index s, Index position) const {
    return y.data + rows.batch_row(position) * y.batch_stride + rows.time(s, position, reverse) * y.time_stride;
  }
  /// Where the rows of step s start among those of `steps`.
  Index row(Index s) const { return rows.offset(s) - rows.offset(steps.begin); }
};

/// Whether y, n values, is stored past the caches: only by whole lines, and as the caller may turn to it next, only
/// where it is more than an L3 of 2026 keeps for a core.
template <class Real>
bool goes_past_caches(const Sequence<Real>& y, Index n) {
  const auto place =
      reinterpret_cast<std::uintptr_t>(y.data) | std::uintptr_t(y.batch_stride | y.time_stride) * sizeof(Real);
  return place % (cache_line<Real> * sizeof(Real)) == 0 && bytes_of<Real>(n) >= std::size_t(16) << 20;
}

/// Scratch of one member.
template <class Real>
struct Scratch {
  Real *x, *z;
  Real *h_in, *m, *zone_h, *zone_c;  // of variants: rows of one step
};

/// Rows of W x that are worth computing at once when the recurrence has few rows: W is then read once for all of them.
constexpr Index chunk_rows = 48;
/// Weights of so many bytes leave the caches between two steps.
constexpr Index large_weights = 1 << 20;

/// Time steps whose W x are computed at once. 1: x and h go through one tile, step by step.
template <class Real>
Index projected_steps(const Padded<Real>& p, Index rows, Steps steps) {
  const bool large = p.panels * p.weights_panel() * Index(sizeof(Real)) > large_weights;
  if (rows == 0 || rows >= (large ? 2 : 1) * kernels<Real>().tile_rows) return 1;
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

/// Whether the panels of a step take turns with a few tiles: else each panel has its own.
template <class Real>
bool tiles_by_turns(const DirectionForward<Real>& d, Index rows) {
  return rows > 1 && !d.weights.normalises();
}

/// b + W x of steps [s0, s1) into z [panel][row of the chunk][4][L]. Returns the rows of the chunk.
template <class Real>
Index project_chunk(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch, Index s0,
                    Index s1) {
  Index n = 0;
  for (Index s = s0; s < s1; ++s) {
    const Active act = active_rows(d.rows, a, s);
    d.input.gather(s, act.begin, act.end, d.reverse, scratch.x + n * d.p.I);
    n += act.count();
  }
  if (n == 0) return 0;
  const Index width = 4 * d.p.L;
  const Real* weights = d.weights.forward.data() + a.panel_begin * d.p.weights_panel();
  kernels<Real>().gemm({n,
                        d.p.gate_vectors(a.panel_begin, a.panel_end),
                        d.p.I,
                        {scratch.x, d.p.I},
                        {weights + width, d.p.weights_panel(), width},
                        {scratch.z, n * width, width},
                        GemmArgs<Real>::bias});
  return n;
}

/// Rows whose y the cell's kernel writes into the caches beside the gates, at most: each may be in a page of its own.
constexpr Index most_rows_of_y = 64;

/// Whether the cell's kernel writes y of member `a`: the plain cell by whole vectors.
template <class Real>
bool cell_writes_y(const DirectionForward<Real>& d, const Assignment& a) {
  const bool whole_vectors = d.y.data != nullptr && d.y.feature_stride == 1 && d.p.H == d.p.units && !d.p.whole_rows;
  const bool plain = d.weights.plain && !d.rows.ragged() && d.recurrent == nullptr && d.weights.zone_h.size() == 0;
  if (!whole_vectors || !plain) return false;
  return d.y_past_caches ? is_line<Real>(d.p.L) : d.kept.gates == nullptr || a.row_end - a.row_begin <= most_rows_of_y;
}

/// Copies [u0, u1) of each of the rows' h to y of step s.
template <class Real>
void write_y(const DirectionForward<Real>& d, Active act, Index s, Index u0, Index u1) {
  const Real* h = d.h_at(s) + act.begin * d.p.h_row;
  const bool whole_lines = d.y.feature_stride == 1 && u0 % cache_line<Real> == 0 && u1 % cache_line<Real> == 0;
  if (whole_lines && !d.rows.ragged() && d.y_past_caches)
    return kernels<Real>().copy_past_caches(act.count(), u1 - u0, h + u0, d.p.h_row, d.y_at(s, act.begin) + u0,
                                            d.y.batch_stride);
  for (Index position = act.begin; position < act.end; ++position, h += d.p.h_row) {
    Real* y = d.y_at(s, position);
    if (d.y.feature_stride == 1)
      std::copy(h + u0, h + u1, y + u0);
    else
      for (Index u = u0; u < u1; ++u) y[u * d.y.feature_stride] = h[u];
  }
}

/// Copies the units that member `a` owns of step s to y, and of the rows that end there to the final state.
template <class Real>
void deliver(const DirectionForward<Real>& d, const Assignment& a, Index s) {
  const Padded<Real>& p = d.p;
  const Index u0 = a.panel_begin * p.L, u1 = std::min(a.panel_end * p.L, p.H), h1 = p.whole_rows ? p.P : u1;
  const Active act = active_rows(d.rows, a, s),
               next = active_rows(d.rows, a, s + 1 < d.steps.end ? s + 1 : d.rows.steps());
  const Real* h = d.h_at(s);
  if (d.y.data != nullptr && !cell_writes_y(d, a)) write_y(d, act, s, u0, h1);
  for (Index position = next.end; position < act.end; ++position) {
    const Index row = d.rows.batch_row(position);
    if (d.final.h) std::copy(h + position * p.h_row + u0, h + position * p.h_row + h1, d.final.h + row * p.P + u0);
    const Real* c = d.c_at(s) + position * p.row;
    if (d.final.c) std::copy(c + u0, c + u1, d.final.c + row * p.H + u0);
  }
}

/// The masks of step s for the rows of member `a`.
template <class Real>
AroundCell<Real> around_cell(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch,
                             Index s, StepVariant<Real>& variant) {
  const Padded<Real>& p = d.p;
  const Active act = active_rows(d.rows, a, s);
  const Index unit = a.panel_begin * p.L;
  AroundCell<Real> around{};
  around.h_in = scratch.h_in;
  around.m = scratch.m;
  variant.cell = &d.weights.cell;
  variant.first_panel = a.panel_begin;
  if (d.recurrent != nullptr) around.recurrent = d.recurrent + act.begin * p.h_row;
  const auto zone = [&](const Buffer<Real>& expected, Mask mask, Index n, double probability, Real* drawn, Index row,
                        const Real*& out, Index& out_row) {
    if (expected.size() == 0) return;
    out = expected.data() + unit;
    if (!d.seed) return;
    for (Index position = act.begin; position < act.end; ++position)
      draw_zoneout(*d.seed, mask_stream(mask, d.index, d.rows.batch_row(position)), d.rows.time(s, position, d.reverse),
                   n, 0, n, probability, drawn + (position - act.begin) * row);
    out = drawn + unit;
    out_row = row;
  };
  zone(d.weights.zone_h, Mask::zoneout_h, p.P, d.cell.zoneout_h, scratch.zone_h, p.h_row, around.zone_h,
       around.zone_h_row);
  zone(d.weights.zone_c, Mask::zoneout_c, p.H, d.cell.zoneout_c, scratch.zone_c, p.row, variant.zone_c,
       variant.zone_c_row);
  return around;
}

/// The inputs of step s of the rows of member `a`.
template <class Real>
StepRows<Real> inputs_of_step(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch,
                              Index s) {
  const Active act = active_rows(d.rows, a, s);
  if (const StepRows<Real> x = d.input.in_place(s, act.begin, d.reverse); x.data != nullptr) return x;
  d.input.gather(s, act.begin, act.end, d.reverse, scratch.x);
  return {scratch.x, d.p.I};
}

/// Step s of the rows and units of member `a`. `projected`: rows of b + W x that lie in z already, or 0.
template <class Real>
void step(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch, Index s, Real* z,
          Index projected) {
  const Padded<Real>& p = d.p;
  const Active act = active_rows(d.rows, a, s);
  const Index width = 4 * p.L, unit = a.panel_begin * p.L;
  StepArgs<Real> step = step_args(p, d.weights.forward.data(), a.panel_begin, a.panel_end);
  step.rows = act.count();
  if (projected == 0) {
    const StepRows<Real> x = inputs_of_step(d, a, scratch, s);
    step.x = x.data;
    step.x_row = x.row;
  }
  step.h_prev = d.h_at(s - 1) + act.begin * p.h_row;
  step.h_prev_row = step.h_row = p.h_row;
  step.z = z;
  step.z_panel = projected > 0 ? projected * width : tiles_by_turns(d, act.count()) ? 0 : act.count() * width;
  step.c_prev = d.c_at(s - 1) + act.begin * p.row + unit;
  step.c = d.c_at(s) + act.begin * p.row + unit;
  step.h = d.h_at(s) + act.begin * p.h_row + unit;
  step.c_prev_row = step.c_row = p.row;
  if (cell_writes_y(d, a)) {
    step.y = d.y_at(s, act.begin) + unit;
    step.y_row = d.y.batch_stride;
    step.y_past_caches = d.y_past_caches;
  }
  if (d.c_history && d.h_history && a.panel_end - a.panel_begin == p.panels && s + 1 < d.steps.end) {
    const Active next = active_rows(d.rows, a, s + 1);
    step.c_next = d.c_at(s + 1) + next.begin * p.row;
    step.c_next_size = next.count() * p.row;
    step.h_next = d.h_at(s + 1) + next.begin * p.h_row;
    step.h_next_size = next.count() * p.h_row;
  }
  step.backwards = act.count() <= kernels<Real>().tile_rows && (s % 2 == 1) != d.turned;
  StepVariant<Real> variant{};
  const AroundCell<Real> around = around_cell(d, a, scratch, s, variant);
  d.kept.store_to(step, variant, a.panel_begin, d.rows.offset(s) + act.begin, p.L);
  run_step(p, d.weights, step, variant, around);
}

template <class Real>
void run_direction(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch, Team& team,
                   Barrier& barrier, bool polls) {
  const Padded<Real>& p = d.p;
  const Index chunk = projected_steps(p, active_rows(d.rows, a, d.steps.begin).count(), d.steps);
  const double step_work = double(p.gates()) * double(p.I + p.P) * double(d.rows.batch_size());
  const Index poll_steps = std::max<Index>(1, Index(1e6 / step_work));
  const bool lockstep = a.panel_end - a.panel_begin < p.panels;
  for (Index s0 = d.steps.begin; s0 < d.steps.end && active_rows(d.rows, a, s0).count() > 0; s0 += chunk) {
    const Index s1 = std::min(s0 + chunk, d.steps.end);
    const Index projected = chunk > 1 ? project_chunk(d, a, scratch, s0, s1) : 0;
    Real* z = scratch.z;
    for (Index s = s0; s < s1; ++s) {
      const Active act = active_rows(d.rows, a, s);
      if (polls && s % poll_steps == 0) team.poll();
      if (act.count() > 0) {
        step(d, a, scratch, s, z, projected);
        deliver(d, a, s);
        z += chunk > 1 ? act.count() * 4 * p.L : 0;
      }
      if (lockstep ? barrier.wait(team.stopped()) : team.stopped()) return;
    }
  }
}

/// One layer on the whole team.
template <class Real>
void run_layer(std::vector<DirectionForward<Real>>& directions, Arena& memory, Team& team) {
  const DirectionForward<Real>& first = directions.front();
  const Rows& rows = first.rows;
  const Padded<Real>& p = first.p;
  const Schedule schedule = Schedule::choose(team.size(), p, Index(directions.size()), rows, forward_units, 1);
  std::deque<Barrier> barriers;
  std::vector<Scratch<Real>> scratch;
  for (int g = 0; g < schedule.groups; ++g) barriers.emplace_back(schedule.members);
  for (int m = 0; m < schedule.team(); ++m) {
    const Assignment a = assign(schedule, m, rows, p.panels);
    const Index n = active_rows(rows, a, first.steps.begin).count(), chunk = projected_steps(p, n, first.steps);
    const Index panels = a.panel_end - a.panel_begin;
    // z of all panels: of a chunk, or of a single row, as the last one of a ragged batch; else by turns.
    const Index z_tiles =
        chunk > 1 || !tiles_by_turns(first, n) ? n * chunk * panels : std::max(z_rows(n, panels), panels);
    const auto rows_of = [&](bool used, Index row) { return used ? memory.take<Real>(n * row) : nullptr; };
    scratch.push_back({memory.take<Real>(n * chunk * p.I), memory.take<Real>(z_tiles * 4 * p.L),
                       rows_of(first.recurrent != nullptr, p.h_row), rows_of(first.weights.project.size() > 0, p.row),
                       rows_of(first.seed && first.cell.zoneout_h > 0, p.h_row),
                       rows_of(first.seed && first.cell.zoneout_c > 0, p.row)});
    if (scratch.back().zone_c != nullptr) std::fill_n(scratch.back().zone_c, n * p.row, Real(0));
    if (scratch.back().zone_h != nullptr) std::fill_n(scratch.back().zone_h, n * p.h_row, Real(0));
  }
  team.run([&](int m) {
    if (m >= schedule.team()) return;
    const Assignment a = assign(schedule, m, rows, p.panels);
    for (Index d = a.first_direction; d < Index(directions.size()); d += a.direction_stride)
      run_direction(directions[d], a, scratch[m], team, barriers[a.group], m == 0);
  });
  team.throw_if_stopped();
}

}  // namespace eigenlstm
