#include "eigenlstm/losses.hpp"

#include <algorithm>

#include "contiguous.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

using eigenlstm::ElementLoss;

[[noreturn]] void size_error(const char* where, const char* name, const char* rule, Index got) {
  throw py::value_error(std::string(where) + ": " + name + " must " + rule + ", got " + std::to_string(got) +
                        " values");
}

py::tuple element_loss(ElementLoss loss, const char* where, const py::array& y_pred, const py::array& y_true,
                       const py::object& weight, double scale, const py::object& parameters) {
  const Index size = y_pred.size(), n = y_true.size();
  const Index per_target = loss == ElementLoss::gaussian_nll ? 2 : n > 0 ? size / n : 1;
  if (per_target * n != size)
    size_error(where, "y_pred", "have a whole number of values for each of y_true (gaussian_nll: 2)", size);
  return by_dtype(y_pred, where, "y_pred", [&](auto zero) -> py::tuple {
    using Real = decltype(zero);
    const auto y_pred_ = input<Real>(y_pred, where, "y_pred"), y_true_ = input<Real>(y_true, where, "y_true");
    const auto weight_ = weight.is_none() ? Contiguous<Real>() : input<Real>(weight, where, "weight");
    const auto parameters_ = parameters.is_none() ? Contiguous<Real>() : input<Real>(parameters, where, "parameters");
    const Index num_weights = weight_.size(), num_parameters = parameters_.size();
    if (!weight.is_none() && n > 0 && (num_weights == 0 || n % num_weights != 0))
      size_error(where, "weight", "divide y_true", num_weights);
    if (!parameters.is_none() && num_parameters == 0) size_error(where, "parameters", "not be empty", 0);
    Contiguous<Real> dy(std::vector<py::ssize_t>(y_pred.shape(), y_pred.shape() + y_pred.ndim()));
    const Real *pred = y_pred_.data(), *target = y_true_.data();
    const Real *weight_data = weight.is_none() ? nullptr : weight_.data(),
               *parameter_data = parameters.is_none() ? nullptr : parameters_.data();
    Real* const slope = dy.mutable_data();
    double value;
    {
      const ReleasedGil released;
      value = eigenlstm::element_loss(loss, n, per_target, pred, target, weight_data, num_weights, parameter_data,
                                      num_parameters, scale, slope);
    }
    return py::make_tuple(value, std::move(dy));
  });
}

py::tuple cross_entropy(const py::array& logits, const py::array& labels, const py::object& weight,
                        const py::object& class_weight, double label_smoothing, std::int64_t ignore_index, bool mean) {
  const char* where = "cross_entropy";
  if (logits.ndim() != 2 || logits.shape(1) == 0) shape_error(where, "logits", "(N, C)", logits);
  const Index N = logits.shape(0), C = logits.shape(1);
  const auto labels_ = int64_input(labels, {N}, where, "labels");
  const std::int64_t* const label_data = labels_.data();
  for (Index r = 0; r < N; ++r)
    if ((label_data[r] < 0 || label_data[r] >= C) && label_data[r] != ignore_index)
      throw py::value_error("cross_entropy: labels must lie in 0.." + std::to_string(C - 1) + " or be ignore_index (" +
                            std::to_string(ignore_index) + "), got " + std::to_string(label_data[r]));
  return by_dtype(logits, where, "logits", [&](auto zero) -> py::tuple {
    using Real = decltype(zero);
    const auto logits_ = input<Real>(logits, {N, C}, where, "logits");
    const auto weight_ = weight.is_none() ? Contiguous<Real>() : input<Real>(weight, {N}, where, "weight");
    const auto class_weight_ =
        class_weight.is_none() ? Contiguous<Real>() : input<Real>(class_weight, {C}, where, "class_weight");
    auto dlogits = output<Real>({N, C});
    const Real* const logit_data = logits_.data();
    const Real *weight_data = weight.is_none() ? nullptr : weight_.data(),
               *class_data = class_weight.is_none() ? nullptr : class_weight_.data();
    Real* const slope = dlogits.mutable_data();
    double value;
    {
      const ReleasedGil released;
      value = eigenlstm::cross_entropy(N, C, logit_data, label_data, weight_data, class_data,
                                       {label_smoothing, ignore_index, mean}, slope);
    }
    return py::make_tuple(value, std::move(dlogits));
  });
}

}  // namespace

void register_losses(py::module_& m) {
  const auto define = [&m](const char* name, ElementLoss loss, const char* doc) {
    m.def(
        name,
        [loss, name](const py::array& y_pred, const py::array& y_true, const py::object& weight, double scale,
                     const py::object& parameters) {
          return element_loss(loss, name, y_pred, y_true, weight, scale, parameters);
        },
        py::arg("y_pred"), py::arg("y_true"), py::arg("weight") = py::none(), py::arg("scale") = 1.0,
        py::arg("parameters") = py::none(), doc);
  };
  define("mse", ElementLoss::mse, "(scale * sum of weight * (y_pred - y_true)^2, its gradient).");
  define("mae", ElementLoss::mae, "(scale * sum of weight * |y_pred - y_true|, its gradient).");
  define("huber", ElementLoss::huber, "Huber's loss with delta = parameters, and its gradient.");
  define("bce", ElementLoss::bce,
         "Binary cross-entropy on logits, positives weighted by parameters, and its gradient.");
  define("quantile", ElementLoss::quantile, "The pinball loss of quantiles = parameters, and its gradient.");
  define("poisson_nll", ElementLoss::poisson_nll, "exp(y_pred) - y_true y_pred, and its gradient.");
  define("gaussian_nll", ElementLoss::gaussian_nll,
         "Gaussian negative log-likelihood of (mean, log variance) pairs, and its gradient.");
  m.def("cross_entropy", cross_entropy, py::arg("logits"), py::arg("labels"), py::arg("weight") = py::none(),
        py::arg("class_weight") = py::none(), py::arg("label_smoothing") = 0.0, py::arg("ignore_index") = -100,
        py::arg("mean") = true, "Softmax cross-entropy of logits (N, C) and labels (N) of int64, and its gradient.");
}

}  // namespace eigenlstm_python
