#include "model/model_builder.hpp"

#include <algorithm>
#include <cctype>

#include "model/lstm_options.hpp"

namespace eigenlstm {
namespace {

/// The reasons why some layers of the library cannot run step by step.
const std::map<std::string, std::string>& reasons() {
  static const std::string vector = "it gives one vector for a whole sequence", whole = "it looks at a whole sequence";
  static const std::map<std::string, std::string> all = {
      {"Last", vector},
      {"MeanPool", vector},
      {"MaxPool", vector},
      {"eigenlstm.Attention", whole},
      {"eigenlstm.CRF", whole},
      {"eigenlstm.Gather", whole},
      {"eigenlstm.Scatter", whole},
      {"eigenlstm.JoinDirections", whole},
      {"eigenlstm.Reverse", "it begins with the last step"},
      {"eigenlstm.StackFrames", "it makes one step of several"},
      {"eigenlstm.MaskedSequential", "its layers see a mask of rows"},
      {"Group", "it has no forward"}};
  return all;
}

[[noreturn]] void refuse(const JsonValue& about, const std::string& kind) {
  const auto known = reasons().find(kind);
  about.fail(known != reasons().end() ? kind + " can't stream: " + known->second
                                      : "there is no layer \"" + kind + "\" that can stream");
}

/// As Python has it, with every letter beyond ASCII taken for one.
bool is_identifier(const std::string& name) {
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '_' || c >= 0x80; });
}

/// The exceptions of layers become errors that name the entry.
template <class F>
auto named(const JsonValue& about, F&& f) {
  try {
    return f();
  } catch (const FileError&) {
    throw;
  } catch (const std::invalid_argument& error) {
    about.fail(error.what());
  } catch (const std::length_error& error) {
    about.fail(error.what());
  }
}

constexpr std::uint64_t most_times = 64;  // that the values of a file may be used, by layers that are called again

}  // namespace

std::string dtype_in(const Json& architecture) {
  if (architecture.is_object()) {
    const auto own = architecture.find("dtype");
    if (own != architecture.end() && (*own == "float32" || *own == "float64")) return own->get<std::string>();
    for (const char* part : {"config", "layers"})
      if (const auto inner = architecture.find(part); inner != architecture.end())
        if (const std::string found = dtype_in(*inner); !found.empty()) return found;
  } else if (architecture.is_array()) {
    for (const Json& item : architecture)
      if (const std::string found = dtype_in(item); !found.empty()) return found;
  }
  return "";
}

template <class Real>
ModelBuilder<Real>::ModelBuilder(TensorFile& file) : file_(file) {
  for (const auto& [name, entry] : file.entries()) values_left_ = std::max(values_left_, entry.end);
  values_left_ = most_times * (values_left_ / sizeof(Real));
}

template <class Real>
StepGraph<Real> ModelBuilder<Real>::build(const JsonValue& architecture) {
  Layer top = layer(architecture, "", {});
  if (top.kind == "eigenlstm.Model") {
    add_nodes(top.config);
  } else {
    const Index size = top.kind == "Sequential" ? wanted_by_chain(top.config.need("layers")) : wanted(top);
    if (size == 0) top.about.fail("no layer of the model knows the size of what it takes");
    graph_ = StepGraph<Real>(std::max<Index>(size, 1), size < 0);
    const Index y = add(std::move(top), {0});
    named(architecture, [&] { graph_.set_output(y); });
  }
  check_all_used();
  return std::move(graph_);
}

template <class Real>
typename ModelBuilder<Real>::Layer ModelBuilder<Real>::layer(const JsonValue& description, const std::string& prefix,
                                                             const Names& names) const {
  JsonObject about(description);
  Layer next{about.need("class").text(), prefix, JsonObject(about.need("config")), "", description};
  if (const auto tied = about.take("tied")) {
    const auto found = names.find(tied->text());
    if (found == names.end()) tied->fail("must be the name of a layer before this one, got " + tied->text());
    next.tied = found->second;
  }
  if (const auto name = about.take("name")) name->text();
  about.done();
  return next;
}

