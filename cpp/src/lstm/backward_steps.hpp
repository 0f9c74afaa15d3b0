// The backward pass of one direction through the steps of a chunk: dz, and what flows to the step before.
#pragma once

#include <array>

#include "lstm/backward.hpp"
#include "lstm/schedule.hpp"

namespace eigenlstm {

/// Gradients that flow from step to step, for B rows, and what a step needs besides. What only variants need is null
/// where it is not used.
template <class Real>
struct StepGradients {
  Real *dh = nullptr, *dc = nullptr, *dy = nullptr;  // dy: of the step at hand, where it has to be staged
  Real* carry = nullptr;                             // what zoneout passes on to dh of the step before
  Real *zone_h = nullptr, *zone_c = nullptr;         // the masks of the step at hand
  Real* dm = nullptr;                                // gradient of what the projection multiplies
  Real* zeros = nullptr;                             // one row
  Real* tile = nullptr;                              // [panel][4][L] and a value more for each row: the cell's scratch

  static StepGradients allocate(Arena& memory, const DirectionBackward<Real>& d) {
    const Padded<Real>& p = d.p;
    const Index B = d.rows.batch_size();
    const auto zeroed = [&](bool used, Index n, Index stride) {
      if (!used) return static_cast<Real*>(nullptr);
      Real* const at = memory.allocate<Real>(n * stride);
      std::fill_n(at, n * stride, Real(0));
      return at;
    };
    const bool zone_h = d.cell.zoneout_h > 0, projected = d.shape.projected();
    StepGradients w;
    w.dh = memory.allocate<Real>(B * p.h_stride);
    w.dc = memory.allocate<Real>(B * p.c_stride);
    w.dy = memory.allocate<Real>(B * p.h_stride);
    w.carry = zeroed(zone_h, B, p.h_stride);
    w.zone_h = zeroed(zone_h, B, p.h_stride);
    w.zone_c = zeroed(d.cell.zoneout_c > 0, B, p.c_stride);
    w.dm = zeroed(projected, B, p.c_stride);
    w.zeros = zeroed(zone_h || projected, 1, std::max(p.units, p.outputs));
    if (!d.plain_kernel()) w.tile = memory.allocate<Real>(B * (p.gates() + 1));
    return w;
  }
};

/// The columns of h that member `a` works on, padding included: its units, or with a projection all of them.
template <class Real>
Range h_columns(const Padded<Real>& p, const Assignment& a) {
  return p.whole_rows ? Range{0, p.outputs} : Range{a.panel_begin * p.L, a.panel_end * p.L};
}

/// Writes columns of dfinal, (B, n) or null, for the positions of `a` to rows `stride` apart.
template <class Real>
void start_gradient(const DirectionBackward<Real>& d, const Assignment& a, Range columns, Index n, Index stride,
                    const Real* dfinal, Real* out) {
  const Index used = std::max(columns.begin, std::min(columns.end, n));
  for (Index position = a.row_begin; position < a.row_end; ++position) {
    Real* to = out + position * stride;
    std::fill(to + columns.begin, to + columns.end, Real(0));
    const Real* from = dfinal + d.rows.batch_row(position) * n;
    if (dfinal) std::copy(from + columns.begin, from + used, to + columns.begin);
  }
}

template <class Real>
void finish_gradient(const DirectionBackward<Real>& d, const Assignment& a, Range columns, Index n, Index stride,
                     const Real* in, Real* dinitial) {
  const Index used = std::min(columns.end, n);
  for (Index position = a.row_begin; dinitial != nullptr && position < a.row_end; ++position)
    std::copy(in + position * stride + columns.begin, in + position * stride + used,
              dinitial + d.rows.batch_row(position) * n + columns.begin);
}

/// dy of the rows and units of `a` at step s, padded with zeros.
template <class Real>
void stage_dy(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index row_end, Real* out) {
  const auto [u0, u1] = h_columns(d.p, a);
  const Index used = std::max(u0, std::min(u1, d.p.P)), stride = d.dy.feature_stride();
  for (Index position = a.row_begin; position < row_end; ++position) {
    Real* row = out + position * d.p.h_stride;
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
      const Real* other =
          d.other_h + (d.rows.first_frame(d.rows.time(t, position, !d.reverse)) + position) * d.p.h_stride;
      for (Index u = u0; u < used; ++u) row[u] *= other[u];
    }
  }
}

/// Whether the cell's kernel can read dy where it is.
template <class Real>
bool dy_in_place(const DirectionBackward<Real>& d, const StepGradients<Real>& w) {
  return d.plain_kernel() && w.carry == nullptr && d.dy && d.dy.feature_stride() == 1 && d.merge == Merge::concat &&
         d.p.H == d.p.units && !d.rows.ragged();
}

