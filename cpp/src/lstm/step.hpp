// One forward step of a direction with all its variants: the cell, plain or not, between what comes before it (the mask
// on h_prev) and after it (the projection, the zoneout of h).
#pragma once

#include "lstm/weights.hpp"

namespace eigenlstm {

/// out = x * mask, `rows` rows of n.
template <class Real>
void multiply_rows(Index rows, Index n, const Real* x, Index x_row, const Real* mask, Index mask_row, Real* out,
                   Index out_row) {
  for (Index r = 0; r < rows; ++r, x += x_row, mask += mask_row, out += out_row)
    for (Index j = 0; j < n; ++j) out[j] = x[j] * mask[j];
}

/// h = zone * h_prev + (1 - zone) * h.
template <class Real>
void zone_out(Index rows, Index n, const Real* zone, Index zone_row, const Real* h_prev, Index h_prev_row, Real* h,
              Index h_row) {
  for (Index r = 0; r < rows; ++r, zone += zone_row, h_prev += h_prev_row, h += h_row)
    for (Index j = 0; j < n; ++j) h[j] = zone[j] * h_prev[j] + (Real(1) - zone[j]) * h[j];
}

/// The cell itself, by the kernel that does it.
template <class Real>
void step_cell(const DirectionWeights<Real>& weights, StepArgs<Real>& step, const StepVariant<Real>& variant) {
  step.variant = &variant;
  if (weights.plain)
    kernels<Real>().step_forward(step);
  else
    kernels<Real>().step_forward_variant(step);
}

/// What a step has around the cell. Rows and columns start where those of the step's StepArgs do.
template <class Real>
struct AroundCell {
  const Real* recurrent;  // mask on h_prev for the product with R, rows p.h_row apart; or null
  const Real* zone_h;     // weight of h_prev in h; or null
  Index zone_h_row;
  Real* h_in;  // scratch [row][p.h_row], where there is a recurrent mask
  Real* m;     // scratch [row][p.row], where there is a projection
};

template <class Real>
void run_step_around(const Padded<Real>& p, const DirectionWeights<Real>& weights, StepArgs<Real> step,
                     const StepVariant<Real>& variant, const AroundCell<Real>& around) {
  const Real* h_prev = step.h_prev;
  const Index h_prev_row = step.h_prev_row, h_row = step.h_row;
  Real* h = step.h;
  if (around.recurrent != nullptr) {
    multiply_rows(step.rows, p.P, h_prev, h_prev_row, around.recurrent, p.h_row, around.h_in, p.h_row);
    step.h_prev = around.h_in;
    step.h_prev_row = p.h_row;
  }
  const bool projects = weights.project.size() > 0;
  if (projects) {
    step.h = around.m;
    step.h_row = p.row;
  }
  step_cell(weights, step, variant);
  if (projects)
    kernels<Real>().gemm({step.rows,
                          p.outputs / p.L,
                          p.H,
                          {around.m, p.row},
                          {weights.project.data(), p.H * 4 * p.L, 4 * p.L},
                          {h, 4 * p.L, h_row},
                          GemmArgs<Real>::zero});
  if (around.zone_h != nullptr)
    zone_out(step.rows, projects ? p.P : step.panels * p.L, around.zone_h, around.zone_h_row,
             h_prev + variant.first_panel * p.L, h_prev_row, h, h_row);
}

template <class Real>
void run_step(const Padded<Real>& p, const DirectionWeights<Real>& weights, StepArgs<Real>& step,
              const StepVariant<Real>& variant, const AroundCell<Real>& around) {
  const bool projects = weights.project.size() > 0;
  if (!projects && around.recurrent == nullptr && around.zone_h == nullptr) return step_cell(weights, step, variant);
  run_step_around(p, weights, step, variant, around);
}

}  // namespace eigenlstm
