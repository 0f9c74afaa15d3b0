// The options of an LSTM on their way from Python to the core.
#pragma once

#include <pybind11/pybind11.h>

#include "eigenlstm/lstm.hpp"

namespace eigenlstm_python {

/// The options in keywords that are named as el.LSTM's arguments and have the right types already. Options that are
/// missing have their default values.
eigenlstm::LSTMOptions lstm_options(const pybind11::dict& keywords);

bool same(const eigenlstm::LSTMOptions& a, const eigenlstm::LSTMOptions& b);

}  // namespace eigenlstm_python