/// dy of the rows and units of `a` at step s: in place if the cell's kernel can read it there, otherwise staged.
template <class Real>
StridedRows<Real> dy_of_step(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index row_end,
                             const StepGradients<Real>& w) {
  const Padded<Real>& p = d.p;
  const Index unit = a.panel_begin * p.L;
  if (dy_in_place(d, w))
    return {d.dy.at(d.rows, a.row_begin, d.rows.time(s, a.row_begin, d.reverse)) + d.dy_column + unit,
            d.dy.row_stride()};
  stage_dy(d, a, s, row_end, w.dy);
  return {w.dy + a.row_begin * p.h_stride + unit, p.h_stride};
}

/// Some columns of the zoneout masks of step s, n values for each row of `a`: drawn as in forward(), or without a seed
/// their expectation.
template <class Real>
void stage_zoneout(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index row_end, Mask mask,
                   Range columns, Index n, double p, Real* out, Index stride) {
  const Index end = std::max(columns.begin, std::min(columns.end, n));
  for (Index position = a.row_begin; position < row_end; ++position) {
    Real* to = out + position * stride;
    const auto substream = mask_substream(mask, d.index, d.rows.batch_row(position));
    if (d.seed)
      draw_zoneout(*d.seed, substream, d.rows.time(s, position, d.reverse), n, columns.begin, end, p, to);
    else
      std::fill(to + columns.begin, to + end, Real(p));
  }
}

/// Backwards through h = zone h_prev + (1 - zone) h_new: splits dy + dh into dy, for h_new, and into what flows to
/// h_prev past the cell. dh is not needed after that.
template <class Real>
void split_zoneout(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index row_end,
                   const StepGradients<Real>& w) {
  const Padded<Real>& p = d.p;
  const auto [u0, u1] = h_columns(p, a);
  stage_zoneout(d, a, s, row_end, Mask::zoneout_h, {u0, u1}, p.P, d.cell.zoneout_h, w.zone_h, p.h_stride);
  for (Index position = a.row_begin; position < row_end; ++position) {
    const Index at = position * p.h_stride;
    for (Index u = u0; u < u1; ++u) {
      const Real dh = w.dh[at + u] + w.dy[at + u], keep = w.zone_h[at + u];
      w.carry[at + u] = keep * dh;
      w.dy[at + u] = (Real(1) - keep) * dh;
    }
  }
}

/// The cell's backward kernel for the rows and units of `a`: dz, and dc of the step before.
template <class Real>
void step_back(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index n, StridedRows<Real> dy,
               const StepGradients<Real>& w, const Chunk& chunk, const GateValues<Real>& values,
               const ChunkArrays<Real>& out) {
  const auto& table = kernels<Real>();
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, unit = a.panel_begin * p.L;
  const Index at = d.rows.first_frame(s) + a.row_begin, frame = at - chunk.first_frame,
              start = a.row_begin * p.c_stride + unit;
  const Index h_start = a.row_begin * p.h_stride + unit, gates = values.at(a.panel_begin, at, p.L);
  StepBackwardArgs<Real> step{};
  step.rows = n;
  step.panels = a.panel_end - a.panel_begin;
  step.last_units = p.dz_gate_stride((a.panel_end - 1) * p.L / p.U);
  step.gates = values.gates + gates;
  step.gates_panel_stride = values.panel_stride(p.L);
  step.c_prev = d.c_before(s) + start;
  step.c = d.c_at(s) + start;
  step.c_prev_stride = step.c_stride = step.dc_stride = p.c_stride;
  step.dy = dy.data;
  step.dy_stride = dy.stride;
  step.dh = w.dh + h_start;
  step.dh_stride = p.h_stride;
  step.dc = w.dc + start;
  step.dz = out.dz + frame * p.dz_stride + a.panel_begin * width;
  step.dz_stride = p.dz_stride;
  if (w.carry != nullptr || d.shape.projected()) {  // dh is in dy already
    step.dh = w.zeros;
    step.dh_stride = 0;
  }
  if (d.shape.projected()) {  // h_new = W_hr m
    Real *dh_new = out.dh_new + frame * p.h_stride, *dm = w.dm + a.row_begin * p.c_stride;
    for (Index r = 0; r < n; ++r)
      for (Index u = 0; u < p.outputs; ++u)
        dh_new[r * p.h_stride + u] =
            w.dy[h_start + r * p.h_stride + u] + (w.carry != nullptr ? Real(0) : w.dh[h_start + r * p.h_stride + u]);
    GemmArgs<Real> product;
    product.rows = n;
    product.vectors = p.panels;
    product.K = p.P;
    product.a = {dh_new, p.h_stride};
    product.b = {d.weights.project_backward.data(), p.P * width, width};
    product.c = {dm, width, p.c_stride};
    table.gemm(product);
    step.dy = dm;
    step.dy_stride = p.c_stride;
  }
  if (d.plain_kernel()) {
    table.step_backward(step);
    return;
  }
  const CellVariant<Real>& cell = d.weights.cell;
  StepBackwardVariant<Real> variant{};
  variant.cell = &cell;
  variant.first_panel = a.panel_begin;
  if (w.zone_c != nullptr) {
    stage_zoneout(d, a, s, a.row_begin + n, Mask::zoneout_c, {unit, a.panel_end * p.L}, p.H, d.cell.zoneout_c, w.zone_c,
                  p.c_stride);
    variant.zone_c = w.zone_c + start;
    variant.zone_c_stride = p.c_stride;
  }
  variant.z = values.z ? values.z + gates : nullptr;
  if (d.shape.normalised()) {
    variant.z_hat = values.z_hat + gates;
    variant.deviation = values.deviation + (at - values.first_frame) * 4;
  }
  variant.tile_panel_stride = d.shape.normalised() ? n * width : 0;
  variant.tile = w.tile + (d.shape.normalised() ? a.row_begin * (p.gates() + 1)
                                                : (a.panel_begin * d.rows.batch_size() + a.row_begin) * width);
  variant.terms_panel_stride = chunk.frames * cell.terms * p.L;
  if (out.terms != nullptr)
    variant.terms = out.terms + a.panel_begin * variant.terms_panel_stride + frame * cell.terms * p.L;
  variant.m_panel_stride = chunk.frames * width;
  if (out.m != nullptr) variant.m = out.m + frame * width;
  step.variant = &variant;
  table.step_backward_variant(step);
}

