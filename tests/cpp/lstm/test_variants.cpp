// The options that a C++ program sets in CellOptions and LSTMOptions, compared with the equations of variants.hpp,
// which are computed here one scalar at a time, in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "eigenlstm/lstm.hpp"
#include "support/random.hpp"

using namespace eigenlstm;

namespace {

using Values = std::vector<double>;

constexpr Index B = 3, T = 5, I = 4;

struct Case {
  const char* name;
  LSTMOptions options;
};

template <class Change>
Case variant(const char* name, Change change) {
  LSTMOptions options;
  options.input_size = I;
  options.hidden_size = 9;
  change(options);
  return {name, options};
}

std::vector<Case> cases() {
  return {
      variant("plain", [](LSTMOptions&) {}),
      variant("peephole", [](LSTMOptions& o) { o.cell.peephole = true; }),
      variant("coupled", [](LSTMOptions& o) { o.cell.coupled_input_forget = o.cell.peephole = true; }),
      variant("layer norm", [](LSTMOptions& o) { o.cell.layer_norm = o.cell.peephole = true; }),
      variant("clips", [](LSTMOptions& o) { o.cell.gate_clip = 0.6, o.cell.cell_clip = 0.3; }),
      variant("zoneout", [](LSTMOptions& o) { o.cell.zoneout_h = 0.2, o.cell.zoneout_c = 0.4, o.proj_size = 4; }),
      variant("projection", [](LSTMOptions& o) { o.proj_size = 3; }),
      variant("backwards", [](LSTMOptions& o) { o.reverse = o.cell.peephole = true; }),
      variant("learned state", [](LSTMOptions& o) { o.learned_state = true; }),
      variant("activations",
              [](LSTMOptions& o) {
                o.cell.gate = activation("hard_sigmoid_keras3"), o.cell.candidate = activation("softsign");
                o.cell.output = {ActivationKind::elu, 0.7};
              }),
      variant("all",
              [](LSTMOptions& o) {
                o.cell.peephole = o.cell.layer_norm = o.learned_state = true;
                o.proj_size = 5, o.cell.gate_clip = 3, o.cell.cell_clip = 2, o.cell.zoneout_h = o.cell.zoneout_c = 0.1;
                o.cell.candidate = activation("softplus");
              }),
  };
}

double apply(const Activation& a, double x) {
  switch (a.kind) {
    case ActivationKind::sigmoid: return 1 / (1 + std::exp(-x));
    case ActivationKind::tanh: return std::tanh(x);
    case ActivationKind::softsign: return x / (1 + std::abs(x));
    case ActivationKind::softplus: return std::log1p(std::exp(x));
    case ActivationKind::elu: return x < 0 ? a.alpha * std::expm1(x) : x;
    case ActivationKind::hard_sigmoid: return std::clamp(a.alpha * x + a.beta, 0.0, 1.0);
    default: throw std::logic_error("not in these tests");
  }
}

/// Layer normalisation of n values, in place and without gain and bias.
void normalise(double* values, Index n) {
  double mean = 0, variance = 0;
  for (Index u = 0; u < n; ++u) mean += values[u] / double(n);
  for (Index u = 0; u < n; ++u) variance += (values[u] - mean) * (values[u] - mean) / double(n);
  for (Index u = 0; u < n; ++u) values[u] = (values[u] - mean) / std::sqrt(variance + 1e-5);
}

/// The arrays of a test: parameters, x (B, T, I), dy (B, T, P).
struct Problem {
  LSTMOptions options;
  Values parameters, x, dy;  // dy (B, T, P)

