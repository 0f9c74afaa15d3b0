// The products of one time step: z = b + W x + R h_prev, a panel or a few at a time, each into a tile that stays in L1.
#pragma once

#include "kernels/gemm.hpp"
#include "kernels/last_panel.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// Calls cell(panel) when the tile of a panel is ready.
template <class Real, class Cell>
void step_products(const StepArgs<Real>& s, Cell cell) {
  using Args = GemmArgs<Real>;
  constexpr Index L = lanes<Real>;
  const Index width = 4 * L, I = s.input_size, H = s.hidden_size;
  const Real* weights = s.weights + (s.x != nullptr ? 1 : 1 + I) * width;
  Args product{s.rows, 0, I + H, {s.x, s.x_row}, {nullptr, s.weights_panel, width}, {nullptr, s.z_panel, width}, Args::bias, false,
               {s.h_prev, s.h_prev_row}, I};
  if (s.x == nullptr) {  // z has the rest
    product.a = product.a2;
    product.K = product.split = H;
    product.start = Args::chain;
  } else if (s.x + I == s.h_prev && s.x_row == s.h_prev_row) {  // rows [x | h] in one piece
    product.split = I + H;
  }
  const bool asks_for_gates = s.gates != nullptr && s.rows > 1 && !(is_line<Real>(L) && s.gates_past_caches);
  const Index groups = s.rows == 1 ? (s.panels + single_row_panels - 1) / single_row_panels : s.panels;
  for (Index i = 0; i < groups; ++i) {
    const auto [p, n] = part_of(s.panels, groups, s.backwards ? groups - 1 - i : i);
    product.vectors = 4 * n - (p + n == s.panels ? 4 - (4 * s.last_units + L - 1) / L : 0);
    product.b.data = weights + p * s.weights_panel;
    product.c.data = s.z + p * s.z_panel;
    const Soon<Real> gates{s.gates + p * s.gates_panel, 1, s.rows * 4 * L / cache_line<Real>, 0};  // written by the cell, which would wait for their lines
    product.soon = &gates;
    product.num_soon = asks_for_gates;
    gemm(product);
    for (Index q = p; q < p + n; ++q) {
      if (q + 1 == s.panels) spread_last_panel(s);
      cell(q);
    }
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
