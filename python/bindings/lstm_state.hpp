// The states h and c of all layers and directions: an array (layers * D, B, size) for each of the two or, if the layers
// differ in width, a list of arrays (B, size).
#pragma once

#include <limits>
#include <new>
#include <optional>
#include <vector>

#include "read_array.hpp"

namespace eigenlstm_python {

/// The sizes of h, or of c, in all layers and directions.
class StateSizes {
 public:
  enum Part { h, c };
  StateSizes(const eigenlstm::LSTMOptions& options, Part part) {
    for (Index layer = 0; layer < options.num_layers; ++layer)
      for (Index d = 0; d < options.directions(); ++d)
        sizes_.push_back(part == h ? options.output(layer) : options.hidden(layer));
    for (const Index n : sizes_) {
      total_ += n;
      uniform_ = uniform_ && n == sizes_.front();
    }
    for (Index layer = 1; layer < options.num_layers; ++layer)
      uniform_ = uniform_ && options.hidden(layer) == options.hidden(0);
  }

  /// `value` as arrays, where it is one array; its shape is not looked at.
  template <class Real>
  py::object given(py::handle value, const char* where, const char* name) const {
    if (value.is_none() || !uniform_) return py::reinterpret_borrow<py::object>(value);
    return read_array<Real>(value, where, name);
  }

  /// `value` in the form that the core takes; nullopt for None.
  template <class Real>
  std::optional<py::array_t<Real, py::array::c_style>> read(py::handle value, Index B, const char* where,
                                                            const char* name) const {
    using Array = py::array_t<Real, py::array::c_style>;
    if (value.is_none()) return std::nullopt;
    const Index n = Index(sizes_.size());
    if (uniform_) {
      auto array = read_array<Real>(value, where, name);
      if (array.ndim() != 3 || array.shape(0) != n || array.shape(1) != B || array.shape(2) != sizes_.front())
        shape_error(where, name,
                    "(" + std::to_string(n) + ", " + std::to_string(B) + ", " + std::to_string(sizes_.front()) + ")",
                    array);
      return Array(array);
    }
    if (!py::isinstance<py::list>(value) && !py::isinstance<py::tuple>(value))
      throw py::type_error(std::string(where) + ": " + name +
                           " must be a list of arrays (the layers' widths differ), got " + type_name(value));
    const auto list = py::reinterpret_borrow<py::sequence>(value);
    if (Index(list.size()) != n)
      throw py::value_error(std::string(where) + ": " + name + " must be a list of " + std::to_string(n) +
                            " arrays (the layers' widths differ), got " + std::to_string(list.size()));
    Array all(B * total_);
    Real* out = all.mutable_data();
    for (Index k = 0; k < n; ++k) {
      const std::string entry = std::string(name) + "[" + std::to_string(k) + "]";
      const Array array(read_array<Real>(list[std::size_t(k)], where, entry.c_str()));
      if (array.ndim() != 2 || array.shape(0) != B || array.shape(1) != sizes_[std::size_t(k)])
        shape_error(where, entry.c_str(), "(" + std::to_string(B) + ", " + std::to_string(sizes_[std::size_t(k)]) + ")",
                    array);
      out = std::copy_n(array.data(), array.size(), out);
    }
    return all;
  }

  /// An array for the states of B rows, in the shape that Python sees or, if the layers differ in width, a flat one for
  /// all of them.
  template <class Real>
  py::array_t<Real> make(Index B) const {
    if (B > std::numeric_limits<Index>::max() / Index(sizeof(Real)) / total_) throw std::bad_alloc();
    if (uniform_) return py::array_t<Real>({Index(sizes_.size()), B, sizes_.front()});
    return py::array_t<Real>(B * total_);
  }

  /// The array that `make` returned, filled by now, in the form that Python sees.
  template <class Real>
  py::object present(const py::array_t<Real>& made, Index B) const {
    if (uniform_) return made;
    py::list list;
    Index start = 0;
    for (const Index size : sizes_) {
      list.append(made[py::slice(start * B, (start + size) * B, 1)].attr("reshape")(B, size));
      start += size;
    }
    return list;
  }

 private:
  std::vector<Index> sizes_;
  Index total_ = 0;
  bool uniform_ = true;
};

}  // namespace eigenlstm_python
