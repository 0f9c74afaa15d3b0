// The equations of the LSTM, computed in double and one scalar at a time, for comparison with the core.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "eigenlstm/lstm.hpp"
#include "support/random.hpp"

namespace test {

using eigenlstm::Index;
using Values = std::vector<double>;

/// A model, a batch, and the gradients of a scalar with respect to the outputs. All arrays are contiguous and
/// batch-major.
struct Problem {
  eigenlstm::LSTMOptions options;
  Index B, T;
  std::vector<Index> lengths;  // empty: all rows have T steps
  Values parameters, x, h0, c0;
  Values dy, dh, dc;

  Index directions() const { return options.bidirectional ? 2 : 1; }
  Index length(Index b) const { return lengths.empty() ? T : lengths[b]; }
  Index y_size() const { return B * T * directions() * options.hidden_size; }
  Index state_size() const { return options.num_layers * directions() * B * options.hidden_size; }
};

inline Problem random_problem(const eigenlstm::LSTMOptions& options, Index B, Index T, bool ragged, unsigned seed) {
  Random random(seed);
  Problem p{options, B, T, {}, {}, {}, {}, {}, {}, {}, {}};
  for (Index b = 0; ragged && b < B; ++b) p.lengths.push_back(b == 1 ? 0 : b == 2 ? T : random.whole(0, T));
  const auto single = [&](Index n,
                          double scale) {  // values that are exact in float, so that both types get the same problem
    const std::vector<float> values = random.vector<float>(n, scale);
    return Values(values.begin(), values.end());
  };
  p.parameters =
      single(eigenlstm::LSTM<double>(options).num_parameters(), 1.5 / std::sqrt(double(options.hidden_size)));
  p.x = single(B * T * options.input_size, 1);
  for (Values* state : {&p.h0, &p.c0, &p.dh, &p.dc}) *state = single(p.state_size(), 1);
  p.dy = single(p.y_size(), 1);
  return p;
}

struct Outputs {
  Values y, h, c;
};

inline double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

/// The parameter called `name`, or null.
inline const double* parameter(const Problem& p, const std::string& name) {
  const eigenlstm::LSTM<double> lstm(p.options);
  for (const eigenlstm::Parameter& candidate : lstm.parameters())
    if (candidate.name == name) return p.parameters.data() + candidate.offset;
  return nullptr;
}

/// One row through one direction of one layer: in (T, n) -> columns [column, column + H) of out (T, width).
inline void run_row(const Problem& p, const std::string& suffix, bool reverse, Index length, const Values& in, Index n,
                    double* h, double* c, Values& out, Index width, Index column) {
  const Index H = p.options.hidden_size;
  const double *W = parameter(p, "weight_ih" + suffix), *R = parameter(p, "weight_hh" + suffix),
               *bias = parameter(p, "bias" + suffix);
  for (Index s = 0; s < length; ++s) {
    const Index t = reverse ? length - 1 - s : s;
    Values z(4 * H);
    for (Index j = 0; j < 4 * H; ++j) {
      z[j] = bias ? bias[j] : 0;
      for (Index k = 0; k < n; ++k) z[j] += W[j * n + k] * in[t * n + k];
      for (Index k = 0; k < H; ++k) z[j] += R[j * H + k] * h[k];
    }
    for (Index u = 0; u < H; ++u) {
      c[u] = sigmoid(z[H + u]) * c[u] + sigmoid(z[u]) * std::tanh(z[2 * H + u]);
      h[u] = sigmoid(z[3 * H + u]) * std::tanh(c[u]);
      out[t * width + column + u] = h[u];
    }
  }
}

inline Outputs reference(const Problem& p) {
  const Index H = p.options.hidden_size, D = p.directions(), I = p.options.input_size;
  Outputs result{Values(p.y_size()), p.h0, p.c0};
  for (Index b = 0; b < p.B; ++b) {
    Values in(p.x.begin() + b * p.T * I, p.x.begin() + (b + 1) * p.T * I);
    Index n = I;
    for (Index layer = 0; layer < p.options.num_layers; ++layer) {
      Values out(p.T * D * H);
      for (Index d = 0; d < D; ++d) {
        const Index at = ((layer * D + d) * p.B + b) * H;
        run_row(p, "_l" + std::to_string(layer) + (d ? "_reverse" : ""), d == 1, p.length(b), in, n, &result.h[at],
                &result.c[at], out, D * H, d * H);
      }
      in = out;
      n = D * H;
    }
    std::copy(in.begin(), in.end(), result.y.begin() + b * p.T * D * H);
  }
  return result;
}

/// The scalar that has the gradients dy, dh and dc.
inline double loss(const Problem& p) {
  const Outputs out = reference(p);
  double sum = 0;
  for (std::size_t j = 0; j < out.y.size(); ++j) sum += p.dy[j] * out.y[j];
  for (std::size_t j = 0; j < out.h.size(); ++j) sum += p.dh[j] * out.h[j] + p.dc[j] * out.c[j];
  return sum;
}

}  // namespace test
