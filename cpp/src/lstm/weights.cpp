#include "lstm/weights.hpp"

#include <algorithm>

#include "lstm/masks.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

/// Packing one value takes about as long as this many multiply-adds.
constexpr double packing_work = 25;

/// w (4H, n) row-major -> panels of 4 L columns, [panel][k][4 L] with k = (block, gate, unit): the order of dz.
/// Here: the rows of one block.
template <class Real>
void pack_backward(const Padded<Real>& p, Index block, Index n, const Real* w, Real* out, bool past_caches) {
  const Index width = 4 * p.L, units = p.units_of_blocks(block, block + 1);
  out += p.first_column(block, 0) * width;
  for (Index gate = 0; gate < 4; ++gate, out += units * width)
    kernels<Real>().pack_rows(units, n, w + (gate * p.H + block * p.U) * n, out, p.column_panel_stride(), past_caches);
}

/// [k][4 L] of one panel, with k = bias, x, h.
template <class Real>
void pack_forward(const Padded<Real>& p, Index panel, const Real* bias, const Real* weight_ih, const Real* weight_hh,
                  Real* out, bool past_caches) {
  const Index width = 4 * p.L, units = p.units_of(panel, panel + 1), gate_stride = p.gate_stride(panel);
  const auto pack = [&](Index K, const Real* w, Real* to) {
    kernels<Real>().pack_gates(units, gate_stride, K, w + panel * p.L * K, p.H * K, to, past_caches);
  };
  out += panel * p.weights_panel_stride();
  if (bias != nullptr)
    pack(1, bias, out);
  else
    std::fill_n(out, width, Real(0));
  pack(p.I, weight_ih, out + width);
  pack(p.P, weight_hh, out + (1 + p.I) * width);
}

/// R; or if there is a seed, its product with the mask of weight drop, stored in `dropped`.
template <class Real>
const Real* recurrent_weights(const DirectionShape& shape, const Real* weight_hh, Index index, double p,
                              std::optional<std::uint64_t> drop_seed, Buffer<Real>& dropped) {
  if (!drop_seed) return weight_hh;
  const Index rows = 4 * shape.hidden_size, n = shape.output_size;
  dropped = Buffer<Real>(rows * n);
  std::copy_n(weight_hh, rows * n, dropped.data());
  for (Index r = 0; r < rows; ++r)
    drop(*drop_seed, mask_substream(Mask::weight, index, r), 0, n, p, dropped.data() + r * n);
  return dropped.data();
}

template <class Real>
DirectionWeights<Real> pack_direction(const LSTMOptions& options, Index layer, Index direction, const Real* parameters,
                                      bool for_backward, std::optional<std::uint64_t> drop_seed) {
  const DirectionShape shape = direction_shape(options, layer, direction);
  const Padded<Real> p(shape);
  Buffer<Real> dropped;
  const Real* weight_hh =
      recurrent_weights(shape, parameters + shape.weight_hh, layer * options.directions() + direction,
                        options.weight_drop, drop_seed, dropped);
  const Real* const weight_ih = parameters + shape.weight_ih;
  const Real* const bias = shape.bias >= 0 && !shape.normalised()
                               ? parameters + shape.bias
                               : nullptr;  // with normalisation it is added after that
  DirectionWeights<Real> packed;
  packed.forward = Buffer<Real>(p.panels * p.weights_panel_stride());
  if (for_backward) {
    packed.backward_h = Buffer<Real>(p.column_panels(p.P) * p.column_panel_stride());
    packed.backward_x = Buffer<Real>(p.column_panels(p.I) * p.column_panel_stride());
  }
  const Index values = packed.forward.size() + packed.backward_h.size() + packed.backward_x.size();
  // One decision for all three arrays, by the size of the largest: they are used one after the other.
  const bool past_caches = bytes_of<Real>(packed.forward.size()) >= past_caches_bytes;
  for_tasks<true>(p.blocks, task_threads(p.blocks, packing_work * double(values)), [&](Index block, int) {
    for (Index panel = block * p.U / p.L; panel < std::min(p.panels, (block + 1) * p.U / p.L); ++panel)
      pack_forward(p, panel, bias, weight_ih, weight_hh, packed.forward.data(), past_caches);
    if (!for_backward) return;
    pack_backward(p, block, p.P, weight_hh, packed.backward_h.data(), past_caches);
    pack_backward(p, block, p.I, weight_ih, packed.backward_x.data(), past_caches);
  });
  pack_variant(options.cell_of(direction), shape, parameters, packed);
  return packed;
}

}  // namespace

