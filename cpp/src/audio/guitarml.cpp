// Files of GuitarML (NeuralPi, Proteus) and CoreAudioML: model_data and a state_dict of PyTorch in JSON.
// y = lin(h) + the first `skip` inputs; further inputs are knobs. The state starts at zero.
// Source: github.com/Alec-Wright/CoreAudioML, github.com/GuitarML.
#include "audio/amplifier.hpp"

namespace eigenlstm::audio {
namespace {

constexpr double usual_rate = 44100;  // by convention: these files don't say it

}  // namespace

template <class Real>
Amplifier<Real> read_guitarml(const JsonValue& document) {
  const JsonValue data = document["model_data"], unit = data["unit_type"];
  if (unit.text() != "LSTM") unit.fail("is '" + unit.text() + "'; only \"LSTM\" can be read");
  const Index I = data["input_size"].whole(1, most_units), H = data["hidden_size"].whole(1, most_units);
  const Index O = data["output_size"].whole(1, most_units);
  const auto layers = data.find("num_layers"), added = data.find("skip"), biases = data.find("bias_fl");
  const Index count = layers ? layers->whole(1, most_layers) : 1, skip = added ? added->whole(0, most_units) : 0;
  if ((skip != 0 && skip != O) || skip > I)
    added->fail_as("0 or the " + std::to_string(O) + " of output_size, and at most the " + std::to_string(I) +
                   " of input_size");
  const bool biased = !biases || biases->on();

  const JsonValue state = document["state_dict"];
  Layer<Real> lstm{Layer<Real>::lstm, I, H, count, {}, {}}, head{Layer<Real>::linear, H, O, 1, {}, {}};
  for (Index k = 0; k < count; ++k) {
    const std::string end = "_l" + std::to_string(k);
    lstm.weights["weight_ih" + end] = state["rec.weight_ih" + end].numbers<Real>(4 * H, k ? H : I);
    lstm.weights["weight_hh" + end] = state["rec.weight_hh" + end].numbers<Real>(4 * H, H);
    std::vector<Real> bias = state["rec.bias_ih" + end].numbers<Real>(0, 4 * H);
    const std::vector<Real> second = state["rec.bias_hh" + end].numbers<Real>(0, 4 * H);
    for (Index i = 0; i < 4 * H; ++i) bias[i] += second[i];
    lstm.weights["bias" + end] = std::move(bias);
  }
  head.weights["weight"] = state["lin.weight"].numbers<Real>(O, H);
  if (biased) head.weights["bias"] = state["lin.bias"].numbers<Real>(0, O);
  const std::size_t expected = std::size_t(4 * count + 1 + biased);
  if (state.json().size() != expected)
    state.fail("must have " + std::to_string(expected) + " tensors, got " + std::to_string(state.json().size()));
  Amplifier<Real> amp{{std::move(lstm), std::move(head)}, I, O, skip > 0, false, {}, {}, {}};
  amp.description = {"GuitarML", usual_rate, 0, 0, 0, metadata_of(document)};
  return amp;
}

template Amplifier<float> read_guitarml(const JsonValue&);
template Amplifier<double> read_guitarml(const JsonValue&);

}  // namespace eigenlstm::audio
