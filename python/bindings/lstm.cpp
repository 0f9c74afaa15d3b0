// The LSTM: the layer, its tape and its stream. Arrays are checked here and nowhere below.
#include "eigenlstm/lstm.hpp"

#include <pybind11/stl.h>

#include <optional>

#include "arrays.hpp"
#include "classes.hpp"
#include "lstm_options.hpp"
#include "lstm_state.hpp"
#include "lstm_weights.hpp"
#include "register.hpp"
#include "step_arrays.hpp"

namespace eigenlstm_python {
namespace {

using eigenlstm::LSTM;
using eigenlstm::LSTMOptions;
using eigenlstm::Memory;
using eigenlstm::Sequence;
using eigenlstm::State;
using eigenlstm::Stream;
using eigenlstm::Tape;
using eigenlstm::Weights;

/// A tape, and the array x that it refers to.
template <class Real>
struct PyTape {
  std::unique_ptr<Tape<Real>> tape;
  py::object x;
  bool time_major;
  LSTMOptions options;  // those of the layer that made the tape
};

template <class Real>
Sequence<Real> sequence(const py::array_t<std::remove_const_t<Real>>& a, bool time_major) {
  constexpr Index size = sizeof(Real);
  auto* data = const_cast<Real*>(a.data());
  return {data, a.strides(time_major ? 1 : 0) / size, a.strides(time_major ? 0 : 1) / size, a.strides(2) / size};
}

std::string sequence_shape(bool time_major, const std::string& B, const std::string& T, Index features) {
  return "(" + (time_major ? T + ", " + B : B + ", " + T) + ", " + std::to_string(features) + ")";
}

template <class Real>
py::array_t<Real> new_sequence(Index B, Index T, Index features, bool time_major) {
  return new_array<Real>({time_major ? T : B, time_major ? B : T, features});
}

Memory memory_of(py::handle value) {
  if (py::isinstance<py::str>(value))
    return {PyUnicode_CompareWithASCIIString(value.ptr(), "light") == 0 ? Memory::light : Memory::full};
  return {Memory::limited, value.cast<std::size_t>()};
}

template <class Real>
py::tuple forward(const LSTM<Real>& lstm, const PyWeights<Real>& weights, py::handle x_in, py::handle h0, py::handle c0,
                  py::handle lengths_in, bool time_major, bool with_tape, std::optional<std::uint64_t> seed,
                  py::handle memory_in) {
  const char* where = "LSTM.forward";
  const LSTMOptions& o = lstm.options();
  auto x = real_array<Real>(x_in, where, "x");
  if (x.ndim() != 3 || x.shape(2) != o.input_size)
    shape_error(where, "x", sequence_shape(time_major, "B", "T", o.input_size), x);
  const Index B = x.shape(time_major ? 1 : 0), T = x.shape(time_major ? 0 : 1);
  const StateSizes h_sizes(o, StateSizes::h), c_sizes(o, StateSizes::c);
  const auto h0_array = h_sizes.read<Real>(h0, B, where, "h0"), c0_array = c_sizes.read<Real>(c0, B, where, "c0");
  std::optional<py::array_t<std::int64_t, py::array::c_style>> lengths;
  if (!lengths_in.is_none()) lengths.emplace(py::reinterpret_borrow<py::object>(lengths_in));
  if (lengths && (lengths->ndim() != 1 || lengths->shape(0) != B))
    shape_error(where, "lengths", "(" + std::to_string(B) + ",)", *lengths);

  const Memory memory = memory_of(memory_in);
  auto y = new_sequence<Real>(B, T, o.features(o.num_layers - 1), time_major);
  auto h = h_sizes.make<Real>(B), c = c_sizes.make<Real>(B);
  std::unique_ptr<Tape<Real>> tape;
  {
    const State<const Real> initial{h0_array ? h0_array->data() : nullptr, c0_array ? c0_array->data() : nullptr};
    const State<Real> final{h.mutable_data(), c.mutable_data()};
    const auto xs = sequence<const Real>(x, time_major);
    const auto ys = sequence<Real>(y, time_major);
    const Index* length_data = lengths ? reinterpret_cast<const Index*>(lengths->data()) : nullptr;
    const ReleasedGil released;
    lstm.forward(weights.packed, B, T, xs, length_data, initial, ys, final, with_tape ? &tape : nullptr, seed, memory);
  }
  auto results = py::make_tuple(std::move(y), h_sizes.present(h, B), c_sizes.present(c, B));
  if (!with_tape) return results;
  return results + py::make_tuple(PyTape<Real>{std::move(tape), std::move(x), time_major, o});
}

template <class Real>
py::tuple backward(const LSTM<Real>& lstm, const PyTape<Real>& kept, py::handle dy_in, py::handle dh, py::handle dc,
                   py::handle grads, bool need_dx, bool per_row) {
  const char* where = "LSTM.backward";
  const LSTMOptions& o = lstm.options();
  if (!same(kept.options, o))
    throw py::value_error("LSTM.backward: tape must come from this layer's forward, got one of a layer of other sizes");
  const Index B = kept.tape->batch_size(), T = kept.tape->steps(), features = o.features(o.num_layers - 1);
  std::optional<py::array_t<Real>> dy;
  if (!dy_in.is_none()) {
    dy = real_array<Real>(dy_in, where, "dy");
    if (dy->ndim() != 3 || dy->shape(kept.time_major ? 1 : 0) != B || dy->shape(kept.time_major ? 0 : 1) != T ||
        dy->shape(2) != features)
      shape_error(where, "dy", sequence_shape(kept.time_major, std::to_string(B), std::to_string(T), features), *dy);
  }
  const StateSizes h_sizes(o, StateSizes::h), c_sizes(o, StateSizes::c);
  const auto dh_array = h_sizes.read<Real>(dh, B, where, "dh"), dc_array = c_sizes.read<Real>(dc, B, where, "dc");
  Real* dparameters = nullptr;
  std::optional<py::array_t<Real>> rows;
  if (per_row) {
    rows = new_array<Real>({B, lstm.num_parameters()});
    dparameters = rows->mutable_data();
    std::fill_n(dparameters, rows->size(), Real(0));
  } else {
    dparameters = flat_buffer<Real>(grads, lstm.num_parameters(), where, "grads");
  }
  std::optional<py::array_t<Real>> dx;
  if (need_dx) dx = new_sequence<Real>(B, T, o.input_size, kept.time_major);
  auto dh0 = h_sizes.make<Real>(B), dc0 = c_sizes.make<Real>(B);
  {
    const auto dys = dy ? sequence<const Real>(*dy, kept.time_major) : Sequence<const Real>{};
    const auto dxs = dx ? sequence<Real>(*dx, kept.time_major) : Sequence<Real>{};
    const State<const Real> dfinal{dh_array ? dh_array->data() : nullptr, dc_array ? dc_array->data() : nullptr};
    const State<Real> dinitial{dh0.mutable_data(), dc0.mutable_data()};
    const ReleasedGil released;
    lstm.backward(*kept.tape, dys, dfinal, dxs, dinitial, dparameters, per_row);
  }
  return py::make_tuple(dx ? py::object(std::move(*dx)) : py::none(), h_sizes.present(dh0, B), c_sizes.present(dc0, B),
                        rows ? py::object(std::move(*rows)) : py::none());
}

template <class Real>
py::array_t<Real> trace(const PyTape<Real>& kept, Index direction, const std::string& name) {
  const LSTMOptions& o = kept.options;
  const std::string names = "ifgoch";
  const Index index = name.size() == 1 ? Index(names.find(name)) : -1, directions = o.num_layers * o.directions();
  if (direction < 0 || direction >= directions)
    throw py::value_error("Tape.trace: direction must be from 0 to " + std::to_string(directions - 1) + ", got " +
                          std::to_string(direction));
  if (index < 0) throw py::value_error("Tape.trace: name must be one of i, f, g, o, c and h, got " + name);
  const Index layer = direction / o.directions(), size = name == "h" ? o.output(layer) : o.hidden(layer);
  auto out = new_sequence<Real>(kept.tape->batch_size(), kept.tape->steps(), size, kept.time_major);
  const auto view = sequence<Real>(out, kept.time_major);
  const ReleasedGil released;
  kept.tape->trace(direction, eigenlstm::Traced(index), view);
  return out;
}

template <class Real>
struct PyStream {
  LSTM<Real> lstm;
  Stream<Real> stream;

