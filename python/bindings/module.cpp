#include <pybind11/pybind11.h>

#include "eigenlstm/isa.hpp"
#include "eigenlstm/threads.hpp"
#include "gil.hpp"
#include "register.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_core_of_the_main_interpreter, m) {
  m.doc() = "The compiled core of eigenlstm.";
  m.attr("__version__") = EIGENLSTM_VERSION;

  // Ctrl-C: a long call asks Python every 50 ms whether a signal has come. If a handler has raised an error, that error
  // is set already when the core throws Interrupted.
  eigenlstm::set_interrupt_check([] {
    const eigenlstm_python::HeldGil gil;
    return PyErr_CheckSignals() != 0;
  });
  py::register_exception_translator([](std::exception_ptr error) {  // NOLINT(performance-unnecessary-value-param)
    try {
      if (error) std::rethrow_exception(error);
    } catch (const eigenlstm::Interrupted&) {
      if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
    }
  });

  Py_AtExit([] { eigenlstm_python::interpreter_is_gone.store(true); });

  using namespace eigenlstm_python;
  register_info(m);
  register_lstm(m);
  register_random(m);
  register_linear(m);
  register_embedding(m);
  register_pointwise(m);
  register_model_stream(m);
  register_attention(m);
  register_crf(m);
  register_losses(m);
  register_linear_cross_entropy(m);
  register_ctc(m);
  register_optimisers(m);
}

/// Called by Python's import. In a subinterpreter the import is refused first of all, since pybind11's initialisation
/// would wait there for a GIL that its own thread holds.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core();   // NOLINT(bugprone-reserved-identifier)
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {  // NOLINT(bugprone-reserved-identifier)
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError,
                    "eigenlstm can be imported in the main interpreter alone, not in a subinterpreter");
    return nullptr;
  }
  return PyInit__core_of_the_main_interpreter();
}
