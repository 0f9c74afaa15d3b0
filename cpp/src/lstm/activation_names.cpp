// Activations by name.
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "eigenlstm/variants.hpp"

namespace eigenlstm {
namespace {

struct Named {
  const char* name;
  Activation activation;
  int parameters = 0;  // that it has: alpha, or alpha and beta
};
constexpr Named activations[] = {
    {"sigmoid", {ActivationKind::sigmoid}},
    {"tanh", {ActivationKind::tanh}},
    {"linear", {ActivationKind::linear}},
    {"relu", {ActivationKind::relu}},
    {"leaky_relu", {ActivationKind::leaky_relu, 0.01}, 1},
    {"thresholded_relu", {ActivationKind::thresholded_relu, 1}, 1},
    {"elu", {ActivationKind::elu, 1}, 1},
    {"affine", {ActivationKind::affine, 1, 0}, 2},
    {"scaled_tanh", {ActivationKind::scaled_tanh, 1, 1}, 2},
    {"softsign", {ActivationKind::softsign}},
    {"softplus", {ActivationKind::softplus}},
    {"hard_sigmoid", {ActivationKind::hard_sigmoid, 0.2, 0.5}, 2},
    {"hard_sigmoid_keras3", {ActivationKind::hard_sigmoid, 1.0 / 6, 0.5}, 2},
    {"hard_swish", {ActivationKind::hard_swish}},
};

}  // namespace

Activation activation(const char* name, const double* parameters, int count) {
  std::string names;
  for (const Named& known : activations) {
    names += (names.empty() ? "" : ", ") + std::string(known.name);
    if (std::strcmp(name, known.name) != 0) continue;
    if (count > known.parameters)
      throw std::invalid_argument("LSTM: activations: " + std::string(name) + " has " +
                                  std::to_string(known.parameters) + " parameters, got " + std::to_string(count));
    Activation chosen = known.activation;
    double* const places[] = {&chosen.alpha, &chosen.beta};
    for (int i = 0; i < count; ++i) *places[i] = parameters[i];
    if (!std::isfinite(chosen.alpha) || !std::isfinite(chosen.beta))
      throw std::invalid_argument("LSTM: activations: the parameters of " + std::string(name) + " must be finite");
    return chosen;
  }
  throw std::invalid_argument("LSTM: activations must be of " + names + "; got " + std::string(name));
}

}  // namespace eigenlstm
