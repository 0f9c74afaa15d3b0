#include "eigenlstm/ctc.hpp"

#include <algorithm>
#include <cmath>

#include "contiguous.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

[[noreturn]] void range_error(const char* where, const char* name, const std::string& range, std::int64_t got) {
  throw py::value_error(std::string(where) + ": " + name + " must lie in " + range + ", got " + std::to_string(got));
}

void check_blank(const char* where, std::int64_t blank, Index C) {
  if (blank < 0 || blank >= C) range_error(where, "blank", "0.." + std::to_string(C - 1), blank);
}

void check_lengths(const char* where, const char* name, const std::int64_t* lengths, Index B, Index most) {
  for (Index b = 0; b < B; ++b)
    if (lengths[b] < 0 || lengths[b] > most) range_error(where, name, "0.." + std::to_string(most), lengths[b]);
}

py::tuple ctc(const py::array& logits, const py::array& targets, const py::array& input_lengths,
              const py::array& target_lengths, std::int64_t blank, const py::array& scale) {
  const char* where = "ctc";
  if (logits.ndim() != 3) shape_error(where, "logits", "(B, T, C)", logits);
  if (targets.ndim() != 2) shape_error(where, "targets", "(B, S)", targets);
  const Index B = logits.shape(0), T = logits.shape(1), C = logits.shape(2), S = targets.shape(1);
  check_blank(where, blank, C);
  const auto targets_ = int64_input(targets, {B, S}, where, "targets");
  const auto input_lengths_ = int64_input(input_lengths, {B}, where, "input_lengths");
  const auto target_lengths_ = int64_input(target_lengths, {B}, where, "target_lengths");
  const std::int64_t *labels = targets_.data(), *frames = input_lengths_.data(), *counts = target_lengths_.data();
  check_lengths(where, "input_lengths", frames, B, T);
  check_lengths(where, "target_lengths", counts, B, S);
  for (Index b = 0; b < B; ++b)
    for (Index j = 0; j < counts[b]; ++j)
      if (labels[b * S + j] < 0 || labels[b * S + j] >= C || labels[b * S + j] == blank)
        range_error(where, "targets",
                    "0.." + std::to_string(C - 1) + " and not be the blank (" + std::to_string(blank) + ")",
                    labels[b * S + j]);
  const auto scale_ = input<double>(scale, {B}, where, "scale");
  return by_dtype(logits, where, "logits", [&](auto zero) -> py::tuple {
    using Real = decltype(zero);
    const auto logits_ = input<Real>(logits, {B, T, C}, where, "logits");
    auto losses = output<double>({B});
    auto dlogits = output<Real>({B, T, C});
    const Real* const data = logits_.data();
    const double* const scale_data = scale_.data();
    double* const loss_data = losses.mutable_data();
    Real* const slope = dlogits.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::ctc(B, T, C, S, data, labels, frames, counts, blank, scale_data, loss_data, slope);
    }
    return py::make_tuple(std::move(losses), std::move(dlogits));
  });
}

py::list ctc_beam_search(const py::array& logits, std::int64_t blank, Index width) {
  const char* where = "ctc_beam_search";
  if (logits.ndim() != 2) shape_error(where, "logits", "(T, C)", logits);
  const Index T = logits.shape(0), C = logits.shape(1);
  check_blank(where, blank, C);
  if (width < 1) throw py::value_error("ctc_beam_search: width must be at least 1, got " + std::to_string(width));
  return by_dtype(logits, where, "logits", [&](auto zero) {
    using Real = decltype(zero);
    // Copied, since the search relies on values that are checked here and that another thread might change.
    const auto logits_ = contiguous_copy<Real>(real_array<Real>(logits, where, "logits"));
    const Real* const data = logits_.data();
    for (Index i = 0; i < T * C; ++i)
      if (!(data[i] < std::numeric_limits<Real>::infinity()))
        throw py::value_error("ctc_beam_search: logits must not be NaN or +inf");
    for (Index t = 0; t < T; ++t)
      if (*std::max_element(data + t * C, data + (t + 1) * C) == -std::numeric_limits<Real>::infinity())
        throw py::value_error("ctc_beam_search: logits must leave some class possible in each frame, all of frame " +
                              std::to_string(t) + " are -inf");
    std::vector<eigenlstm::CtcHypothesis> found;
    {
      const ReleasedGil released;
      found = eigenlstm::ctc_beam_search(T, C, data, blank, width);
    }
    py::list result;
    for (const auto& hypothesis : found)
      result.append(
          py::make_tuple(py::array_t<std::int64_t>(py::ssize_t(hypothesis.labels.size()), hypothesis.labels.data()),
                         hypothesis.log_probability));
    return result;
  });
}

}  // namespace

void register_ctc(py::module_& m) {
  m.def("ctc", ctc, py::arg("logits"), py::arg("targets"), py::arg("input_lengths"), py::arg("target_lengths"),
        py::arg("blank"), py::arg("scale"),
        "(losses (B), dlogits (B, T, C)) of logits (B, T, C) and targets (B, S) of int64; dlogits of row b is scaled "
        "by scale[b].");
  m.def("ctc_beam_search", ctc_beam_search, py::arg("logits"), py::arg("blank"), py::arg("width"),
        "[(labels, log probability), ...] of one row of logits (T, C), best first.");
}

}  // namespace eigenlstm_python
