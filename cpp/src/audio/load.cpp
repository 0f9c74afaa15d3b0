// Which format a file is, and from its plan to a player.
#include "audio/amplifier.hpp"
#include "eigenlstm/model.hpp"
#include "model/tensor_file.hpp"

namespace eigenlstm::audio {
namespace {

constexpr const char* our_key = "audio";  // of a player's own values in the metadata of our files

/// What Python's el.audio.save writes beside a model.
Description read_description(const std::string& text, const std::string& path) {
  const Json json = parse_json(text, path, "its description of the amplifier");
  const JsonValue about(json, path, our_key);
  const auto rate = about.find("sample_rate");
  return {"eigenlstm",
          rate ? double(rate->whole(1, 1000000)) : 0,
          about["in_gain"].number_within(-120, 120),
          about["out_gain"].number_within(-120, 120),
          about["prewarm"].whole(0, 1000000),
          metadata_of(about)};
}

template <class Real>
Player<Real> load_ours(const std::string& path) {
  const Model model = Model::load(path);
  const auto about = model.metadata().find(our_key);
  Description description{"eigenlstm", 0, 0, 0, 0, ""};
  if (about != model.metadata().end()) description = read_description(about->second, path);
  try {
    return Player<Real>(model.graph<Real>(), std::move(description));
  } catch (const std::invalid_argument& error) {
    throw FileError(path + ": " + error.what());
  }
}

template <class Real>
Amplifier<Real> read(const JsonValue& document) {
  const Json& json = document.json();
  if (json.is_object()) {
    if (json.contains("architecture") || (json.contains("config") && json.contains("weights")))
      return read_nam<Real>(document);
    if (json.contains("model_data")) return read_guitarml<Real>(document);
    if (json.contains("layers") || json.contains("in_shape")) return read_rtneural<Real>(document);
    if (is_torch_state(document)) return read_torch_state<Real>(document);
  }
  document.fail(
      "is no amplifier that can be read: NAM's have architecture, config and weights, GuitarML's model_data and "
      "state_dict, RTNeural's and AIDA-X's in_shape and layers, or a state_dict of PyTorch");
}

}  // namespace

template <class Real>
Player<Real> load(const std::string& path) {
  if (starts_as_tensor_file(path)) return load_ours<Real>(path);
  const Json json = read_json(path);
  const JsonValue document(json, path, "");
  Amplifier<Real> amp = read<Real>(document);
  const StepGraph<Real> graph = graph_of(amp);
  run_test(document, amp, graph);
  return Player<Real>(graph, std::move(amp.description));
}

template Player<float> load(const std::string& path);
template Player<double> load(const std::string& path);

}  // namespace eigenlstm::audio
