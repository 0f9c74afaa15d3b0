// The products of one time step, z = b + W x + R h_prev: one panel or a few at a time, into tiles that stay in L1.
#pragma once

#include "kernels/gate_layout.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/lstm/last_panel.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// The regions that the product of `panels` panels prefetches: memory that will be written soon and that is in no
/// cache. That is the place of these panels' gates, and a share of the next step's c and h. Returns how many regions.
template <class Real>
Index written_soon(const StepArgs<Real>& s, Index panel, Index panels, PrefetchRegion<Real> (&soon)[3]) {
  constexpr Index L = lanes<Real>, line = cache_line<Real>;
  Index n = 0;
  if (s.rows < min_cursor_rows) return n;
  if (s.gates != nullptr)
    soon[n++] = {s.gates + panel * s.gates_panel_stride, panels, s.rows * 4 * L / line, s.gates_panel_stride};
  const auto add_share = [&](const Real* next, Index size) {
    const Index lines = size / line, from = lines * panel / s.panels, to = lines * (panel + panels) / s.panels;
    if (next != nullptr && from < to) soon[n++] = {next + from * line, 1, to - from, 0};
  };
  add_share(s.c_next, s.c_next_size);
  add_share(s.h_next, s.h_next_size);
  return n;
}

/// Calls cell(panel, panels, z, z_panel_stride) whenever the tiles of `panels` panels from `panel` on are ready:
/// several panels of a single row, otherwise one panel.
template <class Real, class Cell>
void step_products(const StepArgs<Real>& s, Cell cell) {
  using Args = GemmArgs<Real>;
  constexpr Index L = lanes<Real>;
  const Index width = 4 * L, I = s.input_size, H = s.hidden_size;
  const Real* weights = s.weights + (s.x != nullptr ? 1 : 1 + I) * width;
  const Index z_panel_stride = s.z_panel_stride != 0 ? s.z_panel_stride : s.rows * width;
  Args product;
  product.rows = s.rows;
  product.K = I + H;
  product.a = {s.x, s.x_stride};
  product.b = {nullptr, s.weights_panel_stride, width};
  product.c = {nullptr, z_panel_stride, width};
  product.start = Args::bias;
  product.a2 = {s.h_prev, s.h_prev_stride};
  product.split = I;
  if (s.x == nullptr) {  // z has the rest
    product.a = product.a2;
    product.K = product.split = H;
    product.start = Args::chain;
  } else if (s.x + I == s.h_prev && s.x_stride == s.h_prev_stride) {  // rows [x | h] in one piece
    product.split = I + H;
  }
  PrefetchRegion<Real> soon[3];
  product.hints.soon = soon;
  const bool together = s.rows == 1 || by_strips<Real>(s.rows, product.K, s.panels);
  const Index sweeps = together ? (s.panels + step_panels - 1) / step_panels : s.panels;
  for (Index i = 0; i < sweeps; ++i) {
    const auto [p, end] = share(s.panels, s.backwards ? sweeps - 1 - i : i, sweeps);
    const Index n = end - p;
    product.vectors = gate_vectors(n, end == s.panels ? s.last_gate_stride : L, L);
    product.b.data = weights + p * s.weights_panel_stride;
    Real* z = s.z + p * s.z_panel_stride;
    product.c.data = z;
    product.hints.num_soon = written_soon(s, p, n, soon);
    gemm(product);
    if (end == s.panels) spread_last_panel(s, z + (n - 1) * z_panel_stride);
    if (s.rows == 1)
      cell(p, n, z, z_panel_stride);
    else
      for (Index q = p; q < end; ++q, z += z_panel_stride) cell(q, 1, z, z_panel_stride);
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
