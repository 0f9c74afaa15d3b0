// The products of one time step: z = b + W x + R h_prev, a panel or a few at a time, each into a tile that stays in L1.
#pragma once

#include "kernels/gemm.hpp"
#include "kernels/last_panel.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// What the cell of a panel writes and its product asks for, as stores that miss would hold the cell up: the gates, or where they are not kept y,
/// whose rows may be pages apart. That pays where they are many and the products short (TUNING.md).
template <class Real>
Soon<Real> written_by_cell(const StepArgs<Real>& s, Index panel) {
  constexpr Index L = lanes<Real>, lines = (L + cache_line<Real> - 1) / cache_line<Real>;
  const auto waits = [](const Real* p, bool past_caches) { return p != nullptr && !(stores_past_caches && past_caches); };
  if (waits(s.gates, s.gates_past_caches) && s.rows > 1) return {s.gates + panel * s.gates_panel, 1, s.rows * 4 * L / cache_line<Real>, 0};
  const bool asks_for_y = waits(s.y, s.y_past_caches) && s.gates == nullptr && s.rows >= 96 && s.input_size + s.hidden_size < 128;
  if (asks_for_y) return {s.y + panel * L, lines, s.rows, cache_line<Real>, s.y_row};  // down the rows: short pieces would cut the loop over k
  return {};
}

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
  const Index groups = s.rows == 1 ? (s.panels + single_row_panels - 1) / single_row_panels : s.panels;
  for (Index i = 0; i < groups; ++i) {
    const auto [p, n] = part_of(s.panels, groups, s.backwards ? groups - 1 - i : i);
    product.vectors = 4 * n - (p + n == s.panels ? 4 - (4 * s.last_units + L - 1) / L : 0);
    product.b.data = weights + p * s.weights_panel;
    product.c.data = s.z + p * s.z_panel;
    const Soon<Real> soon = written_by_cell(s, p);
    product.soon = &soon;
    product.num_soon = soon.data != nullptr;
    gemm(product);
    for (Index q = p; q < p + n; ++q) {
      if (q + 1 == s.panels) spread_last_panel(s);
      cell(q);
    }
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
