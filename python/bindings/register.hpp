// One function per concept, each in a file of its own.
#pragma once

#include <pybind11/pybind11.h>

namespace eigenlstm_python {

void register_info(pybind11::module_& m);
void register_lstm(pybind11::module_& m);

}  // namespace eigenlstm_python