DirectionShape direction_shape(const LSTMOptions& o, Index layer, Index direction) {
  DirectionShape shape{};
  Index offset = 0, h_before = 0, c_before = 0;
  for (Index k = 0; k <= layer; ++k) {
    const Index H = o.hidden(k), P = o.output(k), I = k == 0 ? o.read_size() : o.features(k - 1);
    for (Index d = 0; d < (k < layer ? o.directions() : direction + 1); ++d) {
      const auto place = [&](bool used, Index n) {
        const Index at = used ? offset : -1;
        offset += used ? n : 0;
        return at;
      };
      shape.input_size = I, shape.hidden_size = H, shape.output_size = P;
      shape.h_before = h_before, shape.c_before = c_before;
      shape.weight_ih = place(true, 4 * H * I);
      shape.weight_hh = place(true, 4 * H * P);
      shape.bias = place(o.bias, 4 * H);
      shape.weight_hr = place(o.proj_size > 0, P * H);
      shape.peephole = place(o.cell.peephole, 3 * H);
      shape.norm_weight = place(o.cell.layer_norm, 4 * H);
      shape.norm_cell_weight = place(o.cell.layer_norm, H);
      shape.norm_cell_bias = place(o.cell.layer_norm, H);
      shape.h0 = place(o.learned_state, P);
      shape.c0 = place(o.learned_state, H);
      h_before += P, c_before += H;
    }
  }
  return shape;
}

double largest_layer_work(const LSTMOptions& options, const Rows& rows) {
  double most = 0;
  for (Index layer = 0; layer < options.num_layers; ++layer) {
    const DirectionShape shape = direction_shape(options, layer, 0);
    most = std::max(most, double(options.directions()) * 4.0 * double(shape.hidden_size) *
                              double(shape.input_size + shape.output_size) * double(rows.num_frames()));
  }
  return most;
}

template <class Real>
ModelSizes model_sizes(const LSTMOptions& options) {
  ModelSizes model;
  model.directions = options.directions();
  model.value_bytes = sizeof(Real);
  model.looks_ahead = options.looks_ahead();
  model.needs_other_direction = options.bidirectional && options.merge == Merge::mul;
  for (Index k = 0; k < options.num_layers; ++k) {
    const DirectionShape shape = direction_shape(options, k, 0);
    const Padded<Real> p(shape);
    LayerSizes layer;
    layer.work = p.work();
    layer.weights = 4 * shape.hidden_size * (shape.input_size + shape.output_size);
    layer.frame = 5 * shape.hidden_size + shape.output_size;
    layer.h = p.h_stride;
    layer.c = p.c_stride;
    for (Index d = 0; d < options.directions(); ++d) {
      const CellOptions cell = options.cell_of(d);
      layer.full_frame +=
          p.gates() * (1 + (keeps_z(cell) ? 1 : 0) + (cell.layer_norm ? 1 : 0)) + (cell.layer_norm ? 4 : 0);
    }
    model.layers.push_back(layer);
    model.state += options.directions() * (shape.output_size + shape.hidden_size);
  }
  return model;
}

template ModelSizes model_sizes<float>(const LSTMOptions&);
template ModelSizes model_sizes<double>(const LSTMOptions&);

template <class Real>
std::shared_ptr<const Weights<Real>> LSTM<Real>::pack(const Real* parameters, bool for_backward,
                                                      std::optional<std::uint64_t> seed) const {
  auto weights = std::make_shared<Weights<Real>>();
  if (options_.weight_drop > 0) weights->drop_seed = seed;
  for (Index layer = 0; layer < options_.num_layers; ++layer)
    for (Index d = 0; d < directions(); ++d)
      weights->directions.push_back(pack_direction(options_, layer, d, parameters, for_backward, weights->drop_seed));
  return weights;
}

template std::shared_ptr<const Weights<float>> LSTM<float>::pack(const float*, bool,
                                                                 std::optional<std::uint64_t>) const;
template std::shared_ptr<const Weights<double>> LSTM<double>::pack(const double*, bool,
                                                                   std::optional<std::uint64_t>) const;

}  // namespace eigenlstm
