// What a file holds becomes a plan, checked whole; then a graph is built of it.

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "audio/field.hpp"

namespace eigenlstm::audio {
namespace {

/// A layer: weights by the names of LSTM's parameters, or "weight" and "bias" of a Linear, or an activation alone.
template <class Real>
struct Layer {
  enum Kind { lstm, linear, activation } kind;
  Index inputs = 0, outputs = 0, count = 1;
  std::vector<std::pair<std::string, std::vector<Real>>> weights;
  std::string name;  // of the activation

  const std::vector<Real>& weight(const std::string& of) const {
    return std::find_if(weights.begin(), weights.end(), [&](const auto& each) { return each.first == of; })->second;
  }
};

template <class Real>
struct Amplifier {
  std::vector<Layer<Real>> layers;
  bool skip = false;
  Description description;
  std::vector<Real> test_x, test_y;  // of AIDA-X, where the file has a test
};

template <class Real>
Index add_lstm(StepGraph<Real>& graph, Index x, const Layer<Real>& layer, bool learned_state) {
  LSTMOptions options;
  options.input_size = layer.inputs;
  options.hidden_size = layer.outputs;
  options.num_layers = layer.count;
  options.learned_state = learned_state;
  const LSTM<Real> lstm(options);
  std::vector<Real> parameters(lstm.num_parameters());
  for (const Parameter& p : lstm.parameters()) {
    const std::vector<Real>& values = layer.weight(p.name);
    std::copy(values.begin(), values.end(), parameters.begin() + p.offset);
  }
  return graph.lstm(x, lstm, lstm.pack(parameters.data(), false));
}

template <class Real>
StepGraph<Real> graph_of(const Amplifier<Real>& amp) {
  const Index inputs = amp.layers[0].inputs;
  StepGraph<Real> graph(inputs);
  Index y = graph.input();
  for (const Layer<Real>& layer : amp.layers) {
    if (layer.kind == Layer<Real>::lstm) {
      y = add_lstm(graph, y, layer, amp.description.format == "NAM");
    } else if (layer.kind == Layer<Real>::linear) {
      const std::vector<Real>& bias = layer.weight("bias");
      y = graph.linear(y, layer.outputs, layer.weight("weight").data(), bias.empty() ? nullptr : bias.data());
    } else {
      y = graph.activation(y, layer_activation(layer.name.c_str()));
    }
  }
  if (amp.skip) {
    const Index x = inputs == 1 ? graph.input() : graph.slice(graph.input(), 0, 1);
    y = graph.add({y, x});
  }
  graph.set_output(y);
  return graph;
}

template <class Real>
std::vector<Real> transposed(const std::vector<Real>& a, Index rows, Index columns) {
  std::vector<Real> result(a.size());
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) result[j * rows + i] = a[i * columns + j];
  return result;
}

void one_output(const Field& field, Index outputs) {
  if (outputs != 1) field.must("1: a player has one output");
}

std::string metadata_of(const Field& document) {
  if (!document.has("metadata")) return "";
  const Field metadata = document["metadata"];
  if (!metadata.value().is_object()) metadata.must("an object");
  return metadata.value().dump(-1, ' ', false, Json::error_handler_t::replace);
}

// -- Neural Amp Modeler: for each layer a matrix (4H, I + H), a bias (4H), h0 (H), c0 (H); the head's weight and bias
// ------

template <class Real>
Amplifier<Real> read_nam(const Field& document) {
  const Field architecture = document["architecture"];
  if (architecture.text() != "LSTM")
    architecture.fail("is '" + architecture.text() + "'; of NAM's architectures only \"LSTM\" can be read");
  const Field config = document["config"];
  const Index I = config["input_size"].integer(1), H = config["hidden_size"].integer(1);
  const Index count = config["num_layers"].integer(1, 64);
  if (config.has("in_channels") && config["in_channels"].integer(1) != I)
    config["in_channels"].must("input_size, " + std::to_string(I));
  if (config.has("out_channels")) one_output(config["out_channels"], config["out_channels"].integer(1));
  Index total = H + 1;
  for (Index k = 0; k < count; ++k) total += 4 * H * ((k ? H : I) + H) + 6 * H;
  const std::vector<Real> flat = document["weights"].array<Real>(0, total);
  Layer<Real> lstm{Layer<Real>::lstm, I, H, count, {}, ""}, head{Layer<Real>::linear, H, 1, 1, {}, ""};
  auto at = flat.begin();
  const auto take = [&at](Index n) {
    at += n;
    return std::vector<Real>(at - n, at);
  };
  for (Index k = 0; k < count; ++k) {
    const Index width = k ? H : I;
    const std::string end = "_l" + std::to_string(k);
    std::vector<Real> w, r;
    for (Index row = 0; row < 4 * H; ++row) {
      w.insert(w.end(), at, at + width);
      r.insert(r.end(), at + width, at + width + H);
      at += width + H;
    }
    lstm.weights.insert(lstm.weights.end(), {{"weight_ih" + end, w}, {"weight_hh" + end, r}});
    for (const auto& [name, size] : {std::pair("bias", 4 * H), std::pair("h0", H), std::pair("c0", H)})
      lstm.weights.push_back({name + end, take(size)});
  }
  head.weights = {{"weight", take(H)}};
  head.weights.push_back({"bias", take(1)});
  Amplifier<Real> amp{{std::move(lstm), std::move(head)}, false, {}, {}, {}};
  const double rate = document.has("sample_rate") ? document["sample_rate"].number(1000, 1e6) : 48000;
  amp.description = {"NAM", std::round(rate), 0, 0, static_cast<Index>(std::round(rate)) / 2, metadata_of(document)};
  return amp;
}

// -- GuitarML and CoreAudioML: a state_dict of PyTorch
// ------------------------------------------------------------------

template <class Real>
Amplifier<Real> read_guitarml(const Field& document) {
  const Field data = document["model_data"];
  if (data["unit_type"].text() != "LSTM")
    data["unit_type"].fail("is '" + data["unit_type"].text() + "'; only \"LSTM\" can be read");
  const Index I = data["input_size"].integer(1), H = data["hidden_size"].integer(1);
  one_output(data["output_size"], data["output_size"].integer(1));
  const Index count = data.has("num_layers") ? data["num_layers"].integer(1, 64) : 1;
  const bool skip = data.has("skip") && data["skip"].integer(0, 1) == 1;
  const bool biased = !data.has("bias_fl") || data["bias_fl"].flag();
  const Field state = document["state_dict"];
  Layer<Real> lstm{Layer<Real>::lstm, I, H, count, {}, ""}, head{Layer<Real>::linear, H, 1, 1, {}, ""};
  for (Index k = 0; k < count; ++k) {
    const std::string end = "_l" + std::to_string(k);
    lstm.weights.push_back({"weight_ih" + end, state["rec.weight_ih" + end].array<Real>(4 * H, k ? H : I)});
    lstm.weights.push_back({"weight_hh" + end, state["rec.weight_hh" + end].array<Real>(4 * H, H)});
    std::vector<Real> bias = state["rec.bias_ih" + end].array<Real>(0, 4 * H);
    const std::vector<Real> second = state["rec.bias_hh" + end].array<Real>(0, 4 * H);
    for (Index i = 0; i < 4 * H; ++i) bias[i] += second[i];
    lstm.weights.push_back({"bias" + end, std::move(bias)});
  }
  head.weights = {{"weight", state["lin.weight"].array<Real>(1, H)}};
  head.weights.push_back({"bias", biased ? state["lin.bias"].array<Real>(0, 1) : std::vector<Real>()});
  const std::size_t expected = static_cast<std::size_t>(4 * count + 1 + biased);
  if (state.value().size() != expected)
    state.fail("must have " + std::to_string(expected) + " tensors, got " + std::to_string(state.value().size()));
  Amplifier<Real> amp{{std::move(lstm), std::move(head)}, skip, {}, {}, {}};
  amp.description = {"GuitarML", 44100, 0, 0, 0, metadata_of(document)};
  return amp;
}

// -- RTNeural and AIDA-X: Keras's layouts
// ---------------------------------------------------------------------------------

Index last_size(const Field& shape) { return shape.at(shape.items(1) - 1).integer(1); }

template <class Real>
void read_activation(const Field& layer, std::vector<Layer<Real>>& layers) {
  const std::string name = layer.has("activation") ? layer["activation"].text() : "";
  if (name.empty() || name == "linear") return;
  for (const char* known : {"tanh", "relu", "sigmoid", "softmax", "elu"})
    if (name == known) {
      layers.push_back({Layer<Real>::activation, 0, 0, 1, {}, name});
      return;
    }
  layer["activation"].fail("is '" + name + "', known are tanh, relu, sigmoid, softmax, elu");
}

/// Appends a layer that takes `width` values; the number of values that it gives.
template <class Real>
Index read_layer(const Field& layer, Index width, std::vector<Layer<Real>>& layers) {
  const std::string& type = layer["type"].text();
  if (type == "activation") {
    read_activation(layer, layers);
    return width;
  }
  const Index n = last_size(layer["shape"]);
  if (type != "lstm" && type != "dense" && type != "time-distributed-dense")
    layer["type"].fail("is '" + type +
                       "'; of RTNeural's layers only lstm, dense, time-distributed-dense and activation can be read");
  const Field weights = layer["weights"];
  if (weights.items() != (type == "lstm" ? 3u : 2u))
    weights.must(type == "lstm" ? "a kernel, a recurrent kernel and a bias" : "a kernel and a bias");
  if (type == "lstm") {
    Layer<Real> lstm{Layer<Real>::lstm, width, n, 1, {}, ""};
    lstm.weights = {{"weight_ih_l0", transposed(weights.at(0).array<Real>(width, 4 * n), width, 4 * n)},
                    {"weight_hh_l0", transposed(weights.at(1).array<Real>(n, 4 * n), n, 4 * n)},
                    {"bias_l0", weights.at(2).array<Real>(0, 4 * n)}};
    layers.push_back(std::move(lstm));
    return n;
  }
  Layer<Real> dense{Layer<Real>::linear, width, n, 1, {}, ""};
  dense.weights = {{"weight", transposed(weights.at(0).array<Real>(width, n), width, n)},
                   {"bias", weights.at(1).array<Real>(0, n)}};
  layers.push_back(std::move(dense));
  read_activation(layer, layers);
  return n;
}

/// `samplerate` of an object, a number or a text of one; 0 where there is none.
double rate_of(const Field& field) {
  if (!field.value().is_object() || !field.has("samplerate")) return 0;
  const Field rate = field["samplerate"];
  if (!rate.value().is_string()) return std::round(rate.number(1000, 1e6));
  if (rate.text().empty()) return 0;
  const double value = std::strtod(rate.text().c_str(), nullptr);
  if (!(value >= 1000 && value <= 1e6)) rate.must("a sample rate in Hz");
  return std::round(value);
}

template <class Real>
std::vector<Real> read_batch(const Field& field) {
  const Index n = static_cast<Index>(field.items(1));
  return field.at(0).value().is_array() ? field.array<Real>(n, 1) : field.array<Real>(0, n);
}

template <class Real>
Amplifier<Real> read_rtneural(const Field& document) {
  Amplifier<Real> amp;
  Index width = last_size(document["in_shape"]);
  const Field layers = document["layers"];
  for (std::size_t i = 0, n = layers.items(1); i < n; ++i) width = read_layer(layers.at(i), width, amp.layers);
  if (std::none_of(amp.layers.begin(), amp.layers.end(),
                   [](const auto& each) { return each.kind == Layer<Real>::lstm; }))
    layers.fail("have no LSTM among them");
  if (amp.layers[0].kind == Layer<Real>::activation) layers.at(0).fail("is an activation, before any other layer");
  one_output(layers, width);
  bool aida = false;
  for (const char* name : {"in_skip", "in_gain", "out_gain", "input_batch", "output_batch", "metadata"})
    aida = aida || document.has(name);
  double rate = rate_of(document);
  if (aida && rate == 0) rate = document.has("metadata") ? rate_of(document["metadata"]) : 0;
  amp.skip = document.has("in_skip") && document["in_skip"].integer(0, 1) == 1;
  const auto gain = [&](const char* name) { return document.has(name) ? document[name].number(-120, 120) : 0.0; };
  amp.description = {
      aida ? "AIDA-X" : "RTNeural", aida && rate == 0 ? 48000 : rate, gain("in_gain"), gain("out_gain"), 0,
      metadata_of(document)};
  if (document.has("input_batch") || document.has("output_batch")) {
    amp.test_x = read_batch<Real>(document["input_batch"]);
    amp.test_y = read_batch<Real>(document["output_batch"]);
    if (amp.test_x.size() != amp.test_y.size())
      document["output_batch"].fail("must have the " + std::to_string(amp.test_x.size()) +
                                    " numbers of input_batch, got " + std::to_string(amp.test_y.size()));
  }
  return amp;
}

/// FileError where the model doesn't give what the file says it does: gains 1, knobs 0, from a state of zeros.
template <class Real>
void run_test(const Field& document, const Amplifier<Real>& amp, const StepGraph<Real>& graph) {
  if (amp.test_x.empty()) return;
  Player<Real> player(graph, {"AIDA-X", 0, 0, 0, 0, ""});
  std::vector<Real> y(amp.test_x.size());
  player.process(amp.test_x.data(), static_cast<Index>(y.size()), y.data());
  double largest = 1;
  for (const Real value : amp.test_y) largest = std::max(largest, std::abs(static_cast<double>(value)));
  for (std::size_t t = 0; t < y.size(); ++t)
    if (!(std::abs(static_cast<double>(y[t]) - static_cast<double>(amp.test_y[t])) <= 2e-4 * largest))
      document["output_batch"].fail("fails as a test of the model: sample " + std::to_string(t) + " is " +
                                    std::to_string(y[t]) + ", must be " + std::to_string(amp.test_y[t]));
}

template <class Real>
Amplifier<Real> read(const Field& document) {
  const Json& value = document.value();
  if (value.is_object()) {
    if (value.contains("architecture") || (value.contains("config") && value.contains("weights")))
      return read_nam<Real>(document);
    if (value.contains("model_data") || value.contains("state_dict")) return read_guitarml<Real>(document);
    if (value.contains("layers") || value.contains("in_shape")) return read_rtneural<Real>(document);
  }
  document.fail(
      "is no amplifier that can be read: NAM's have architecture, config and weights, GuitarML's model_data and "
      "state_dict, RTNeural's and AIDA-X's in_shape and layers");
}

}  // namespace

template <class Real>
Player<Real> load(const std::string& path) {
  const Json json = read_json(path);
  const Field document(json, path);
  Amplifier<Real> amp = read<Real>(document);
  const StepGraph<Real> graph = graph_of(amp);
  run_test(document, amp, graph);
  return Player<Real>(graph, std::move(amp.description));
}

template Player<float> load(const std::string& path);
template Player<double> load(const std::string& path);

}  // namespace eigenlstm::audio
