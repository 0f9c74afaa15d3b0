// The options of an LSTM from the config that Python writes.
#pragma once

#include <string>

#include "model/json_values.hpp"

namespace eigenlstm {

/// What the constructor of Python's LSTM takes, checked as there; what options make senseless together is left to
/// LSTM's own constructor. `dtype`: what the config must say.
LSTMOptions read_lstm_options(JsonObject& config, const std::string& dtype);

/// The entries that layers with parameters share: `dtype` must be the model's, and a seed is an integer or null.
void check_dtype(JsonObject& config, const std::string& dtype);
void check_seed(JsonObject& config);

}  // namespace eigenlstm