/// The regions that the cell of step s reads for n rows and that are not in the cache yet (c, dh and dc of the step
/// are). Returns how many.
template <class Real>
Index read_by_step(const DirectionBackward<Real>& d, const Assignment& a, Index s, Index n,
                   const StepGradients<Real>& w, const GateValues<Real>& values,
                   std::array<PrefetchRegion<Real>, 3>& soon) {
  const Padded<Real>& p = d.p;
  const Index panels = a.panel_end - a.panel_begin, lines = panels * p.L / cache_line<Real>;
  soon[0] = {values.gates + values.at(a.panel_begin, d.rows.first_frame(s) + a.row_begin, p.L), panels,
             n * 4 * p.L / cache_line<Real>, values.panel_stride(p.L)};
  if (lines < 4) return 1;  // finding rows that short takes longer than waiting for them: 9% with 64 rows of 16 units
  soon[1] = {d.c_before(s) + a.row_begin * p.c_stride + a.panel_begin * p.L, n, lines, p.c_stride};
  if (!dy_in_place(d, w)) return 2;
  const StridedRows<Real> dy = dy_of_step(d, a, s, a.row_begin + n, w);
  soon[2] = {dy.data, n, lines, dy.stride};
  return 3;
}

/// From the last step of the chunk to its first: dz, and dh for the step before.
template <class Real>
void recurrence(const DirectionBackward<Real>& d, const Assignment& a, const StepGradients<Real>& w, const Chunk& chunk,
                const GateValues<Real>& values, const ChunkArrays<Real>& out, Team& team, bool polls,
                Barrier& barrier) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, panels = a.panel_end - a.panel_begin;
  const auto [u0, u1] = h_columns(p, a);
  for (Index s = chunk.s1 - 1; s >= chunk.s0; --s) {
    const Index row_end = std::max(a.row_begin, std::min(a.row_end, d.rows.active(s))), n = row_end - a.row_begin;
    if (polls && s % 16 == 0) team.poll();
    if (n > 0) {
      const StridedRows<Real> dy = dy_of_step(d, a, s, row_end, w);
      if (w.carry != nullptr) split_zoneout(d, a, s, row_end, w);
      step_back(d, a, s, n, dy, w, chunk, values, out);
    }
    // dh needs dz of all units
    if (panels < p.panels ? barrier.wait(team.stopped()) : team.stopped()) return;
    if (n > 0) {
      // dh = dz R, for this member's units, which fill whole panels of columns: units are split at multiples of 4
      // panels.
      const Index start = a.row_begin * p.h_stride + u0;
      GemmArgs<Real> product;
      product.rows = n;
      product.vectors = (u1 - u0) / p.L;
      product.K = p.dense_gates();
      product.a = {out.dz + (d.rows.first_frame(s) + a.row_begin - chunk.first_frame) * p.dz_stride, p.dz_stride};
      product.b = {d.weights.backward_h.data() + u0 / width * p.column_panel_stride(), p.column_panel_stride(), width};
      product.c = {w.dh + start, width, p.h_stride};
      product.hints.backwards = n <= kernels<Real>().tile_rows && s % 2 == 1;
      std::array<PrefetchRegion<Real>, 3> soon;
      if (s > chunk.s0) {
        product.hints.soon = soon.data();
        product.hints.num_soon = read_by_step(d, a, s - 1, n, w, values, soon);
      }
      kernels<Real>().gemm(product);
      if (d.recurrent_mask != nullptr)
        multiply_rows(n, u1 - u0, w.dh + start, p.h_stride, d.recurrent_mask + start, p.h_stride, w.dh + start,
                      p.h_stride);
      for (Index r = 0; w.carry != nullptr && r < n; ++r)
        for (Index u = 0; u < u1 - u0; ++u) w.dh[start + r * p.h_stride + u] += w.carry[start + r * p.h_stride + u];
    }
  }
}

}  // namespace eigenlstm
