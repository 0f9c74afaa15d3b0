// Classes whose instances are made by this module's functions alone.
//
// pybind11 gives `Class.__new__(Class)`, which copy.copy calls too, uninitialised memory at the first use. And what
// pybind11 itself allocates when it takes over an object that lies on the heap may fail after it has taken it, and both
// sides then delete it: functions return such objects by value.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace eigenlstm_python {

namespace py = pybind11;

/// `maker` says what makes instances: "LSTM.forward".
inline void no_constructor(py::handle cls, const std::string& maker) {
  const std::string text = std::string(py::str(cls.attr("__name__"))) + ": instances are made by " + maker +
                           ", and are not copied or pickled";
  cls.attr("__new__") =
      py::staticmethod(py::cpp_function([text](const py::args&, const py::kwargs&) { throw py::type_error(text); }));
}

/// Makes instances by `make(options)` in `__new__`, so that there are none without a value.
template <class Make>
void constructor_from_options(py::handle cls, Make make) {
  cls.attr("__new__") =
      py::staticmethod(py::cpp_function([make](py::handle, const py::kwargs& options) { return make(options); }));
  cls.attr("__init__") = py::module_::import("builtins").attr("object").attr("__init__");
}

}  // namespace eigenlstm_python
