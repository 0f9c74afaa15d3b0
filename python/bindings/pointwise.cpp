#include "eigenlstm/pointwise.hpp"

#include <pybind11/stl.h>

#include "contiguous.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

py::array activate(const py::array& x, const std::string& name, const std::vector<double>& parameters) {
  const char* where = "activate";
  const eigenlstm::LayerActivation activation = eigenlstm::layer_activation(name.c_str(), parameters);
  return by_dtype(x, where, "x", [&](auto zero) -> py::array {
    using Real = decltype(zero);
    const auto x_ = input<Real>(x, where, "x");
    auto y = new_array<Real>(std::vector<py::ssize_t>(x_.shape(), x_.shape() + x_.ndim()));
    const Index n = x_.ndim() > 0 ? x_.shape(x_.ndim() - 1) : 1, rows = n > 0 ? x_.size() / n : 0;
    const Real* const in = x_.data();
    Real* const out = y.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::activate(activation, rows, n, in, out);
    }
    return y;
  });
}

/// Sums and products of arrays of one shape and dtype.
template <class Join>
py::array joined(const std::vector<py::array>& xs, const char* where, Join join) {
  if (xs.empty()) throw py::value_error(std::string(where) + ": takes at least one array");
  return by_dtype(xs[0], where, "xs[0]", [&](auto zero) -> py::array {
    using Real = decltype(zero);
    std::vector<Contiguous<Real>> arrays;
    std::vector<const Real*> data;
    for (const py::array& x : xs) {
      arrays.push_back(input<Real>(x, where, "xs"));
      if (shape_text(x) != shape_text(xs[0])) shape_error(where, "xs", shape_text(xs[0]), x);
      data.push_back(arrays.back().data());
    }
    auto y = new_array<Real>(std::vector<py::ssize_t>(xs[0].shape(), xs[0].shape() + xs[0].ndim()));
    const Index n = y.size();
    Real* const out = y.mutable_data();
    {
      const ReleasedGil released;
      join(Index(data.size()), data.data(), n, out);
    }
    return y;
  });
}

py::array add(const std::vector<py::array>& xs) {
  return joined(xs, "add", [](auto... arguments) { eigenlstm::add(arguments...); });
}
py::array multiply(const std::vector<py::array>& xs) {
  return joined(xs, "multiply", [](auto... arguments) { eigenlstm::multiply(arguments...); });
}

py::array affine(const py::array& x, const py::array& scale, const py::array& offset) {
  const char* where = "affine";
  if (x.ndim() != 2) shape_error(where, "x", "(N, F)", x);
  const Index N = x.shape(0), F = x.shape(1);
  return by_dtype(x, where, "x", [&](auto zero) -> py::array {
    using Real = decltype(zero);
    const auto x_ = input<Real>(x, {N, F}, where, "x");
    const auto scale_ = input<Real>(scale, {F}, where, "scale"), offset_ = input<Real>(offset, {F}, where, "offset");
    auto y = output<Real>({N, F});
    const Real *in = x_.data(), *factors = scale_.data(), *summands = offset_.data();
    Real* const out = y.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::affine(N, F, in, factors, summands, out);
    }
    return std::move(y);
  });
}

py::tuple layer_norm_forward(const py::array& x, const py::array& weight, const py::array& bias, double eps,
                             bool training) {
  const char* where = "layer_norm_forward";
  if (x.ndim() != 2) shape_error(where, "x", "(N, F)", x);
  const Index N = x.shape(0), F = x.shape(1);
  return by_dtype(x, where, "x", [&](auto zero) -> py::tuple {
    using Real = decltype(zero);
    const auto x_ = input<Real>(x, {N, F}, where, "x");
    const auto weight_ = input<Real>(weight, {F}, where, "weight"), bias_ = input<Real>(bias, {F}, where, "bias");
    auto y = output<Real>({N, F}), normed = output<Real>({training ? N : 0, F}),
         scale = output<Real>({training ? N : 0});
    const Real *in = x_.data(), *w = weight_.data(), *b = bias_.data();
    Real *out = y.mutable_data(), *normed_data = training ? normed.mutable_data() : nullptr,
         *scale_data = training ? scale.mutable_data() : nullptr;
    {
      const ReleasedGil released;
      eigenlstm::layer_norm_forward(N, F, in, w, b, eps, out, normed_data, scale_data);
    }
    return py::make_tuple(std::move(y), std::move(normed), std::move(scale));
  });
}

}  // namespace

void register_pointwise(py::module_& m) {
  m.def("activate", activate, py::arg("x"), py::arg("name"), py::arg("parameters"),
        "y = f(x) of each value, of the last axis for softmax and log_softmax; f by its name and its parameters.");
  m.def("add", add, py::arg("xs"), "The sum of arrays of one shape, in their order.");
  m.def("multiply", multiply, py::arg("xs"), "The product of arrays of one shape, value by value, in their order.");
  m.def("affine", affine, py::arg("x"), py::arg("scale"), py::arg("offset"),
        "scale (F,) x (N, F) + offset (F,), each product and each sum rounded.");
  m.def("layer_norm_forward", layer_norm_forward, py::arg("x"), py::arg("weight"), py::arg("bias"), py::arg("eps"),
        py::arg("training"),
        "(y, normed, scale) of x (N, F): y = weight normed + bias, normed = (x - mean) scale (N,); the latter two are "
        "empty unless `training`.");
}

}  // namespace eigenlstm_python
