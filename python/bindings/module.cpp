#include <pybind11/pybind11.h>

#include "eigenlstm/isa.hpp"
#include "eigenlstm/threads.hpp"
#include "register.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled core of eigenlstm.";
  m.attr("__version__") = EIGENLSTM_VERSION;

  // Ctrl-C: a long call asks Python every 50 ms. The error that a signal handler raised is set when Interrupted
  // arrives.
  eigenlstm::set_interrupt_check([] {
    py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  });
  py::register_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const eigenlstm::Interrupted&) {
      if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
    }
  });

  using namespace eigenlstm_python;
  register_info(m);
  register_lstm(m);
  register_random(m);
  register_linear(m);
  register_embedding(m);
  register_attention(m);
  register_crf(m);
  register_losses(m);
  register_linear_cross_entropy(m);
  register_ctc(m);
  register_optimisers(m);
}
