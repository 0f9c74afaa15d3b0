#include "eigenlstm/lstm.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lstm/weights.hpp"

namespace eigenlstm {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("LSTM: " + what); }

void at_least_one(const char* name, Index value) {
  if (value < 1) refuse(std::string(name) + " must be at least 1, got " + std::to_string(value));
}

void probability(const char* name, double p) {
  if (!(p >= 0 && p < 1)) refuse(std::string(name) + " must be at least 0 and below 1, got " + std::to_string(p));
}

void check_dropout(const LSTMOptions& o) {
  const std::string layers = std::to_string(o.num_layers);
  if (!o.dropout.empty() && Index(o.dropout.size()) != o.num_layers)
    refuse("dropout must have one probability for each of the " + layers + " layers, got " +
           std::to_string(o.dropout.size()));
  for (const double p : o.dropout) probability("dropout", p);
  if (!o.dropout.empty() && o.dropout.back() > 0)
    refuse("dropout lies between layers; that of the last layer must be 0, got " + std::to_string(o.dropout.back()));
  probability("input_dropout", o.input_dropout);
  probability("recurrent_dropout", o.recurrent_dropout);
  probability("weight_drop", o.weight_drop);
  probability("zoneout of h", o.cell.zoneout_h);
  probability("zoneout of c", o.cell.zoneout_c);
}

/// Refuses sizes that no array can hold, before anything is computed from them that could overflow.
void check_sizes(const LSTMOptions& o) {
  double values = 0;  // of W and R
  Index widest = 0;
  for (Index layer = 0; layer < o.num_layers; ++layer) {
    const double below = layer == 0 ? double(o.input_size) : double(o.hidden(layer - 1));
    values += double(o.directions()) * 4 * double(o.hidden(layer)) *
              (2 * below + double(o.hidden(layer)));  // 2: directions below, indicators
    widest = std::max(widest, o.hidden(layer));
  }
  if (values > 0x1p48)
    throw std::length_error("LSTM: input_size " + std::to_string(o.input_size) + " and hidden_size " +
                            std::to_string(widest) + " make more parameters than fit in any memory");
}

/// Refuses layers whose sizes do not fit together.
void check_stack(const LSTMOptions& o) {
  if (!o.hidden_sizes.empty() && Index(o.hidden_sizes.size()) != o.num_layers)
    refuse("hidden_size must have one entry for each of the " + std::to_string(o.num_layers) + " layers, got " +
           std::to_string(o.hidden_sizes.size()));
  for (Index layer = 0; layer < o.num_layers; ++layer) {
    at_least_one("hidden_size", o.hidden(layer));
    if (o.proj_size >= o.hidden(layer))
      refuse("proj_size must be smaller than hidden_size " + std::to_string(o.hidden(layer)) + ", got " +
             std::to_string(o.proj_size));
  }
  check_sizes(o);
  if (o.proj_size < 0) refuse("proj_size must be at least 0, got " + std::to_string(o.proj_size));
  for (Index layer = 0; o.cell.layer_norm && layer < o.num_layers; ++layer)
    if (o.hidden(layer) == 1) refuse("layer_norm normalises over the units of a layer; it needs hidden_size > 1");
  if (o.merge != Merge::concat && !o.bidirectional) refuse("merge joins two directions; it needs bidirectional=True");
  if (!o.residual) return;
  if (o.num_layers == 1) refuse("residual adds the input of a layer from the second on; it needs num_layers > 1");
  for (Index layer = 1; layer < o.num_layers; ++layer)
    if (o.features(layer) != o.features(layer - 1))
      refuse("residual needs layers that give as many features as they take; layer " + std::to_string(layer) +
             " takes " + std::to_string(o.features(layer - 1)) + " and gives " + std::to_string(o.features(layer)));
}

template <class Real>
void check_cell(const CellOptions& cell) {
  if (!(Real(cell.gate_clip) > 0)) refuse("gate_clip must be greater than 0, got " + std::to_string(cell.gate_clip));
  if (!(Real(cell.cell_clip) > 0)) refuse("cell_clip must be greater than 0, got " + std::to_string(cell.cell_clip));
  for (const Activation& a : {cell.gate, cell.candidate, cell.output})
    if (!std::isfinite(Real(a.alpha)) || !std::isfinite(Real(a.beta)))
      refuse("the parameters of activations must be finite");
}

/// Options of one direction that need one, and of two that need two.
void check_directions(const LSTMOptions& o) {
  if (o.reverse && o.bidirectional)
    refuse("reverse=True runs a single direction from the end; a bidirectional LSTM has one that does");
  if (o.reverse_activations && !o.bidirectional)
    refuse("activations for each of two directions need bidirectional=True");
}

}  // namespace

CellOptions LSTMOptions::cell_of(Index d) const {
  CellOptions options = cell;
  if (d == 1 && reverse_activations) static_cast<CellActivations&>(options) = *reverse_activations;
  return options;
}

template <class Real>
LSTM<Real>::LSTM(const LSTMOptions& options) : options_(options) {
  at_least_one("input_size", options.input_size);
  at_least_one("hidden_size", options.hidden_size);
  at_least_one("num_layers", options.num_layers);
  if (options.num_layers > max_layers)
    refuse("num_layers must be at most " + std::to_string(max_layers) + ", got " + std::to_string(options.num_layers));
  check_dropout(options);
  check_stack(options);
  check_directions(options);
  for (Index d = 0; d < directions(); ++d) check_cell<Real>(options.cell_of(d));
  for (Index layer = 0; layer < options.num_layers; ++layer) {
    for (Index d = 0; d < directions(); ++d) {
      const DirectionShape s = direction_shape(options, layer, d);
      const std::string suffix = "_l" + std::to_string(layer) + (d == 1 ? "_reverse" : "");
      const Index I = s.input_size, H = s.hidden_size, P = s.output_size;
      for (const Parameter& p :
           {Parameter{"weight_ih", s.weight_ih, 4 * H, I}, Parameter{"weight_hh", s.weight_hh, 4 * H, P},
            Parameter{"bias", s.bias, 4 * H, 0}, Parameter{"weight_hr", s.weight_hr, P, H},
            Parameter{"peephole", s.peephole, 3 * H, 0}, Parameter{"norm_weight", s.norm_weight, 4 * H, 0},
            Parameter{"norm_cell_weight", s.norm_cell_weight, H, 0},
            Parameter{"norm_cell_bias", s.norm_cell_bias, H, 0}, Parameter{"h0", s.h0, P, 0},
            Parameter{"c0", s.c0, H, 0}})
        if (p.offset >= 0) parameters_.push_back({p.name + suffix, p.offset, p.rows, p.columns});
    }
  }
  for (const Parameter& p : parameters_) num_parameters_ += p.rows * (p.columns > 0 ? p.columns : 1);
}

template <class Real>
Index LSTM<Real>::state_h_size() const {
  const DirectionShape last = direction_shape(options_, options_.num_layers - 1, directions() - 1);
  return last.h_before + last.output_size;
}

template <class Real>
Index LSTM<Real>::state_c_size() const {
  const DirectionShape last = direction_shape(options_, options_.num_layers - 1, directions() - 1);
  return last.c_before + last.hidden_size;
}

template class LSTM<float>;
template class LSTM<double>;

}  // namespace eigenlstm
