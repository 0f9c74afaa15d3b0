#include "eigenlstm/attention.hpp"

#include "contiguous.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

using eigenlstm::AttentionScore;
using eigenlstm::AttentionShape;

using Lengths = py::array_t<std::int64_t, py::array::c_style>;

/// Lengths (B), checked to be from 0 to `most`, or null for None. `own` keeps the copy that the result points into.
const std::int64_t* take_lengths(const py::object& lengths, Index B, Index most, Lengths& own, const char* where,
                                 const char* name) {
  if (lengths.is_none()) return nullptr;
  own = int64_input(lengths, {B}, where, name);
  for (Index b = 0; b < B; ++b)
    if (own.at(b) < 0 || own.at(b) > most)
      throw py::value_error(std::string(where) + ": " + name + " must lie in 0.." + std::to_string(most) + ", got " +
                            std::to_string(own.at(b)));
  return own.data();
}

/// `own` keeps the lengths that the result points to.
AttentionShape take_shape(const py::array& query, const py::array& memory, const py::object& query_lengths,
                          const py::object& memory_lengths, Lengths (&own)[2], const char* where) {
  if (query.ndim() != 3) shape_error(where, "query", "(B, T, Q)", query);
  if (memory.ndim() != 3) shape_error(where, "memory", "(B, S, M)", memory);
  AttentionShape s{};
  s.B = query.shape(0), s.T = query.shape(1), s.Q = query.shape(2);
  s.S = memory.shape(1), s.M = memory.shape(2);
  s.query_lengths = take_lengths(query_lengths, s.B, s.T, own[0], where, "query_lengths");
  s.memory_lengths = take_lengths(memory_lengths, s.B, s.S, own[1], where, "memory_lengths");
  return s;
}

py::tuple attention_forward(const py::array& query, const py::array& key, const py::array& memory,
                            const py::object& query_lengths, const py::object& memory_lengths, double scale,
                            const py::object& v) {
  const char* where = "attention_forward";
  Lengths own[2];
  const AttentionShape s = take_shape(query, memory, query_lengths, memory_lengths, own, where);
  return by_dtype(query, where, "query", [&](auto zero) -> py::tuple {
    using Real = decltype(zero);
    const auto query_ = input<Real>(query, {s.B, s.T, s.Q}, where, "query");
    const auto key_ = input<Real>(key, {s.B, s.S, s.Q}, where, "key");
    const auto memory_ = input<Real>(memory, {s.B, s.S, s.M}, where, "memory");
    const auto v_ = v.is_none() ? Contiguous<Real>() : input<Real>(v, {s.Q}, where, "v");
    auto context = output<Real>({s.B, s.T, s.M}), weights = output<Real>({s.B, s.T, s.S});
    const AttentionScore<Real> score{v.is_none() ? nullptr : v_.data(), Real(scale)};
    const Real *q = query_.data(), *k = key_.data(), *m = memory_.data();
    Real *const w = weights.mutable_data(), *const y = context.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::attention_forward(s, score, q, k, m, w, y);
    }
    return py::make_tuple(context, weights);
  });
}

py::tuple attention_backward(const py::array& query, const py::array& key, const py::array& memory,
                             const py::object& query_lengths, const py::object& memory_lengths, double scale,
                             const py::object& v, const py::array& weights, const py::array& dcontext,
                             const py::object& dv) {
  const char* where = "attention_backward";
  Lengths own[2];
  const AttentionShape s = take_shape(query, memory, query_lengths, memory_lengths, own, where);
  return by_dtype(query, where, "query", [&](auto zero) -> py::tuple {
    using Real = decltype(zero);
    const auto query_ = input<Real>(query, {s.B, s.T, s.Q}, where, "query");
    const auto key_ = input<Real>(key, {s.B, s.S, s.Q}, where, "key");
    const auto memory_ = input<Real>(memory, {s.B, s.S, s.M}, where, "memory");
    const auto weights_ = input<Real>(weights, {s.B, s.T, s.S}, where, "weights");
    const auto dcontext_ = input<Real>(dcontext, {s.B, s.T, s.M}, where, "dcontext");
    const auto v_ = v.is_none() ? Contiguous<Real>() : input<Real>(v, {s.Q}, where, "v");
    Real* const dv_data = v.is_none() ? nullptr : in_place<Real>(dv, {s.Q}, where, "dv");
    auto dquery = output<Real>({s.B, s.T, s.Q}), dkey = output<Real>({s.B, s.S, s.Q}),
         dmemory = output<Real>({s.B, s.S, s.M});
    const AttentionScore<Real> score{v.is_none() ? nullptr : v_.data(), Real(scale)};
    const Real *q = query_.data(), *k = key_.data(), *m = memory_.data(), *w = weights_.data(), *dy = dcontext_.data();
    Real *const dq = dquery.mutable_data(), *const dk = dkey.mutable_data(), *const dm = dmemory.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::attention_backward(s, score, q, k, m, w, dy, dq, dk, dm, dv_data);
    }
    return py::make_tuple(dquery, dkey, dmemory);
  });
}

}  // namespace

void register_attention(py::module_& m) {
  m.def(
      "attention_forward", attention_forward, py::arg("query"), py::arg("key"), py::arg("memory"),
      py::arg("query_lengths").none(true), py::arg("memory_lengths").none(true), py::arg("scale"),
      py::arg("v").none(true),
      "(context (B, T, M), weights (B, T, S)) of query (B, T, Q), key (B, S, Q), memory (B, S, M): dot products times "
      "scale, or with v (Q) additive scores.");
  m.def("attention_backward", attention_backward, py::arg("query"), py::arg("key"), py::arg("memory"),
        py::arg("query_lengths").none(true), py::arg("memory_lengths").none(true), py::arg("scale"),
        py::arg("v").none(true), py::arg("weights"), py::arg("dcontext"), py::arg("dv").none(true),
        "(dquery, dkey, dmemory) of what attention_forward took and gave; adds to dv (Q) in place.");
}

}  // namespace eigenlstm_python
