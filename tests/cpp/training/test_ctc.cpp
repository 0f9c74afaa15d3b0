#include "eigenlstm/ctc.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include "support/same_bits.hpp"

using test::Index;
using test::same_for_any_threads;
using test::values;

namespace {

using Labels = std::vector<std::int64_t>;

/// The probability of every sequence of labels that T frames can spell, summed path by path; label 0 is the blank.
std::map<Labels, double> labellings(Index T, Index C, const double* logits) {
  std::map<Labels, double> found;
  Index paths = 1;
  for (Index t = 0; t < T; ++t) paths *= C;
  for (Index path = 0; path < paths; ++path) {
    double probability = 1;
    Labels labels;
    for (Index t = 0, rest = path, last = 0; t < T; ++t, rest /= C) {
      const Index c = rest % C;
      double total = 0;
      for (Index k = 0; k < C; ++k) total += std::exp(logits[t * C + k]);
      probability *= std::exp(logits[t * C + c]) / total;
      if (c != last && c != 0) labels.push_back(c);
      last = c;
    }
    found[labels] += probability;
  }
  return found;
}

struct Result {
  std::vector<double> losses, dlogits;
  bool operator==(const Result& other) const { return losses == other.losses && dlogits == other.dlogits; }
};

Result run(Index B, Index T, Index C, Index S, const std::vector<double>& logits, const Labels& targets) {
  Result result{std::vector<double>(B), std::vector<double>(B * T * C)};
  const Labels frames(B, T), counts(B, S);
  const std::vector<double> scale(B, 1.0);
  eigenlstm::ctc(B, T, C, S, logits.data(), targets.data(), frames.data(), counts.data(), 0, scale.data(),
                 result.losses.data(), result.dlogits.data());
  return result;
}

}  // namespace

TEST_CASE("CTC sums the probabilities of the paths that spell the labels") {
  const Index T = 5, C = 3;
  auto logits = values<double>(T * C, 1);
  for (const Labels& target : {Labels{}, {1}, {1, 2}, {2, 2}, {1, 2, 1}, {1, 1, 1}, {2, 2, 2, 1}}) {
    const Index S = Index(target.size());
    const auto loss = [&] {
      const auto all = labellings(T, C, logits.data());
      const auto found = all.find(target);
      return found == all.end() ? std::numeric_limits<double>::infinity() : -std::log(found->second);
    };
    const Result result = run(1, T, C, S, logits, target);
    CAPTURE(S);
    if (std::isinf(loss())) {
      CHECK(std::isinf(result.losses[0]));
      continue;
    }
    CHECK(result.losses[0] == doctest::Approx(loss()).epsilon(1e-12));
    for (Index i = 0; i < T * C; ++i) {
      const double at = logits[i], h = 1e-5;
      logits[i] = at + h;
      const double above = loss();
      logits[i] = at - h;
      const double below = loss();
      logits[i] = at;
      CHECK(std::abs(result.dlogits[i] - (above - below) / (2 * h)) < 1e-8);
    }
  }
}

TEST_CASE("CTC gives the same bits on any number of threads, with probabilities and with logarithms") {
  const Index B = 16, T = 600, C = 12, S = 15;
  auto logits = values<double>(B * T * C, 2);
  for (Index i = 0; i < B / 2 * T * C; i += C)
    logits[i] += 200;  // in these rows, each label has a probability of e^-200
  Labels targets(B * S);
  for (Index i = 0; i < B * S; ++i) targets[i] = 1 + i * i % (C - 1);
  CHECK(same_for_any_threads([&] { return run(B, T, C, S, logits, targets); }));
}

TEST_CASE("a wide beam finds the most probable labels and their probability") {
  const Index T = 6, C = 3;
  for (unsigned seed = 0; seed < 5; ++seed) {
    const auto logits = values<double>(T * C, seed);
    const auto all = labellings(T, C, logits.data());
    const auto found = eigenlstm::ctc_beam_search(T, C, logits.data(), 0, 1000);
    CHECK(found.size() == all.size());
    for (const auto& hypothesis : found)
      CHECK(hypothesis.log_probability == doctest::Approx(std::log(all.at(hypothesis.labels))));
    for (std::size_t i = 1; i < found.size(); ++i) CHECK(found[i - 1].log_probability >= found[i].log_probability);
  }
}
