// The products of one time step: z = b + W x + R h_prev, a panel or a few at a time, each into a tile that stays in L1.
#pragma once

#include "kernels/gemm/gemm.hpp"
#include "kernels/lstm/last_panel.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// What will be written where the caches do not have it, for the product of `panels` panels to ask for: the places of
/// their gates, and of the next step's c and h a part, all panels by turns.
template <class Real>
Index written_soon(const StepArgs<Real>& s, Index panel, Index panels, Soon<Real> (&soon)[3]) {
  constexpr Index L = lanes<Real>, line = cache_line<Real>;
  Index n = 0;
  if (s.rows < walking_rows) return n;
  if (s.gates != nullptr) soon[n++] = {s.gates + panel * s.gates_panel, panels, s.rows * 4 * L / line, s.gates_panel};
  const auto part = [&](const Real* next, Index size) {
    const Index lines = size / line, from = lines * panel / s.panels, to = lines * (panel + panels) / s.panels;
    if (next != nullptr && from < to) soon[n++] = {next + from * line, 1, to - from, 0};
  };
  part(s.c_next, s.c_next_size);
  part(s.h_next, s.h_next_size);
  return n;
}

/// Calls cell(panel, panels, z, z_panel) when the tiles of so many panels from `panel` on are ready, z_panel apart: of
/// a single row several, else of one.
template <class Real, class Cell>
void step_products(const StepArgs<Real>& s, Cell cell) {
  using Args = GemmArgs<Real>;
  constexpr Index L = lanes<Real>;
  const Index width = 4 * L, I = s.input_size, H = s.hidden_size;
  const Real* weights = s.weights + (s.x != nullptr ? 1 : 1 + I) * width;
  const Index z_panel = s.z_panel != 0 ? s.z_panel : s.rows * width;
  Args product{s.rows,
               0,
               I + H,
               {s.x, s.x_row},
               {nullptr, s.weights_panel, width},
               {nullptr, z_panel, width},
               Args::bias,
               false,
               {s.h_prev, s.h_prev_row},
               I};
  if (s.x == nullptr) {  // z has the rest
    product.a = product.a2;
    product.K = product.split = H;
    product.start = Args::chain;
  } else if (s.x + I == s.h_prev && s.x_row == s.h_prev_row) {  // rows [x | h] in one piece
    product.split = I + H;
  }
  Soon<Real> soon[3];
  product.soon = soon;
  const bool together = s.rows == 1 || by_strips<Real>(s.rows, product.K, s.panels);
  const Index groups = together ? (s.panels + step_panels - 1) / step_panels : s.panels;
  for (Index i = 0; i < groups; ++i) {
    const auto [p, n] = part_of(s.panels, groups, s.backwards ? groups - 1 - i : i);
    product.vectors = 4 * n - (p + n == s.panels ? 4 - (4 * s.last_units + L - 1) / L : 0);
    product.b.data = weights + p * s.weights_panel;
    Real* z = s.z + p * s.z_panel;
    product.c.data = z;
    product.num_soon = written_soon(s, p, n, soon);
    gemm(product);
    if (p + n == s.panels) spread_last_panel(s, z + (n - 1) * z_panel);
    if (s.rows == 1)
      cell(p, n, z, z_panel);
    else
      for (Index q = p; q < p + n; ++q, z += z_panel) cell(q, 1, z, z_panel);
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
