// Files of RTNeural (.json) and AIDA-X (.aidax): in_shape and a list of layers with weights in Keras's layout. AIDA-X
// adds a skip, two gains, a sample rate and a test: what the model gives for an input, from a state of zeros.
// Source: github.com/jatinchowdhury18/RTNeural, github.com/AidaDSP.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "audio/amplifier.hpp"

namespace eigenlstm::audio {
namespace {

constexpr double usual_rate = 48000;  // of AIDA-X, where a file doesn't say it
constexpr double tolerance = 2e-4;    // of the test, relative to the largest output or 1

template <class Real>
std::vector<Real> transposed(const std::vector<Real>& a, Index rows, Index columns) {
  std::vector<Real> result(a.size());
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) result[j * rows + i] = a[i * columns + j];
  return result;
}

/// The size of the last axis of a shape with nulls, as [null, null, 8].
Index last_size(const JsonValue& shape) {
  const std::vector<JsonValue> sizes = shape.items();
  if (sizes.empty()) shape.fail_as("a list of sizes");
  return sizes.back().whole(1, most_units);
}

template <class Real>
void read_activation(const JsonValue& layer, std::vector<Layer<Real>>& layers) {
  const auto field = layer.find("activation");
  const std::string name = field ? field->text() : "";
  if (name.empty() || name == "linear") return;
  for (const char* known : {"tanh", "relu", "sigmoid", "softmax", "elu"})
    if (name == known) {
      layers.push_back({Layer<Real>::activation, 0, 0, 1, {}, layer_activation(known)});
      return;
    }
  field->fail("is '" + name + "', known are tanh, relu, sigmoid, softmax, elu");
}

template <class Real>
void read_lstm(const JsonValue& layer, Index width, Index n, std::vector<Layer<Real>>& layers) {
  const std::vector<JsonValue> weights = layer["weights"].items();
  if (weights.size() != 3) layer["weights"].fail_as("a kernel, a recurrent kernel and a bias");
  Layer<Real> lstm{Layer<Real>::lstm, width, n, 1, {}, {}};
  lstm.weights["weight_ih_l0"] = transposed(weights[0].numbers<Real>(width, 4 * n), width, 4 * n);
  lstm.weights["weight_hh_l0"] = transposed(weights[1].numbers<Real>(n, 4 * n), n, 4 * n);
  lstm.weights["bias_l0"] = weights[2].numbers<Real>(0, 4 * n);
  layers.push_back(std::move(lstm));
}

template <class Real>
void read_dense(const JsonValue& layer, Index width, Index n, std::vector<Layer<Real>>& layers) {
  const std::vector<JsonValue> weights = layer["weights"].items();
  if (weights.empty() || weights.size() > 2) layer["weights"].fail_as("a kernel and perhaps a bias");
  Layer<Real> dense{Layer<Real>::linear, width, n, 1, {}, {}};
  dense.weights["weight"] = transposed(weights[0].numbers<Real>(width, n), width, n);
  if (weights.size() == 2) dense.weights["bias"] = weights[1].numbers<Real>(0, n);
  layers.push_back(std::move(dense));
  read_activation(layer, layers);
}

/// Appends a layer that takes `width` values; the number of values that it gives.
template <class Real>
Index read_layer(const JsonValue& layer, Index width, std::vector<Layer<Real>>& layers) {
  const JsonValue type = layer["type"];
  const std::string name = type.text();
  if (name == "activation") {
    read_activation(layer, layers);
    return width;
  }
  const Index n = last_size(layer["shape"]);
  if (name == "lstm")
    read_lstm(layer, width, n, layers);
  else if (name == "dense" || name == "time-distributed-dense")
    read_dense(layer, width, n, layers);
  else
    type.fail("is '" + name +
              "'; of RTNeural's layers only lstm, dense, time-distributed-dense and activation can be read");
  return n;
}

/// `samplerate` of an object, a number or a text of one; 0 where there is none.
double rate_of(const JsonValue& value) {
  const auto rate = value.find("samplerate");
  if (!rate || rate->json() == "") return 0;
  if (!rate->json().is_string()) return std::nearbyint(rate->number_within(1000, 1e6));
  const std::string text = rate->text();
  char* end = nullptr;
  const double given = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !(given >= 1000 && given <= 1e6)) rate->fail_as("a sample rate in Hz");
  return std::nearbyint(given);
}