  const double* find(const std::string& name) const {
    const LSTM<double> lstm(options);
    for (const Parameter& p : lstm.parameters())
      if (p.name == name + "_l0") return parameters.data() + p.offset;
    return nullptr;
  }
};

Problem problem(const LSTMOptions& options) {
  test::Random random(11);
  const auto single = [&](Index n, double scale) {
    const std::vector<float> values = random.vector<float>(n, scale);
    return Values(values.begin(), values.end());
  };
  return {options, single(LSTM<double>(options).num_parameters(), 0.6), single(B * T * I, 1),
          single(B * T * options.output(0), 1)};
}

/// y (B, T, P), computed by the equations of variants.hpp, without random masks.
Values equations(const Problem& p) {
  const CellOptions& cell = p.options.cell;
  const Index H = p.options.hidden_size, P = p.options.output(0);
  const double *W = p.find("weight_ih"), *R = p.find("weight_hh"), *bias = p.find("bias"),
               *project = p.find("weight_hr");
  const double *peephole = p.find("peephole"), *gain = p.find("norm_weight"), *cell_gain = p.find("norm_cell_weight");
  const double *cell_bias = p.find("norm_cell_bias"), *h0 = p.find("h0"), *c0 = p.find("c0");
  const auto clip = [](double x, double bound) { return std::clamp(x, -bound, bound); };
  Values y(B * T * P);
  for (Index b = 0; b < B; ++b) {
    Values h(P), c(H);
    if (h0) h.assign(h0, h0 + P), c.assign(c0, c0 + H);
    for (Index s = 0; s < T; ++s) {
      const Index t = p.options.reverse ? T - 1 - s : s;
      Values z(4 * H), shown(H), m(H), h_new(P);
      for (Index j = 0; j < 4 * H; ++j) {
        for (Index k = 0; k < I; ++k) z[j] += W[j * I + k] * p.x[(b * T + t) * I + k];
        for (Index k = 0; k < P; ++k) z[j] += R[j * P + k] * h[k];
      }
      for (Index gate = 0; cell.layer_norm && gate < 4; ++gate) normalise(&z[gate * H], H);
      for (Index j = 0; j < 4 * H; ++j) z[j] = z[j] * (gain ? gain[j] : 1) + bias[j];
      const auto gate = [&](Index which, Index u, Index p_row, double seen) {
        return apply(cell.gate,
                     clip(z[which * H + u] + (peephole ? peephole[p_row * H + u] * seen : 0), cell.gate_clip));
      };
      Values c_new(H), o(H);
      for (Index u = 0; u < H; ++u) {
        const double i = gate(0, u, 0, c[u]), f = cell.coupled_input_forget ? 1 - i : gate(1, u, 1, c[u]);
        const double g = apply(cell.candidate, clip(z[2 * H + u], cell.gate_clip));
        c_new[u] = shown[u] = clip(f * c[u] + i * g, cell.cell_clip);
        o[u] = gate(3, u, 2, c_new[u]);
      }
      if (cell.layer_norm) {
        normalise(shown.data(), H);
        for (Index u = 0; u < H; ++u) shown[u] = shown[u] * cell_gain[u] + cell_bias[u];
      }
      for (Index u = 0; u < H; ++u) m[u] = o[u] * apply(cell.output, shown[u]);
      for (Index k = 0; k < P; ++k) {
        h_new[k] = project ? 0 : m[k];
        for (Index u = 0; project && u < H; ++u) h_new[k] += project[k * H + u] * m[u];
        h[k] = cell.zoneout_h * h[k] + (1 - cell.zoneout_h) * h_new[k];
        y[(b * T + t) * P + k] = h[k];
      }
      for (Index u = 0; u < H; ++u) c[u] = cell.zoneout_c * c[u] + (1 - cell.zoneout_c) * c_new[u];
    }
  }
  return y;
}

double loss(const Problem& p) {
  const Values y = equations(p);
  double sum = 0;
  for (std::size_t j = 0; j < y.size(); ++j) sum += p.dy[j] * y[j];
  return sum;
}

template <class Real>
Sequence<Real> batch_major(Real* data, Index features) {
  return {data, T * features, features, 1};
}

/// A model in precision `Real`, a batch, and the results of forward and backward.
template <class Real>
struct Run {
  std::vector<Real> parameters, x, dy, y, dx, dparameters;
  LSTM<Real> lstm;
  std::shared_ptr<const Weights<Real>> weights;

