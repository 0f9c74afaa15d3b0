#include "lstm_options.hpp"

#include <pybind11/stl.h>

#include <tuple>

namespace eigenlstm_python {
namespace {

namespace py = pybind11;
using namespace eigenlstm;

template <class T>
void take(const py::dict& keywords, const char* name, T& option) {
  if (keywords.contains(name)) option = py::cast<T>(keywords[name]);
}

/// One of `names`, by its place.
template <class Enum>
void take_name(const py::dict& keywords, const char* name, std::initializer_list<const char*> names, Enum& option) {
  if (!keywords.contains(name)) return;
  const auto value = py::cast<std::string>(keywords[name]);
  int place = 0;
  std::string all;
  for (const char* known : names) {
    if (value == known) {
      option = Enum(place);
      return;
    }
    all += (place++ > 0 ? ", '" : "'") + std::string(known) + "'";
  }
  throw py::value_error("LSTM: " + std::string(name) + " must be one of " + all + ", got '" + value + "'");
}

/// "name", or (name, alpha), or (name, alpha, beta).
Activation take_activation(const py::handle& value) {
  if (py::isinstance<py::str>(value)) return activation(py::cast<std::string>(value).c_str());
  const auto parts = py::cast<py::sequence>(value);
  std::vector<double> parameters;
  for (std::size_t i = 1; i < parts.size(); ++i) parameters.push_back(py::cast<double>(parts[i]));
  return activation(py::cast<std::string>(parts[0]).c_str(), parameters.data(), int(parameters.size()));
}

bool equal(const Activation& a, const Activation& b) {
  return std::tie(a.kind, a.alpha, a.beta) == std::tie(b.kind, b.alpha, b.beta);
}

/// (gate, candidate, output).
CellActivations take_activations(const py::handle& value) {
  const auto three = py::cast<py::sequence>(value);
  return {take_activation(three[0]), take_activation(three[1]), take_activation(three[2])};
}

bool equal_activations(const CellActivations& a, const CellActivations& b) {
  return equal(a.gate, b.gate) && equal(a.candidate, b.candidate) && equal(a.output, b.output);
}

bool equal(const CellOptions& a, const CellOptions& b) {
  const auto values = [](const CellOptions& o) {
    return std::tie(o.peephole, o.coupled_input_forget, o.layer_norm, o.gate_clip, o.cell_clip, o.zoneout_h,
                    o.zoneout_c);
  };
  return equal_activations(a, b) && values(a) == values(b);
}

}  // namespace

LSTMOptions lstm_options(const py::dict& keywords) {
  LSTMOptions o;
  take(keywords, "input_size", o.input_size);
  take(keywords, "hidden_size", o.hidden_size);
  take(keywords, "hidden_sizes", o.hidden_sizes);
  take(keywords, "num_layers", o.num_layers);
  take(keywords, "bias", o.bias);
  take(keywords, "bidirectional", o.bidirectional);
  take(keywords, "reverse", o.reverse);
  take(keywords, "dropout", o.dropout);
  take(keywords, "proj_size", o.proj_size);
  take(keywords, "residual", o.residual);
  take(keywords, "learned_state", o.learned_state);
  take(keywords, "input_dropout", o.input_dropout);
  take(keywords, "recurrent_dropout", o.recurrent_dropout);
  take(keywords, "weight_drop", o.weight_drop);
  take(keywords, "peephole", o.cell.peephole);
  take(keywords, "coupled_input_forget", o.cell.coupled_input_forget);
  take(keywords, "layer_norm", o.cell.layer_norm);
  take(keywords, "gate_clip", o.cell.gate_clip);
  take(keywords, "cell_clip", o.cell.cell_clip);
  take_name(keywords, "merge", {"concat", "sum", "mean", "mul"}, o.merge);
  take_name(keywords, "missing", {"propagate", "error", "forward_fill", "mask"}, o.missing);
  if (keywords.contains("zoneout")) {
    const auto [h, c] = py::cast<std::pair<double, double>>(keywords["zoneout"]);
    o.cell.zoneout_h = h;
    o.cell.zoneout_c = c;
  }
  if (keywords.contains("activations")) {
    const auto given = py::cast<py::sequence>(keywords["activations"]);
    const bool each = py::len(given) == 2;  // of each direction
    static_cast<CellActivations&>(o.cell) = take_activations(each ? py::object(given[0]) : py::object(given));
    if (each) o.reverse_activations = take_activations(given[1]);
  }
  return o;
}

bool same(const LSTMOptions& a, const LSTMOptions& b) {
  const auto values = [](const LSTMOptions& o) {
    return std::tie(o.input_size, o.hidden_size, o.num_layers, o.bias, o.bidirectional, o.reverse, o.dropout,
                    o.proj_size, o.hidden_sizes, o.merge, o.residual, o.learned_state, o.input_dropout,
                    o.recurrent_dropout, o.weight_drop, o.missing);
  };
  const auto &second = a.reverse_activations, &others = b.reverse_activations;
  const bool same_second = second.has_value() == others.has_value() && (!second || equal_activations(*second, *others));
  return values(a) == values(b) && equal(a.cell, b.cell) && same_second;
}

}  // namespace eigenlstm_python
