// From NumPy arrays to the pointers and strides that the core takes. Everything is checked here, so the core need not.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "eigenlstm/buffer.hpp"
#include "eigenlstm/lstm.hpp"
#include "gil.hpp"

namespace eigenlstm_python {

namespace py = pybind11;
using eigenlstm::Index;

/// The shape of an array as Python writes it, such as "(3, 4)".
inline std::string shape_text(const py::array& a) {
  std::string text = "(";
  for (py::ssize_t i = 0; i < a.ndim(); ++i) text += (i ? ", " : "") + std::to_string(a.shape(i));
  return text + (a.ndim() == 1 ? ",)" : ")");
}

[[noreturn]] inline void shape_error(const char* where, const char* name, const std::string& expected,
                                     const py::array& got) {
  throw py::value_error(std::string(where) + ": " + name + " must have shape " + expected + ", got " + shape_text(got));
}

template <class Real>
constexpr const char* dtype_name = sizeof(Real) == 4 ? "float32" : "float64";

/// An array whose values are in a block of the core's memory; the array owns the block.
template <class Real>
py::array_t<Real> array_in(eigenlstm::Block block, const std::vector<py::ssize_t>& shape) {
  auto owned = std::make_unique<eigenlstm::Block>(std::move(block));
  const Real* const values = static_cast<const Real*>(owned->data());
  const py::capsule owner(owned.get(), [](void* data) { delete static_cast<eigenlstm::Block*>(data); });
  static_cast<void>(owned.release());
  return py::array_t<Real>(shape, values, owner);
}

/// A new array whose values are undefined. The values of a large one are in a Block.
template <class Real>
py::array_t<Real> new_array(const std::vector<py::ssize_t>& shape) {
  constexpr py::ssize_t large = 65536 / sizeof(Real),
                        most = std::numeric_limits<py::ssize_t>::max() / py::ssize_t(sizeof(Real));
  py::ssize_t n = 1;
  for (const py::ssize_t size : shape) {
    if (size > 0 && n > most / size) throw std::bad_alloc();
    n *= size;
  }
  return n < large ? py::array_t<Real>(shape) : array_in<Real>(eigenlstm::Block(eigenlstm::bytes_of<Real>(n)), shape);
}

/// A copy in C order. NumPy releases the GIL while it copies, so the interpreter may end this thread there (gil.hpp):
/// no object with a destructor may live between that call and its guard.
template <class Real>
py::array_t<Real> contiguous_copy(const py::array& array) {
  PyObject* const copy =
      or_sleep_for_ever([&] { return py::detail::npy_api::get().PyArray_NewCopy_(array.ptr(), 0 /* NPY_CORDER */); });
  if (copy == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::array_t<Real>>(copy);
}

/// An array of Real itself, or a copy of it if it is misaligned.
template <class Real>
py::array_t<Real> aligned(py::handle value) {
  auto array = py::reinterpret_borrow<py::array>(value);
  bool whole_strides = (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  for (py::ssize_t i = 0; i < array.ndim(); ++i)
    whole_strides = whole_strides && array.strides(i) % py::ssize_t(sizeof(Real)) == 0;
  if (!whole_strides) return contiguous_copy<Real>(array);
  return py::reinterpret_borrow<py::array_t<Real>>(value);
}

/// `value`, which must be an array of Real (otherwise a TypeError); it is copied only if it is misaligned.
template <class Real>
py::array_t<Real> real_array(py::handle value, const char* where, const char* name) {
  if (!py::isinstance<py::array_t<Real>>(value)) {
    const std::string got = py::isinstance<py::array>(value)
                                ? std::string(py::str(py::reinterpret_borrow<py::array>(value).dtype()))
                                : std::string(Py_TYPE(value.ptr())->tp_name);
    throw py::type_error(std::string(where) + ": " + name + " must have dtype " + dtype_name<Real> + ", got " + got);
  }
  return aligned<Real>(value);
}

/// The values of `value`, which must be a writable, contiguous array of shape (n,): one of the flat buffers.
template <class Real>
Real* flat_buffer(py::handle value, Index n, const char* where, const char* name) {
  auto array = real_array<Real>(value, where, name);
  if (array.ndim() != 1 || array.shape(0) != n) shape_error(where, name, "(" + std::to_string(n) + ",)", array);
  if ((array.flags() & py::array::c_style) == 0 || array.ptr() != value.ptr())
    throw py::value_error(std::string(where) + ": " + name + " must be contiguous and aligned");
  return array.mutable_data();
}

}  // namespace eigenlstm_python
