#include "eigenlstm/linear.hpp"

#include "contiguous.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

/// The numbers of rows and columns of a 2-D array.
struct Size {
  Index rows, columns;
};
Size matrix_size(const py::array& a, const char* where, const char* name, const char* expected) {
  if (a.ndim() != 2) shape_error(where, name, expected, a);
  return {a.shape(0), a.shape(1)};
}

py::array linear_forward(const py::array& x, const py::array& weight, const py::object& bias) {
  const char* where = "linear_forward";
  const Size size = matrix_size(weight, where, "weight", "(O, F)");
  const Index O = size.rows, F = size.columns, N = matrix_size(x, where, "x", "(N, F)").rows;
  return by_dtype(weight, where, "weight", [&](auto zero) -> py::array {
    using Real = decltype(zero);
    const auto x_ = input<Real>(x, {N, F}, where, "x");
    const auto weight_ = input<Real>(weight, {O, F}, where, "weight");
    const auto bias_ = bias.is_none() ? Contiguous<Real>() : input<Real>(bias, {O}, where, "bias");
    auto y = output<Real>({N, O});
    const Real *x_data = x_.data(), *weight_data = weight_.data(), *bias_data = bias.is_none() ? nullptr : bias_.data();
    Real* const y_data = y.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::linear_forward(N, F, O, x_data, weight_data, bias_data, y_data);
    }
    return y;
  });
}

py::array linear_backward(const py::array& x, const py::array& weight, const py::array& dy, const py::array& dweight,
                          const py::object& dbias) {
  const char* where = "linear_backward";
  const Size size = matrix_size(weight, where, "weight", "(O, F)");
  const Index O = size.rows, F = size.columns, N = matrix_size(x, where, "x", "(N, F)").rows;
  return by_dtype(weight, where, "weight", [&](auto zero) -> py::array {
    using Real = decltype(zero);
    const auto x_ = input<Real>(x, {N, F}, where, "x");
    const auto weight_ = input<Real>(weight, {O, F}, where, "weight");
    const auto dy_ = input<Real>(dy, {N, O}, where, "dy");
    Real* const dweight_data = in_place<Real>(dweight, {O, F}, where, "dweight");
    Real* const dbias_data = dbias.is_none() ? nullptr : in_place<Real>(dbias, {O}, where, "dbias");
    auto dx = output<Real>({N, F});
    const Real *x_data = x_.data(), *weight_data = weight_.data(), *dy_data = dy_.data();
    Real* const dx_data = dx.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::linear_backward(N, F, O, x_data, weight_data, dy_data, dweight_data, dbias_data, dx_data);
    }
    return dx;
  });
}

}  // namespace

void register_linear(py::module_& m) {
  m.def("linear_forward", linear_forward, py::arg("x"), py::arg("weight"), py::arg("bias").none(true),
        "y (N, O) = x (N, F) weight^T (O, F) + bias (O) or None.");
  m.def("linear_backward", linear_backward, py::arg("x"), py::arg("weight"), py::arg("dy"), py::arg("dweight"),
        py::arg("dbias").none(true),
        "dx (N, F) = dy (N, O) weight; adds to dweight (O, F) and dbias (O) or None in place.");
}

}  // namespace eigenlstm_python
