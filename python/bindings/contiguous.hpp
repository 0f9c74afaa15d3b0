// For functions that work on contiguous arrays: chooses the scalar type by the dtype, and checks shapes.
#pragma once

#include "arrays.hpp"

namespace eigenlstm_python {

template <class Real>
using Contiguous = py::array_t<Real, py::array::c_style>;

/// Calls f(Real()), where Real is float or double by the dtype of `value`. TypeError for any other dtype.
template <class F>
auto by_dtype(const py::array& value, const char* where, const char* name, F&& f) {
  if (py::isinstance<py::array_t<float>>(value)) return f(float());
  if (py::isinstance<py::array_t<double>>(value)) return f(double());
  throw py::type_error(std::string(where) + ": " + name + " must have dtype float32 or float64, got " +
                       std::string(py::str(value.dtype())));
}

/// The same for a dtype itself: np.float32, "float64" ...
template <class F>
auto by_dtype(const py::object& dtype, const char* where, F&& f) {
  const py::dtype resolved = py::dtype::from_args(dtype);
  if (resolved.equal(py::dtype::of<float>())) return f(float());
  if (resolved.equal(py::dtype::of<double>())) return f(double());
  throw py::type_error(std::string(where) + ": dtype must be float32 or float64, got " + std::string(py::str(dtype)));
}

inline std::string shape_text(std::initializer_list<Index> shape) {
  std::string text = "(";
  for (const Index* n = shape.begin(); n != shape.end(); ++n)
    text += (n != shape.begin() ? ", " : "") + std::to_string(*n);
  return text + (shape.size() == 1 ? ",)" : ")");
}

inline void check_shape(const py::array& a, std::initializer_list<Index> shape, const char* where, const char* name) {
  bool same = a.ndim() == py::ssize_t(shape.size());
  py::ssize_t axis = 0;
  for (Index n : shape) same = same && a.shape(axis++) == n;
  if (!same) shape_error(where, name, shape_text(shape), a);
}

/// An argument that is only read, of dtype Real. It is copied if it is not contiguous.
template <class Real>
Contiguous<Real> input(py::handle value, const char* where, const char* name) {
  const auto array = real_array<Real>(value, where, name);
  const bool contiguous = (array.flags() & py::array::c_style) != 0;
  return py::reinterpret_borrow<Contiguous<Real>>(contiguous ? array : contiguous_copy<Real>(array));
}

/// The same for an argument that must have this shape.
template <class Real>
Contiguous<Real> input(py::handle value, std::initializer_list<Index> shape, const char* where, const char* name) {
  auto array = input<Real>(value, where, name);
  check_shape(array, shape, where, name);
  return array;
}

/// An argument that is written in place. ValueError unless it is contiguous, aligned and writable.
template <class Real>
Real* in_place(py::handle value, std::initializer_list<Index> shape, const char* where, const char* name) {
  auto array = real_array<Real>(value, where, name);
  check_shape(array, shape, where, name);
  if (array.ptr() != value.ptr() || (array.flags() & py::array::c_style) == 0 || !array.writeable())
    throw py::value_error(std::string(where) + ": " + name +
                          " is written in place and must be contiguous, aligned and writable");
  return array.mutable_data();
}

/// Labels, indices or lengths, copied, so that another thread cannot change them after they have been checked.
inline py::array_t<std::int64_t, py::array::c_style> int64_input(py::handle value, std::initializer_list<Index> shape,
                                                                 const char* where, const char* name) {
  if (!py::isinstance<py::array_t<std::int64_t>>(value))
    throw py::type_error(std::string(where) + ": " + name + " must be an array of int64, got " +
                         std::string(py::isinstance<py::array>(value) ? py::str(value.attr("dtype"))
                                                                      : py::str(py::type::handle_of(value))));
  const auto array = aligned<std::int64_t>(value);
  check_shape(array, shape, where, name);
  // Copied by a loop, since NumPy would release the GIL while it copies.
  auto copy = py::array_t<std::int64_t, py::array::c_style>(std::vector<py::ssize_t>(shape.begin(), shape.end()));
  std::int64_t* out = copy.mutable_data();
  const Index rows = array.ndim() == 2 ? array.shape(0) : 1, columns = array.shape(array.ndim() - 1);
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < columns; ++c) *out++ = array.ndim() == 2 ? *array.data(r, c) : *array.data(c);
  return copy;
}

/// A new array whose values are undefined.
template <class Real>
Contiguous<Real> output(std::initializer_list<Index> shape) {
  return new_array<Real>(shape);
}

}  // namespace eigenlstm_python
