// One time step: the products of a panel into a tile that stays in L1, then the cell over that tile.
#pragma once

#include "kernels/cell.hpp"
#include "kernels/gemm.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
void step_forward(const StepArgs<Real>& s) {
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
    for (Index q = p; q < p + n; ++q) {
      if (s.gates != nullptr) cell_forward<Real, true>(s, q, s.z + q * s.z_panel);
      else cell_forward<Real, false>(s, q, s.z + q * s.z_panel);
    }
  }
}

template <class Real>
void step_backward(const StepBackwardArgs<Real>& s) {
  for (Index panel = 0; panel < s.panels; ++panel) cell_backward(s, panel);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
