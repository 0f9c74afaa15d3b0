#include "eigenlstm/model.hpp"

#include "model/model_builder.hpp"

namespace eigenlstm {
namespace {

constexpr const char* our_key = "eigenlstm";  // in the metadata
constexpr Index format = 1;

}  // namespace

Model::Model(std::variant<StepGraph<float>, StepGraph<double>> graph, std::map<std::string, std::string> metadata)
    : graph_(std::move(graph)), metadata_(std::move(metadata)) {
  std::visit(
      [this](const auto& steps) {
        input_size_ = steps.size(steps.input());
        output_size_ = steps.size(steps.output());
        takes_integers_ = steps.takes_integers();
      },
      graph_);
}

Model Model::load(const std::string& path) {
  TensorFile file(path);
  std::map<std::string, std::string> metadata = file.metadata();
  const auto ours = metadata.find(our_key);
  if (ours == metadata.end()) throw FileError(path + ": is a safetensors file without an eigenlstm model");
  const Json json = parse_json(ours->second, path, "its description of the model");
  metadata.erase(ours);
  JsonObject about(JsonValue(json, path, "eigenlstm"));
  if (const JsonValue version = about.need("format"); version.integer(0, 1 << 30) != format)
    version.fail("this version reads " + std::to_string(format));
  const JsonValue architecture = about.need("architecture");
  if (dtype_in(architecture.json()) == "float64")
    return Model(ModelBuilder<double>(file).build(architecture), std::move(metadata));
  return Model(ModelBuilder<float>(file).build(architecture), std::move(metadata));
}

}  // namespace eigenlstm
