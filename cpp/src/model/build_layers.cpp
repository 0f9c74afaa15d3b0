// The layers of a file as operations on a step.
#include <algorithm>
#include <cmath>

#include "model/lstm_options.hpp"
#include "model/model_builder.hpp"

namespace eigenlstm {
namespace {

bool flag(JsonObject& config, const char* name, bool otherwise) {
  const auto value = config.take(name);
  return value ? value->flag() : otherwise;
}

template <class Real>
const Real* data_or_null(const std::vector<Real>& values) {
  return values.empty() ? nullptr : values.data();
}

std::vector<Index> shape_of(const Parameter& parameter) {
  if (parameter.columns > 0) return {parameter.rows, parameter.columns};
  return {parameter.rows};
}

}  // namespace

template <class Real>
Index ModelBuilder<Real>::add_lstm(Layer& layer, Index x) {
  const LSTMOptions options = read_lstm_options(layer.config, dtype);
  check_width(layer, x, options.input_size);
  const LSTM<Real> lstm(options);
  // torch.nn.LSTM's names have two biases in place of one, to be added.
  const auto halves = [&](const Parameter& p) {
    const std::string rest = p.name.substr(std::min<std::size_t>(p.name.size(), 4));
    const bool split = p.name.rfind("bias", 0) == 0 && file_.entries().count(layer.prefix + p.name) == 0;
    return split ? std::vector<std::string>{"bias_ih" + rest, "bias_hh" + rest} : std::vector<std::string>{p.name};
  };
  for (const Parameter& parameter : lstm.parameters())  // all of them before the first allocation
    for (const std::string& name : halves(parameter))
      file_.template check<Real>(layer.prefix + name, shape_of(parameter));
  std::vector<Real> parameters;
  for (const Parameter& parameter : lstm.parameters()) {
    const std::vector<std::string> names = halves(parameter);
    std::vector<Real> values = tensor(layer.prefix + names[0], shape_of(parameter));
    if (names.size() == 2) {
      const std::vector<Real> other = tensor(layer.prefix + names[1], shape_of(parameter));
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += other[i];
    }
    parameters.insert(parameters.end(), values.begin(), values.end());
  }
  return graph_.lstm(x, lstm, lstm.pack(parameters.data(), false));
}

template <class Real>
Index ModelBuilder<Real>::add_linear(Layer& layer, Index x) {
  const Index in = layer.config.need("in_features").size(), out = layer.config.need("out_features").size();
  const bool with_bias = flag(layer.config, "bias", true);
  check_dtype(layer.config, dtype);
  check_seed(layer.config);
  check_width(layer, x, in);
  const std::vector<Real> weight = tensor(layer.prefix + "weight", {out, in});
  const std::vector<Real> bias = with_bias ? tensor(layer.prefix + "bias", {out}) : std::vector<Real>();
  return graph_.linear(x, out, weight.data(), data_or_null(bias));
}

template <class Real>
Index ModelBuilder<Real>::add_embedding(Layer& layer, Index x) {
  const Index count = layer.config.need("num_embeddings").size(), size = layer.config.need("embedding_dim").size();
  check_dtype(layer.config, dtype);
  check_seed(layer.config);
  const auto padding = layer.config.take("padding_idx"), scale = layer.config.take("init_scale");
  if (padding && !padding->is_null()) padding->integer(-count, count - 1);
  if (scale && scale->number() < 0) scale->fail_as("at least 0");
  Matrix matrix{count, size, tensor(layer.prefix + "weight", {count, size})};
  const Index y = graph_.embedding(x, count, size, matrix.values.data());
  embeddings_[layer.prefix] = std::move(matrix);
  return y;
}

template <class Real>
Index ModelBuilder<Real>::add_tied(Layer& layer, Index x) {
  const auto found = embeddings_.find(layer.tied);
  if (found == embeddings_.end()) layer.about.fail("TiedLinear must be tied to an Embedding that was called before");
  const Matrix& matrix = found->second;
  check_width(layer, x, matrix.columns);
  count_use(layer.tied + "weight", matrix.values.size());
  const std::vector<Real> bias =
      flag(layer.config, "bias", true) ? tensor(layer.prefix + "bias", {matrix.rows}) : std::vector<Real>();
  return graph_.linear(x, matrix.rows, matrix.values.data(), data_or_null(bias));
}

template <class Real>
Index ModelBuilder<Real>::add_layer_norm(Layer& layer, Index x) {
  const Index n = layer.config.need("features").size();
  const auto eps = layer.config.take("eps");
  if (eps && !(eps->number() > 0)) eps->fail_as("a positive number");
  check_dtype(layer.config, dtype);
  check_width(layer, x, n);
  const std::vector<Real> weight = tensor(layer.prefix + "weight", {n}), bias = tensor(layer.prefix + "bias", {n});
  return graph_.layer_norm(x, weight.data(), bias.data(), eps ? eps->number() : 1e-5);
}

template <class Real>
Index ModelBuilder<Real>::add_normalization(Layer& layer, Index x) {
  const Index n = layer.config.need("features").size();
  const bool invert = flag(layer.config, "invert", false);
  check_dtype(layer.config, dtype);
  check_width(layer, x, n);
  const std::vector<Real> mean = tensor(layer.prefix + "mean", {n}), std = tensor(layer.prefix + "std", {n});
  if (invert) return graph_.affine(x, std.data(), mean.data());
  std::vector<Real> scale, offset;
  for (std::size_t j = 0; j < std.size(); ++j) {
    scale.push_back(1 / std[j]);
    offset.push_back(-mean[j] * scale[j]);
  }
  return graph_.affine(x, scale.data(), offset.data());
}

template <class Real>
Index ModelBuilder<Real>::add_convolution(Layer& layer, Index x) {
  JsonObject& config = layer.config;
  const Index in = config.need("in_channels").size(), out = config.need("out_channels").size(),
              k = config.need("kernel_size").size();
  const auto padding = config.take("padding"), distance = config.take("dilation");
  const Index dilation = distance ? distance->size() : 1;
  const std::string side = padding ? padding->text() : "same";
  if (side != "causal" && side != "same") padding->fail_as("same or causal");
  const bool with_bias = flag(config, "bias", true);
  check_dtype(config, dtype);
  check_seed(config);
  check_width(layer, x, in);
  const std::vector<Real> weight = tensor(layer.prefix + "weight", {out, in, k});
  const std::vector<Real> bias = with_bias ? tensor(layer.prefix + "bias", {out}) : std::vector<Real>();
  if (side == "same" && k > 1)
    layer.about.fail("Conv1D can't stream: with padding=\"same\" it sees later steps; with \"causal\" it sees none");
  return graph_.causal_conv1d(x, out, k, dilation, weight.data(), data_or_null(bias));
}

template <class Real>
Index ModelBuilder<Real>::add_activation(Layer& layer, Index x) {
  const JsonValue name = layer.config.need("name");
  std::vector<double> parameters;
  for (const JsonValue& value : layer.config.need("parameters").items()) parameters.push_back(value.number());
  return graph_.activation(x, layer_activation(name.text().c_str(), parameters));
}

template <class Real>
Index ModelBuilder<Real>::add_slice(Layer& layer, Index x) {
  const Index n = graph_.size(x);
  // An index as in Python's slices: a negative one counts from the end; the result lies within the size.
  const auto place = [&](const char* which, Index otherwise) {
    const auto value = layer.config.take(which);
    if (!value || value->is_null()) return otherwise;
    constexpr Index most = std::numeric_limits<Index>::max() / 2;
    const Index at = value->integer(-most, most);
    return std::clamp<Index>(at < 0 ? at + n : at, 0, n);
  };
  const Index start = place("start", 0), stop = place("stop", n);
  if (stop <= start) layer.about.fail("Slice takes nothing of " + std::to_string(n) + " features");
  return graph_.slice(x, start, stop - start);
}

template <class Real>
Index ModelBuilder<Real>::add_shift(Layer& layer, Index x) {
  return graph_.shift(x, Real(layer.config.need("start").number()));
}

template class ModelBuilder<float>;
template class ModelBuilder<double>;

}  // namespace eigenlstm
