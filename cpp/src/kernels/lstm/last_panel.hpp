// The last panel of z, and the last block of dz, if H is not a multiple of their units: their gates lie close together
// for products, and at the usual distance for the cell (gate_layout.hpp).
#pragma once

#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// The last panel of a step's z, in place: gates from last_gate_stride apart to [4][L], 0 past the units.
template <class Real>
void spread_last_panel(const StepArgs<Real>& s, Real* z) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  if (s.last_gate_stride == L) return;
  const V zero = set1<V>(Real(0)), used = less(lane_numbers<V>(), set1<V>(Real(s.last_gate_stride)));
  for (Index r = 0; r < s.rows; ++r, z += 4 * L) {
    V gates[4];
    unroll<4>([&](auto g) EIGENLSTM_INLINED { gates[g] = select(used, load(z + g * s.last_gate_stride), zero); });
    unroll<4>([&](auto g) EIGENLSTM_INLINED { store(z + g * L, gates[g]); });
  }
}

/// The last block of a step's dz, in place: gates from [4][U] to last_units apart.
template <class Real>
void close_up_last_block(const StepBackwardArgs<Real>& s) {
  constexpr Index L = lanes<Real>, U = cache_line<Real>;
  if (s.last_units == U) return;
  Real* dz = s.dz + (s.panels - 1) * L / U * 4 * U;
  for (Index r = 0; r < s.rows; ++r, dz += s.dz_stride)
    for (Index gate = 1; gate < 4; ++gate)
      for (Index u = 0; u < s.last_units; u += L) store(dz + gate * s.last_units + u, load(dz + gate * U + u));
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
