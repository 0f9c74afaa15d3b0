// One time step: the products of a panel into a tile that stays in L1, then the cell over that tile.
#pragma once

#include "kernels/cell.hpp"
#include "kernels/last_panel.hpp"
#include "kernels/step_products.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real, Gates kept>
void step_forward_keeping(const StepArgs<Real>& s) {
  step_products(s, [&](Index panel) {
    const Real* z = s.z + panel * s.z_panel;
    if (s.y != nullptr) cell_forward<Real, kept, true>(s, panel, z);
    else cell_forward<Real, kept, false>(s, panel, z);
  });
}

template <class Real>
void step_forward(const StepArgs<Real>& s) {
  if (s.gates == nullptr) return step_forward_keeping<Real, Gates::none>(s);
  if (!stores_past_caches || !s.gates_past_caches) return step_forward_keeping<Real, Gates::kept>(s);
  step_forward_keeping<Real, Gates::kept_past_caches>(s);
  fence_stores();
}

template <class Real>
void step_backward(const StepBackwardArgs<Real>& s) {
  for (Index panel = 0; panel < s.panels; ++panel) cell_backward(s, panel);
  close_up_last_panel(s);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
