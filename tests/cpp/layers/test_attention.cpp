#include "eigenlstm/attention.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "eigenlstm/crf.hpp"
#include "support/same_bits.hpp"

using test::Index;
using test::same_for_any_threads;
using test::values;

namespace {

template <class Real>
struct Problem {
  Index B, T, S, Q, M;
  bool additive;
  std::vector<std::int64_t> query_lengths, memory_lengths;
  std::vector<Real> query = values<Real>(B * T * Q, 1), key = values<Real>(B * S * Q, 2),
                    memory = values<Real>(B * S * M, 3), v = values<Real>(Q, 4), dy = values<Real>(B * T * M, 5);

  eigenlstm::AttentionShape shape() const { return {B, T, S, Q, M, query_lengths.data(), memory_lengths.data()}; }
  eigenlstm::AttentionScore<Real> score() const { return {additive ? v.data() : nullptr, Real(0.5)}; }

  /// The context, the weights and all gradients in one vector, in this order.
  std::vector<Real> solve() const {
    std::vector<Real> w(B * T * S), y(B * T * M), dq(B * T * Q), dk(B * S * Q), dm(B * S * M), dv(Q, Real(0));
    eigenlstm::attention_forward(shape(), score(), query.data(), key.data(), memory.data(), w.data(), y.data());
    eigenlstm::attention_backward(shape(), score(), query.data(), key.data(), memory.data(), w.data(), dy.data(),
                                  dq.data(), dk.data(), dm.data(), dv.data());
    for (const auto* part : {&w, &dq, &dk, &dm, &dv}) y.insert(y.end(), part->begin(), part->end());
    return y;
  }

  /// The context and the weights, computed by plain loops.
  std::vector<double> expected() const {
    std::vector<double> w(B * T * S), y(B * T * M);
    for (Index b = 0; b < B; ++b)
      for (Index t = 0; t < query_lengths[b]; ++t) {
        double* const row = w.data() + (b * T + t) * S;
        double sum = 0;
        for (Index s = 0; s < memory_lengths[b]; ++s) {
          double e = 0;
          for (Index q = 0; q < Q; ++q) {
            const double a = double(query[(b * T + t) * Q + q]), k = double(key[(b * S + s) * Q + q]);
            e += additive ? double(v[q]) * std::tanh(a + k) : 0.5 * a * k;
          }
          sum += row[s] = std::exp(e);
        }
        for (Index s = 0; s < memory_lengths[b]; ++s) {
          row[s] /= sum;
          for (Index m = 0; m < M; ++m) y[(b * T + t) * M + m] += row[s] * double(memory[(b * S + s) * M + m]);
        }
      }
    y.insert(y.end(), w.begin(), w.end());
    return y;
  }
};

template <class Real>
Problem<Real> ragged(Index B, Index T, Index S, Index Q, Index M, bool additive) {
  Problem<Real> problem{B, T, S, Q, M, additive, {}, {}};
  for (Index b = 0; b < B; ++b) {
    problem.query_lengths.push_back(T - b % (T + 1));
    problem.memory_lengths.push_back(S - 2 * b % (S + 1));
  }
  return problem;
}

}  // namespace

TEST_CASE_TEMPLATE("attention: contexts and weights match plain loops", Real, float, double) {
  for (const bool additive : {false, true})
    for (const auto& problem : {ragged<Real>(3, 4, 5, 3, 2, additive), ragged<Real>(7, 70, 33, 20, 65, additive)}) {
      const std::vector<Real> got = problem.solve();
      const std::vector<double> expected = problem.expected();
      double worst = 0;
      for (std::size_t i = 0; i < expected.size(); ++i) worst = std::max(worst, std::abs(double(got[i]) - expected[i]));
      CHECK(worst < 300 * double(std::numeric_limits<Real>::epsilon()));
    }
}

TEST_CASE_TEMPLATE("attention gives the same bits on any number of threads", Real, float, double) {
  for (const bool additive : {false, true}) {
    const auto problem = ragged<Real>(13, 20, 17, 24, 40, additive);
    CHECK(same_for_any_threads([&] { return problem.solve(); }));
  }
}

TEST_CASE_TEMPLATE("a CRF gives the same bits on any number of threads", Real, float, double) {
  const Index B = 37, T = 15, K = 11;
  const auto x = values<Real>(B * T * K, 1), transitions = values<Real>(K * K, 2), start = values<Real>(K, 3),
             end = values<Real>(K, 4);
  std::vector<std::int64_t> lengths, tags;
  for (Index b = 0; b < B; ++b) lengths.push_back(b % (T + 1));
  for (Index i = 0; i < B * T; ++i) tags.push_back(i * i % K);
  const std::vector<double> scale(B, 0.5);
  CHECK(same_for_any_threads([&] {
    const eigenlstm::CrfArrays<Real> arrays{B,         T, K, x.data(), lengths.data(), transitions.data(), start.data(),
                                            end.data()};
    std::vector<double> losses(B), scores(B);
    std::vector<Real> dx(B * T * K), dt(K * K, Real(0)), ds(K, Real(0)), de(K, Real(0));
    const eigenlstm::CrfGradients<Real> gradients{dx.data(), dt.data(), ds.data(), de.data()};
    eigenlstm::crf_loss(arrays, tags.data(), scale.data(), losses.data(), &gradients);
    std::vector<std::int64_t> best(B * T);
    eigenlstm::crf_best(arrays, best.data(), scores.data());
    for (const auto* part : {&dx, &dt, &ds, &de}) losses.insert(losses.end(), part->begin(), part->end());
    losses.insert(losses.end(), scores.begin(), scores.end());
    losses.insert(losses.end(), best.begin(), best.end());
    return losses;
  }));
}
