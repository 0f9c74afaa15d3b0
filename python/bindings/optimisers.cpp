#include "eigenlstm/optimisers.hpp"

#include <pybind11/stl.h>

#include <algorithm>

#include "contiguous.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

using eigenlstm::Adagrad;
using eigenlstm::Adam;
using eigenlstm::RmsProp;
using eigenlstm::Sgd;
using eigenlstm::Update;

/// The parameters [ends[g - 1], ends[g]) form group g, which has a weight decay of its own.
struct Groups {
  std::vector<Index> ends;
  std::vector<double> weight_decay;
};

/// The arguments that all optimizers take.
struct Step {
  py::array params, grads;
  std::int64_t step;
  double lr;
  Groups groups;
};

template <class Options>
void run(const char* where, const Options& options, const Step& s, std::initializer_list<py::object> state) {
  const Index n = s.params.size();
  const auto& [ends, weight_decay] = s.groups;
  if (s.step < 1) throw py::value_error(std::string(where) + ": step must count from 1, got " + std::to_string(s.step));
  if (ends.empty() || ends.size() != weight_decay.size() || ends.front() < 0 || ends.back() != n ||
      !std::is_sorted(ends.begin(), ends.end()))
    throw py::value_error(std::string(where) + ": ends must rise to the number of parameters, " + std::to_string(n) +
                          ", with a weight_decay each");
  by_dtype(s.params, where, "params", [&](auto zero) {
    using Real = decltype(zero);
    Real* const params = in_place<Real>(s.params, {n}, where, "params");
    const auto grads = input<Real>(s.grads, {n}, where, "grads");
    const Real* const grad_data = grads.data();
    Real* arrays[3] = {};
    std::transform(state.begin(), state.end(), arrays, [&](const py::object& array) {
      return array.is_none() ? nullptr : in_place<Real>(array, {n}, where, "state");
    });
    const ReleasedGil released;
    Update<Real> all;
    all.lr = s.lr;
    all.params = params;
    all.grads = grad_data;
    all.state0 = arrays[0], all.state1 = arrays[1], all.state2 = arrays[2];
    Index begin = 0;
    for (std::size_t g = 0; g < s.groups.ends.size(); begin = s.groups.ends[g++]) {
      all.weight_decay = s.groups.weight_decay[g];
      eigenlstm::update(options, s.step, all.part(begin, s.groups.ends[g] - begin));
    }
  });
}

/// An array of the optimizer's state that must be given.
const py::object& needed(const py::object& array, const char* where, const char* name) {
  if (array.is_none()) throw py::type_error(std::string(where) + ": " + name + " must be an array, got None");
  return array;
}

double norm(const py::array& x) {
  return by_dtype(x, "norm", "x", [&](auto zero) {
    using Real = decltype(zero);
    const auto x_ = input<Real>(x, "norm", "x");
    const Real* const data = x_.data();
    const Index n = x_.size();
    const ReleasedGil released;
    return eigenlstm::norm(n, data);
  });
}

void set_zero(const py::array& x) {
  by_dtype(x, "set_zero", "x", [&](auto zero) {
    using Real = decltype(zero);
    const Index n = x.size();
    Real* const data = in_place<Real>(x, {n}, "set_zero", "x");
    const ReleasedGil released;
    eigenlstm::set_zero(n, data);
  });
}

void ema(const py::array& average, const py::array& params, double decay) {
  by_dtype(params, "ema", "params", [&](auto zero) {
    using Real = decltype(zero);
    const Index n = params.size();
    const auto params_ = input<Real>(params, {n}, "ema", "params");
    Real* const average_data = in_place<Real>(average, {n}, "ema", "average");
    const Real* const data = params_.data();
    const ReleasedGil released;
    eigenlstm::ema(n, decay, data, average_data);
  });
}

py::array zeros(py::ssize_t n, const py::object& dtype) {
  if (n < 0) throw py::value_error("zeros: n must not be negative, got " + std::to_string(n));
  return by_dtype(dtype, "zeros", [&](auto zero) -> py::array {
    using Real = decltype(zero);
    return array_in<Real>(eigenlstm::Block::zeros(eigenlstm::bytes_of<Real>(n)), {n});
  });
}

}  // namespace