template <class Real>
Index ModelBuilder<Real>::wanted(const Layer& layer) const {
  JsonObject config = layer.config;
  if (layer.kind == "LSTM") return config.need("input_size").size();
  if (layer.kind == "Linear") return config.need("in_features").size();
  if (layer.kind == "LayerNorm" || layer.kind == "eigenlstm.Normalization") return config.need("features").size();
  if (layer.kind == "eigenlstm.Conv1D") return config.need("in_channels").size();
  if (layer.kind == "Embedding") return -1;
  if (layer.kind == "Sequential") return wanted_by_chain(config.need("layers"));
  for (const char* any : {"Dropout", "eigenlstm.SpatialDropout1D", "eigenlstm.Activation", "eigenlstm.Slice",
                          "eigenlstm.Shift", "eigenlstm.TiedLinear"})
    if (layer.kind == any) return 0;
  refuse(layer.about, layer.kind);
}

template <class Real>
Index ModelBuilder<Real>::wanted_by_chain(const JsonValue& layers) const {
  for (const JsonValue& description : layers.items()) {
    JsonObject about(description);
    const std::string kind = about.need("class").text();
    const Index size = wanted({kind, "", JsonObject(about.need("config")), "", description});
    if (size != 0) return size;
    if (kind == "eigenlstm.Slice") break;  // what it takes can't be told from what it gives
  }
  return 0;
}

template <class Real>
void ModelBuilder<Real>::count_use(const std::string& name, std::uint64_t values) {
  if (values > values_left_)
    throw FileError(file_.path() + ": " + name + ": is used more than " + std::to_string(most_times) + " times");
  values_left_ -= values;
}

template <class Real>
std::vector<Real> ModelBuilder<Real>::tensor(const std::string& name, const std::vector<Index>& shape) {
  std::vector<Real> values;
  const auto& entry = file_.template check<Real>(name, shape);
  count_use(name, (entry.end - entry.begin) / sizeof(Real));
  used_.insert(name);
  file_.read(name, shape, values);
  return values;
}

template <class Real>
void ModelBuilder<Real>::check_width(const Layer& layer, Index x, Index wanted) const {
  if (const Index size = graph_.size(x); size != wanted)
    layer.about.fail(layer.kind + " takes " + std::to_string(wanted) + " features, got " + std::to_string(size));
}

template <class Real>
void ModelBuilder<Real>::check_all_used() const {
  for (const auto& [name, entry] : file_.entries())
    if (used_.count(name) == 0 && name.rfind("run.", 0) != 0)
      throw FileError(file_.path() + ": " + name + ": belongs to no layer of the model");
}

template <class Real>
Index ModelBuilder<Real>::add(Layer layer, const std::vector<Index>& xs) {
  const std::string& kind = layer.kind;
  const bool joins = kind == "eigenlstm.Add" || kind == "eigenlstm.Multiply" || kind == "eigenlstm.Concat";
  if (!joins && xs.size() != 1) layer.about.fail(kind + " takes one value, got " + std::to_string(xs.size()));
  const Index x = xs[0];
  const Index y = named(layer.about, [&]() -> Index {
    if (joins) return join(layer, xs);
    if (kind == "LSTM") return add_lstm(layer, x);
    if (kind == "Linear") return add_linear(layer, x);
    if (kind == "eigenlstm.TiedLinear") return add_tied(layer, x);
    if (kind == "Embedding") return add_embedding(layer, x);
    if (kind == "LayerNorm") return add_layer_norm(layer, x);
    if (kind == "eigenlstm.Normalization") return add_normalization(layer, x);
    if (kind == "eigenlstm.Conv1D") return add_convolution(layer, x);
    if (kind == "eigenlstm.Activation") return add_activation(layer, x);
    if (kind == "eigenlstm.Slice") return add_slice(layer, x);
    if (kind == "eigenlstm.Shift") return add_shift(layer, x);
    if (kind == "Sequential") return add_chain(layer.config, layer.prefix, x);
    if (kind != "Dropout" && kind != "eigenlstm.SpatialDropout1D") refuse(layer.about, kind);
    const JsonValue p = layer.config.need("p");
    if (!(p.number() >= 0 && p.number() < 1)) p.fail_as("at least 0 and below 1");
    check_seed(layer.config);
    return x;
  });
  layer.config.done();
  return y;
}

