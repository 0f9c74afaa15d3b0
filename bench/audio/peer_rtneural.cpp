// RTNeural in its two faces: the model that a file describes at run time, and types of the sizes that are usual, fixed
// when they are compiled. Compiled once for each of its backends, which CMake names.
#include <RTNeural/RTNeural.h>

#include <fstream>
#include <memory>

#include "peers.hpp"

namespace {

using Json = nlohmann::json;

/// A model of type `Model` behind a Play.
template <class Model>
Peer peer(const std::string& name, std::shared_ptr<Model> model, bool skip) {
  model->reset();
  return {name, [model, skip](const float* x, int n, float* y) {
            for (int t = 0; t < n; ++t) {
              const float sample = x[t];
              y[t] = model->forward(&sample) + (skip ? sample : 0.0f);
            }
          }};
}

template <int H>
void add_fixed(const std::string& name, const Json& json, bool skip, std::vector<Peer>& peers) {
  if (json["layers"].size() != 2 || json["layers"][0]["shape"][2] != H) return;
  using Model = RTNEURAL_NAMESPACE::ModelT<float, 1, 1, RTNEURAL_NAMESPACE::LSTMLayerT<float, 1, H>,
                                           RTNEURAL_NAMESPACE::DenseT<float, H, 1>>;
  auto model = std::make_shared<Model>();
  model->parseJson(json);
  peers.push_back(peer(name + ", fixed sizes", model, skip));
}

}  // namespace

std::vector<Peer> PEER_FUNCTION(const std::string& path) {
  std::ifstream file(path);
  const Json json = Json::parse(file);
  if (!json.contains("layers") || json["in_shape"].back() != 1) return {};
  const bool skip = json.value("in_skip", 0) == 1;
  const std::string name = "RTNeural (" PEER_BACKEND ")";
  std::shared_ptr<RTNEURAL_NAMESPACE::Model<float>> model = RTNEURAL_NAMESPACE::json_parser::parseJson<float>(json);
  std::vector<Peer> peers{peer(name, model, skip)};
  add_fixed<8>(name, json, skip, peers);
  add_fixed<12>(name, json, skip, peers);
  add_fixed<16>(name, json, skip, peers);
  add_fixed<20>(name, json, skip, peers);
  add_fixed<24>(name, json, skip, peers);
  add_fixed<32>(name, json, skip, peers);
  add_fixed<40>(name, json, skip, peers);
  return peers;
}
