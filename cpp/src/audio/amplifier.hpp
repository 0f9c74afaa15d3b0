// What all the formats hold: a chain of layers, perhaps with a skip, and what a player has to know about it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "eigenlstm/audio.hpp"
#include "model/json_values.hpp"

namespace eigenlstm::audio {

constexpr Index most_units = 1 << 16;  // of a size that a file claims
constexpr Index most_layers = 64;

/// A layer: weights by the names of LSTM's parameters, or "weight" and perhaps "bias" of a Linear, or an activation.
template <class Real>
struct Layer {
  enum Kind { lstm, linear, activation } kind;
  Index inputs = 0, outputs = 0, count = 1;
  std::map<std::string, std::vector<Real>> weights;
  LayerActivation f;
};

template <class Real>
struct Amplifier {
  std::vector<Layer<Real>> layers;
  Index inputs = 1, outputs = 1;
  bool skip = false;  // whether the first inputs are added to what the last layer gives
  bool learned_state = false;
  Description description;
  std::vector<Real> test_x, test_y;  // of AIDA-X, where the file has a test
};

/// A plan of what a document holds, all of it checked. FileError, which names the key, where something is wrong.
template <class Real>
Amplifier<Real> read_nam(const JsonValue& document);
template <class Real>
Amplifier<Real> read_guitarml(const JsonValue& document);
template <class Real>
Amplifier<Real> read_rtneural(const JsonValue& document);
template <class Real>
Amplifier<Real> read_torch_state(const JsonValue& document);
/// Whether a document, an object, is a state_dict, or has one, with an LSTM in it.
bool is_torch_state(const JsonValue& document);

template <class Real>
StepGraph<Real> graph_of(const Amplifier<Real>& amp);
/// FileError where the graph doesn't give what a file of AIDA-X says it does.
template <class Real>
void run_test(const JsonValue& document, const Amplifier<Real>& amp, const StepGraph<Real>& graph);

/// The metadata of a document, as JSON; empty where it has none.
std::string metadata_of(const JsonValue& document);

}  // namespace eigenlstm::audio
