// One time step with a variant of the cell, and its twin: panel by panel like the plain one, except with layer
// normalisation, which needs all panels of a row before it can continue.
#pragma once

#include "kernels/lstm/cell_variant.hpp"
#include "kernels/lstm/last_panel.hpp"
#include "kernels/lstm/step_products.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// z = normalise(z) * weight + bias, for each gate and row over all units.
template <class Real>
void normalise_gates(const StepArgs<Real>& s) {
  constexpr Index L = lanes<Real>;
  const StepVariant<Real>& step = *s.variant;
  const CellVariant<Real>& v = *step.cell;
  const Units units{s.panels, v.units};
  for (Index r = 0; r < s.rows; ++r) {
    for (Index gate = 0; gate < 4; ++gate) {
      const Index at = (r * 4 + gate) * L;
      Real *z = s.z + at, *z_hat = step.z_hat ? step.z_hat + at : z;
      const Index stride = step.z_hat ? s.gates_panel_stride : s.z_panel_stride;
      const Real deviation = normalise(units, v.used, z, s.z_panel_stride, z_hat, stride);
      if (step.deviation != nullptr) step.deviation[r * 4 + gate] = deviation;
      for (Index p = 0; p < s.panels; ++p) {
        const Real* norm = v.norm_gates + p * 8 * L + gate * L;
        store(z + p * s.z_panel_stride, madd(load(z_hat + p * stride), load(norm), load(norm + 4 * L)));
      }
    }
  }
}

template <class Real>
void step_forward_variant(const StepArgs<Real>& s) {
  constexpr Index L = lanes<Real>;
  const CellVariant<Real>& v = *s.variant->cell;
  if (v.norm_gates == nullptr) {
    step_products(s, [&](Index panel, Index panels, Real* z, Index z_panel_stride) {
      for (const Index end = panel + panels; panel < end; ++panel, z += z_panel_stride)
        cell_variant_forward(s, panel, z), cell_variant_output(s, panel, z);
    });
    return;
  }
  step_products(s, [](Index, Index, Real*, Index) {});
  normalise_gates(s);
  for (Index panel = 0; panel < s.panels; ++panel) cell_variant_forward(s, panel, s.z + panel * s.z_panel_stride);
  for (Index r = 0; r < s.rows; ++r) {
    Real* c = s.z + r * 4 * L + 2 * L;
    normalise(Units{s.panels, v.units}, v.used, c, s.z_panel_stride, c - 2 * L, s.z_panel_stride);
  }
  for (Index panel = 0; panel < s.panels; ++panel) cell_variant_output(s, panel, s.z + panel * s.z_panel_stride);
}

/// From dz of the normalised gates, which is also stored in the terms, to the gradient of W x + R h.
template <class Real>
void normalise_gates_backward(const StepBackwardArgs<Real>& s) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>, U = cache_line<Real>;
  const StepBackwardVariant<Real>& step = *s.variant;
  const CellVariant<Real>& v = *step.cell;
  for (Index panel = 0; panel < s.panels; ++panel) {
    const Real* weight = v.norm_gates + panel * 8 * L;
    for (Index r = 0; r < s.rows; ++r) {
      Real* dz = s.dz + r * s.dz_stride + dz_column(panel, L, U);
      Real* terms = step.terms + panel * step.terms_panel_stride + (r * v.terms + v.norm_terms + 2) * L;
      const Real* z_hat = step.z_hat + panel * s.gates_panel_stride + r * 4 * L;
      for (Index gate = 0; gate < 4; ++gate) {
        const V d = load(dz + gate * U);
        store(terms + gate * L, mul(d, load(z_hat + gate * L)));
        store(terms + (4 + gate) * L, d);
        store(dz + gate * U, mul(d, load(weight + gate * L)));
      }
    }
  }
  for (Index r = 0; r < s.rows; ++r)
    for (Index gate = 0; gate < 4; ++gate) {
      Real* const dz = s.dz + r * s.dz_stride + gate * U;
      normalise_backward(Units{s.panels, v.units}, step.z_hat + (r * 4 + gate) * L, s.gates_panel_stride,
                         step.deviation[r * 4 + gate],
                         [&](Index panel) EIGENLSTM_INLINED { return dz + dz_column(panel, L, U); });
    }
}

template <class Real>
void step_backward_variant(const StepBackwardArgs<Real>& s) {
  constexpr Index L = lanes<Real>;
  const StepBackwardVariant<Real>& step = *s.variant;
  const CellVariant<Real>& v = *step.cell;
  const auto tile = [&](Index panel) { return step.tile + panel * step.tile_panel_stride; };
  if (v.norm_gates == nullptr) {
    for (Index panel = 0; panel < s.panels; ++panel) {
      cell_variant_recall(s, panel, tile(panel));
      cell_variant_output_backward(s, panel, tile(panel));
      cell_variant_backward(s, panel, tile(panel));
    }
    close_up_last_block(s);
    return;
  }
  // c_hat = normalise(c_new) is the tile's second place, dc_out the third.
  const Units units{s.panels, v.units};
  for (Index panel = 0; panel < s.panels; ++panel) cell_variant_recall(s, panel, tile(panel));
  const auto deviation = [&](Index r) { return tile(0) + (s.panels * step.tile_panel_stride) + r; };
  for (Index r = 0; r < s.rows; ++r) {
    Real* c = step.tile + r * 4 * L;
    *deviation(r) = normalise(units, v.used, c, step.tile_panel_stride, c + L, step.tile_panel_stride);
  }
  for (Index panel = 0; panel < s.panels; ++panel) cell_variant_output_backward(s, panel, tile(panel));
  for (Index r = 0; r < s.rows; ++r) {
    Real* c = step.tile + r * 4 * L;
    normalise_backward(units, c + L, step.tile_panel_stride, *deviation(r),
                       [&](Index panel) EIGENLSTM_INLINED { return c + 2 * L + panel * step.tile_panel_stride; });
  }
  for (Index panel = 0; panel < s.panels; ++panel) cell_variant_backward(s, panel, tile(panel));
  normalise_gates_backward(s);
  close_up_last_block(s);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
