// Models from the files that Python's `save` writes, for programs without Python. Link eigenlstm::model, a component.
//
//   const auto model = eigenlstm::Model::load("model.safetensors");
//   eigenlstm::ModelStream<float> stream = model.stream<float>();
//   stream.step(x, y);                                      // x (input_size) -> y (output_size)
//   model.predict(B, T, x, y);                              // x (B, T, input_size) -> y (B, T, output_size)
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <variant>

#include "eigenlstm/file_error.hpp"
#include "eigenlstm/model_stream.hpp"

namespace eigenlstm {

/// A Sequential, a Model of one input and one output, or a single layer, every layer of which has a step of its own: it
/// may not look ahead (no bidirectional LSTM, Last, pooling, attention). Never changes; threads may share it.
class Model {
 public:
  /// Throws FileError for a file that is not such a model, before anything is allocated from what it claims and with
  /// nothing built, and std::bad_alloc. A file that can't be opened is a FileError, too. What it describes is checked
  /// as Python's `load` does; checkpoints of `fit` are read as well.
  static Model load(const std::string& path);

  /// "float32" or "float64": of the parameters and of what comes in and goes out. A model without parameters is
  /// float32.
  const char* dtype() const { return graph_.index() == 0 ? "float32" : "float64"; }
  /// Features of x; 1 where takes_integers() says that a step is one integer a row (a model that begins with an
  /// Embedding).
  Index input_size() const { return input_size_; }
  Index output_size() const { return output_size_; }
  bool takes_integers() const { return takes_integers_; }
  /// The texts that were saved beside the model.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// A session of batch_size rows. Throws std::invalid_argument where Real is not the model's dtype.
  template <class Real>
  ModelStream<Real> stream(Index batch_size = 1) const {
    return ModelStream<Real>(graph<Real>(), batch_size);
  }
  /// x (B, T, input_size), or integers (B, T) -> y (B, T, output_size), from the start of each row: the bits of
  /// Python's `predict`. It runs step by step, the B rows side by side.
  template <class X, class Real>
  void predict(Index B, Index T, const X* x, Real* y) const {
    if (B > 0) stream<Real>(B).process(x, T, y);
  }
  /// The steps that the model is made of, to be built upon.
  template <class Real>
  const StepGraph<Real>& graph() const {
    if (const auto* found = std::get_if<StepGraph<Real>>(&graph_)) return *found;
    throw std::invalid_argument(std::string("Model: the model has dtype ") + dtype() + ", not " +
                                (sizeof(Real) == 4 ? "float32" : "float64"));
  }

 private:
  Model(std::variant<StepGraph<float>, StepGraph<double>> graph, std::map<std::string, std::string> metadata);

  std::variant<StepGraph<float>, StepGraph<double>> graph_;
  Index input_size_ = 1, output_size_ = 1;
  bool takes_integers_ = false;
  std::map<std::string, std::string> metadata_;
};

}  // namespace eigenlstm
