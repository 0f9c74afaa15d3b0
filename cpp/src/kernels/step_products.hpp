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
    Args product{s.rows, 4 * n, 0, nullptr, 0, 1, 0, 1, nullptr, s.weights_panel, z, s.z_panel, 4 * L, Args::chain};
    const auto multiply = [&](const Real* a, Index a_row, Index first, Index K) {
      product.a = a;
      product.a_row = a_row;
      product.b = weights + (1 + first) * 4 * L;
      product.K = product.a_inner = K;
      gemm(product);
      product.start = Args::chain;
    };
    if (s.x != nullptr) product.start = Args::bias;
    if (s.x != nullptr && s.x + s.input_size == s.h_prev && s.x_row == s.h_prev_row) {  // rows [x | h]: one product
      multiply(s.x, s.x_row, 0, s.input_size + s.hidden_size);
    } else {
      if (s.x != nullptr) multiply(s.x, s.x_row, 0, s.input_size);
      multiply(s.h_prev, s.h_prev_row, s.input_size, s.hidden_size);
    }
    for (Index q = p; q < p + n; ++q) cell(q);
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
