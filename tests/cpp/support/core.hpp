// Runs the core on the problem of a test.
#pragma once

#include <memory>
#include <vector>

#include "eigenlstm/lstm.hpp"
#include "support/reference.hpp"

namespace test {

template <class Real>
std::vector<Real> as(const Values& values) {
  return std::vector<Real>(values.begin(), values.end());
}

/// A batch-major array as a Sequence, not copied.
template <class Real>
eigenlstm::Sequence<Real> batch_major(Real* data, Index T, Index features) {
  return {data, T * features, features, 1};
}

/// All results of forward and backward.
template <class Real>
struct Results {
  std::vector<Real> y, h, c;
  std::vector<Real> dx, dh0, dc0, dparameters;
  bool operator==(const Results& o) const {
    return y == o.y && h == o.h && c == o.c && dx == o.dx && dh0 == o.dh0 && dc0 == o.dc0 &&
           dparameters == o.dparameters;
  }
};

template <class Real>
class Core {
 public:
  explicit Core(const Problem& p)
      : problem(p),
        lstm(p.options),
        parameters(as<Real>(p.parameters)),
        x(as<Real>(p.x)),
        h0(as<Real>(p.h0)),
        c0(as<Real>(p.c0)),
        weights(lstm.pack(parameters.data(), true)) {}

  /// y, h and c, and the tape if asked for.
  Results<Real> forward(std::unique_ptr<eigenlstm::Tape<Real>>* tape = nullptr) const {
    const Problem& p = problem;
    Results<Real> r;
    r.y.resize(p.y_size(), Real(7));  // not zero, so that values that forward does not write are noticed
    r.h.resize(p.state_size(), Real(7));
    r.c.resize(p.state_size(), Real(7));
    lstm.forward(weights, p.B, p.T, batch_major(x.data(), p.T, p.options.input_size),
                 p.lengths.empty() ? nullptr : p.lengths.data(), {h0.data(), c0.data()},
                 batch_major(r.y.data(), p.T, p.directions() * p.options.hidden_size), {r.h.data(), r.c.data()}, tape);
    return r;
  }

  Results<Real> forward_backward() const {
    const Problem& p = problem;
    std::unique_ptr<eigenlstm::Tape<Real>> tape;
    Results<Real> r = forward(&tape);
    const std::vector<Real> dy = as<Real>(p.dy), dh = as<Real>(p.dh), dc = as<Real>(p.dc);
    r.dx.resize(x.size(), Real(7));
    r.dh0.resize(p.state_size(), Real(7));
    r.dc0.resize(p.state_size(), Real(7));
    r.dparameters.resize(parameters.size());
    lstm.backward(*tape, batch_major(dy.data(), p.T, p.directions() * p.options.hidden_size), {dh.data(), dc.data()},
                  batch_major(r.dx.data(), p.T, p.options.input_size), {r.dh0.data(), r.dc0.data()},
                  r.dparameters.data());
    return r;
  }

  Problem problem;
  eigenlstm::LSTM<Real> lstm;
  std::vector<Real> parameters, x, h0, c0;
  std::shared_ptr<const eigenlstm::Weights<Real>> weights;
};

inline eigenlstm::LSTMOptions model(Index input_size, Index hidden_size, Index num_layers = 1,
                                    bool bidirectional = false, bool bias = true) {
  eigenlstm::LSTMOptions options;
  options.input_size = input_size;
  options.hidden_size = hidden_size;
  options.num_layers = num_layers;
  options.bidirectional = bidirectional;
  options.bias = bias;
  return options;
}

}  // namespace test
