// The products of one time step: z = b + W x + R h_prev, a panel or a few at a time, each into a tile that stays in L1.
#pragma once

#include "kernels/gemm.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// Calls cell(panel) when the tile of a panel is ready.
template <class Real, class Cell>
void step_products(const StepArgs<Real>& s, Cell cell) {
  using Args = GemmArgs<Real>;
  constexpr Index L = lanes<Real>;
  const Index groups = s.rows == 1 ? (s.panels + single_row_panels - 1) / single_row_panels : s.panels;
  for (Index i = 0; i < groups; ++i) {
    const auto [p, n] = part_of(s.panels, groups, s.backwards ? groups - 1 - i : i);
    const Real* weights = s.weights + p * s.weights_panel;
    Real* z = s.z + p * s.z_panel;
    Args product{s.rows, 4 * n, s.input_size + s.hidden_size, {s.x, s.x_row}, {weights + 4 * L, s.weights_panel, 4 * L},
                 {z, s.z_panel, 4 * L}, Args::bias, false, {s.h_prev, s.h_prev_row}, s.input_size};
    if (s.x == nullptr) {  // z has the rest
      product.a = product.a2;
      product.K = s.hidden_size;
      product.split = s.hidden_size;
      product.b.data += s.input_size * 4 * L;
      product.start = Args::chain;
    }
    gemm(product);
    for (Index q = p; q < p + n; ++q) cell(q);
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
