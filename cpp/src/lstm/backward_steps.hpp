// The backward pass of one direction through the steps of a chunk: dz, and what flows to the step before.
#pragma once

#include <array>

#include "lstm/backward.hpp"
#include "lstm/schedule.hpp"

namespace eigenlstm {

/// [B] rows: the recurrent gradients, and dy of the step at hand. The others are of variants, null where not used.
template <class Real>
struct Recurrent {
  Real *dh, *dc, *dy;
  Real* carry;            // what zoneout passes on to dh of the step before
  Real *zone_h, *zone_c;  // the masks of the step at hand
  Real* dm;               // gradient of what the projection multiplies
  Real* zeros;            // one row
  Real* tile;             // [panel][4][L] and a value more: scratch of the cell

  static Recurrent take(Arena& memory, const DirectionBackward<Real>& d) {
    const Padded<Real>& p = d.p;
    const Index B = d.rows.batch_size();
    const auto rows = [&](bool used, Index n, Index row) {
      if (!used) return static_cast<Real*>(nullptr);
      Real* const at = memory.take<Real>(n * row);
      std::fill_n(at, n * row, Real(0));
      return at;
    };
    const bool zone_h = d.cell.zoneout_h > 0, projected = d.shape.projected();
    return {memory.take<Real>(B * p.h_row),
            memory.take<Real>(B * p.row),
            memory.take<Real>(B * p.h_row),
            rows(zone_h, B, p.h_row),
            rows(zone_h, B, p.h_row),
            rows(d.cell.zoneout_c > 0, B, p.row),
            rows(projected, B, p.row),
            rows(zone_h || projected, 1, std::max(p.units, p.outputs)),
            d.plain() ? nullptr : memory.take<Real>(B * (p.gates() + 1))};
  }
};

/// The columns of h that member `a` works on, padded: its units, or with a projection all.
template <class Real>
Range h_columns(const Padded<Real>& p, const Assignment& a) {
  return p.whole_rows ? Range{0, p.outputs} : Range{a.panel_begin * p.L, a.panel_end * p.L};
}

/// Writes dfinal, (B, n) or null, for the positions of `a` to rows `row` apart, columns [begin, end).
template <class Real>
void start_gradient(const DirectionBackward<Real>& d, const Assignment& a, Range columns, Index n, Index row,
                    const Real* dfinal, Real* out) {
  const Index used = std::max(columns.begin, std::min(columns.end, n));
  for (Index position = a.row_begin; position < a.row_end; ++position) {
    Real* to = out + position * row;
    std::fill(to + columns.begin, to + columns.end, Real(0));
    const Real* from = dfinal + d.rows.batch_row(position) * n;
    if (dfinal) std::copy(from + columns.begin, from + used, to + columns.begin);
  }
}

template <class Real>
void finish_gradient(const DirectionBackward<Real>& d, const Assignment& a, Range columns, Index n, Index row,
                     const Real* in, Real* dinitial) {
  const Index used = std::min(columns.end, n);
  for (Index position = a.row_begin; dinitial != nullptr && position < a.row_end; ++position)
    std::copy(in + position * row + columns.begin, in + position * row + used,
              dinitial + d.rows.batch_row(position) * n + columns.begin);
}

/// dy of the rows and units of `a` at step s, padded with zeros.
template <class Real>
void stage_dy(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index row_end, Real* out) {
  const auto [u0, u1] = h_columns(d.p, a);
  const Index used = std::max(u0, std::min(u1, d.p.P)), stride = d.dy.stride();
  for (Index position = a.row_begin; position < row_end; ++position) {
    Real* row = out + position * d.p.h_row;
    std::fill(row + (d.dy ? used : u0), row + u1, Real(0));
    if (!d.dy) continue;
    const Index t = d.rows.time(s, position, d.reverse);
    const Real* from = d.dy.at(d.rows, position, t) + d.dy_column * stride;
    if (stride == 1)
      std::copy(from + u0, from + used, row + u0);
    else
      for (Index u = u0; u < used; ++u) row[u] = from[u * stride];
    if (d.merge == Merge::mean) {
      for (Index u = u0; u < used; ++u) row[u] *= Real(0.5);
    } else if (d.merge == Merge::mul) {
      const Real* other = d.other_h + (d.rows.offset(d.rows.time(t, position, !d.reverse)) + position) * d.p.h_row;
      for (Index u = u0; u < used; ++u) row[u] *= other[u];
    }
  }
}

/// Whether dy is as the cell's kernel reads it.
template <class Real>
bool dy_in_place(const DirectionBackward<Real>& d, const Recurrent<Real>& w) {
  return d.plain() && w.carry == nullptr && d.dy && d.dy.stride() == 1 && d.merge == Merge::concat &&
         d.p.H == d.p.units && !d.rows.ragged();
}

/// dy of the rows and units of `a` at step s: where it is, if that is as the cell's kernel reads it, or staged.
template <class Real>
StepRows<Real> dy_of_step(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index row_end,
                          const Recurrent<Real>& w) {
  const Padded<Real>& p = d.p;
  const Index unit = a.panel_begin * p.L;
  if (dy_in_place(d, w))
    return {d.dy.at(d.rows, a.row_begin, d.rows.time(s, a.row_begin, d.reverse)) + d.dy_column + unit,
            d.dy.row_distance()};
  stage_dy(d, a, s, row_end, w.dy);
  return {w.dy + a.row_begin * p.h_row + unit, p.h_row};
}

/// The zoneout masks of step s, these of n values for each row of `a`: drawn as in forward(), or where there is no
/// seed, the expectation.
template <class Real>
void stage_zoneout(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index row_end, Mask mask,
                   Range columns, Index n, double p, Real* out, Index row) {
  const Index end = std::max(columns.begin, std::min(columns.end, n));
  for (Index position = a.row_begin; position < row_end; ++position) {
    Real* to = out + position * row;
    const auto stream = mask_stream(mask, d.index, d.rows.batch_row(position));
    if (d.seed)
      draw_zoneout(*d.seed, stream, d.rows.time(s, position, d.reverse), n, columns.begin, end, p, to);
    else
      std::fill(to + columns.begin, to + end, Real(p));
  }
}

/// h = zone h_prev + (1 - zone) h_new: splits dy + dh, to dy for h_new and to what h_prev gets past the cell. dh is
/// then spent.
template <class Real>
void split_zoneout(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index row_end,
                   const Recurrent<Real>& w) {
  const Padded<Real>& p = d.p;
  const auto [u0, u1] = h_columns(p, a);
  stage_zoneout(d, a, s, row_end, Mask::zoneout_h, {u0, u1}, p.P, d.cell.zoneout_h, w.zone_h, p.h_row);
  for (Index position = a.row_begin; position < row_end; ++position) {
    const Index at = position * p.h_row;
    for (Index u = u0; u < u1; ++u) {
      const Real dh = w.dh[at + u] + w.dy[at + u], keep = w.zone_h[at + u];
      w.carry[at + u] = keep * dh;
      w.dy[at + u] = (Real(1) - keep) * dh;
    }
  }
}

/// The cell's backward kernel for the rows and units of `a`: dz, and dc of the step before.
template <class Real>
void step_back(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index n, StepRows<Real> dy,
               const Recurrent<Real>& w, const Chunk& chunk, const GateValues<Real>& values,
               const ChunkRows<Real>& out) {
  const auto& table = kernels<Real>();
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, unit = a.panel_begin * p.L;
  const Index at = d.rows.offset(s) + a.row_begin, row = at - chunk.first_row, start = a.row_begin * p.row + unit;
  const Index h_start = a.row_begin * p.h_row + unit, gates = values.offset(a.panel_begin, at, p.L);
  StepBackwardArgs<Real> step{n,
                              a.panel_end - a.panel_begin,
                              p.dz_gate_distance(a.panel_end - 1),
                              values.gates + gates,
                              values.panel_stride(p.L),
                              d.c_before(s) + start,
                              d.c_at(s) + start,
                              p.row,
                              p.row,
                              dy.data,
                              w.dh + h_start,
                              dy.row,
                              p.h_row,
                              w.dc + start,
                              p.row,
                              out.dz + row * p.dz_row + a.panel_begin * width,
                              p.dz_row,
                              nullptr};
  if (w.carry != nullptr || d.shape.projected()) {  // dh is in dy already
    step.dh = w.zeros;
    step.dh_row = 0;
  }
  if (d.shape.projected()) {  // h_new = W_hr m
    Real *dh_new = out.dh_new + row * p.h_row, *dm = w.dm + a.row_begin * p.row;
    for (Index r = 0; r < n; ++r)
      for (Index u = 0; u < p.outputs; ++u)
        dh_new[r * p.h_row + u] =
            w.dy[h_start + r * p.h_row + u] + (w.carry != nullptr ? Real(0) : w.dh[h_start + r * p.h_row + u]);
    table.gemm({n,
                p.panels,
                p.P,
                {dh_new, p.h_row},
                {d.weights.project_backward.data(), p.P * width, width},
                {dm, width, p.row},
                GemmArgs<Real>::zero});
    step.dy = dm;
    step.dy_row = p.row;
  }
  if (d.plain()) {
    table.step_backward(step);
    return;
  }
  const CellVariant<Real>& cell = d.weights.cell;
  StepBackwardVariant<Real> variant{};
  variant.cell = &cell;
  variant.first_panel = a.panel_begin;
  if (w.zone_c != nullptr) {
    stage_zoneout(d, a, s, a.row_begin + n, Mask::zoneout_c, {unit, a.panel_end * p.L}, p.H, d.cell.zoneout_c, w.zone_c,
                  p.row);
    variant.zone_c = w.zone_c + start;
    variant.zone_c_row = p.row;
  }
  variant.z = values.z ? values.z + gates : nullptr;
  if (d.shape.normalised()) {
    variant.z_hat = values.z_hat + gates;
    variant.deviation = values.deviation + (at - values.first_row) * 4;
  }
  variant.tile_panel = d.shape.normalised() ? n * width : 0;
  variant.tile = w.tile + (d.shape.normalised() ? a.row_begin * (p.gates() + 1)
                                                : (a.panel_begin * d.rows.batch_size() + a.row_begin) * width);
  variant.terms_panel = chunk.rows * cell.terms * p.L;
  if (out.terms != nullptr) variant.terms = out.terms + a.panel_begin * variant.terms_panel + row * cell.terms * p.L;
  variant.m_panel = chunk.rows * width;
  if (out.m != nullptr) variant.m = out.m + row * width;
  step.variant = &variant;
  table.step_backward_variant(step);
}

/// What the cell of step s reads of n rows that is not warm: not the step's own c, dh and dc. Returns how many pieces
/// of memory.
template <class Real>
Index read_by_step(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index n, const Recurrent<Real>& w,
                   const GateValues<Real>& values, std::array<Soon<Real>, 3>& soon) {
  const Padded<Real>& p = d.p;
  const Index panels = a.panel_end - a.panel_begin, lines = panels * p.L / cache_line<Real>;
  soon[0] = {values.gates + values.offset(a.panel_begin, d.rows.offset(s) + a.row_begin, p.L), panels,
             n * 4 * p.L / cache_line<Real>, values.panel_stride(p.L)};
  if (lines < 4) return 1;  // to find rows so short takes longer than they do: 9% of 64 rows of 16 units
  soon[1] = {d.c_before(s) + a.row_begin * p.row + a.panel_begin * p.L, n, lines, p.row};
  if (!dy_in_place(d, w)) return 2;
  const StepRows<Real> dy = dy_of_step(d, a, s, a.row_begin + n, w);
  soon[2] = {dy.data, n, lines, dy.row};
  return 3;
}

/// From the last step of the chunk to its first: dz, and dh for the step before.
template <class Real>
void recurrence(const DirectionBackward<Real>& d, const Assignment& a, const Recurrent<Real>& w, const Chunk& chunk,
                const GateValues<Real>& values, const ChunkRows<Real>& out, Team& team, bool polls, Barrier& barrier) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, panels = a.panel_end - a.panel_begin;
  const auto [u0, u1] = h_columns(p, a);
  for (Index s = chunk.s1 - 1; s >= chunk.s0; --s) {
    const Index row_end = std::max(a.row_begin, std::min(a.row_end, d.rows.active(s))), n = row_end - a.row_begin;
    if (polls && s % 16 == 0) team.poll();
    if (n > 0) {
      const StepRows<Real> dy = dy_of_step(d, a, s, row_end, w);
      if (w.carry != nullptr) split_zoneout(d, a, s, row_end, w);
      step_back(d, a, s, n, dy, w, chunk, values, out);
    }
    // dh needs dz of all units
    if (panels < p.panels ? barrier.wait(team.stopped()) : team.stopped()) return;
    if (n > 0) {
      // dh = dz R, for this member's units. Its wide panels are whole: by_units splits at multiples of 4 panels.
      const Index start = a.row_begin * p.h_row + u0;
      GemmArgs<Real> product{n,
                             (u1 - u0) / p.L,
                             p.dense_gates(),
                             {out.dz + (d.rows.offset(s) + a.row_begin - chunk.first_row) * p.dz_row, p.dz_row},
                             {d.weights.backward_h.data() + u0 / width * p.wide_panel(), p.wide_panel(), width},
                             {w.dh + start, width, p.h_row},
                             GemmArgs<Real>::zero,
                             n <= kernels<Real>().tile_rows && s % 2 == 1};
      std::array<Soon<Real>, 3> soon;
      if (s > chunk.s0) {
        product.soon = soon.data();
        product.num_soon = read_by_step(d, a, s - 1, n, w, values, soon);
      }
      kernels<Real>().gemm(product);
      if (d.recurrent != nullptr)
        multiply_rows(n, u1 - u0, w.dh + start, p.h_row, d.recurrent + start, p.h_row, w.dh + start, p.h_row);
      for (Index r = 0; w.carry != nullptr && r < n; ++r)
        for (Index u = 0; u < u1 - u0; ++u) w.dh[start + r * p.h_row + u] += w.carry[start + r * p.h_row + u];
    }
  }
}

}  // namespace eigenlstm
