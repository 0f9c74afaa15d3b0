// Makes the operations of a StepGraph from the description of a model and its tensors.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/tensor_file.hpp"

namespace eigenlstm {

/// "float32" or "float64": of the first layer in the description that says it.
std::string dtype_in(const Json& architecture);

/// Builds the graph of one model. Every size is compared with the tensors of the file before memory is allocated for
/// it.
template <class Real>
class ModelBuilder {
 public:
  explicit ModelBuilder(TensorFile& file);
  StepGraph<Real> build(const JsonValue& architecture);

 private:
  struct Matrix {  // of an embedding, for the layers that are tied to it
    Index rows, columns;
    std::vector<Real> values;
  };
  /// A layer as a file describes it: {"class", "config"} and where its tensors are.
  struct Layer {
    std::string kind, prefix;
    JsonObject config;
    std::string tied;  // the prefix of the layer that it is tied to, or empty
    JsonValue about;
  };
  /// In the model that holds a layer: the name of each other layer -> the prefix of its tensors.
  using Names = std::map<std::string, std::string>;

  Layer layer(const JsonValue& description, const std::string& prefix, const Names& names) const;
  /// The number of features that `layer` needs x to have; -1 for integers, 0 if any number will do.
  Index wanted(const Layer& layer) const;
  Index wanted_by_chain(const JsonValue& layers) const;

  Index add(Layer layer, const std::vector<Index>& xs);
  Index add_chain(JsonObject& config, const std::string& prefix, Index x);
  Index add_nodes(JsonObject& config);
  Index add_lstm(Layer& layer, Index x);
  Index add_linear(Layer& layer, Index x);
  Index add_tied(Layer& layer, Index x);
  Index add_embedding(Layer& layer, Index x);
  Index add_layer_norm(Layer& layer, Index x);
  Index add_normalization(Layer& layer, Index x);
  Index add_convolution(Layer& layer, Index x);
  Index add_activation(Layer& layer, Index x);
  Index add_slice(Layer& layer, Index x);
  Index add_shift(Layer& layer, Index x);
  Index join(const Layer& layer, const std::vector<Index>& xs);

  /// Before a layer copies this many values of a tensor: refuses a file that would fill the memory by many calls.
  void count_use(const std::string& name, std::uint64_t values);
  std::vector<Real> tensor(const std::string& name, const std::vector<Index>& shape);
  void check_width(const Layer& layer, Index x, Index wanted) const;
  void check_all_used() const;

  static constexpr const char* dtype = sizeof(Real) == 4 ? "float32" : "float64";
  TensorFile& file_;
  StepGraph<Real> graph_{1};
  std::set<std::string> used_;
  std::map<std::string, Matrix> embeddings_;
  std::uint64_t values_left_ = 0;  // that layers may still copy
};

}  // namespace eigenlstm