void register_optimisers(py::module_& m) {
  using Ends = const std::vector<Index>&;
  m.def("zeros", zeros, py::arg("n"), py::arg("dtype"),
        "A flat array of n zeros, aligned to 64 bytes; large ones are in huge pages.");
  using Decay = const std::vector<double>&;
  using Array = const py::array&;
  using State = const py::object&;
  m.def(
      "sgd_step",
      [](Array params, Array grads, std::int64_t step, double lr, Ends ends, Decay weight_decay, State momentum_buffer,
         double momentum, double dampening, bool nesterov) {
        run("sgd_step", Sgd{momentum, dampening, nesterov}, {params, grads, step, lr, {ends, weight_decay}},
            {momentum_buffer});
      },
      py::arg("params"), py::arg("grads"), py::arg("step"), py::arg("lr"), py::arg("ends"), py::arg("weight_decay"),
      py::arg("momentum_buffer").none(true), py::arg("momentum"), py::arg("dampening"), py::arg("nesterov"),
      "One step of stochastic gradient descent on flat arrays, in place.");
  m.def(
      "adam_step",
      [](Array params, Array grads, std::int64_t step, double lr, Ends ends, Decay weight_decay, State exp_avg,
         State exp_avg_sq, double beta1, double beta2, double eps, bool decoupled) {
        run("adam_step", Adam{beta1, beta2, eps, decoupled}, {params, grads, step, lr, {ends, weight_decay}},
            {needed(exp_avg, "adam_step", "exp_avg"), needed(exp_avg_sq, "adam_step", "exp_avg_sq")});
      },
      py::arg("params"), py::arg("grads"), py::arg("step"), py::arg("lr"), py::arg("ends"), py::arg("weight_decay"),
      py::arg("exp_avg"), py::arg("exp_avg_sq"), py::arg("beta1"), py::arg("beta2"), py::arg("eps"),
      py::arg("decoupled"), "One step of Adam, or AdamW where decoupled, on flat arrays, in place.");
  m.def(
      "rmsprop_step",
      [](Array params, Array grads, std::int64_t step, double lr, Ends ends, Decay weight_decay, State square_avg,
         State momentum_buffer, State grad_avg, double alpha, double eps, double momentum) {
        run("rmsprop_step", RmsProp{alpha, eps, momentum}, {params, grads, step, lr, {ends, weight_decay}},
            {needed(square_avg, "rmsprop_step", "square_avg"), momentum_buffer, grad_avg});
      },
      py::arg("params"), py::arg("grads"), py::arg("step"), py::arg("lr"), py::arg("ends"), py::arg("weight_decay"),
      py::arg("square_avg"), py::arg("momentum_buffer").none(true), py::arg("grad_avg").none(true), py::arg("alpha"),
      py::arg("eps"), py::arg("momentum"),
      "One step of RMSprop on flat arrays, in place; centred where grad_avg is given.");
  m.def(
      "adagrad_step",
      [](Array params, Array grads, std::int64_t step, double lr, Ends ends, Decay weight_decay, State sum,
         double lr_decay, double eps) {
        run("adagrad_step", Adagrad{lr_decay, eps}, {params, grads, step, lr, {ends, weight_decay}},
            {needed(sum, "adagrad_step", "sum")});
      },
      py::arg("params"), py::arg("grads"), py::arg("step"), py::arg("lr"), py::arg("ends"), py::arg("weight_decay"),
      py::arg("sum"), py::arg("lr_decay"), py::arg("eps"), "One step of Adagrad on flat arrays, in place.");
  m.def("ema", ema, py::arg("average"), py::arg("params"), py::arg("decay"),
        "average = decay average + (1 - decay) params, in place.");
  m.def("set_zero", set_zero, py::arg("x"), "x = 0, in place.");
  m.def("norm", norm, py::arg("x"), "The Euclidean norm of all values, summed in float64.");
}

}  // namespace eigenlstm_python
