// The options of an LSTM between Python and the core.
#pragma once

#include <pybind11/pybind11.h>

#include "eigenlstm/lstm.hpp"

namespace eigenlstm_python {

/// From keywords with the names of el.LSTM's arguments, already of the right types; those that are missing have their
/// defaults.
eigenlstm::LSTMOptions lstm_options(const pybind11::dict& keywords);

bool same(const eigenlstm::LSTMOptions& a, const eigenlstm::LSTMOptions& b);

}  // namespace eigenlstm_python
