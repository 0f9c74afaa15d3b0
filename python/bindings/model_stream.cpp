// Whole models step by step: the graph that Python builds, and its sessions.
#include "eigenlstm/model_stream.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "classes.hpp"
#include "contiguous.hpp"
#include "lstm_weights.hpp"
#include "register.hpp"
#include "step_arrays.hpp"

namespace eigenlstm_python {
namespace {

using eigenlstm::LSTM;
using eigenlstm::ModelStream;
using eigenlstm::StepGraph;

/// Integers (rows of a step or of a block), as int64; an array that is that already is not copied.
py::array_t<std::int64_t, py::array::c_style> integers_of(py::handle value, const char* where) {
  const auto array = py::array::ensure(value);
  if (!array) throw py::error_already_set();
  if (array.dtype().kind() != 'i' && array.dtype().kind() != 'u')
    throw py::type_error(std::string(where) + ": x must be of integers, got " + std::string(py::str(array.dtype())));
  refuse_masked(value, where, "x");
  return py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>(array);
}

/// A block of many steps, without the GIL; Ctrl-C is looked for every 50 ms or so.
template <class Real, class X>
void process(ModelStream<Real>& stream, const X* x, Index features, Index T, Real* y) {
  using Clock = std::chrono::steady_clock;
  constexpr Index steps_at_once = 16;
  if (stream.batch_size() > 1) {  // the rows of a block lie T steps apart: it can't be cut
    const ReleasedGil released;
    stream.process(x, T, y);
    return;
  }
  for (Index t = 0; t < T;) {
    {
      const ReleasedGil released;
      const auto end = Clock::now() + std::chrono::milliseconds(50);
      do {
        const Index steps = std::min(steps_at_once, T - t);
        stream.process(x + t * features, steps, y + t * stream.output_size());
        t += steps;
      } while (t < T && Clock::now() < end);
    }
    if (t < T && PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
}

template <class Real>
struct PyModelStream {
  ModelStream<Real> stream;
  bool fills_masked;  // NaN stands for masked entries of x

  StepSizes sizes() const { return {stream.batch_size(), stream.input_size(), stream.output_size()}; }

  py::array_t<Real> step(py::handle x, py::handle out) {
    const char* where = "ModelStream.step";
    if (!stream.takes_integers())
      return run_step<Real>(where, x, out, sizes(), fills_masked,
                            [this](const Real* in, Real* y) { stream.step(in, y); });
    const auto in = integers_of(x, where);
    const Index B = stream.batch_size(), O = stream.output_size();
    if (!(in.ndim() == 1 && in.shape(0) == B) && !(B == 1 && in.ndim() == 0))
      shape_error(where, "x", "(" + std::to_string(B) + ",)", in);
    const StepShape shape = in.ndim() == 1 ? StepShape{2, {B, O}} : StepShape{1, {O}};
    return into_result<Real>(where, out, shape, [&](Real* y) { stream.step(in.data(), y); });
  }

  py::array_t<Real> block(py::handle x, py::handle out) {
    const char* where = "ModelStream.process";
    const Index B = stream.batch_size(), O = stream.output_size();
    if (!stream.takes_integers())
      return run_block<Real>(where, x, out, sizes(), fills_masked, [this](const Real* in, Index T, Real* y) {
        process(stream, in, stream.input_size(), T, y);
      });
    const auto in = integers_of(x, where);
    if (!(in.ndim() == 2 && in.shape(0) == B) && !(B == 1 && in.ndim() == 1))
      shape_error(where, "x", "(" + std::to_string(B) + ", T)", in);
    const Index T = in.shape(in.ndim() - 1);
    const StepShape shape = in.ndim() == 2 ? StepShape{3, {B, T, O}} : StepShape{2, {T, O}};
    stream.check(in.data(), T);  // all of them, before process() takes any
    return into_result<Real>(where, out, shape, [&](Real* y) { process(stream, in.data(), 1, T, y); });
  }

  py::array_t<Real> get_state() const {
    auto state = new_array<Real>({stream.batch_size(), stream.state_size()});
    stream.get_state(state.mutable_data());
    return state;
  }

  void set_state(py::handle value) {
    const char* where = "ModelStream.state";
    const auto array = read_array<Real>(value, where, "state");
    check_shape(array, {stream.batch_size(), stream.state_size()}, where, "state");
    stream.set_state(input<Real>(array, where, "state").data());
  }
};

/// A graph, and whether an LSTM that reads its input fills missing values in.
template <class Real>
struct PyStepGraph {
  StepGraph<Real> graph;
  bool fills_masked = false;

  Index lstm(Index x, const LSTM<Real>& layer, const PyWeights<Real>& weights) {
    fills_masked = fills_masked || (x == 0 && eigenlstm_python::fills_masked(layer.options()));
    return graph.lstm(x, layer, weights.packed);
  }
  Index linear(Index x, const py::array& weight, const py::object& bias) {
    const char* where = "StepGraph.linear";
    if (weight.ndim() != 2) shape_error(where, "weight", "(O, F)", weight);
    const Index O = weight.shape(0);
    const auto w = input<Real>(weight, {O, graph.size(x)}, where, "weight");
    const auto b = bias.is_none() ? Contiguous<Real>() : input<Real>(bias, {O}, where, "bias");
    return graph.linear(x, O, w.data(), bias.is_none() ? nullptr : b.data());
  }
  Index layer_norm(Index x, const py::array& weight, const py::array& bias, double eps) {
    const char* where = "StepGraph.layer_norm";
    const auto w = input<Real>(weight, {graph.size(x)}, where, "weight");
    return graph.layer_norm(x, w.data(), input<Real>(bias, {graph.size(x)}, where, "bias").data(), eps);
  }
  Index embedding(Index x, const py::array& weight) {
    const char* where = "StepGraph.embedding";
    if (weight.ndim() != 2) shape_error(where, "weight", "(V, D)", weight);
    return graph.embedding(x, weight.shape(0), weight.shape(1), input<Real>(weight, where, "weight").data());
  }
  Index causal_conv1d(Index x, const py::array& weight, const py::object& bias, Index dilation) {
    const char* where = "StepGraph.causal_conv1d";
    if (weight.ndim() != 3) shape_error(where, "weight", "(O, C, k)", weight);
    const Index O = weight.shape(0), k = weight.shape(2);
    const auto w = input<Real>(weight, {O, graph.size(x), k}, where, "weight");
    const auto b = bias.is_none() ? Contiguous<Real>() : input<Real>(bias, {O}, where, "bias");
    return graph.causal_conv1d(x, O, k, dilation, w.data(), bias.is_none() ? nullptr : b.data());
  }
  Index affine(Index x, const py::array& scale, const py::array& offset) {
    const char* where = "StepGraph.affine";
    const auto factors = input<Real>(scale, {graph.size(x)}, where, "scale");
    return graph.affine(x, factors.data(), input<Real>(offset, {graph.size(x)}, where, "offset").data());
  }
  PyModelStream<Real> stream(Index output, Index batch_size) const {
    StepGraph<Real> chosen = graph;
    chosen.set_output(output);
    return {ModelStream<Real>(chosen, batch_size), fills_masked};
  }
};

template <class Real>
void register_classes(py::module_& m, const std::string& suffix) {
  using Session = PyModelStream<Real>;
  using Graph = PyStepGraph<Real>;
  py::class_<Session> session(m, ("ModelStream" + suffix).c_str(),
                              "A session of a whole model: see eigenlstm.Sequential.stream.");
  no_constructor(session, "Sequential.stream, Model.stream and fork");
  session
      .def("step", &Session::step, py::arg("x"), py::arg("out") = py::none(),
           "One time step: x (B, I) -> y (B, O); for B = 1 also (I,) -> (O,). Integers are (B,), or for B = 1 one. "
           "`out`: where to write y.")
      .def(
          "process", &Session::block, py::arg("block"), py::arg("out") = py::none(),
          "T steps: block (B, T, I) -> y (B, T, O); for B = 1 also (T, I) -> (T, O). Integers are (B, T), or for B = 1 "
          "(T,). `out`: where to write y; it may be the block.")
      .def_property("state", &Session::get_state, &Session::set_state,
                    "All that is remembered, (B, S): copied out, copied in.")
      .def(
          "reset", [](Session& s) { s.stream.reset(); }, "Set the state to what it was at the start.")
      .def(
          "fork", [](const Session& s) { return s; }, "An independent copy of the session, state included.")
      .def_property_readonly(
          "batch_size", [](const Session& s) { return s.stream.batch_size(); }, "Rows of a step.")
      .def_property_readonly(
          "input_size",
          [](const Session& s) { return s.stream.takes_integers() ? std::optional<Index>() : s.stream.input_size(); },
          "Features of x; None where it is integers.")
      .def_property_readonly(
          "output_size", [](const Session& s) { return s.stream.output_size(); }, "Features of y.")
      .def_property_readonly(
          "dtype", [](const Session&) { return py::dtype::of<Real>(); }, "Of x and y.");

  py::class_<Graph>(m, ("StepGraph" + suffix).c_str(),
                    "A model as operations on one step; each function gives the number of a new value, 0 is the input.")
      .def(py::init([](Index input_size, bool integers) { return Graph{StepGraph<Real>(input_size, integers)}; }),
           py::arg("input_size"), py::arg("integers") = false)
      .def("lstm", &Graph::lstm, py::arg("x"), py::arg("lstm"), py::arg("weights"))
      .def("linear", &Graph::linear, py::arg("x"), py::arg("weight"), py::arg("bias").none(true))
      .def("layer_norm", &Graph::layer_norm, py::arg("x"), py::arg("weight"), py::arg("bias"), py::arg("eps"))
      .def(
          "activation",
          [](Graph& g, Index x, const std::string& name, const std::vector<double>& parameters) {
            return g.graph.activation(x, eigenlstm::layer_activation(name.c_str(), parameters));
          },
          py::arg("x"), py::arg("name"), py::arg("parameters"))
      .def("embedding", &Graph::embedding, py::arg("x"), py::arg("weight"))
      .def("causal_conv1d", &Graph::causal_conv1d, py::arg("x"), py::arg("weight"), py::arg("bias").none(true),
           py::arg("dilation"))
      .def(
          "add", [](Graph& g, const std::vector<Index>& xs) { return g.graph.add(xs); }, py::arg("xs"))
      .def(
          "multiply", [](Graph& g, const std::vector<Index>& xs) { return g.graph.multiply(xs); }, py::arg("xs"))
      .def(
          "concat", [](Graph& g, const std::vector<Index>& xs) { return g.graph.concat(xs); }, py::arg("xs"))
      .def(
          "slice", [](Graph& g, Index x, Index start, Index count) { return g.graph.slice(x, start, count); },
          py::arg("x"), py::arg("start"), py::arg("count"))
      .def(
          "shift", [](Graph& g, Index x, double start) { return g.graph.shift(x, Real(start)); }, py::arg("x"),
          py::arg("start"))
      .def("affine", &Graph::affine, py::arg("x"), py::arg("scale"), py::arg("offset"))
      .def(
          "size", [](const Graph& g, Index value) { return g.graph.size(value); }, py::arg("value"),
          "The features of a value.")
      .def("stream", &Graph::stream, py::arg("output"), py::arg("batch_size"),
           "A session of batch_size rows that gives this value.");
}

}  // namespace

void register_model_stream(py::module_& m) {
  register_classes<float>(m, "Float32");
  register_classes<double>(m, "Float64");
}

}  // namespace eigenlstm_python
