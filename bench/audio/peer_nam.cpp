#include <NAM/get_dsp.h>

#include <filesystem>
#include <memory>

#include "peers.hpp"

std::vector<Peer> neural_amp_modeler(const std::string& path) {
  if (std::filesystem::path(path).extension() != ".nam") return {};
  std::shared_ptr<nam::DSP> model = nam::get_dsp(std::filesystem::path(path));
  model->Reset(model->GetExpectedSampleRate(), 64);
  struct Buffers {
    std::vector<NAM_SAMPLE> x, y;
  };
  auto buffers = std::make_shared<Buffers>();
  return {{"NeuralAmpModelerCore", [model, buffers](const float* x, int n, float* y) {
             // its samples are doubles unless it was built for floats: the copies are a small part of its time
             buffers->x.assign(x, x + n);
             buffers->y.resize(n);
             NAM_SAMPLE* in = buffers->x.data();
             NAM_SAMPLE* out = buffers->y.data();
             model->process(&in, &out, n);
             for (int t = 0; t < n; ++t) y[t] = static_cast<float>(buffers->y[t]);
           }}};
}
