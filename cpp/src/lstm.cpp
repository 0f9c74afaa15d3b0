#include "eigenlstm/lstm.hpp"

#include <stdexcept>

#include "weights.hpp"

namespace eigenlstm {

template <class Real>
LSTM<Real>::LSTM(const LSTMOptions& options) : options_(options) {
  const auto at_least_one = [](const char* name, Index value) {
    if (value < 1) throw std::invalid_argument(std::string("LSTM: ") + name + " must be at least 1, got " + std::to_string(value));
  };
  at_least_one("input_size", options.input_size);
  at_least_one("hidden_size", options.hidden_size);
  at_least_one("num_layers", options.num_layers);
  const std::vector<double>& dropout = options.dropout;
  if (!dropout.empty() && Index(dropout.size()) != options.num_layers)
    throw std::invalid_argument("LSTM: dropout must have one probability for each of the " + std::to_string(options.num_layers) + " layers, got " +
                                std::to_string(dropout.size()));
  for (const double p : dropout)
    if (!(p >= 0 && p < 1)) throw std::invalid_argument("LSTM: dropout must be at least 0 and below 1, got " + std::to_string(p));
  if (!dropout.empty() && dropout.back() > 0)
    throw std::invalid_argument("LSTM: dropout lies between layers; that of the last layer must be 0, got " + std::to_string(dropout.back()));
  const Index H = options.hidden_size;
  for (Index layer = 0; layer < options.num_layers; ++layer) {
    for (Index d = 0; d < directions(); ++d) {
      const DirectionShape shape = direction_shape(options, layer, d);
      const std::string suffix = "_l" + std::to_string(layer) + (d == 1 ? "_reverse" : "");
      parameters_.push_back({"weight_ih" + suffix, shape.weight_ih, 4 * H, shape.input_size});
      parameters_.push_back({"weight_hh" + suffix, shape.weight_hh, 4 * H, H});
      if (options.bias) parameters_.push_back({"bias" + suffix, shape.bias, 4 * H, 0});
    }
  }
  for (const Parameter& p : parameters_) num_parameters_ += p.rows * (p.columns > 0 ? p.columns : 1);
}

template class LSTM<float>;
template class LSTM<double>;

}  // namespace eigenlstm
