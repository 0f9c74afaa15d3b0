// The options of an LSTM from the config that Python writes.
#pragma once

#include <string>

#include "model/json_values.hpp"

namespace eigenlstm {

/// The arguments of the constructor of Python's LSTM, checked as they are there. Whether they make sense together is
/// left to the constructor of LSTM. `dtype`: the one that the config must have.
LSTMOptions read_lstm_options(JsonObject& config, const std::string& dtype);

/// Checks the entries that all layers with parameters have: `dtype` must be the model's, a seed an integer or null.
void check_dtype(JsonObject& config, const std::string& dtype);
void check_seed(JsonObject& config);

}  // namespace eigenlstm
