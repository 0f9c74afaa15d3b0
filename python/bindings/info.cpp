// What the library runs on: version, instruction set, threads; and kernels that tests and benchmarks call directly.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "eigenlstm/activations.hpp"
#include "eigenlstm/isa.hpp"
#include "eigenlstm/threads.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

template <class Real>
void register_activations(py::module_& m) {
  using Array = py::array_t<Real, py::array::c_style>;
  const auto define = [&m](const char* name, auto function, const char* doc) {
    m.def(
        name,
        [function](const Array& x) {
          Array y(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
          const Real* in = x.data();
          Real* out = y.mutable_data();
          const Index n = x.size();
          const ReleasedGil released;
          function(in, out, n);
          return y;
        },
        py::arg("x").noconvert(), doc);
  };
  define("sigmoid", eigenlstm::sigmoid<Real>,
         "sigmoid(x), as the cell computes it: at most 4 ULP; float32 or float64.");
  define("tanh", eigenlstm::tanh<Real>, "tanh(x), as the cell computes it: at most 4 ULP; float32 or float64.");
}

void set_num_threads(py::handle n) {
  if (!PyIndex_Check(n.ptr()))
    throw py::type_error("set_num_threads: n must be an integer, got " + std::string(py::repr(n)));
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(n.ptr()));
  if (!index) throw py::error_already_set();
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow != 0 || value != int(value))
    throw py::value_error("set_num_threads: n must be from 1 to 1024, got " + std::string(py::repr(n)));
  eigenlstm::set_num_threads(int(value));
}

}  // namespace

void register_info(py::module_& m) {
  m.def("isa", &eigenlstm::isa, "Name of the instruction set in use.");
  m.def("available_isas", &eigenlstm::available_isas,
        "Instruction sets that this build has and this CPU can run, worst first.");
  m.def("eigen_version", &eigenlstm::eigen_version, "Version of Eigen that the kernels were built with.");
  m.def("get_num_threads", &eigenlstm::num_threads, "Threads that a call may use.");
  m.def("set_num_threads", set_num_threads, py::arg("n"), "Set the threads that a call may use.");
  m.def("fma_peak", &eigenlstm::fma_peak, py::arg("dtype_size") = 4, py::arg("seconds") = 0.05,
        py::call_guard<ReleasedGil>(),
        "The peak rate of multiply-adds on one core in GFLOP/s, measured for about `seconds`.");
  register_activations<float>(m);
  register_activations<double>(m);
}

}  // namespace eigenlstm_python
