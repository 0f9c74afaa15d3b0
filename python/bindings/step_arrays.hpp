// The arrays of a step, or of a block of steps, of a session: what comes in and where the result goes.
#pragma once

#include <string>

#include "read_array.hpp"

namespace eigenlstm_python {

/// Sizes of a session: B rows, I values in and O values out a step.
struct StepSizes {
  Index B, I, O;
};

/// A row-major shape of at most three sizes, without memory from the heap.
struct StepShape {
  Index axes = 0, sizes[3] = {};
  bool is_that_of(const py::array& a) const {
    bool same = a.ndim() == axes;
    for (Index i = 0; same && i < axes; ++i) same = a.shape(i) == sizes[i];
    return same;
  }
  std::string text() const {
    std::string all = "(";
    for (Index i = 0; i < axes; ++i) all += (i ? ", " : "") + std::to_string(sizes[i]);
    return all + (axes == 1 ? ",)" : ")");
  }
};

/// Calls f(y) with where the result of `shape` goes, and returns it: `out`, or a new array where that is None.
template <class Real, class F>
py::array_t<Real> into_result(const char* where, py::handle out, const StepShape& shape, F&& f) {
  if (out.is_none()) {
    auto y = new_array<Real>(std::vector<py::ssize_t>(shape.sizes, shape.sizes + shape.axes));
    f(y.mutable_data());
    return y;
  }
  auto y = real_array<Real>(out, where, "out");
  if (!shape.is_that_of(y)) shape_error(where, "out", shape.text(), y);
  if ((y.flags() & py::array::c_style) == 0 || y.ptr() != out.ptr())
    throw py::value_error(std::string(where) + ": out must be contiguous and aligned");
  if (!y.writeable()) throw py::value_error(std::string(where) + ": out must be writable, got a read-only array");
  f(y.mutable_data());
  return y;
}

/// x as a contiguous array; an ndarray that is one already is taken as it is, first of all.
template <class Real>
py::array_t<Real> step_input(py::handle x_in, const char* where, bool fill_masked) {
  // a subclass of ndarray may mean more than its numbers do: a masked array, say
  const bool plain = Py_TYPE(x_in.ptr()) == py::detail::npy_api::get().PyArray_Type_;
  auto x = plain && py::isinstance<py::array_t<Real>>(x_in) ? aligned<Real>(x_in)
                                                            : read_array<Real>(x_in, where, "x", fill_masked);
  if ((x.flags() & py::array::c_style) == 0) x = contiguous_copy<Real>(x);
  return x;
}

/// One step: x (B, I) -> (B, O), for B = 1 also (I,) -> (O,), by step(x, y).
template <class Real, class F>
py::array_t<Real> run_step(const char* where, py::handle x_in, py::handle out, const StepSizes& s, bool fill_masked,
                           F&& step) {
  const auto x = step_input<Real>(x_in, where, fill_masked);
  const bool rows = x.ndim() == 2 && x.shape(0) == s.B && x.shape(1) == s.I;
  if (!rows && !(s.B == 1 && x.ndim() == 1 && x.shape(0) == s.I))
    shape_error(where, "x", "(" + std::to_string(s.B) + ", " + std::to_string(s.I) + ")", x);
  const StepShape shape = rows ? StepShape{2, {s.B, s.O}} : StepShape{1, {s.O}};
  return into_result<Real>(where, out, shape, [&](Real* y) { step(x.data(), y); });
}

/// A block: x (B, T, I) -> (B, T, O), for B = 1 also (T, I) -> (T, O), and for a signal, where all are 1, (T,) -> (T,);
/// by process(x, T, y).
template <class Real, class F>
py::array_t<Real> run_block(const char* where, py::handle x_in, py::handle out, const StepSizes& s, bool fill_masked,
                            F&& process) {
  const auto x = step_input<Real>(x_in, where, fill_masked);
  const bool rows = x.ndim() == 3 && x.shape(0) == s.B && x.shape(2) == s.I;
  const bool signal = x.ndim() == 1 && s.B == 1 && s.I == 1 && s.O == 1;
  if (!rows && !signal && !(s.B == 1 && x.ndim() == 2 && x.shape(1) == s.I))
    shape_error(where, "x", "(" + std::to_string(s.B) + ", T, " + std::to_string(s.I) + ")", x);
  const Index T = x.shape(signal ? 0 : x.ndim() - 2);
  const StepShape shape = rows ? StepShape{3, {s.B, T, s.O}} : signal ? StepShape{1, {T}} : StepShape{2, {T, s.O}};
  return into_result<Real>(where, out, shape, [&](Real* y) { process(x.data(), T, y); });
}

}  // namespace eigenlstm_python
