#include "eigenlstm/crf.hpp"

#include "contiguous.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

/// The arrays of a CRF, checked, and the Python objects that own them.
template <class Real>
struct Taken {
  Index B, T, K;
  Contiguous<Real> emissions, transitions, start, end;
  py::array_t<std::int64_t, py::array::c_style> lengths;
  eigenlstm::CrfArrays<Real> arrays{};

  Taken(const py::array& e, const py::array& lengths_, const py::array& transitions_, const py::array& start_,
        const py::array& end_, const char* where)
      : B(e.shape(0)), T(e.shape(1)), K(e.shape(2)) {
    emissions = input<Real>(e, {B, T, K}, where, "emissions");
    transitions = input<Real>(transitions_, {K, K}, where, "transitions");
    start = input<Real>(start_, {K}, where, "start");
    end = input<Real>(end_, {K}, where, "end");
    lengths = int64_input(lengths_, {B}, where, "lengths");
    for (Index b = 0; b < B; ++b)
      if (lengths.at(b) < 0 || lengths.at(b) > T)
        throw py::value_error(std::string(where) + ": lengths must lie in 0.." + std::to_string(T) + ", got " +
                              std::to_string(lengths.at(b)));
    arrays.B = B, arrays.T = T, arrays.K = K;
    arrays.emissions = emissions.data();
    arrays.lengths = lengths.data();
    arrays.transitions = transitions.data();
    arrays.start = start.data();
    arrays.end = end.data();
  }
};

void check_emissions(const py::array& emissions, const char* where) {
  if (emissions.ndim() != 3 || emissions.shape(2) == 0) shape_error(where, "emissions", "(B, T, K)", emissions);
}

py::tuple crf_loss(const py::array& emissions, const py::array& tags, const py::array& lengths,
                   const py::array& transitions, const py::array& start, const py::array& end, const py::array& scale,
                   const py::object& dtransitions, const py::object& dstart, const py::object& dend) {
  const char* where = "crf_loss";
  check_emissions(emissions, where);
  return by_dtype(emissions, where, "emissions", [&](auto zero) -> py::tuple {
    using Real = decltype(zero);
    const Taken<Real> taken(emissions, lengths, transitions, start, end, where);
    const Index B = taken.B, T = taken.T, K = taken.K;
    const auto tags_ = int64_input(tags, {B, T}, where, "tags");
    const auto scale_ = input<double>(scale, {B}, where, "scale");
    for (Index b = 0; b < B; ++b)
      for (Index t = 0; t < taken.lengths.at(b) && scale_.at(b) != 0; ++t)
        if (tags_.at(b, t) < 0 || tags_.at(b, t) >= K)
          throw py::value_error(std::string(where) + ": tags must lie in 0.." + std::to_string(K - 1) + ", got " +
                                std::to_string(tags_.at(b, t)));
    const bool wanted = !dtransitions.is_none();
    auto losses = output<double>({B});
    auto demissions = wanted ? output<Real>({B, T, K}) : Contiguous<Real>();
    eigenlstm::CrfGradients<Real> gradients{};
    if (wanted)
      gradients = {demissions.mutable_data(), in_place<Real>(dtransitions, {K, K}, where, "dtransitions"),
                   in_place<Real>(dstart, {K}, where, "dstart"), in_place<Real>(dend, {K}, where, "dend")};
    const std::int64_t* const tag_data = tags_.data();
    const double* const scale_data = scale_.data();
    double* const loss_data = losses.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::crf_loss(taken.arrays, tag_data, scale_data, loss_data, wanted ? &gradients : nullptr);
    }
    if (!wanted) return py::make_tuple(losses, py::none());
    return py::make_tuple(losses, demissions);
  });
}

py::tuple crf_best(const py::array& emissions, const py::array& lengths, const py::array& transitions,
                   const py::array& start, const py::array& end) {
  const char* where = "crf_best";
  check_emissions(emissions, where);
  return by_dtype(emissions, where, "emissions", [&](auto zero) -> py::tuple {
    using Real = decltype(zero);
    const Taken<Real> taken(emissions, lengths, transitions, start, end, where);
    py::array_t<std::int64_t> tags({taken.B, taken.T});
    auto scores = output<double>({taken.B});
    std::int64_t* const tag_data = tags.mutable_data();
    double* const score_data = scores.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::crf_best(taken.arrays, tag_data, score_data);
    }
    return py::make_tuple(tags, scores);
  });
}

}  // namespace

void register_crf(py::module_& m) {
  m.def("crf_loss", crf_loss, py::arg("emissions"), py::arg("tags"), py::arg("lengths"), py::arg("transitions"),
        py::arg("start"), py::arg("end"), py::arg("scale"), py::arg("dtransitions").none(true) = py::none(),
        py::arg("dstart").none(true) = py::none(), py::arg("dend").none(true) = py::none(),
        "(losses (B), demissions (B, T, K)) of emissions (B, T, K) and tags (B, T); row b is scaled by scale[b] in the "
        "gradients, which are added to dtransitions (K, K), dstart (K), dend (K). Without those, None for demissions.");
  m.def("crf_best", crf_best, py::arg("emissions"), py::arg("lengths"), py::arg("transitions"), py::arg("start"),
        py::arg("end"), "(tags (B, T), -1 past the lengths, scores (B)) of the best chain of each row.");
}

}  // namespace eigenlstm_python
