// Classes whose instances can only be made by functions of this module.
//
// Without this, `Class.__new__(Class)` gives an object whose first use reads uninitialised memory; copy.copy makes such
// objects, too. And a function should return such an object by value, not by pointer: pybind11 allocates memory of its
// own when it takes over an object on the heap, and if that fails after it has taken it, both sides delete the object.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace eigenlstm_python {

namespace py = pybind11;

/// `maker` names the function that makes instances, such as "LSTM.forward", for the error.
inline void no_constructor(py::handle cls, const std::string& maker) {
  const std::string text = std::string(py::str(cls.attr("__name__"))) + ": instances are made by " + maker +
                           ", and are not copied or pickled";
  cls.attr("__new__") =
      py::staticmethod(py::cpp_function([text](const py::args&, const py::kwargs&) { throw py::type_error(text); }));
}

/// Makes instances by `make(options)`, in `__new__`, so that none exists without a value.
template <class Make>
void constructor_from_options(py::handle cls, Make make) {
  cls.attr("__new__") =
      py::staticmethod(py::cpp_function([make](py::handle, const py::kwargs& options) { return make(options); }));
  cls.attr("__init__") = py::module_::import("builtins").attr("object").attr("__init__");
}

}  // namespace eigenlstm_python
