// Packs what the variants of a cell need.
#include <algorithm>
#include <cmath>
#include <utility>

#include "eigenlstm/variants.hpp"
#include "lstm/weights.hpp"

namespace eigenlstm {
namespace {

bool slope_from_input(const Activation& a) {
  switch (a.kind) {
    case ActivationKind::hard_swish: return true;
    case ActivationKind::leaky_relu:
    case ActivationKind::elu: return !(a.alpha > 0);
    case ActivationKind::thresholded_relu: return a.alpha < 0;
    case ActivationKind::scaled_tanh: return a.alpha == 0;
    default: return false;
  }
}

template <class Real>
ActivationArgs<Real> arguments(const Activation& a) {
  return {a.kind, Real(a.alpha), Real(a.beta), slope_from_input(a)};
}

bool is(const Activation& a, ActivationKind kind) { return a.kind == kind; }

/// Whether the plain kernels suffice: no option changes what happens between z and (m, c).
bool is_plain(const CellOptions& o) {
  return is(o.gate, ActivationKind::sigmoid) && is(o.candidate, ActivationKind::tanh) &&
         is(o.output, ActivationKind::tanh) && !o.peephole && !o.coupled_input_forget && !o.layer_norm &&
         std::isinf(o.gate_clip) && std::isinf(o.cell_clip) && o.zoneout_c == 0;
}

/// `count` vectors of H values each, one after the other, to [panel][count of places][L] from place `first` on.
template <class Real>
void spread(const Padded<Real>& p, const Real* values, Index count, Index first, Index places, Real* out) {
  for (Index k = 0; k < count; ++k)
    for (Index u = 0; u < p.H; ++u) out[(u / p.L * places + first + k) * p.L + u % p.L] = values[k * p.H + u];
}

template <class Real>
void pack_cell(const CellOptions& o, const DirectionShape& shape, const Real* parameters,
               DirectionWeights<Real>& packed) {
  const Padded<Real> p(shape);
  packed.cell_arrays = Buffer<Real>(p.units * (1 + 3 + 8 + 2));
  Real* arrays = packed.cell_arrays.data();
  std::fill_n(arrays, packed.cell_arrays.size(), Real(0));
  const auto next = [&](Index n) { return std::exchange(arrays, arrays + n * p.units); };

  CellVariant<Real>& cell = packed.cell;
  cell = {};
  cell.gate = arguments<Real>(o.gate);
  cell.candidate = arguments<Real>(o.candidate);
  cell.output = arguments<Real>(o.output);
  cell.gate_clip = Real(o.gate_clip);
  cell.cell_clip = Real(o.cell_clip);
  cell.coupled = o.coupled_input_forget;
  cell.units = p.H;
  cell.norm_terms = o.peephole ? 3 : 0;
  cell.terms = cell.norm_terms + (o.layer_norm ? 10 : 0);
  Real* used = next(1);
  std::fill_n(used, p.H, Real(1));
  cell.used = used;
  if (o.peephole) {
    Real* peephole = next(3);
    spread(p, parameters + shape.peephole, 3, 0, 3, peephole);
    cell.peephole = peephole;
  }
  if (o.layer_norm) {
    Real *gates = next(8), *norm_cell = next(2);
    spread(p, parameters + shape.norm_weight, 4, 0, 8, gates);
    if (shape.bias >= 0) spread(p, parameters + shape.bias, 4, 4, 8, gates);
    spread(p, parameters + shape.norm_cell_weight, 1, 0, 2, norm_cell);
    spread(p, parameters + shape.norm_cell_bias, 1, 1, 2, norm_cell);
    cell.norm_gates = gates;
    cell.norm_cell = norm_cell;
  }
}

template <class Real>
void pack_projection(const DirectionShape& shape, const Real* weight_hr, DirectionWeights<Real>& packed) {
  const Padded<Real> p(shape);
  const Index width = 4 * p.L;
  packed.project = Buffer<Real>(p.column_panels(p.P) * p.H * width);
  for (Index first = 0; first < p.P; first += width)
    kernels<Real>().pack_transposed(std::min(width, p.P - first), p.H, weight_hr + first * p.H,
                                    packed.project.data() + first * p.H);
  packed.project_backward = Buffer<Real>(p.column_panels(p.H) * p.P * width);
  Real* out = packed.project_backward.data();
  for (Index first = 0; first < p.H; first += width)
    for (Index k = 0; k < p.P; ++k, out += width) {
      const Index used = std::min(width, p.H - first);
      std::copy_n(weight_hr + k * p.H + first, used, out);
      std::fill(out + used, out + width, Real(0));
    }
}

template <class Real>
Buffer<Real> filled(Index n, double value) {
  Buffer<Real> buffer(n);
  std::fill_n(buffer.data(), n, Real(value));
  return buffer;
}

}  // namespace

bool keeps_z(const CellOptions& cell) { return slope_from_input(cell.gate) || slope_from_input(cell.candidate); }

template <class Real>
void pack_variant(const CellOptions& cell, const DirectionShape& shape, const Real* parameters,
                  DirectionWeights<Real>& packed) {
  const Padded<Real> p(shape);
  packed.plain_cell = is_plain(cell);
  if (!packed.plain_cell || shape.projected()) pack_cell(cell, shape, parameters, packed);
  if (shape.projected()) pack_projection(shape, parameters + shape.weight_hr, packed);
  if (shape.h0 >= 0) packed.h0 = copied(parameters + shape.h0, p.P);
  if (shape.c0 >= 0) packed.c0 = copied(parameters + shape.c0, p.H);
  if (cell.zoneout_h > 0) packed.zone_h = filled<Real>(p.outputs, cell.zoneout_h);
  if (cell.zoneout_c > 0) packed.zone_c = filled<Real>(p.units, cell.zoneout_c);
}

template void pack_variant(const CellOptions&, const DirectionShape&, const float*, DirectionWeights<float>&);
template void pack_variant(const CellOptions&, const DirectionShape&, const double*, DirectionWeights<double>&);

}  // namespace eigenlstm
