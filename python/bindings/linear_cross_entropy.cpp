#include "eigenlstm/linear_cross_entropy.hpp"

#include "contiguous.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

py::tuple linear_cross_entropy(const py::array& x, const py::array& matrix, const py::object& bias,
                               const py::array& labels, const py::object& row_weight, const py::object& class_weight,
                               double label_smoothing, std::int64_t ignore_index, bool mean, const py::object& dmatrix,
                               const py::object& dbias) {
  const char* where = "linear_cross_entropy";
  if (x.ndim() != 2) shape_error(where, "x", "(N, F)", x);
  if (matrix.ndim() != 2 || matrix.shape(0) == 0) shape_error(where, "matrix", "(C, F)", matrix);
  const Index N = x.shape(0), F = x.shape(1), C = matrix.shape(0);
  const auto labels_ = int64_input(labels, {N}, where, "labels");
  for (Index r = 0; r < N; ++r)
    if ((labels_.at(r) < 0 || labels_.at(r) >= C) && labels_.at(r) != ignore_index)
      throw py::value_error(std::string(where) + ": labels must lie in 0.." + std::to_string(C - 1) +
                            " or be ignore_index (" + std::to_string(ignore_index) + "), got " +
                            std::to_string(labels_.at(r)));
  return by_dtype(x, where, "x", [&](auto zero) -> py::tuple {
    using Real = decltype(zero);
    const auto optional = [&](const py::object& value, Index n, const char* name) {
      return value.is_none() ? Contiguous<Real>() : input<Real>(value, {n}, where, name);
    };
    const auto x_ = input<Real>(x, {N, F}, where, "x"), matrix_ = input<Real>(matrix, {C, F}, where, "matrix");
    const auto bias_ = optional(bias, C, "bias"), row_weight_ = optional(row_weight, N, "row_weight"),
               class_weight_ = optional(class_weight, C, "class_weight");
    const auto data = [](const py::object& given, const Contiguous<Real>& array) -> const Real* {
      return given.is_none() ? nullptr : array.data();
    };
    eigenlstm::LinearCrossEntropy<Real> of{};
    of.N = N, of.F = F, of.C = C;
    of.x = x_.data();
    of.matrix = matrix_.data();
    of.bias = data(bias, bias_);
    of.labels = labels_.data();
    of.row_weight = data(row_weight, row_weight_);
    of.class_weight = data(class_weight, class_weight_);
    const bool wanted = !dmatrix.is_none();
    auto dx = wanted ? output<Real>({N, F}) : Contiguous<Real>();
    eigenlstm::LinearCrossEntropyGradients<Real> gradients{};
    if (wanted)
      gradients = {dx.mutable_data(), in_place<Real>(dmatrix, {C, F}, where, "dmatrix"),
                   dbias.is_none() ? nullptr : in_place<Real>(dbias, {C}, where, "dbias")};
    double value;
    {
      const ReleasedGil released;
      value = eigenlstm::linear_cross_entropy(of, {label_smoothing, ignore_index, mean}, wanted ? &gradients : nullptr);
    }
    if (!wanted) return py::make_tuple(value, py::none());
    return py::make_tuple(value, std::move(dx));
  });
}

}  // namespace

void register_linear_cross_entropy(py::module_& m) {
  m.def("linear_cross_entropy", linear_cross_entropy, py::arg("x"), py::arg("matrix"), py::arg("bias").none(true),
        py::arg("labels"), py::arg("row_weight").none(true), py::arg("class_weight").none(true),
        py::arg("label_smoothing"), py::arg("ignore_index"), py::arg("mean"),
        py::arg("dmatrix").none(true) = py::none(), py::arg("dbias").none(true) = py::none(),
        "(value, dx (N, F)) of the cross-entropy of x (N, F) matrix^T (C, F) + bias (C) and labels (N); adds to "
        "dmatrix (C, F) "
        "and dbias (C) in place. Without dmatrix, None for dx.");
}

}  // namespace eigenlstm_python
