// One function for each concept, each in a file of its own, adds its part to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace eigenlstm_python {

void register_attention(pybind11::module_& m);
void register_crf(pybind11::module_& m);
void register_ctc(pybind11::module_& m);
void register_embedding(pybind11::module_& m);
void register_info(pybind11::module_& m);
void register_linear(pybind11::module_& m);
void register_linear_cross_entropy(pybind11::module_& m);
void register_losses(pybind11::module_& m);
void register_lstm(pybind11::module_& m);
void register_model_stream(pybind11::module_& m);
void register_optimisers(pybind11::module_& m);
void register_pointwise(pybind11::module_& m);
void register_random(pybind11::module_& m);

}  // namespace eigenlstm_python
