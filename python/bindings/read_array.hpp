// Arrays from whatever NumPy reads: lists of numbers, tensors of other libraries. What `checks.as_array` does in
// Python, for the functions that Python calls directly.
#pragma once

#include <limits>
#include <string>

#include "arrays.hpp"

namespace eigenlstm_python {

/// "ndarray", as errors name what came.
inline std::string type_name(py::handle value) {
  return std::string(py::str(py::type::handle_of(value).attr("__name__")));
}

/// Whether `value` is a masked array (numpy.ma); those are no arrays like others.
inline bool is_masked_array(py::handle value) {
  return Py_TYPE(value.ptr()) != py::detail::npy_api::get().PyArray_Type_ && py::isinstance<py::array>(value) &&
         py::hasattr(value, "_mask");
}

/// Refuses masked entries, which are no numbers; also those of the arrays in a list.
inline void refuse_masked(py::handle value, const char* where, const std::string& name) {
  if (is_masked_array(value)) {
    const auto count = py::module_::import("numpy").attr("sum")(value.attr("mask")).cast<long long>();
    if (count > 0)
      throw py::value_error(std::string(where) + ": " + name + " has " + std::to_string(count) +
                            " masked entries; fill them in, or give NaN, " + name +
                            ".filled(np.nan), where NaN is handled (an LSTM with missing=...)");
  } else if (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value)) {
    Index i = 0;
    for (const py::handle item : value) {
      if (is_masked_array(item)) refuse_masked(item, where, name + "[" + std::to_string(i) + "]");
      ++i;
    }
  }
}

/// Whether `value` is a list of Python's own numbers, which carry no dtype.
inline bool is_plain_list(py::handle value) {
  py::object leaf = py::reinterpret_borrow<py::object>(value);
  while ((PyList_Check(leaf.ptr()) || PyTuple_Check(leaf.ptr())) && py::len(leaf) > 0) leaf = leaf[py::int_(0)];
  return PyList_CheckExact(leaf.ptr()) || PyTuple_CheckExact(leaf.ptr()) || PyLong_CheckExact(leaf.ptr()) ||
         PyFloat_CheckExact(leaf.ptr());
}

/// `value` as an array of Real. Lists of Python numbers are read as Real; what carries a dtype must carry this one: a
/// TypeError otherwise. Masked entries are NaN with `fill_masked`, else refused.
template <class Real>
py::array_t<Real> read_array(py::handle value, const char* where, const char* name, bool fill_masked = false) {
  if (Py_TYPE(value.ptr()) == py::detail::npy_api::get().PyArray_Type_) return real_array<Real>(value, where, name);
  py::object given = py::reinterpret_borrow<py::object>(value);
  if (fill_masked && is_masked_array(value))
    given = value.attr("filled")(std::numeric_limits<double>::quiet_NaN());
  else
    refuse_masked(value, where, name);
  try {
    if (is_plain_list(given)) return py::array_t<Real, py::array::c_style | py::array::forcecast>(given);
    return real_array<Real>(py::array(given), where, name);
  } catch (const py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError) && !error.matches(PyExc_ValueError)) throw;
    throw py::type_error(std::string(where) + ": " + name + " cannot be read as an array of " + dtype_name<Real> +
                         ": " + std::string(py::str(error.value())));
  }
}

}  // namespace eigenlstm_python
