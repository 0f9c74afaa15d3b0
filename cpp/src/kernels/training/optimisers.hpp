// Optimiser steps as plain loops: the compiler makes vectors of them, and every value is rounded alike.
// The order of the operations is that of torch.optim. What does not change within a step is computed once, in double.
#pragma once

#include <cmath>
#include <cstdint>

#include "eigenlstm/optimisers.hpp"
#include "kernels/simd.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
void sgd(const Sgd& o, bool first, const Update<Real>& u) {
  const Real lr = Real(u.lr), decay = Real(u.weight_decay), momentum = Real(o.momentum);
  const Real fresh = first ? Real(1) : Real(1 - o.dampening), kept = first ? Real(0) : momentum;
  Real* __restrict p = u.params, * __restrict m = u.state0;
  const Real* __restrict grads = u.grads;
  if (m == nullptr) {
    for (Index i = 0; i < u.n; ++i) p[i] -= lr * (grads[i] + decay * p[i]);
  } else if (o.nesterov) {
    for (Index i = 0; i < u.n; ++i) {
      const Real g = grads[i] + decay * p[i];
      m[i] = kept * m[i] + fresh * g;
      p[i] -= lr * (g + momentum * m[i]);
    }
  } else {
    for (Index i = 0; i < u.n; ++i) {
      m[i] = kept * m[i] + fresh * (grads[i] + decay * p[i]);
      p[i] -= lr * m[i];
    }
  }
}

template <class Real>
void adam(const Adam& o, std::int64_t step, const Update<Real>& u) {
  const Real fresh1 = Real(1 - o.beta1), beta2 = Real(o.beta2), fresh2 = Real(1 - o.beta2), eps = Real(o.eps);
  const Real rate = Real(u.lr / (1 - std::pow(o.beta1, double(step))));
  const Real root = Real(std::sqrt(1 - std::pow(o.beta2, double(step))));
  const Real shrink = o.decoupled ? Real(1 - u.lr * u.weight_decay) : Real(1);
  const Real decay = o.decoupled ? Real(0) : Real(u.weight_decay);
  Real* __restrict p = u.params, * __restrict m = u.state0, * __restrict v = u.state1;
  const Real* __restrict grads = u.grads;
  for (Index i = 0; i < u.n; ++i) {
    const Real old = shrink * p[i], g = grads[i] + decay * p[i];
    m[i] += fresh1 * (g - m[i]);
    v[i] = beta2 * v[i] + fresh2 * (g * g);
    p[i] = old - rate * (m[i] / (std::sqrt(v[i]) / root + eps));
  }
}

template <class Real>
void rmsprop(const RmsProp& o, const Update<Real>& u) {
  const Real lr = Real(u.lr), decay = Real(u.weight_decay), alpha = Real(o.alpha), fresh = Real(1 - o.alpha);
  const Real eps = Real(o.eps), momentum = Real(o.momentum);
  Real* __restrict p = u.params, * __restrict v = u.state0, * __restrict b = u.state1, * __restrict a = u.state2;
  const Real* __restrict grads = u.grads;
  const auto pass = [&](auto centred, auto heavy) {
    for (Index i = 0; i < u.n; ++i) {
      const Real g = grads[i] + decay * p[i];
      v[i] = alpha * v[i] + fresh * (g * g);
      Real variance = v[i];
      if constexpr (centred) {
        a[i] += fresh * (g - a[i]);
        variance -= a[i] * a[i];
      }
      const Real s = g / (std::sqrt(variance) + eps);
      if constexpr (heavy) {
        b[i] = momentum * b[i] + s;
        p[i] -= lr * b[i];
      } else {
        p[i] -= lr * s;
      }
    }
  };
  constexpr std::true_type yes{};
  constexpr std::false_type no{};
  if (a != nullptr)
    b != nullptr ? pass(yes, yes) : pass(yes, no);
  else
    b != nullptr ? pass(no, yes) : pass(no, no);
}

template <class Real>
void adagrad(const Adagrad& o, std::int64_t step, const Update<Real>& u) {
  const Real rate = Real(u.lr / (1 + double(step - 1) * o.lr_decay));
  const Real decay = Real(u.weight_decay), eps = Real(o.eps);
  Real* __restrict p = u.params, * __restrict s = u.state0;
  const Real* __restrict grads = u.grads;
  for (Index i = 0; i < u.n; ++i) {
    const Real g = grads[i] + decay * p[i];
    s[i] += g * g;
    p[i] -= rate * (g / (std::sqrt(s[i]) + eps));
  }
}

template <class Real>
void ema(Index n, double decay, const Real* __restrict params, Real* __restrict average) {
  const Real fresh = Real(1 - decay);
  for (Index i = 0; i < n; ++i) average[i] += fresh * (params[i] - average[i]);
}

/// In float64, over 16 interleaved sums.
template <class Real>
double sum_of_squares(Index n, const Real* x) {
  constexpr Index width = 16;
  double sums[width] = {};
  Index i = 0;
  for (; i + width <= n; i += width)
    for (Index l = 0; l < width; ++l) sums[l] += double(x[i + l]) * double(x[i + l]);
  for (Index l = 0; i + l < n; ++l) sums[l] += double(x[i + l]) * double(x[i + l]);
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
