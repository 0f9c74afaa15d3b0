// Files of Neural Amp Modeler (.nam): one JSON object with architecture, config and flat weights, which are, for each
// layer, a matrix (4H, I + H) whose columns are those of the input and then those of h, rows i f g o; one bias (4H);
// h0 (H); c0 (H); and then the head's weight (O, H) and bias (O).
// Source: github.com/sdatkinson/NeuralAmpModelerCore.
#include <cmath>
#include <tuple>
#include <utility>

#include "audio/amplifier.hpp"

namespace eigenlstm::audio {
namespace {

constexpr double usual_rate = 48000;  // where a file doesn't say it

/// The flat weights, taken one matrix after the other.
template <class Real>
class Flat {
 public:
  explicit Flat(std::vector<Real> values) : values_(std::move(values)), at_(values_.begin()) {}
  std::vector<Real> take(Index n) {
    at_ += n;
    return std::vector<Real>(at_ - n, at_);
  }
  /// The columns of the input and of h, of a matrix whose rows have both.
  std::pair<std::vector<Real>, std::vector<Real>> take_matrix(Index rows, Index inputs, Index hidden) {
    std::pair<std::vector<Real>, std::vector<Real>> both;
    for (Index row = 0; row < rows; ++row, at_ += inputs + hidden) {
      both.first.insert(both.first.end(), at_, at_ + inputs);
      both.second.insert(both.second.end(), at_ + inputs, at_ + inputs + hidden);
    }
    return both;
  }

 private:
  std::vector<Real> values_;
  typename std::vector<Real>::const_iterator at_;
};

}  // namespace

template <class Real>
Amplifier<Real> read_nam(const JsonValue& document) {
  const JsonValue architecture = document["architecture"];
  if (architecture.text() != "LSTM")
    architecture.fail("is '" + architecture.text() + "'; of NAM's architectures only \"LSTM\" can be read");
  const JsonValue config = document["config"];
  const Index I = config["input_size"].whole(1, most_units), H = config["hidden_size"].whole(1, most_units);
  const Index count = config["num_layers"].whole(1, most_layers);
  const auto channels = config.find("in_channels"), out = config.find("out_channels");
  if (channels && channels->whole(1, most_units) != I) channels->fail_as("input_size, " + std::to_string(I));
  const Index O = out ? out->whole(1, most_units) : 1;
  Index total = O * (H + 1);
  for (Index k = 0; k < count; ++k) total += 4 * H * ((k ? H : I) + H) + 6 * H;
  Flat<Real> flat(document["weights"].numbers<Real>(0, total));

  Layer<Real> lstm{Layer<Real>::lstm, I, H, count, {}, {}}, head{Layer<Real>::linear, H, O, 1, {}, {}};
  for (Index k = 0; k < count; ++k) {
    const std::string end = "_l" + std::to_string(k);
    std::tie(lstm.weights["weight_ih" + end], lstm.weights["weight_hh" + end]) = flat.take_matrix(4 * H, k ? H : I, H);
    lstm.weights["bias" + end] = flat.take(4 * H);
    for (const char* name : {"h0", "c0"}) lstm.weights[name + end] = flat.take(H);
  }
  head.weights["weight"] = flat.take(O * H);
  head.weights["bias"] = flat.take(O);
  const auto given = document.find("sample_rate");
  const double rate = std::nearbyint(given ? given->number_within(1000, 1e6) : usual_rate);
  Amplifier<Real> amp{{std::move(lstm), std::move(head)}, I, O, false, true, {}, {}, {}};
  amp.description = {"NAM", rate, 0, 0, Index(rate) / 2, metadata_of(document)};
  return amp;
}

template Amplifier<float> read_nam(const JsonValue&);
template Amplifier<double> read_nam(const JsonValue&);

}  // namespace eigenlstm::audio
