#include "model/lstm_options.hpp"

#include <array>
#include <cmath>

namespace eigenlstm {
namespace {

double probability(const JsonValue& value) {
  const double p = value.number();
  if (!(p >= 0 && p < 1)) value.fail_as("at least 0 and below 1");
  return p;
}

/// The place of a text among `names`.
template <std::size_t n>
int one_of(const JsonValue& value, const std::array<const char*, n>& names) {
  std::string all;
  for (std::size_t i = 0; i < n; ++i) {
    if (value.text() == names[i]) return int(i);
    all += (i ? ", " : "") + std::string(names[i]);
  }
  value.fail_as("one of " + all);
}

/// "name", or ["name", alpha], or ["name", alpha, beta].
Activation activation_of(const JsonValue& value) {
  std::vector<double> parameters;
  std::string name;
  if (value.json().is_string()) {
    name = value.text();
  } else {
    const std::vector<JsonValue> parts = value.items();
    if (parts.empty() || parts.size() > 3) value.fail_as("a name, or a name and its parameters");
    name = parts[0].text();
    for (std::size_t i = 1; i < parts.size(); ++i) parameters.push_back(parts[i].number());
  }
  try {
    return activation(name.c_str(), parameters.data(), int(parameters.size()));
  } catch (const std::invalid_argument& error) {
    value.fail(error.what());
  }
}

CellActivations three_activations(const JsonValue& value) {
  const std::vector<JsonValue> three = value.items();
  if (three.size() != 3) value.fail_as("three activations");
  return {activation_of(three[0]), activation_of(three[1]), activation_of(three[2])};
}

void read_activations(const JsonValue& value, LSTMOptions& o) {
  const std::vector<JsonValue> parts = value.items();
  static_cast<CellActivations&>(o.cell) = three_activations(parts.size() == 2 ? parts[0] : value);
  if (parts.size() == 2) o.reverse_activations = three_activations(parts[1]);
}

void read_sizes(JsonObject& config, LSTMOptions& o) {
  o.input_size = config.need("input_size").size();
  const JsonValue hidden = config.need("hidden_size");
  const auto layers = config.take("num_layers");
  o.num_layers = layers ? layers->integer(1, max_layers) : 1;
  if (!hidden.json().is_array()) {
    o.hidden_size = hidden.size();
    return;
  }
  std::vector<Index> sizes;
  for (const JsonValue& size : hidden.items()) sizes.push_back(size.size());
  if (sizes.empty() || sizes.size() > std::size_t(max_layers)) hidden.fail_as("a size, or one for each layer");
  if (o.num_layers != 1 && o.num_layers != Index(sizes.size())) hidden.fail_as("one size for each layer");
  o.num_layers = Index(sizes.size());
  o.hidden_size = *std::max_element(sizes.begin(), sizes.end());
  o.hidden_sizes = std::move(sizes);
}

/// These matter in training only, but are checked, too.
void read_dropout(JsonObject& config, LSTMOptions& o) {
  const auto value = config.take("dropout");
  if (!value) return;
  if (value->json().is_array()) {
    for (const JsonValue& p : value->items()) o.dropout.push_back(probability(p));
    if (Index(o.dropout.size()) != o.num_layers || o.dropout.back() > 0)
      value->fail_as("one probability for each layer, 0 for the last");
    return;
  }
  const double p = probability(*value);
  if (p > 0 && o.num_layers == 1) value->fail("lies between layers and needs num_layers > 1");
  o.dropout.assign(std::size_t(o.num_layers), p);
  o.dropout.back() = 0;
}

void read_flag(JsonObject& config, const char* name, bool& option) {
  if (const auto value = config.take(name)) option = value->flag();
}
void read_probability(JsonObject& config, const char* name, double& option) {
  if (const auto value = config.take(name)) option = probability(*value);
}
/// A positive bound, or null for none.
void read_clip(JsonObject& config, const char* name, double& option) {
  const auto value = config.take(name);
  if (!value || value->is_null()) return;
  option = value->number();
  if (!(option > 0)) value->fail_as("null or a positive number");
}

/// These decide the initial values of parameters, which the file replaces.
void check_initialisation(JsonObject& config) {
  check_seed(config);
  if (const auto init = config.take("init")) one_of<2>(*init, {"default", "torch"});
  const auto bias = config.take("forget_bias");
  if (bias && !bias->is_null()) bias->number();
}

void read_zoneout(const JsonValue& value, LSTMOptions& o) {
  if (!value.json().is_array()) {
    o.cell.zoneout_h = o.cell.zoneout_c = probability(value);
    return;
  }
  const std::vector<JsonValue> two = value.items();
  if (two.size() != 2) value.fail_as("a probability, or two");
  o.cell.zoneout_h = probability(two[0]);
  o.cell.zoneout_c = probability(two[1]);
}

}  // namespace

void check_dtype(JsonObject& config, const std::string& dtype) {
  const auto value = config.take("dtype");
  const std::string given = value ? value->text() : "float32";
  if (given != dtype) (value ? *value : config.value()).fail("the dtype must be that of the model, " + dtype);
}

void check_seed(JsonObject& config) {
  const auto seed = config.take("seed");
  if (seed && !seed->is_null() && !seed->json().is_number_unsigned()) seed->fail_as("null or an integer of 64 bits");
}

LSTMOptions read_lstm_options(JsonObject& config, const std::string& dtype) {
  LSTMOptions o;
  read_sizes(config, o);
  read_dropout(config, o);
  check_dtype(config, dtype);
  check_initialisation(config);
  read_flag(config, "bias", o.bias);
  read_flag(config, "bidirectional", o.bidirectional);
  read_flag(config, "reverse", o.reverse);
  read_flag(config, "peephole", o.cell.peephole);
  read_flag(config, "coupled_input_forget", o.cell.coupled_input_forget);
  read_flag(config, "layer_norm", o.cell.layer_norm);
  read_flag(config, "residual", o.residual);
  read_flag(config, "learned_state", o.learned_state);
  read_probability(config, "input_dropout", o.input_dropout);
  read_probability(config, "recurrent_dropout", o.recurrent_dropout);
  read_probability(config, "weight_drop", o.weight_drop);
  read_clip(config, "gate_clip", o.cell.gate_clip);
  read_clip(config, "cell_clip", o.cell.cell_clip);
  if (const auto size = config.take("proj_size")) o.proj_size = size->integer(0, (Index(1) << 48) - 1);
  if (const auto three = config.take("activations")) read_activations(*three, o);
  if (const auto merge = config.take("merge")) o.merge = Merge(one_of<4>(*merge, {"concat", "sum", "mean", "mul"}));
  if (const auto missing = config.take("missing"))
    o.missing = Missing(one_of<4>(*missing, {"propagate", "error", "forward_fill", "mask"}));
  if (const auto zoneout = config.take("zoneout")) read_zoneout(*zoneout, o);
  if (const auto major = config.take("time_major"); major && major->flag())
    major->fail("a time-major LSTM is not read here: save it with time_major=False");
  return o;
}

}  // namespace eigenlstm
