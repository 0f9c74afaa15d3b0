#include "eigenlstm/embedding.hpp"

#include <algorithm>

#include "contiguous.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

void check_indices(const std::int64_t* indices, Index N, Index V, const char* where) {
  for (Index r = 0; r < N; ++r)
    if (indices[r] < 0 || indices[r] >= V)
      throw py::value_error(std::string(where) + ": indices must lie in 0.." + std::to_string(V - 1) + ", got " +
                            std::to_string(indices[r]));
}

py::array embedding_forward(const py::array& indices, const py::array& weight) {
  const char* where = "embedding_forward";
  if (indices.ndim() != 1) shape_error(where, "indices", "(N,)", indices);
  if (weight.ndim() != 2) shape_error(where, "weight", "(V, D)", weight);
  const Index N = indices.shape(0), V = weight.shape(0), D = weight.shape(1);
  const auto indices_ = int64_input(indices, {N}, where, "indices");
  check_indices(indices_.data(), N, V, where);
  return by_dtype(weight, where, "weight", [&](auto zero) -> py::array {
    using Real = decltype(zero);
    const auto weight_ = input<Real>(weight, {V, D}, where, "weight");
    auto y = output<Real>({N, D});
    const std::int64_t* const index_data = indices_.data();
    const Real* const weight_data = weight_.data();
    Real* const y_data = y.mutable_data();
    {
      const ReleasedGil released;
      eigenlstm::embedding_forward(N, D, index_data, weight_data, y_data);
    }
    return y;
  });
}

void embedding_backward(const py::array& indices, const py::array& dy, const py::array& dweight,
                        std::int64_t padding_idx) {
  const char* where = "embedding_backward";
  if (indices.ndim() != 1) shape_error(where, "indices", "(N,)", indices);
  if (dweight.ndim() != 2) shape_error(where, "dweight", "(V, D)", dweight);
  const Index N = indices.shape(0), V = dweight.shape(0), D = dweight.shape(1);
  const auto indices_ = int64_input(indices, {N}, where, "indices");
  check_indices(indices_.data(), N, V, where);
  by_dtype(dweight, where, "dweight", [&](auto zero) {
    using Real = decltype(zero);
    const auto dy_ = input<Real>(dy, {N, D}, where, "dy");
    Real* const dweight_data = in_place<Real>(dweight, {V, D}, where, "dweight");
    const std::int64_t* const index_data = indices_.data();
    const Real* const dy_data = dy_.data();
    const ReleasedGil released;
    eigenlstm::embedding_backward(N, D, index_data, dy_data, padding_idx, dweight_data);
  });
}

}  // namespace

void register_embedding(py::module_& m) {
  m.def("embedding_forward", embedding_forward, py::arg("indices"), py::arg("weight"),
        "y (N, D) = weight (V, D)[indices (N) of int64].");
  m.def("embedding_backward", embedding_backward, py::arg("indices"), py::arg("dy"), py::arg("dweight"),
        py::arg("padding_idx") = -1,
        "dweight[indices[r]] += dy[r] for r = 0, 1, ...; rows with index padding_idx are left out.");
}

}  // namespace eigenlstm_python
