// The last panel of units where H is no multiple of L: its gates stand side by side without gaps in what is multiplied
// (`last_units` in table.hpp), and a vector apart for the cell.
#pragma once

#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// The z of a step's last panel, at `z`, from gates `last_units` apart to [4][L], 0 past the units.
template <class Real>
void spread_last_panel(const StepArgs<Real>& s, Real* z) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  if (s.last_units == L) return;
  const V zero = set1<V>(Real(0)), used = less(lane_numbers<V>(), set1<V>(Real(s.last_units)));
  for (Index r = 0; r < s.rows; ++r, z += 4 * L) {
    V gates[4];
    unroll<4>([&](auto g) [[gnu::always_inline]] { gates[g] = select(used, load(z + g * s.last_units), zero); });
    unroll<4>([&](auto g) [[gnu::always_inline]] { store(z + g * L, gates[g]); });
  }
}

/// The dz of a step, from [4][L] to gates `last_units` apart.
template <class Real>
void close_up_last_panel(const StepBackwardArgs<Real>& s) {
  constexpr Index L = lanes<Real>;
  if (s.last_units == L) return;
  Real* dz = s.dz + (s.panels - 1) * 4 * L;
  for (Index r = 0; r < s.rows; ++r, dz += s.dz_row)
    for (Index gate = 1; gate < 4; ++gate) store(dz + gate * s.last_units, load(dz + gate * L));
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
