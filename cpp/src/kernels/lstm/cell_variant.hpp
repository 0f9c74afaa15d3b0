// The cell with all its variants, on a tile of pre-activations [row][4 gates][L units], and its twin. The equations are
// in variants.hpp; the plain cell is in cell.hpp. Each option is a line or two, behind a branch that is the same for
// all rows.
#pragma once

#include "kernels/gate_layout.hpp"
#include "kernels/lstm/activation_kinds.hpp"
#include "kernels/lstm/normalise.hpp"
#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

/// Peepholes p_i, p_f, p_o of a panel, 0 where there are none.
template <class Real>
struct Peepholes {
  using V = Vec<Real>;
  Peepholes(const CellVariant<Real>& v, Index panel) {
    if (v.peephole == nullptr) return;
    const Real* p = v.peephole + panel * 3 * lanes<Real>;
    i = load(p), f = load(p + lanes<Real>), o = load(p + 2 * lanes<Real>);
  }
  V i = set1<V>(0), f = set1<V>(0), o = set1<V>(0);
};

/// From the z_i z_f z_g z_o of the tile to c_new and o, which replace z_g and z_o.
template <class Real>
void cell_variant_forward(const StepArgs<Real>& s, Index panel, Real* z) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const StepVariant<Real>& step = *s.variant;
  const CellVariant<Real>& v = *step.cell;
  const Peepholes<Real> p(v, step.first_panel + panel);
  const V one = set1<V>(1), used = load(v.used + (step.first_panel + panel) * L);
  const V clip = set1<V>(v.gate_clip), cell_clip = set1<V>(v.cell_clip);
  for (Index r = 0; r < s.rows; ++r, z += 4 * L) {
    const V c_prev = load(s.c_prev + r * s.c_prev_stride + panel * L);
    V z_i = load(z), z_f = load(z + L), z_o = load(z + 3 * L);
    if (v.peephole) {
      z_i = madd(p.i, c_prev, z_i);
      z_f = madd(p.f, c_prev, z_f);
    }
    z_i = clamp(z_i, neg(clip), clip);
    z_f = clamp(z_f, neg(clip), clip);
    const V z_g = clamp(load(z + 2 * L), neg(clip), clip);
    const V i = activate(v.gate, z_i);
    const V f = v.coupled ? sub(one, i) : activate(v.gate, z_f);
    const V g = activate(v.candidate, z_g);
    const V c = mul(used, clamp(madd(f, c_prev, mul(i, g)), neg(cell_clip), cell_clip));
    if (v.peephole) z_o = madd(p.o, c, z_o);
    z_o = clamp(z_o, neg(clip), clip);
    const V o = activate(v.gate, z_o);
    store(z + 2 * L, c);
    store(z + 3 * L, o);
    if (s.gates != nullptr) {
      Real* out = s.gates + panel * s.gates_panel_stride + r * 4 * L;
      store(out, i);
      store(out + L, f);
      store(out + 2 * L, g);
      store(out + 3 * L, o);
    }
    if (step.z != nullptr) {
      Real* out = step.z + panel * s.gates_panel_stride + r * 4 * L;
      store(out, z_i);
      store(out + L, z_f);
      store(out + 2 * L, z_g);
      store(out + 3 * L, z_o);
    }
  }
}

/// From the c_new and o of the tile to c and h (m, if a projection follows). With normalisation the first place of the
/// tile holds the normalised c_new.
template <class Real>
void cell_variant_output(const StepArgs<Real>& s, Index panel, const Real* z) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const StepVariant<Real>& step = *s.variant;
  const CellVariant<Real>& v = *step.cell;
  const V one = set1<V>(1);
  const Real* norm = v.norm_cell ? v.norm_cell + (step.first_panel + panel) * 2 * L : nullptr;
  for (Index r = 0; r < s.rows; ++r, z += 4 * L) {
    V c = load(z + 2 * L);
    const V c_out = norm ? madd(load(z), load(norm), load(norm + L)) : c;
    store(s.h + r * s.h_stride + panel * L, mul(load(z + 3 * L), activate(v.output, c_out)));
    if (step.zone_c != nullptr) {
      const V zone = load(step.zone_c + r * step.zone_c_stride + panel * L);
      c = madd(zone, load(s.c_prev + r * s.c_prev_stride + panel * L), mul(sub(one, zone), c));
    }
    store(s.c + r * s.c_stride + panel * L, c);
  }
}

/// c_new to the first place of the tile: from the state, or with zoneout, which may have kept an old c, from the gates.
template <class Real>
void cell_variant_recall(const StepBackwardArgs<Real>& s, Index panel, Real* tile) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const StepBackwardVariant<Real>& step = *s.variant;
  const V used = load(step.cell->used + (step.first_panel + panel) * L), clip = set1<V>(step.cell->cell_clip);
  for (Index r = 0; r < s.rows; ++r, tile += 4 * L) {
    if (step.zone_c == nullptr) {
      store(tile, load(s.c + r * s.c_stride + panel * L));
    } else {
      const Real* gates = s.gates + panel * s.gates_panel_stride + r * 4 * L;
      const V c_prev = load(s.c_prev + r * s.c_prev_stride + panel * L);
      store(tile,
            mul(used, clamp(madd(load(gates + L), c_prev, mul(load(gates), load(gates + 2 * L))), neg(clip), clip)));
    }
  }
}

