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
  const Index group = s.rows == 1 ? single_row_panels : 1;
  for (Index p = 0; p < s.panels; p += group) {
    const Index n = s.panels - p < group ? s.panels - p : group;
    const Real* weights = s.weights + p * s.weights_panel;
    Real* z = s.z + p * s.z_panel;
    Args product{s.rows, 4 * n, 0, nullptr, 0, 1, 0, 1, nullptr, s.weights_panel, z, s.z_panel, 4 * L, Args::bias};
    if (s.x != nullptr) {
      product.K = product.a_inner = s.input_size;
      product.a = s.x;
      product.a_row = s.x_row;
      product.b = weights + 4 * L;
      gemm(product);
    }
    product.start = Args::chain;
    product.K = product.a_inner = s.hidden_size;
    product.a = s.h_prev;
    product.a_row = s.h_prev_row;
    product.b = weights + (1 + s.input_size) * 4 * L;
    gemm(product);
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
