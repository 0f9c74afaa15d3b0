// One forward step of a direction with all its variants: the mask on h_prev, the cell (plain or not), the projection,
// the zoneout of h.
#pragma once

#include "lstm/weights.hpp"

namespace eigenlstm {

/// out = x * mask, `rows` rows of n.
template <class Real>
void multiply_rows(Index rows, Index n, const Real* x, Index x_stride, const Real* mask, Index mask_stride, Real* out,
                   Index out_stride) {
  for (Index r = 0; r < rows; ++r, x += x_stride, mask += mask_stride, out += out_stride)
    for (Index j = 0; j < n; ++j) out[j] = x[j] * mask[j];
}

/// h = zone * h_prev + (1 - zone) * h.
template <class Real>
void zone_out(Index rows, Index n, const Real* zone, Index zone_stride, const Real* h_prev, Index h_prev_stride,
              Real* h, Index h_stride) {
  for (Index r = 0; r < rows; ++r, zone += zone_stride, h_prev += h_prev_stride, h += h_stride)
    for (Index j = 0; j < n; ++j) h[j] = zone[j] * h_prev[j] + (Real(1) - zone[j]) * h[j];
}

/// Runs the products and the cell by the kernel that the options need.
template <class Real>
void step_cell(const DirectionWeights<Real>& weights, StepArgs<Real>& step, const StepVariant<Real>& variant) {
  step.variant = &variant;
  if (weights.plain_cell)
    kernels<Real>().step_forward(step);
  else
    kernels<Real>().step_forward_variant(step);
}

/// Whether the panels of a step of `rows` rows share a few tiles of z, one panel after the other. Otherwise each panel
/// has its own: a single row multiplies several panels at once, and normalisation needs all of them.
template <class Real>
bool shares_tiles(const DirectionWeights<Real>& weights, Index rows) {
  return rows > 1 && !weights.normalises();
}
/// The StepArgs::z_panel_stride that follows from it.
template <class Real>
Index z_panel_stride(const Padded<Real>& p, const DirectionWeights<Real>& weights, Index rows) {
  return shares_tiles(weights, rows) ? 0 : rows * 4 * p.L;
}

/// What surrounds the cell in a step. Rows and columns start where those of the step's StepArgs do.
template <class Real>
struct AroundCell {
  const Real* recurrent_mask = nullptr;  // on h_prev for the product with R, rows p.h_stride apart; or null
  const Real* zone_h = nullptr;          // weight of h_prev in h; or null
  Index zone_h_stride = 0;
  Real* h_in = nullptr;  // scratch [row][p.h_stride], where there is a recurrent mask
  Real* m = nullptr;     // scratch [row][p.c_stride], where there is a projection
};

template <class Real>
void run_step_around(const Padded<Real>& p, const DirectionWeights<Real>& weights, StepArgs<Real> step,
                     const StepVariant<Real>& variant, const AroundCell<Real>& around) {
  const Real* h_prev = step.h_prev;
  const Index h_prev_stride = step.h_prev_stride, h_stride = step.h_stride;
  Real* h = step.h;
  if (around.recurrent_mask != nullptr) {
    multiply_rows(step.rows, p.P, h_prev, h_prev_stride, around.recurrent_mask, p.h_stride, around.h_in, p.h_stride);
    step.h_prev = around.h_in;
    step.h_prev_stride = p.h_stride;
  }
  const bool projects = weights.project.size() > 0;
  if (projects) {
    step.h = around.m;
    step.h_stride = p.c_stride;
  }
  step_cell(weights, step, variant);
  if (projects) {
    GemmArgs<Real> product;
    product.rows = step.rows;
    product.vectors = p.outputs / p.L;
    product.K = p.H;
    product.a = {around.m, p.c_stride};
    product.b = {weights.project.data(), p.H * 4 * p.L, 4 * p.L};
    product.c = {h, 4 * p.L, h_stride};
    kernels<Real>().gemm(product);
  }
  if (around.zone_h != nullptr)
    zone_out(step.rows, projects ? p.P : step.panels * p.L, around.zone_h, around.zone_h_stride,
             h_prev + variant.first_panel * p.L, h_prev_stride, h, h_stride);
}

template <class Real>
void run_step(const Padded<Real>& p, const DirectionWeights<Real>& weights, StepArgs<Real>& step,
              const StepVariant<Real>& variant, const AroundCell<Real>& around) {
  const bool projects = weights.project.size() > 0;
  if (!projects && around.recurrent_mask == nullptr && around.zone_h == nullptr)
    return step_cell(weights, step, variant);
  run_step_around(p, weights, step, variant, around);
}

}  // namespace eigenlstm
