// JSON of a bare state_dict of PyTorch, as RTNeural's tests and examples read it: LSTMs and a Linear behind them. Sizes
// are those of the arrays. LSTMs follow each other by their names (lstm, lstm2, ...); there is no skip and no
// activation.
#include <algorithm>
#include <set>
#include <tuple>

#include "audio/amplifier.hpp"

namespace eigenlstm::audio {
namespace {

const std::string first = "weight_ih_l0";

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// Sorts "lstm.", "lstm2.", ..., "lstm10.".
auto place(const std::string& prefix) {
  const std::string name = prefix.substr(0, prefix.size() - (!prefix.empty() && prefix.back() == '.'));
  const std::size_t text = name.find_last_not_of("0123456789") + 1;
  const std::size_t digits = std::min(name.find_first_not_of('0', text), name.size());
  return std::make_tuple(name.substr(0, text), name.size() - digits, name.substr(digits), prefix);
}

/// What a list of lists is long; each must have an entry.
std::size_t length(const JsonValue& list) {
  const std::size_t n = list.json().is_array() ? list.json().size() : 0;
  if (n == 0) list.fail_as("a list of at least 1");
  return n;
}

/// The modules of a state_dict, taken out of it one after the other.
template <class Real>
class State {
 public:
  explicit State(const JsonValue& state) : state_(state) {
    for (const auto& item : state.json().items()) names_.insert(item.key());
  }

  /// The names before weight_ih_l0, in the order of the LSTMs.
  std::vector<std::string> lstms() const {
    std::vector<std::string> prefixes;
    for (const std::string& name : names_)
      if (ends_with(name, first)) prefixes.push_back(name.substr(0, name.size() - first.size()));
    std::sort(prefixes.begin(), prefixes.end(),
              [](const std::string& a, const std::string& b) { return place(a) < place(b); });
    return prefixes;
  }

  /// An LSTM that takes `width` values, 0 for any number.
  Layer<Real> take_lstm(const std::string& prefix, Index width) {
    const JsonValue recurrent = state_[prefix + "weight_hh_l0"];
    const Index rows = Index(length(recurrent)), H = Index(length(recurrent.items()[0]));
    if (rows == H || rows == 3 * H)
      recurrent.fail(std::string("is that of ") + (rows > H ? "a GRU" : "an RNN without gates") +
                     "; only an LSTM can be read");
    if (width == 0) {
      const JsonValue input = state_[prefix + first];
      length(input);
      width = Index(length(input.items()[0]));
    }
    Layer<Real> lstm{Layer<Real>::lstm, width, H, 0, {}, {}};
    while (names_.count(prefix + "weight_ih_l" + std::to_string(lstm.count)) > 0) {
      const std::string end = "_l" + std::to_string(lstm.count);
      lstm.weights["weight_ih" + end] = take(prefix + "weight_ih" + end, 4 * H, lstm.count == 0 ? width : H);
      lstm.weights["weight_hh" + end] = take(prefix + "weight_hh" + end, 4 * H, H);
      lstm.weights["bias" + end] = take_biases(prefix + "bias_ih" + end, prefix + "bias_hh" + end, 4 * H);
      if (++lstm.count > most_layers)
        state_.fail("must have at most " + std::to_string(most_layers) + " layers in an LSTM");
    }
    return lstm;
  }

  /// The one Linear, which takes `width` values.
  Layer<Real> take_linear(Index width) {
    std::vector<std::string> heads;
    for (const std::string& name : names_)
      if (name == "weight" || ends_with(name, ".weight")) heads.push_back(name);
    if (heads.size() != 1) state_.fail("must have one Linear behind its LSTMs, got " + std::to_string(heads.size()));
    const std::string prefix = heads[0].substr(0, heads[0].size() - std::string("weight").size());
    Layer<Real> linear{Layer<Real>::linear, width, Index(length(state_[heads[0]])), 1, {}, {}};
    linear.weights["weight"] = take(heads[0], linear.outputs, width);
    if (names_.count(prefix + "bias") > 0) linear.weights["bias"] = take(prefix + "bias", 0, linear.outputs);
    return linear;
  }

  void done() const {
    if (!names_.empty()) state_[*names_.begin()].fail("belongs to no LSTM and no Linear");
  }

 private:
  std::vector<Real> take(const std::string& name, Index rows, Index columns) {
    names_.erase(name);
    return state_[name].numbers<Real>(rows, columns);
  }

  std::vector<Real> take_biases(const std::string& one, const std::string& other, Index n) {
    if (names_.count(one) + names_.count(other) == 0) return std::vector<Real>(std::size_t(n));
    std::vector<Real> sum = take(one, 0, n);
    const std::vector<Real> second = take(other, 0, n);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += second[i];
    return sum;
  }

  JsonValue state_;
  std::set<std::string> names_;  // that nobody has taken yet
};

JsonValue state_in(const JsonValue& document) {
  const auto inner = document.find("state_dict");
  return inner ? *inner : document;
}

}  // namespace

bool is_torch_state(const JsonValue& document) {
  const Json& state = state_in(document).json();
  if (!state.is_object()) return false;
  for (const auto& item : state.items())
    if (ends_with(item.key(), first)) return true;
  return false;
}

template <class Real>
Amplifier<Real> read_torch_state(const JsonValue& document) {
  State<Real> state(state_in(document));
  Amplifier<Real> amp;
  Index width = 0;
  for (const std::string& prefix : state.lstms()) {
    amp.layers.push_back(state.take_lstm(prefix, width));
    width = amp.layers.back().outputs;
  }
  amp.layers.push_back(state.take_linear(width));
  state.done();
  amp.inputs = amp.layers.front().inputs;
  amp.outputs = amp.layers.back().outputs;
  amp.description.format = "PyTorch";
  return amp;
}

template Amplifier<float> read_torch_state(const JsonValue&);
template Amplifier<double> read_torch_state(const JsonValue&);

}  // namespace eigenlstm::audio
