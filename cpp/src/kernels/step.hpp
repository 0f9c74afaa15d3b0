// One time step: the products of a panel into a tile that stays in L1, then the cell over that tile.
#pragma once

#include "kernels/cell.hpp"
#include "kernels/last_panel.hpp"
#include "kernels/step_products.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// Calls f with a constant that says how to store what goes to p.
template <class Real, class F>
[[gnu::always_inline]] inline void as_stored(const Real* p, bool past_caches, F&& f) {
  if (p == nullptr) f(std::integral_constant<Stored, Stored::no>{});
  else if (!is_line<Real>(lanes<Real>) || !past_caches) f(std::integral_constant<Stored, Stored::in_caches>{});
  else if constexpr (is_line<Real>(lanes<Real>)) f(std::integral_constant<Stored, Stored::past_caches>{});
}

template <class Real>
void step_forward(const StepArgs<Real>& s) {
  as_stored(s.gates, s.gates_past_caches, [&](auto kept) {
    as_stored(s.y, s.y_past_caches, [&](auto y_stored) {
      step_products(s, [&](Index panel) { cell_forward<Real, kept, y_stored>(s, panel, s.z + panel * s.z_panel); });
    });
  });
  if (s.gates_past_caches || s.y_past_caches) fence_stores();
}

template <class Real>
void step_backward(const StepBackwardArgs<Real>& s) {
  for (Index panel = 0; panel < s.panels; ++panel) cell_backward(s, panel);
  close_up_last_panel(s);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
