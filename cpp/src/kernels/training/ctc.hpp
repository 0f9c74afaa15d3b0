// The forward-backward algorithm of CTC for one row.
//
// The 2S + 1 states of a target a b c are      _ a _ b _ c _      (_: blank)
// kept as two arrays, so that all states move at once:   blank[0..S] and label[0..S-1], label[j] after blank[j].
//
//   blank[j] <- p(_)   * (blank[j] + label[j-1])
//   label[j] <- p(l_j) * (label[j] + blank[j] + label[j-1] where l_j != l_{j-1})
//
// Arrays are padded with zeros on both sides. The recursion is written once, over two kinds of numbers: Linear, which
// are probabilities rescaled to the sum 1 at every frame, and Log.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/training/losses.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Linear {
  using V = Vec<double>;
  static constexpr bool scaled = true;
  static constexpr double zero = 0, one = 1;
  static V plus(V a, V b) { return add(a, b); }
  static V times(V a, V b) { return mul(a, b); }
  /// The softmax e^x / sum of a logit that lies x below the largest.
  static V emission(V x, double sum) { return div(exp(x), splat(sum)); }
};

struct Log {
  using V = Vec<double>;
  static constexpr bool scaled = false;
  static constexpr double zero = -1e300, one = 0;  // finite: zero - zero is no NaN
  static V plus(V a, V b) {
    const V high = Eigen::internal::pmax(a, b), low = Eigen::internal::pmin(a, b);
    return add(high, log1p(exp(sub(low, high))));
  }
  static V times(V a, V b) { return Eigen::internal::pmax(add(a, b), splat(zero)); }
  static V emission(V x, double sum) { return Eigen::internal::pmax(sub(x, splat(std::log(sum))), splat(zero)); }
};

/// Arrays of the states of one frame; index j in [-L, width + L).
struct CtcStates {
  double *blank, *label;
};

template <class Number, class Real>
class CtcRow {
  using V = Vec<double>;
  static constexpr Index L = lanes<double>;

 public:
  explicit CtcRow(const CtcArgs<Real>& args) : a_(args), width_(ctc_width(args.S, L)) {
    double* p = args.scratch;
    skip_ = p + L;
    p += width_ + 2 * L;
    for (Index i = 0; i < 3; ++i, p += 2 * (width_ + 2 * L)) work_[i] = {p + L, p + width_ + 3 * L};
    emissions_ = p;
    alpha_ = emissions_ + a_.T * width_;
    blank_emission_ = alpha_ + a_.T * 2 * (width_ + 2 * L);
    for (Index j = -L; j < width_ + L; ++j)
      skip_[j] = j > 0 && j < a_.S && a_.labels[j] != a_.labels[j - 1] ? Number::one : Number::zero;
  }

  /// The loss; infinity where no path has a probability. Writes the gradient. NaN where float64 does not suffice
  /// (Linear) or the logits have no softmax (Log).
  double run() {
    for (Index t = 0; t < a_.T; ++t)
      if (!emit(t)) return not_a_number;
    const double log_probability = forward();
    if (!Number::scaled && log_probability < Number::zero / 2) {
      for (Index i = 0; i < a_.T * a_.C; ++i) a_.dlogits[i] = 0;
      return Eigen::NumTraits<double>::infinity();
    }
    if (!backward(log_probability)) return not_a_number;
    return -log_probability;
  }

 private:
  CtcStates alpha(Index t) const {
    double* const p = alpha_ + t * 2 * (width_ + 2 * L) + L;
    return {p, p + width_ + 2 * L};
  }

  void clear(CtcStates s) const {
    for (Index j = -L; j < width_ + L; ++j) s.blank[j] = s.label[j] = Number::zero;
  }

  void clear_padding(CtcStates s) const {
    const V zero = splat(Number::zero);
    store(s.blank - L, zero);
    store(s.blank + width_, zero);
    store(s.label - L, zero);
    store(s.label + width_, zero);
  }

  /// Frame t: scale * softmax to dlogits, emissions of the labels and of the blank.
  bool emit(Index t) {
    const Real* const x = a_.logits + t * a_.C;
    Real* const dx = a_.dlogits + t * a_.C;
    const Softmax<Real> softmax = softmax_row(a_.C, x, dx);
    if (!(softmax.sum > 0)) return false;
    const Vec<Real> factor = splat(Real(a_.scale / double(softmax.sum)));
    for (Index c = 0; c < a_.C; c += lanes<Real>)
      store_first(dx + c, a_.C - c, mul(factor, load_first(dx + c, a_.C - c, Real(0))));
    double* const e = emissions_ + t * width_;
    for (Index j = 0; j < a_.S; ++j) e[j] = double(x[a_.labels[j]]) - double(softmax.max);
    for (Index j = a_.S; j < width_; ++j) e[j] = double(x[a_.blank]) - double(softmax.max);
    for (Index j = 0; j < width_; j += L) store(e + j, Number::emission(load(e + j), double(softmax.sum)));
    blank_emission_[t] = e[a_.S];
    for (Index j = a_.S; j < width_; ++j) e[j] = Number::zero;
    return true;
  }

  /// Scales the states to the sum 1 and returns the sum.
  double normalise(CtcStates s) const {
    LineSum<double> total;
    for_vectors<double>(width_ / L, [&](Index v, auto slot) EIGENLSTM_INLINED {
      total.at[slot] = add(total.at[slot], add(load(s.blank + v * L), load(s.label + v * L)));
    });
    const double sum = total.total();
    const V factor = splat(1 / sum);
    for (Index j = 0; j < width_; j += L) {
      store(s.blank + j, mul(factor, load(s.blank + j)));
      store(s.label + j, mul(factor, load(s.label + j)));
    }
    return sum;
  }

