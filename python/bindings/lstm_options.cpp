#include "lstm_options.hpp"

#include <pybind11/stl.h>

#include <tuple>

namespace eigenlstm_python {
namespace {

namespace py = pybind11;
using namespace eigenlstm;

/// Calls visit(name, member) for every option that is a plain value; member(options) is a pointer to it.
template <class Visit>
void each_option(const Visit& visit) {
  visit("input_size", [](auto& o) { return &o.input_size; });
  visit("hidden_size", [](auto& o) { return &o.hidden_size; });
  visit("hidden_sizes", [](auto& o) { return &o.hidden_sizes; });
  visit("num_layers", [](auto& o) { return &o.num_layers; });
  visit("bias", [](auto& o) { return &o.bias; });
  visit("bidirectional", [](auto& o) { return &o.bidirectional; });
  visit("reverse", [](auto& o) { return &o.reverse; });
  visit("dropout", [](auto& o) { return &o.dropout; });
  visit("proj_size", [](auto& o) { return &o.proj_size; });
  visit("residual", [](auto& o) { return &o.residual; });
  visit("learned_state", [](auto& o) { return &o.learned_state; });
  visit("input_dropout", [](auto& o) { return &o.input_dropout; });
  visit("recurrent_dropout", [](auto& o) { return &o.recurrent_dropout; });
  visit("weight_drop", [](auto& o) { return &o.weight_drop; });
  visit("merge", [](auto& o) { return &o.merge; });
  visit("missing", [](auto& o) { return &o.missing; });
  visit("peephole", [](auto& o) { return &o.cell.peephole; });
  visit("coupled_input_forget", [](auto& o) { return &o.cell.coupled_input_forget; });
  visit("layer_norm", [](auto& o) { return &o.cell.layer_norm; });
  visit("gate_clip", [](auto& o) { return &o.cell.gate_clip; });
  visit("cell_clip", [](auto& o) { return &o.cell.cell_clip; });
}

template <class T>
void take(const py::handle& value, const char*, T& option) {
  option = py::cast<T>(value);
}

/// The position of `value` in `names`, as an enumerator.
template <class Enum>
void take_one_of(const py::handle& value, const char* what, std::initializer_list<const char*> names, Enum& option) {
  const auto name = py::cast<std::string>(value);
  int place = 0;
  std::string all;
  for (const char* known : names) {
    if (name == known) {
      option = Enum(place);
      return;
    }
    all += (place++ > 0 ? ", '" : "'") + std::string(known) + "'";
  }
  throw py::value_error("LSTM: " + std::string(what) + " must be one of " + all + ", got '" + name + "'");
}

void take(const py::handle& value, const char* what, Merge& option) {
  take_one_of(value, what, {"concat", "sum", "mean", "mul"}, option);
}

void take(const py::handle& value, const char* what, Missing& option) {
  take_one_of(value, what, {"propagate", "error", "forward_fill", "mask"}, option);
}

/// An activation, given as a name, as (name, alpha) or as (name, alpha, beta).
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

/// The activations of (gates, candidate, output).
CellActivations take_activations(const py::handle& value) {
  const auto three = py::cast<py::sequence>(value);
  return {take_activation(three[0]), take_activation(three[1]), take_activation(three[2])};
}

bool equal_activations(const CellActivations& a, const CellActivations& b) {
  return equal(a.gate, b.gate) && equal(a.candidate, b.candidate) && equal(a.output, b.output);
}

}  // namespace

LSTMOptions lstm_options(const py::dict& keywords) {
  LSTMOptions o;
  each_option([&](const char* name, auto member) {
    if (keywords.contains(name)) take(keywords[name], name, *member(o));
  });
  if (keywords.contains("zoneout")) {
    const auto [h, c] = py::cast<std::pair<double, double>>(keywords["zoneout"]);
    o.cell.zoneout_h = h;
    o.cell.zoneout_c = c;
  }
  if (keywords.contains("activations")) {
    const auto given = py::cast<py::sequence>(keywords["activations"]);
    const bool each = py::len(given) == 2;  // one triple for each direction
    static_cast<CellActivations&>(o.cell) = take_activations(each ? py::object(given[0]) : py::object(given));
    if (each) o.reverse_activations = take_activations(given[1]);
  }
  return o;
}

bool same(const LSTMOptions& a, const LSTMOptions& b) {
  bool equal = equal_activations(a.cell, b.cell) && a.cell.zoneout_h == b.cell.zoneout_h &&
               a.cell.zoneout_c == b.cell.zoneout_c &&
               a.reverse_activations.has_value() == b.reverse_activations.has_value() &&
               (!a.reverse_activations || equal_activations(*a.reverse_activations, *b.reverse_activations));
  each_option([&](const char*, auto member) { equal = equal && *member(a) == *member(b); });
  return equal;
}

}  // namespace eigenlstm_python
