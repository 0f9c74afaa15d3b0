// Counter-based random numbers, and the fingerprint of arrays.
#include "eigenlstm/random.hpp"

#include <pybind11/stl.h>

#include "contiguous.hpp"
#include "eigenlstm/fingerprint.hpp"
#include "register.hpp"

namespace eigenlstm_python {
namespace {

using Shape = std::vector<py::ssize_t>;

/// A shape given as an int or a tuple of ints, none of them negative.
Shape shape_of(const py::object& shape, const char* where) {
  Shape sizes = py::isinstance<py::int_>(shape) ? Shape{shape.cast<py::ssize_t>()} : shape.cast<Shape>();
  for (const py::ssize_t n : sizes)
    if (n < 0)
      throw py::value_error(std::string(where) + ": shape must hold no negative sizes, got " +
                            std::string(py::str(shape)));
  return sizes;
}

py::array random_bits(std::uint64_t seed, std::uint64_t substream, std::uint64_t start, Index n) {
  py::array_t<std::uint32_t> words(shape_of(py::int_(n), "random_bits"));
  std::uint32_t block[4];
  for (Index i = 0; i < n; ++i) {
    if (i % 4 == 0) eigenlstm::random_bits(seed, substream, start + std::uint64_t(i) / 4, block);
    words.mutable_at(i) = block[i % 4];
  }
  return words;
}

py::array random_uniform(std::uint64_t seed, std::uint64_t substream, const py::object& shape,
                         const py::object& dtype) {
  return by_dtype(dtype, "random_uniform", [&](auto zero) -> py::array {
    using Real = decltype(zero);
    Contiguous<Real> values(shape_of(shape, "random_uniform"));
    Real* const data = values.mutable_data();
    const Index n = values.size();
    {
      const ReleasedGil released;
      eigenlstm::random_uniform(seed, substream, 0, n, data);
    }
    return values;
  });
}

py::array dropout_mask(std::uint64_t seed, std::uint64_t substream, const py::object& shape, double p,
                       const py::object& dtype) {
  if (!(p >= 0 && p < 1))
    throw py::value_error("dropout_mask: p must lie in [0, 1), got " + std::string(py::str(py::float_(p))));
  return by_dtype(dtype, "dropout_mask", [&](auto zero) -> py::array {
    using Real = decltype(zero);
    Contiguous<Real> mask(shape_of(shape, "dropout_mask"));
    Real* const data = mask.mutable_data();
    const Index n = mask.size();
    {
      const ReleasedGil released;
      eigenlstm::dropout_mask(seed, substream, n, p, data);
    }
    return mask;
  });
}

std::uint64_t fingerprint(const py::array& array) {
  if ((array.flags() & py::array::c_style) == 0) throw py::value_error("fingerprint: array must be contiguous");
  const void* const data = array.data();
  const std::size_t n = std::size_t(array.nbytes());
  const ReleasedGil released;
  return eigenlstm::fingerprint(data, n);
}

}  // namespace

void register_random(py::module_& m) {
  m.def("random_bits", random_bits, py::arg("seed"), py::arg("substream"), py::arg("start"), py::arg("n"),
        "n words (uint32) of a substream of Philox4x32-10, from its block `start` on; four words a block.");
  m.def("random_uniform", random_uniform, py::arg("seed"), py::arg("substream"), py::arg("shape"),
        py::arg("dtype") = "float64",
        "Uniform values in [0, 1) with 24 bits (float32) or 53 bits (float64); value i is a function of (seed, "
        "substream, "
        "i).");
  m.def("dropout_mask", dropout_mask, py::arg("seed"), py::arg("substream"), py::arg("shape"), py::arg("p"),
        py::arg("dtype"),
        "0 with probability p, else 1 / (1 - p); value i (C order) is a function of (seed, substream, i).");
  m.def("fingerprint", fingerprint, py::arg("array"), "A 64-bit hash of the bytes of a contiguous array.");
}

}  // namespace eigenlstm_python