/// Backwards through m = o act(c_out): from c_new in the first place of the tile (normalised: in the second) to dc_out
/// in the third and do in the fourth. With normalisation, dc_out is already the gradient of the normalised cell.
template <class Real>
void cell_variant_output_backward(const StepBackwardArgs<Real>& s, Index panel, Real* tile) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>;
  const StepBackwardVariant<Real>& step = *s.variant;
  const CellVariant<Real>& v = *step.cell;
  const Real* norm = v.norm_cell ? v.norm_cell + (step.first_panel + panel) * 2 * L : nullptr;
  const bool from_input = v.output.slope_from_input;
  for (Index r = 0; r < s.rows; ++r, tile += 4 * L) {
    const V c_out = norm ? madd(load(tile + L), load(norm), load(norm + L)) : load(tile);
    const V a = activate(v.output, c_out), o = load(s.gates + panel * s.gates_panel_stride + r * 4 * L + 3 * L);
    const V dm = add(load(s.dh + r * s.dh_stride + panel * L), load(s.dy + r * s.dy_stride + panel * L));
    if (step.m != nullptr) store(step.m + panel / 4 * step.m_panel_stride + r * 4 * L + panel % 4 * L, mul(o, a));
    V dc_out = mul(mul(dm, o), slope(v.output, from_input ? c_out : a));
    if (norm) {
      Real* terms = step.terms + panel * step.terms_panel_stride + (r * v.terms + v.norm_terms) * L;
      store(terms, mul(dc_out, load(tile + L)));
      store(terms + L, dc_out);
      dc_out = mul(dc_out, load(norm));
    }
    store(tile + 2 * L, dc_out);
    store(tile + 3 * L, mul(dm, a));
  }
}

/// From the tile's c_new, dc_out and do to dz, and dc of the step before.
template <class Real>
void cell_variant_backward(const StepBackwardArgs<Real>& s, Index panel, const Real* tile) {
  using V = Vec<Real>;
  constexpr Index L = lanes<Real>, U = cache_line<Real>;
  const StepBackwardVariant<Real>& step = *s.variant;
  const CellVariant<Real>& v = *step.cell;
  const Peepholes<Real> p(v, step.first_panel + panel);
  const V zero = set1<V>(0), one = set1<V>(1), cell_clip = set1<V>(v.cell_clip);
  const ClippedSlope<Real> gate(v.gate, v.gate_clip), candidate(v.candidate, v.gate_clip);
  const bool z_gate = v.gate.slope_from_input, z_candidate = v.candidate.slope_from_input;
  for (Index r = 0; r < s.rows; ++r, tile += 4 * L) {
    const Index at = panel * s.gates_panel_stride + r * 4 * L;
    const V i = load(s.gates + at), f = load(s.gates + at + L), g = load(s.gates + at + 2 * L);
    const Real *kept = (z_gate ? step.z : s.gates) + at, *kept_g = (z_candidate ? step.z : s.gates) + at;
    const V c_prev = load(s.c_prev + r * s.c_prev_stride + panel * L), c_new = load(tile);
    V dc = load(s.dc + r * s.dc_stride + panel * L), dc_prev = zero;
    // c = zone c_prev + (1 - zone) c_new
    if (step.zone_c != nullptr) {
      const V zone = load(step.zone_c + r * step.zone_c_stride + panel * L);
      dc_prev = mul(zone, dc);
      dc = mul(sub(one, zone), dc);
    }
    dc = add(dc, load(tile + 2 * L));
    // o = act(clip(z_o + p_o c_new))
    const V dz_o = mul(load(tile + 3 * L), gate(load(kept + 3 * L)));
    if (v.peephole) dc = madd(dz_o, p.o, dc);
    // c_new = clip(f c_prev + i g)
    dc = select(less(abs(c_new), cell_clip), dc, zero);
    V di = mul(dc, g), df = mul(dc, c_prev);
    const V dg = mul(dc, i);
    dc_prev = madd(dc, f, dc_prev);
    // f = 1 - i, or f = act(clip(z_f + p_f c_prev)); i likewise; g = act(clip(z_g))
    if (v.coupled) {
      di = sub(di, df);
      df = zero;
    }
    const V dz_i = mul(di, gate(load(kept))), dz_f = v.coupled ? zero : mul(df, gate(load(kept + L)));
    const V dz_g = mul(dg, candidate(load(kept_g + 2 * L)));
    if (v.peephole) {
      dc_prev = madd(dz_i, p.i, madd(dz_f, p.f, dc_prev));
      Real* terms = step.terms + panel * step.terms_panel_stride + r * v.terms * L;
      store(terms, mul(dz_i, c_prev));
      store(terms + L, mul(dz_f, c_prev));
      store(terms + 2 * L, mul(dz_o, c_new));
    }
    store(s.dc + r * s.dc_stride + panel * L, dc_prev);
    Real* dz = s.dz + r * s.dz_stride + dz_column(panel, L, U);
    store(dz, dz_i);
    store(dz + U, dz_f);
    store(dz + 2 * U, dz_g);
    store(dz + 3 * U, dz_o);
  }
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
