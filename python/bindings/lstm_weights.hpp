// Packed weights as Python holds them.
#pragma once

#include <memory>

#include "eigenlstm/lstm.hpp"

namespace eigenlstm_python {

template <class Real>
struct PyWeights {
  std::shared_ptr<const eigenlstm::Weights<Real>> packed;
};

/// Whether masked entries of x (numpy.ma) are values that are missing, and the LSTM fills those.
inline bool fills_masked(const eigenlstm::LSTMOptions& options) {
  return options.missing == eigenlstm::Missing::forward_fill || options.missing == eigenlstm::Missing::mask;
}

}  // namespace eigenlstm_python