  /// log P. Linear: NaN where all states of a frame vanish.
  double forward() {
    CtcStates prev = work_[0];
    clear(prev);
    prev.blank[0] = Number::one;
    double log_scale = 0, product = 1;
    for (Index t = 0; t < a_.T; ++t) {
      const CtcStates next = alpha(t);
      clear_padding(next);
      const V blank = splat(blank_emission_[t]);
      const double* const e = emissions_ + t * width_;
      for (Index j = 0; j < width_; j += L) {
        const V b = load(prev.blank + j), l = load(prev.label + j), left = load(prev.label + j - 1);
        store(next.blank + j, Number::times(blank, Number::plus(b, left)));
        store(next.label + j,
              Number::times(load(e + j), Number::plus(Number::plus(l, b), Number::times(load(skip_ + j), left))));
      }
      if constexpr (Number::scaled) {
        const double sum = normalise(next);
        if (!(sum > 0)) return not_a_number;
        // saves logarithms: sums are multiplied as long as their product is far from the smallest double
        if (sum < 1e-100)
          log_scale += std::log(sum);
        else
          product *= sum;
        if (product < 1e-100) {
          log_scale += std::log(product);
          product = 1;
        }
      }
      prev = next;
    }
    double end[L];
    const double last = a_.S > 0 ? prev.label[a_.S - 1] : Number::zero;
    store(end, Number::plus(splat(prev.blank[a_.S]), splat(last)));
    return Number::scaled ? log_scale + std::log(product) + std::log(end[0]) : end[0];
  }

  /// Subtracts the posteriors of the states, frame by frame from the last one, from the softmax that is in dlogits.
  /// Linear: returns false where alpha and beta overlap by less than 1e-280. Both have the sum 1, so otherwise what
  /// they lost below the smallest normal double, 2e-308, is less than 1e-27 of any posterior.
  bool backward(double log_probability) {
    CtcStates beta = work_[0], next = work_[1];
    const CtcStates posterior = work_[2];
    clear(beta);
    clear(next);
    beta.blank[a_.S] = Number::one;
    if (a_.S > 0) beta.label[a_.S - 1] = Number::one;
    for (Index t = a_.T; t-- > 0;) {
      const double overlap = multiply(alpha(t), beta, posterior, log_probability);
      if (Number::scaled && !(overlap > 1e-280)) return false;
      subtract_posteriors(t, posterior, Number::scaled ? a_.scale / overlap : a_.scale);
      if (t > 0) step_back(t, beta, next);
    }
    return true;
  }

  /// posterior = alpha * beta, up to a factor that makes their sum the returned value.
  double multiply(CtcStates alpha_t, CtcStates beta, CtcStates posterior, double log_probability) const {
    LineSum<double> total;
    for_vectors<double>(width_ / L, [&](Index v, auto slot) EIGENLSTM_INLINED {
      const Index j = v * L;
      V b = Number::times(load(alpha_t.blank + j), load(beta.blank + j));
      V l = Number::times(load(alpha_t.label + j), load(beta.label + j));
      if constexpr (!Number::scaled) {
        b = exp(sub(b, splat(log_probability)));
        l = exp(sub(l, splat(log_probability)));
      }
      store(posterior.blank + j, b);
      store(posterior.label + j, l);
      total.at[slot] = add(total.at[slot], add(b, l));
    });
    return total.total();
  }

  void subtract_posteriors(Index t, CtcStates posterior, double factor) const {
    Real* const dx = a_.dlogits + t * a_.C;
    LineSum<double> blanks;
    for_vectors<double>(width_ / L, [&](Index v, auto slot) EIGENLSTM_INLINED {
      blanks.at[slot] = add(blanks.at[slot], load(posterior.blank + v * L));
    });
    dx[a_.blank] -= Real(factor * blanks.total());
    for (Index j = 0; j < a_.S; ++j) dx[a_.labels[j]] -= Real(factor * posterior.label[j]);
  }

  /// beta of frame t to that of t - 1; `next` is room for the products with the emissions.
  void step_back(Index t, CtcStates beta, CtcStates next) const {
    const V blank = splat(blank_emission_[t]);
    const double* const e = emissions_ + t * width_;
    for (Index j = 0; j < width_; j += L) {
      store(next.blank + j, Number::times(blank, load(beta.blank + j)));
      store(next.label + j, Number::times(load(e + j), load(beta.label + j)));
    }
    for (Index j = 0; j < width_; j += L) {
      const V b = load(next.blank + j), l = load(next.label + j);
      const V right_b = load(next.blank + j + 1), right_l = load(next.label + j + 1);
      store(beta.blank + j, Number::plus(b, l));
      store(beta.label + j, Number::plus(Number::plus(l, right_b), Number::times(load(skip_ + j + 1), right_l)));
    }
    if constexpr (Number::scaled) normalise(beta);
  }

  const CtcArgs<Real>& a_;
  const Index width_;
  double *skip_, *emissions_, *alpha_, *blank_emission_;
  CtcStates work_[3];
};

template <class Real>
double ctc(const CtcArgs<Real>& args) {
  const double loss = CtcRow<Linear, Real>(args).run();
  return loss == loss ? loss : CtcRow<Log, Real>(args).run();
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