  explicit Run(const Problem& p)
      : parameters(p.parameters.begin(), p.parameters.end()),
        x(p.x.begin(), p.x.end()),
        dy(p.dy.begin(), p.dy.end()),
        y(dy.size()),
        dx(x.size()),
        dparameters(parameters.size()),
        lstm(p.options),
        weights(lstm.pack(parameters.data(), true)) {
    const Index P = p.options.output(0);
    std::unique_ptr<Tape<Real>> tape;
    lstm.forward(weights, B, T, batch_major<const Real>(x.data(), I), nullptr, {}, batch_major(y.data(), P), {}, &tape);
    lstm.backward(*tape, batch_major<const Real>(dy.data(), P), {}, batch_major(dx.data(), I), {}, dparameters.data());
  }
};

/// Compares `gradient` with central differences of the loss for some values of `array`.
template <class Real>
void check_gradient(Problem p, Values Problem::*array, const std::vector<Real>& gradient) {
  const double step = 1e-5, tolerance = sizeof(Real) == 4 ? 2e-4 : 1e-7;
  for (std::size_t j = 0; j < gradient.size(); j += 7) {
    const double at = (p.*array)[j];
    (p.*array)[j] = at + step;
    const double up = loss(p);
    (p.*array)[j] = at - step;
    const double expected = (up - loss(p)) / (2 * step);
    (p.*array)[j] = at;
    CAPTURE(j);
    CHECK(std::abs(double(gradient[j]) - expected) <= tolerance * (1 + std::abs(expected)));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("every variant computes its equations, and the gradients of them", Real, float, double) {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const Problem p = problem(c.options);
    const Run<Real> run(p);
    const Values expected = equations(p);
    REQUIRE(run.y.size() == expected.size());
    for (std::size_t j = 0; j < expected.size(); ++j)
      CHECK(std::abs(double(run.y[j]) - expected[j]) <= (sizeof(Real) == 4 ? 1e-5 : 1e-13));
    check_gradient(p, &Problem::parameters, run.dparameters);
    check_gradient(p, &Problem::x, run.dx);
  }
}

TEST_CASE_TEMPLATE("a stream gives the same bits as forward, with every variant", Real, float, double) {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    if (c.options.reverse) continue;
    const Problem p = problem(c.options);
    const Index P = p.options.output(0);
    const Run<Real> run(p);
    Stream<Real> stream(run.lstm, run.weights, B);
    for (int pass = 0; pass < 2; ++pass, stream.reset())
      for (Index t = 0; t < T; ++t) {
        std::vector<Real> x(B * I), y(B * P);
        for (Index b = 0; b < B; ++b) std::copy_n(&run.x[(b * T + t) * I], I, &x[b * I]);
        stream.step(x.data(), y.data());
        for (Index b = 0; b < B; ++b) CHECK(std::equal(&y[b * P], &y[b * P] + P, &run.y[(b * T + t) * P]));
      }
  }
}

TEST_CASE("options that make no sense are refused, and the error says why") {
  const auto refused = [](const char* reason, auto change) {
    LSTMOptions o = variant("", change).options;
    CAPTURE(reason);
    try {
      const LSTM<float> lstm(o);
      FAIL_CHECK("accepted");
    } catch (const std::invalid_argument& error) {
      CHECK(std::string(error.what()).find(reason) != std::string::npos);
    }
  };
  refused("proj_size must be smaller than hidden_size 9, got 9", [](LSTMOptions& o) { o.proj_size = 9; });
  refused("gate_clip must be greater than 0", [](LSTMOptions& o) { o.cell.gate_clip = 0; });
  refused("gate_clip must be greater than 0", [](LSTMOptions& o) { o.cell.gate_clip = 1e-300; });  // becomes 0 in float
  refused("cell_clip must be greater than 0",
          [](LSTMOptions& o) { o.cell.cell_clip = std::numeric_limits<double>::quiet_NaN(); });
  refused("zoneout of c must be at least 0 and below 1", [](LSTMOptions& o) { o.cell.zoneout_c = 1; });
  refused("recurrent_dropout must be at least 0 and below 1", [](LSTMOptions& o) { o.recurrent_dropout = -0.1; });
  refused("parameters of activations must be finite", [](LSTMOptions& o) {
    o.cell.output = {ActivationKind::elu, 1e300};
  });
  refused("reverse=True runs a single direction", [](LSTMOptions& o) { o.reverse = o.bidirectional = true; });
  refused("activations for each of two directions", [](LSTMOptions& o) { o.reverse_activations = o.cell; });
  refused("parameters of activations must be finite", [](LSTMOptions& o) {
    o.bidirectional = true, o.reverse_activations.emplace().output = {ActivationKind::elu, 1e300};
  });
  refused("merge joins two directions", [](LSTMOptions& o) { o.merge = Merge::sum; });
  refused("needs num_layers > 1", [](LSTMOptions& o) { o.residual = true; });
  refused("layer 1 takes 4 and gives 5", [](LSTMOptions& o) {
    o.residual = true, o.num_layers = 2, o.hidden_sizes = {4, 5};
  });
  refused("hidden_size > 1", [](LSTMOptions& o) { o.cell.layer_norm = true, o.hidden_size = 1; });
  const LSTM<float> backwards(variant("", [](LSTMOptions& o) { o.reverse = true; }).options);
  const std::vector<float> parameters(backwards.num_parameters());
  CHECK_THROWS_WITH_AS(Stream<float>(backwards, backwards.pack(parameters.data(), false), 1),
                       doctest::Contains("cannot stream"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(activation("tan"), doctest::Contains("sigmoid, tanh, linear"), std::invalid_argument);
}
