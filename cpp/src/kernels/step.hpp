// One time step: the products of a panel into a tile that stays in L1, then the cell over that tile.
#pragma once

#include "kernels/cell.hpp"
#include "kernels/last_panel.hpp"
#include "kernels/step_products.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
void step_forward(const StepArgs<Real>& s) {
  step_products(s, [&](Index panel) {
    const Real* z = s.z + panel * s.z_panel;
    if (s.gates != nullptr && s.y != nullptr) cell_forward<Real, true, true>(s, panel, z);
    else if (s.gates != nullptr) cell_forward<Real, true, false>(s, panel, z);
    else if (s.y != nullptr) cell_forward<Real, false, true>(s, panel, z);
    else cell_forward<Real, false, false>(s, panel, z);
  });
}

template <class Real>
void step_backward(const StepBackwardArgs<Real>& s) {
  for (Index panel = 0; panel < s.panels; ++panel) cell_backward(s, panel);
  close_up_last_panel(s);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