Description description_of(const JsonValue& document) {
  const auto gain = [&](const char* name) {
    const auto value = document.find(name);
    return value ? value->number_within(-120, 120) : 0.0;
  };
  double rate = rate_of(document);
  const bool aida = [&] {
    for (const char* name : {"in_skip", "in_gain", "out_gain", "input_batch", "output_batch", "metadata"})
      if (document.find(name)) return true;
    return false;
  }();
  if (!aida) return {"RTNeural", rate, 0, 0, 0, ""};
  const std::string metadata = metadata_of(document);
  if (rate == 0 && !metadata.empty()) rate = rate_of(document["metadata"]);
  return {"AIDA-X", rate == 0 ? usual_rate : rate, gain("in_gain"), gain("out_gain"), 0, metadata};
}

/// A list of numbers, or of lists of one number.
template <class Real>
std::vector<Real> read_batch(const JsonValue& value) {
  const std::vector<JsonValue> items = value.items();
  if (items.empty()) value.fail_as("a list of at least 1");
  const Index n = Index(items.size());
  return items[0].json().is_array() ? value.numbers<Real>(n, 1) : value.numbers<Real>(0, n);
}

template <class Real>
void read_test(const JsonValue& document, Amplifier<Real>& amp) {
  if (!document.find("input_batch") && !document.find("output_batch")) return;
  const JsonValue x = document["input_batch"], y = document["output_batch"];
  if (amp.outputs != 1) y.fail("is a test of one output, this model has " + std::to_string(amp.outputs));
  amp.test_x = read_batch<Real>(x);
  amp.test_y = read_batch<Real>(y);
  if (amp.test_x.size() != amp.test_y.size())
    y.fail("must have the " + std::to_string(amp.test_x.size()) + " numbers of input_batch, got " +
           std::to_string(amp.test_y.size()));
}

}  // namespace

template <class Real>
Amplifier<Real> read_rtneural(const JsonValue& document) {
  Amplifier<Real> amp;
  amp.inputs = amp.outputs = last_size(document["in_shape"]);
  const JsonValue layers = document["layers"];
  for (const JsonValue& layer : layers.items()) amp.outputs = read_layer(layer, amp.outputs, amp.layers);
  const auto recurrent = [](const Layer<Real>& each) { return each.kind == Layer<Real>::lstm; };
  if (std::none_of(amp.layers.begin(), amp.layers.end(), recurrent)) layers.fail("have no LSTM among them");
  amp.description = description_of(document);
  const auto skip = document.find("in_skip");
  amp.skip = skip && skip->whole(0, 1) == 1;
  if (amp.skip && amp.outputs > amp.inputs)
    skip->fail_as("0 for " + std::to_string(amp.inputs) + " inputs and " + std::to_string(amp.outputs) + " outputs");
  read_test(document, amp);
  return amp;
}

template <class Real>
void run_test(const JsonValue& document, const Amplifier<Real>& amp, const StepGraph<Real>& graph) {
  if (amp.test_x.empty()) return;
  Player<Real> player(graph, {});  // gains of 1, knobs at 0, no silence
  std::vector<Real> y(amp.test_x.size());
  player.process(amp.test_x.data(), Index(y.size()), y.data());
  double largest = 1;
  for (const Real value : amp.test_y) largest = std::max(largest, std::abs(double(value)));
  for (std::size_t t = 0; t < y.size(); ++t)
    if (!(std::abs(double(y[t]) - double(amp.test_y[t])) <= tolerance * largest))
      document["output_batch"].fail("fails as a test of the model: sample " + std::to_string(t) + " is " +
                                    std::to_string(y[t]) + ", must be " + std::to_string(amp.test_y[t]));
}

template Amplifier<float> read_rtneural(const JsonValue&);
template Amplifier<double> read_rtneural(const JsonValue&);
template void run_test(const JsonValue&, const Amplifier<float>&, const StepGraph<float>&);
template void run_test(const JsonValue&, const Amplifier<double>&, const StepGraph<double>&);

}  // namespace eigenlstm::audio
