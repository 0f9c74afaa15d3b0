// Optimizers on flat arrays: each step is one pass over parameters, gradients and state.
//
// The formulas are PyTorch's (torch.optim), so that the same run gives the same numbers.
// State arrays are as long as the parameters and start at zero (Adagrad's sum: at its initial value).
#pragma once

#include <cstddef>
#include <cstdint>

namespace eigenlstm {

/// The arrays of one step: n parameters with their gradients and state.
template <class Real>
struct Update {
  std::ptrdiff_t n = 0;
  double lr = 0, weight_decay = 0;
  Real* params = nullptr;
  const Real* grads = nullptr;
  Real *state0 = nullptr, *state1 = nullptr, *state2 = nullptr;  // see each optimizer; null where it has none

  /// `size` of the parameters, from `begin` on.
  Update part(std::ptrdiff_t begin, std::ptrdiff_t size) const {
    Update some = *this;
    some.n = size;
    some.params += begin;
    some.grads += begin;
    for (Real** state : {&some.state0, &some.state1, &some.state2})
      if (*state != nullptr) *state += begin;
    return some;
  }
};

/// g += weight_decay p;  m = momentum m + (1 - dampening) g (the first step: m = g);
/// p -= lr m, or with nesterov p -= lr (g + momentum m).
/// state0: m, null without momentum. (Sutskever et al. 2013 for the form of nesterov.)
struct Sgd {
  double momentum = 0, dampening = 0;
  bool nesterov = false;
};

/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  with bias correction
/// p -= lr m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps).   Kingma, Ba 2015.
/// Weight decay: g += weight_decay p, or decoupled (AdamW; Loshchilov, Hutter 2019) p *= 1 - lr weight_decay.
/// state0: m, state1: v.
struct Adam {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  bool decoupled = false;
};

/// v = alpha v + (1 - alpha) g^2;  centered: a = alpha a + (1 - alpha) g, v - a^2 in place of v;
/// s = g / (sqrt(v) + eps);  p -= lr s, or with momentum b = momentum b + s, p -= lr b.
/// Hinton 2012 (lecture 6e), Graves 2013 for the centred form. state0: v, state1: b or null, state2: a or null.
struct RmsProp {
  double alpha = 0.99, eps = 1e-8, momentum = 0;
};

/// s += g^2;  p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps).   Duchi et al. 2011. state0: s.
struct Adagrad {
  double lr_decay = 0, eps = 1e-10;
};

/// One step; `step` counts from 1.
template <class Real>
void update(const Sgd&, std::int64_t step, const Update<Real>&);
template <class Real>
void update(const Adam&, std::int64_t step, const Update<Real>&);
template <class Real>
void update(const RmsProp&, std::int64_t step, const Update<Real>&);
template <class Real>
void update(const Adagrad&, std::int64_t step, const Update<Real>&);

/// average = decay * average + (1 - decay) * params.
template <class Real>
void ema(std::ptrdiff_t n, double decay, const Real* params, Real* average);

/// x = 0, for instance the gradients before a backward pass.
template <class Real>
void set_zero(std::ptrdiff_t n, Real* x);

/// The Euclidean norm of n values: squares are summed in float64, in pieces of a fixed size.
template <class Real>
double norm(std::ptrdiff_t n, const Real* x);

}  // namespace eigenlstm
