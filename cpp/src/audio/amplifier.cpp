#include "audio/amplifier.hpp"

#include <algorithm>

namespace eigenlstm::audio {
namespace {

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
    const std::vector<Real>& values = layer.weights.at(p.name);
    std::copy(values.begin(), values.end(), parameters.begin() + p.offset);
  }
  return graph.lstm(x, lstm, lstm.pack(parameters.data(), false));
}

}  // namespace

template <class Real>
StepGraph<Real> graph_of(const Amplifier<Real>& amp) {
  StepGraph<Real> graph(amp.inputs);
  Index y = graph.input();
  for (const Layer<Real>& layer : amp.layers) {
    if (layer.kind == Layer<Real>::lstm) {
      y = add_lstm(graph, y, layer, amp.learned_state);
    } else if (layer.kind == Layer<Real>::linear) {
      const auto bias = layer.weights.find("bias");
      const Real* values = bias == layer.weights.end() ? nullptr : bias->second.data();
      y = graph.linear(y, layer.outputs, layer.weights.at("weight").data(), values);
    } else {
      y = graph.activation(y, layer.f);
    }
  }
  if (amp.skip) {
    const bool all = amp.inputs == amp.outputs;
    y = graph.add({y, all ? graph.input() : graph.slice(graph.input(), 0, amp.outputs)});
  }
  graph.set_output(y);
  return graph;
}

std::string metadata_of(const JsonValue& document) {
  const auto metadata = document.find("metadata");
  if (!metadata) return "";
  if (!metadata->json().is_object()) metadata->fail_as("an object");
  return metadata->json().dump(-1, ' ', false, Json::error_handler_t::replace);
}

template StepGraph<float> graph_of(const Amplifier<float>&);
template StepGraph<double> graph_of(const Amplifier<double>&);

}  // namespace eigenlstm::audio