  py::array_t<Real> step(py::handle x, py::handle out) {
    const LSTMOptions& o = lstm.options();
    const StepSizes sizes{stream.batch_size(), o.input_size, o.features(o.num_layers - 1)};
    return run_step<Real>("Stream.step", x, out, sizes, fills_masked(o),
                          [this](const Real* in, Real* y) { stream.step(in, y); });
  }

  py::tuple get_state() const {
    const Index B = stream.batch_size();
    const StateSizes h_sizes(lstm.options(), StateSizes::h), c_sizes(lstm.options(), StateSizes::c);
    auto h = h_sizes.make<Real>(B), c = c_sizes.make<Real>(B);
    stream.get_state({h.mutable_data(), c.mutable_data()});
    return py::make_tuple(h_sizes.present(h, B), c_sizes.present(c, B));
  }

  void set_state(py::handle value) {
    if (value.is_none()) throw py::value_error("Stream.state: h and c must be arrays, got None");
    const bool several = PyTuple_Check(value.ptr()) || PyList_Check(value.ptr());
    if (!several || py::len(value) != 2) {
      const std::string got = type_name(value) + (several ? " of " + std::to_string(py::len(value)) : "");
      const std::string text = "Stream.state: state must be a pair (h, c), got " + got;
      if (several) throw py::value_error(text);
      throw py::type_error(text);
    }
    const auto state = py::reinterpret_borrow<py::sequence>(value);
    const Index B = stream.batch_size();
    const StateSizes h_sizes(lstm.options(), StateSizes::h), c_sizes(lstm.options(), StateSizes::c);
    const py::object h_given = h_sizes.given<Real>(state[0], "Stream.state", "h"),
                     c_given = c_sizes.given<Real>(state[1], "Stream.state", "c");
    const auto h = h_sizes.read<Real>(h_given, B, "Stream.state", "h");
    const auto c = c_sizes.read<Real>(c_given, B, "Stream.state", "c");
    if (!h || !c) throw py::value_error("Stream.state: h and c must be arrays, got None");
    stream.set_state({h->data(), c->data()});
  }
};

template <class Real>
void register_classes(py::module_& m, const std::string& suffix) {
  using Core = LSTM<Real>;
  py::class_<PyWeights<Real>> weights_class(m, ("Weights" + suffix).c_str(),
                                            "Packed weights: an immutable copy of the parameters.");
  no_constructor(weights_class, "LSTM.pack");

  py::class_<PyTape<Real>> tape_class(
      m, ("Tape" + suffix).c_str(),
      "What LSTM.forward keeps for LSTM.backward. It refers to the x that it was given (el.LSTM gives it a copy).");
  no_constructor(tape_class, "LSTM.forward");
  tape_class
      .def_property_readonly(
          "nbytes", [](const PyTape<Real>& t) { return t.tape->bytes(); },
          "Bytes that the tape holds, plus the longest piece that backward computes again; without x.")
      .def("trace", &trace<Real>, py::arg("direction"), py::arg("name"),
           "i, f, g, o, c or h of every step of one direction: (B, T, H), h (B, T, P).");

  py::class_<PyStream<Real>> stream_class(m, ("Stream" + suffix).c_str(),
                                          "A streaming session: see eigenlstm.LSTM.stream.");
  no_constructor(stream_class, "LSTM.stream and fork");
  stream_class
      .def("step", &PyStream<Real>::step, py::arg("x"), py::arg("out") = py::none(),
           "One time step: x (B, I) -> y (B, P); for B = 1 also (I,) -> (P,). `out`: where to write y.")
      .def_property("state", &PyStream<Real>::get_state, &PyStream<Real>::set_state,
                    "(h, c), (num_layers, B, P) and (num_layers, B, H), or lists of arrays where the layers' widths "
                    "differ: copied out, copied in.")
      .def(
          "reset", [](PyStream<Real>& s) { s.stream.reset(); },
          "Set the state to what it was at the start: zero, or learned.")
      .def(
          "fork", [](const PyStream<Real>& s) { return s; }, "An independent copy of the session, state included.")
      .def_property_readonly(
          "batch_size", [](const PyStream<Real>& s) { return s.stream.batch_size(); }, "Rows of a step.");

  py::class_<Core> core_class(m, ("LSTM" + suffix).c_str(),
                              "The core of eigenlstm.LSTM for one dtype; options as el.LSTM has them.");
  constructor_from_options(core_class, [](const py::kwargs& options) { return Core(lstm_options(options)); });
  core_class.def_property_readonly("num_parameters", &Core::num_parameters)
      .def_property_readonly(
          "parameters",
          [](const Core& lstm) {
            py::list specs;
            for (const eigenlstm::Parameter& p : lstm.parameters())
              specs.append(py::make_tuple(p.name, p.columns > 0 ? py::tuple(py::make_tuple(p.rows, p.columns))
                                                                : py::tuple(py::make_tuple(p.rows))));
            return specs;
          },
          "[(name, shape)] in the order of the flat buffer.")
      .def(
          "pack",
          [](const Core& lstm, py::handle params, bool for_backward, std::optional<std::uint64_t> seed) {
            const Real* data = flat_buffer<Real>(params, lstm.num_parameters(), "LSTM.pack", "params");
            const ReleasedGil released;
            return PyWeights<Real>{lstm.pack(data, for_backward, seed)};
          },
          py::arg("params"), py::arg("for_backward"), py::arg("seed") = py::none(),
          "Pack the flat parameters. `seed`: of the mask of weight drop.")
      .def("forward", &forward<Real>, py::arg("weights"), py::arg("x"), py::arg("h0"), py::arg("c0"),
           py::arg("lengths"), py::arg("time_major"), py::arg("tape"), py::arg("seed"), py::arg("memory"),
           "(y, h, c), and where `tape` one that keeps `memory`: \"full\", \"light\" or a number of bytes. `seed`: of "
           "the random masks, or None for none.")
      .def("backward", &backward<Real>, py::arg("tape"), py::arg("dy"), py::arg("dh"), py::arg("dc"), py::arg("grads"),
           py::arg("need_dx"), py::arg("per_row"),
           "(dx, dh0, dc0, None); adds to grads. `per_row`: each row's gradients (B, num_parameters) in place of None.")
      .def(
          "stream",
          [](const Core& lstm, const PyWeights<Real>& weights, Index batch_size) {
            return PyStream<Real>{lstm, Stream<Real>(lstm, weights.packed, batch_size)};
          },
          py::arg("weights"), py::arg("batch_size"), "A session of batch_size rows with these weights.");
}

}  // namespace

void register_lstm(py::module_& m) {
  m.attr("MAX_LAYERS") = eigenlstm::max_layers;
  register_classes<float>(m, "Float32");
  register_classes<double>(m, "Float64");
}

}  // namespace eigenlstm_python
