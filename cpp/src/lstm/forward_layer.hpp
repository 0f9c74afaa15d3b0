// The forward pass of the directions of one layer through some steps.
#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "lstm/direction.hpp"
#include "lstm/output.hpp"
#include "lstm/schedule.hpp"
#include "lstm/step.hpp"
#include "lstm/tape.hpp"

namespace eigenlstm {

/// The forward pass of one direction. Its twin is DirectionBackward.
template <class Real>
struct DirectionForward : DirectionContext<Real> {
  explicit DirectionForward(const DirectionContext<Real>& context) : DirectionContext<Real>(context) {}

  Real *h0 = nullptr, *c0 = nullptr;  // before the first of the steps
  Real *h = nullptr, *c = nullptr;    // see all_h, all_c
  bool all_h = false;                 // whether h has every step, or the last two in turn
  bool all_c = false;                 // whether c has every step; otherwise it is updated in place, in c0
  GateValues<Real> gate_values{};     // where the gates of these steps are kept
  Sequence<Real> y{};                 // this direction's columns; data null: not to be written
  bool y_past_caches = false;
  State<Real> final{};  // (B, P) and (B, H) of this direction
  bool turned = false;  // see Pass

  Real* h_at(Index s) const {
    if (s < this->steps.begin) return h0;
    return h + (all_h ? this->frame(s) : (s & 1) * this->rows.batch_size()) * this->p.h_stride;
  }
  Real* c_at(Index s) const { return s < this->steps.begin || !all_c ? c0 : c + this->frame(s) * this->p.c_stride; }
  Real* y_at(Index s, Index position) const {
    return y.data + this->rows.batch_row(position) * y.batch_stride +
           this->rows.time(s, position, this->reverse) * y.time_stride;
  }
};

/// Scratch of one member.
template <class Real>
struct Scratch {
  Real *x = nullptr, *z = nullptr;
  Real *h_in = nullptr, *m = nullptr, *zone_h = nullptr, *zone_c = nullptr;  // of variants: rows of one step
};

/// Where the recurrence has few rows, W x of several steps is computed ahead, of about so many frames in one product: W
/// is then read once for all of them.
constexpr Index frames_ahead = 48;
/// Weights of so many bytes do not stay in the caches between two steps.
constexpr Index large_weights = 1 << 20;

/// Of how many steps W x is computed ahead. 1: none, x and h are multiplied together, step by step.
template <class Real>
Index steps_ahead(const Padded<Real>& p, Index rows, Steps steps) {
  const bool large = p.panels * p.weights_panel_stride() * Index(sizeof(Real)) > large_weights;
  if (rows == 0 || rows >= (large ? 2 : 1) * kernels<Real>().tile_rows) return 1;
  return std::min(steps.end - steps.begin, std::max<Index>(1, frames_ahead / rows));
}

/// The members' own rows of step s.
struct Active {
  Index begin, end;
  Index count() const { return end - begin; }
};
inline Active active_rows(const Rows& rows, const Assignment& a, Index s) {
  return {a.row_begin, std::max(a.row_begin, std::min(a.row_end, rows.active(s)))};
}

/// b + W x of steps [s0, s1), ahead, to z [panel][frame][4][L]. Returns the number of frames.
template <class Real>
Index multiply_ahead(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch, Index s0,
                     Index s1) {
  Index n = 0;
  for (Index s = s0; s < s1; ++s) {
    const Active act = active_rows(d.rows, a, s);
    d.input.gather(s, act.begin, act.end, d.reverse, scratch.x + n * d.p.I);
    n += act.count();
  }
  if (n == 0) return 0;
  const Index width = 4 * d.p.L;
  const Real* weights = d.weights.forward.data() + a.panel_begin * d.p.weights_panel_stride();
  GemmArgs<Real> product;
  product.rows = n;
  product.vectors = d.p.vectors(a.panel_begin, a.panel_end);
  product.K = d.p.I;
  product.a = {scratch.x, d.p.I};
  product.b = {weights + width, d.p.weights_panel_stride(), width};
  product.c = {scratch.z, n * width, width};
  product.start = GemmArgs<Real>::bias;
  kernels<Real>().gemm(product);
  return n;
}

/// The most rows of y that the cell's kernel writes into the caches beside the gates: each may be in a page of its own.
constexpr Index most_rows_of_y = 64;

/// Whether the cell's kernel writes y of member `a`: only the plain cell, in whole vectors.
template <class Real>
bool cell_writes_y(const DirectionForward<Real>& d, const Assignment& a) {
  const bool whole_vectors = d.y.data != nullptr && d.y.feature_stride == 1 && d.p.H == d.p.units && !d.p.whole_rows;
  const bool only_cell = d.weights.plain_cell && d.recurrent_mask == nullptr && d.weights.zone_h.size() == 0;
  if (!whole_vectors || !only_cell || d.rows.ragged()) return false;
  if (d.y_past_caches) return is_line<Real>(d.p.L);
  return d.gate_values.gates == nullptr || a.row_end - a.row_begin <= most_rows_of_y;
}

/// Copies units [u0, u1) of each of the rows' h to y of step s.
template <class Real>
void write_y(const DirectionForward<Real>& d, Active act, Index s, Index u0, Index u1) {
  const Real* h = d.h_at(s) + act.begin * d.p.h_stride + u0;
  const bool whole_lines = d.y.feature_stride == 1 && u0 % cache_line<Real> == 0 && u1 % cache_line<Real> == 0;
  if (whole_lines && !d.rows.ragged() && d.y_past_caches)
    return kernels<Real>().copy_past_caches(act.count(), u1 - u0, h, d.p.h_stride, d.y_at(s, act.begin) + u0,
                                            d.y.batch_stride);
  for (Index position = act.begin; position < act.end; ++position, h += d.p.h_stride)
    write_frame(h, u1 - u0, d.y_at(s, position) + u0 * d.y.feature_stride, d.y.feature_stride);
}

/// Copies what member `a` computed in step s to y, and to the final state where rows end there.
template <class Real>
void deliver(const DirectionForward<Real>& d, const Assignment& a, Index s) {
  const Padded<Real>& p = d.p;
  const Index u0 = a.panel_begin * p.L, u1 = std::min(a.panel_end * p.L, p.H), h1 = p.whole_rows ? p.P : u1;
  const Active act = active_rows(d.rows, a, s),
               next = active_rows(d.rows, a, s + 1 < d.steps.end ? s + 1 : d.rows.steps());
  if (d.y.data != nullptr && !cell_writes_y(d, a)) write_y(d, act, s, u0, h1);
  for (Index position = next.end; position < act.end; ++position) {
    const Index row = d.rows.batch_row(position);
    const Real *h = d.h_at(s) + position * p.h_stride, *c = d.c_at(s) + position * p.c_stride;
    if (d.final.h) std::copy(h + u0, h + h1, d.final.h + row * p.P + u0);
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
  if (d.recurrent_mask != nullptr) around.recurrent_mask = d.recurrent_mask + act.begin * p.h_stride;
  const auto zone = [&](const Buffer<Real>& expected, Mask mask, Index n, double probability, Real* drawn, Index stride,
                        const Real*& out, Index& out_stride) {
    if (expected.size() == 0) return;
    out = expected.data() + unit;
    if (!d.seed) return;
    for (Index position = act.begin; position < act.end; ++position)
      draw_zoneout(*d.seed, mask_substream(mask, d.index, d.rows.batch_row(position)),
                   d.rows.time(s, position, d.reverse), n, 0, n, probability, drawn + (position - act.begin) * stride);
    out = drawn + unit;
    out_stride = stride;
  };
  zone(d.weights.zone_h, Mask::zoneout_h, p.P, d.cell.zoneout_h, scratch.zone_h, p.h_stride, around.zone_h,
       around.zone_h_stride);
  zone(d.weights.zone_c, Mask::zoneout_c, p.H, d.cell.zoneout_c, scratch.zone_c, p.c_stride, variant.zone_c,
       variant.zone_c_stride);
  return around;
}

/// The inputs of step s of the rows of member `a`.
template <class Real>
StridedRows<Real> inputs_of_step(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch,
                                 Index s) {
  const Active act = active_rows(d.rows, a, s);
  if (const StridedRows<Real> x = d.input.in_place(s, act.begin, d.reverse); x.data != nullptr) return x;
  d.input.gather(s, act.begin, act.end, d.reverse, scratch.x);
  return {scratch.x, d.p.I};
}

/// Step s of the rows and units of member `a`. `ahead`: how many frames of b + W x `z` already holds, or 0.
template <class Real>
void step(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch, Index s, Real* z,
          Index ahead) {
  const Padded<Real>& p = d.p;
  const Active act = active_rows(d.rows, a, s);
  const Index unit = a.panel_begin * p.L;
  StepArgs<Real> step = step_args(p, d.weights.forward.data(), a.panel_begin, a.panel_end);
  step.rows = act.count();
  if (ahead == 0) {
    const StridedRows<Real> x = inputs_of_step(d, a, scratch, s);
    step.x = x.data;
    step.x_stride = x.stride;
  }
  step.h_prev = d.h_at(s - 1) + act.begin * p.h_stride;
  step.h_prev_stride = step.h_stride = p.h_stride;
  step.z = z;
  step.z_panel_stride = ahead > 0 ? ahead * 4 * p.L : z_panel_stride(p, d.weights, act.count());
  step.c_prev = d.c_at(s - 1) + act.begin * p.c_stride + unit;
  step.c = d.c_at(s) + act.begin * p.c_stride + unit;
  step.h = d.h_at(s) + act.begin * p.h_stride + unit;
  step.c_prev_stride = step.c_stride = p.c_stride;
  if (cell_writes_y(d, a)) {
    step.y = d.y_at(s, act.begin) + unit;
    step.y_stride = d.y.batch_stride;
    step.y_past_caches = d.y_past_caches;
  }
  if (d.all_c && d.all_h && a.panel_end - a.panel_begin == p.panels && s + 1 < d.steps.end) {
    const Active next = active_rows(d.rows, a, s + 1);
    step.c_next = d.c_at(s + 1) + next.begin * p.c_stride;
    step.c_next_size = next.count() * p.c_stride;
    step.h_next = d.h_at(s + 1) + next.begin * p.h_stride;
    step.h_next_size = next.count() * p.h_stride;
  }
  step.backwards = act.count() <= kernels<Real>().tile_rows && (s % 2 == 1) != d.turned;
  StepVariant<Real> variant{};
  const AroundCell<Real> around = around_cell(d, a, scratch, s, variant);
  d.gate_values.store_to(step, variant, a.panel_begin, d.rows.first_frame(s) + act.begin, p.L);
  run_step(p, d.weights, step, variant, around);
}

/// Member `a` through the steps of a direction.
template <class Real>
void forward_direction(const DirectionForward<Real>& d, const Assignment& a, const Scratch<Real>& scratch, Team& team,
                       Barrier& barrier, bool polls) {
  const Padded<Real>& p = d.p;
  const Index at_once = steps_ahead(p, active_rows(d.rows, a, d.steps.begin).count(), d.steps);
  const double step_work = double(p.gates()) * double(p.I + p.P) * double(d.rows.batch_size());
  const Index poll_steps = std::max<Index>(1, Index(1e6 / step_work));
  const bool lockstep = a.panel_end - a.panel_begin < p.panels;
  for (Index s0 = d.steps.begin; s0 < d.steps.end && active_rows(d.rows, a, s0).count() > 0; s0 += at_once) {
    const Index s1 = std::min(s0 + at_once, d.steps.end);
    const Index ahead = at_once > 1 ? multiply_ahead(d, a, scratch, s0, s1) : 0;
    Real* z = scratch.z;
    for (Index s = s0; s < s1; ++s) {
      const Active act = active_rows(d.rows, a, s);
      if (polls && s % poll_steps == 0) team.poll();
      if (act.count() > 0) {
        step(d, a, scratch, s, z, ahead);
        deliver(d, a, s);
        z += at_once > 1 ? act.count() * 4 * p.L : 0;
      }
      if (lockstep ? barrier.wait(team.stopped()) : team.stopped()) return;
    }
  }
}

/// Scratch for a member with the work `a`.
template <class Real>
Scratch<Real> allocate_scratch(const DirectionForward<Real>& d, const Assignment& a, Arena& memory) {
  const Padded<Real>& p = d.p;
  const Index n = active_rows(d.rows, a, d.steps.begin).count(), at_once = steps_ahead(p, n, d.steps);
  const Index panels = a.panel_end - a.panel_begin;
  const auto zeroed = [&](bool used, Index stride) {
    return used ? std::fill_n(memory.allocate<Real>(n * stride), n * stride, Real(0)) - n * stride : nullptr;
  };
  // A ragged batch may end with a single row, whose panels share no tiles.
  const bool shared = at_once == 1 && shares_tiles(d.weights, n);
  Scratch<Real> scratch;
  scratch.x = memory.allocate<Real>(n * at_once * p.I);
  scratch.z = memory.allocate<Real>((shared ? std::max(z_rows(n, panels), panels) : n * at_once * panels) * 4 * p.L);
  if (d.recurrent_mask != nullptr) scratch.h_in = memory.allocate<Real>(n * p.h_stride);
  if (d.weights.project.size() > 0) scratch.m = memory.allocate<Real>(n * p.c_stride);
  scratch.zone_h = zeroed(d.seed && d.cell.zoneout_h > 0, p.h_stride);
  scratch.zone_c = zeroed(d.seed && d.cell.zoneout_c > 0, p.c_stride);
  return scratch;
}

/// All directions of a layer on the whole team.
template <class Real>
void forward_layer(std::vector<DirectionForward<Real>>& directions, Arena& memory, Team& team) {
  const DirectionForward<Real>& first = directions.front();
  const Rows& rows = first.rows;
  const Padded<Real>& p = first.p;
  const Schedule schedule = Schedule::choose(team.size(), p.work(), Index(directions.size()), rows, forward_units, 1);
  std::deque<Barrier> barriers;
  std::vector<Scratch<Real>> scratch;
  for (int g = 0; g < schedule.groups; ++g) barriers.emplace_back(schedule.members);
  scratch.reserve(std::size_t(schedule.team()));
  for (int m = 0; m < schedule.team(); ++m)
    scratch.push_back(allocate_scratch(first, assign(schedule, m, rows, p.panels), memory));
  team.run([&](int m) {
    if (m >= schedule.team()) return;
    const Assignment a = assign(schedule, m, rows, p.panels);
    for (Index d = a.first_direction; d < Index(directions.size()); d += a.direction_stride)
      forward_direction(directions[d], a, scratch[m], team, barriers[a.group], m == 0);
  });
  team.throw_if_stopped();
}

}  // namespace eigenlstm