template <class Real>
Index ModelBuilder<Real>::add_chain(JsonObject& config, const std::string& prefix, Index x) {
  const JsonValue layers = config.need("layers");
  Names names;
  const std::vector<JsonValue> items = layers.items();
  if (items.empty()) layers.fail("a Sequential needs at least one layer");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string name = std::to_string(i), own = prefix + name + ".";
    x = add(layer(items[i], own, names), {x});
    names[name] = own;
  }
  return x;
}

template <class Real>
Index ModelBuilder<Real>::add_nodes(JsonObject& config) {
  const std::vector<JsonValue> inputs = config.need("inputs").items(), nodes = config.need("nodes").items(),
                               outputs = config.need("outputs").items(), layers = config.need("layers").items();
  if (inputs.size() != 1 || outputs.size() != 1)
    config.value().fail("only a model of one input and one output can stream, this has " +
                        std::to_string(inputs.size()) + " and " + std::to_string(outputs.size()));
  JsonObject input(inputs[0]);
  const JsonValue shape = input.need("shape"), kind = input.need("dtype");
  const bool integers = kind.text() == "int64";
  if (!integers && kind.text() != "float") kind.fail_as("float or int64");
  input.need("name").text();
  input.done();
  const std::vector<JsonValue> axes = shape.items();
  for (const JsonValue& axis : axes)  // a size, or what stands for any: null or a name
    if (!axis.is_null() && !axis.json().is_string()) axis.size();
  if (axes.size() > 2 || (!integers && axes.empty())) shape.fail("x must be (B, T, features), or (B, T) of integers");
  graph_ = StepGraph<Real>(integers ? 1 : axes.back().size(), integers);

  Names names;
  std::vector<Layer> all;
  for (const JsonValue& item : layers) {
    const std::string name = JsonObject(item).need("name").text();
    if (!is_identifier(name)) item.fail("the name of a layer must be an identifier, got " + name);
    all.push_back(layer(item, name + ".", names));
    if (!names.emplace(name, name + ".").second) item.fail("another layer is called " + name);
  }
  constexpr Index state = -1;  // a placeholder for h and c after a whole sequence
  std::vector<Index> values = {0};
  std::size_t called = 0;
  const auto value_of = [&](const JsonValue& number) {
    const Index value = values[std::size_t(number.integer(0, Index(values.size()) - 1))];
    if (value == state) number.fail("is the state after a whole sequence, which no step knows");
    return value;
  };
  for (const JsonValue& item : nodes) {
    JsonObject node(item);
    const JsonValue which = node.need("layer"), taken = node.need("inputs");
    node.done();
    const std::size_t index = std::size_t(which.integer(0, Index(all.size()) - 1));
    if (index > called) which.fail("the layers must be in the order of their first calls");
    called = std::max(called, index + 1);
    std::vector<Index> xs;
    for (const JsonValue& number : taken.items()) xs.push_back(value_of(number));
    if (xs.empty()) taken.fail("a node takes at least one value");
    if (all[index].kind == "LSTM" && xs.size() > 1) taken.fail("starts from the state after a whole sequence");
    values.push_back(add(all[index], xs));
    if (all[index].kind == "LSTM") values.insert(values.end(), 2, state);
  }
  if (called != all.size()) config.value().fail("a layer is never called");
  const Index y = value_of(outputs[0]);
  named(outputs[0], [&] { graph_.set_output(y); });
  config.done();
  return y;
}

template <class Real>
Index ModelBuilder<Real>::join(const Layer& layer, const std::vector<Index>& xs) {
  if (layer.kind == "eigenlstm.Add") return graph_.add(xs);
  return layer.kind == "eigenlstm.Multiply" ? graph_.multiply(xs) : graph_.concat(xs);
}

template class ModelBuilder<float>;
template class ModelBuilder<double>;

}  // namespace eigenlstm
