// One time step of several rows: the products of a panel into a tile that stays in L1, then the cell over that tile.
#pragma once

#include "kernels/lstm/cell.hpp"
#include "kernels/lstm/last_panel.hpp"
#include "kernels/lstm/step_products.hpp"
#include "kernels/lstm/step_row.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real, Stored y_stored>
void step_forward_storing(const StepArgs<Real>& s) {
  step_products(s, [&](Index panel, Index /*panels*/, const Real* z, Index /*z_panel_stride*/) {
    if (s.gates != nullptr)
      cell_forward<Real, true, y_stored>(s, panel, z);
    else
      cell_forward<Real, false, y_stored>(s, panel, z);
  });
}

template <class Real>
void step_forward(const StepArgs<Real>& s) {
  if (s.rows == 1) return step_forward_row(s);
  if (s.y == nullptr) return step_forward_storing<Real, Stored::no>(s);
  if constexpr (is_line<Real>(lanes<Real>)) {
    if (s.y_past_caches) return step_forward_storing<Real, Stored::past_caches>(s), fence_stores();
  }
  step_forward_storing<Real, Stored::in_caches>(s);
}

template <class Real>
void step_backward(const StepBackwardArgs<Real>& s) {
  for (Index panel = 0; panel < s.panels; ++panel) cell_backward(s, panel);
  close_up_last_block(s);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
