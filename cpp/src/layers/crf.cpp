#include "eigenlstm/crf.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/table.hpp"
#include "runtime/memory.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

constexpr Index most_tasks = 16;  // the rows are cut into at most this many tasks, each of which sums its own gradients
constexpr double pair_work = 20;  // an exponential costs about as much as this many multiply-adds
constexpr double lowest = -std::numeric_limits<double>::infinity();

/// The parameters in float64: matrices whose rows are padded to whole vectors with -inf, also transposed.
struct Parameters {
  Index K, stride;
  double *transitions, *transposed, *start, *end;

  static Index size(Index K, Index stride) { return 2 * K * stride + 2 * stride; }

  template <class Real>
  Parameters(const CrfArrays<Real>& a, Index padded, double* memory)
      : K(a.K),
        stride(padded),
        transitions(memory),
        transposed(memory + K * stride),
        start(transposed + K * stride),
        end(start + stride) {
    std::fill_n(memory, size(K, stride), lowest);
    for (Index i = 0; i < K; ++i) {
      for (Index j = 0; j < K; ++j) transposed[j * stride + i] = transitions[i * stride + j] = a.transitions[i * K + j];
      start[i] = a.start[i];
      end[i] = a.end[i];
    }
  }
};

/// Scratch memory of a row: log sums of chains up to a step (alpha) and from one on (beta), [T][stride].
struct Chains {
  double *alpha, *beta, *emissions, *row, *top, *sum;
  static Index size(Index T, Index stride) { return (3 * T + 3) * stride; }
  Chains(Index T, Index stride, double* memory)
      : alpha(memory),
        beta(alpha + T * stride),
        emissions(beta + T * stride),
        row(emissions + T * stride),
        top(row + stride),
        sum(top + stride) {}
};

double log_sum_exp(Index n, const double* x) {
  double most = lowest, sum = 0;
  for (Index i = 0; i < n; ++i) most = std::max(most, x[i]);
  if (most == lowest) return lowest;
  for (Index i = 0; i < n; ++i) sum += std::exp(x[i] - most);
  return most + std::log(sum);
}

/// out[j] = log sum over i of e^(a[i] + m[i][j]).
void step(const Parameters& p, const double* a, const double* m, const Chains& c, double* out) {
  const auto& kernel = kernels<double>();
  kernel.training.log_sum_exp_columns(p.K, a, m, p.stride, p.stride / kernel.lanes, c.top, c.sum);
  for (Index j = 0; j < p.K; ++j) out[j] = c.top[j] == lowest ? lowest : c.top[j] + std::log(c.sum[j]);
}

template <class Real>
void take_emissions(const CrfArrays<Real>& a, Index b, Index T, const Parameters& p, double* out) {
  std::fill_n(out, T * p.stride, lowest);
  for (Index t = 0; t < T; ++t) std::copy_n(a.emissions + (b * a.T + t) * a.K, a.K, out + t * p.stride);
}

/// log sum over all chains of e^score; fills alpha.
double log_partition(const Parameters& p, Index T, const Chains& c) {
  const Index K = p.K, stride = p.stride;
  std::fill_n(c.alpha, T * stride, lowest);
  for (Index j = 0; j < K; ++j) c.alpha[j] = p.start[j] + c.emissions[j];
  for (Index t = 1; t < T; ++t) {
    double* const alpha = c.alpha + t * stride;
    step(p, alpha - stride, p.transitions, c, alpha);
    for (Index j = 0; j < K; ++j) alpha[j] += c.emissions[t * stride + j];
  }
  for (Index j = 0; j < K; ++j) c.row[j] = c.alpha[(T - 1) * stride + j] + p.end[j];
  return log_sum_exp(K, c.row);
}

double score_of(const Parameters& p, Index T, const Chains& c, const std::int64_t* tags) {
  double score = p.start[tags[0]] + p.end[tags[T - 1]];
  for (Index t = 0; t < T; ++t) score += c.emissions[t * p.stride + tags[t]];
  for (Index t = 1; t < T; ++t) score += p.transitions[tags[t - 1] * p.stride + tags[t]];
  return score;
}

/// Adds scale times the gradients of one row: expected minus observed counts. `sums`: transitions [K][stride], start,
/// end.
template <class Real>
void add_row(const Parameters& p, Index T, const Chains& c, const std::int64_t* tags, double log_z, double scale,
             Real* demissions, double* sums) {
  const auto& kernel = kernels<double>();
  const Index K = p.K, stride = p.stride;
  double *const dstart = sums + K * stride, *const dend = dstart + stride;
  std::fill_n(c.beta, T * stride, lowest);
  std::copy_n(p.end, K, c.beta + (T - 1) * stride);
  for (Index t = T - 1; t > 0; --t) {
    const double* const beta = c.beta + t * stride;
    for (Index j = 0; j < stride; ++j) c.row[j] = c.emissions[t * stride + j] + beta[j];
    step(p, c.row, p.transposed, c, c.beta + (t - 1) * stride);
    for (Index j = 0; j < stride; ++j) c.row[j] -= log_z;
    kernel.training.add_exponentials(K, c.alpha + (t - 1) * stride, p.transitions, c.row, stride, stride / kernel.lanes,
                                     scale, sums);
    sums[tags[t - 1] * stride + tags[t]] -= scale;
  }
  for (Index t = 0; t < T; ++t)
    for (Index j = 0; j < K; ++j) {
      const double seen = tags[t] == j ? 1 : 0;
      const double d = scale * (std::exp(c.alpha[t * stride + j] + c.beta[t * stride + j] - log_z) - seen);
      demissions[t * K + j] = Real(d);
      if (t == 0) dstart[j] += d;
      if (t == T - 1) dend[j] += d;
    }
}

}  // namespace

template <class Real>
void crf_loss(const CrfArrays<Real>& a, const std::int64_t* tags, const double* scale, double* losses,
              const CrfGradients<Real>* gradients) {
  const Index K = a.K, lanes = kernels<double>().lanes, stride = ceil_div(K, lanes) * lanes;
  const Index rows = std::max<Index>(1, ceil_div(a.B, most_tasks)), tasks = ceil_div(a.B, rows);
  const int threads = task_threads(tasks, pair_work * double(a.B) * double(a.T) * double(K) * double(K));
  const Index sums_size = (K + 2) * stride, chains_size = Chains::size(a.T, stride);
  Arena& memory = arena();
  const Parameters p(a, stride, memory.allocate<double>(Parameters::size(K, stride)));
  double* const sums = memory.allocate<double>(tasks * sums_size);
  double* const scratch = memory.allocate<double>(threads * chains_size);
  std::fill_n(sums, tasks * sums_size, 0.0);
  for_tasks(tasks, threads, [&](Index task, int thread) {
    const Chains c(a.T, stride, scratch + thread * chains_size);
    for (Index b = task * rows; b < std::min(a.B, (task + 1) * rows); ++b) {
      const Index T = Index(a.lengths[b]);
      const std::int64_t* const row_tags = tags + b * a.T;
      Real* const d = gradients ? gradients->demissions + b * a.T * K : nullptr;
      if (d) std::fill_n(d, a.T * K, Real(0));
      losses[b] = 0;
      if (T == 0 || scale[b] == 0) continue;
      take_emissions(a, b, T, p, c.emissions);
      const double log_z = log_partition(p, T, c);
      losses[b] = log_z - score_of(p, T, c, row_tags);
      if (d) add_row(p, T, c, row_tags, log_z, scale[b], d, sums + task * sums_size);
    }
  });
  if (gradients == nullptr) return;
  for (Index i = 0; i < K + 2; ++i)
    for (Index j = 0; j < K; ++j) {
      double sum = 0;
      for (Index task = 0; task < tasks; ++task) sum += sums[task * sums_size + i * stride + j];
      Real* const to = i < K ? gradients->dtransitions + i * K : i == K ? gradients->dstart : gradients->dend;
      to[j] += Real(sum);
    }
}

template <class Real>
void crf_best(const CrfArrays<Real>& a, std::int64_t* tags, double* scores) {
  const Index K = a.K;
  const int threads = task_threads(a.B, double(a.B) * double(a.T) * double(K) * double(K));
  Arena& memory = arena();
  double* const best = memory.allocate<double>(threads * 2 * K);
  Index* const from = memory.allocate<Index>(threads * a.T * K);
  for_tasks(a.B, threads, [&](Index b, int thread) {
    const Index T = Index(a.lengths[b]);
    std::int64_t* const out = tags + b * a.T;
    std::fill_n(out, a.T, std::int64_t(-1));
    scores[b] = 0;
    if (T == 0) return;
    double *now = best + thread * 2 * K, *next = now + K;
    Index* const came = from + thread * a.T * K;
    const Real* const emissions = a.emissions + b * a.T * K;
    for (Index j = 0; j < K; ++j) now[j] = double(a.start[j]) + double(emissions[j]);
    for (Index t = 1; t < T; ++t) {
      for (Index j = 0; j < K; ++j) {
        Index most = 0;
        double value = now[0] + double(a.transitions[j]);
        for (Index i = 1; i < K; ++i) {
          const double other = now[i] + double(a.transitions[i * K + j]);
          if (other > value) value = other, most = i;
        }
        next[j] = value + double(emissions[t * K + j]);
        came[t * K + j] = most;
      }
      std::swap(now, next);
    }
    for (Index j = 0; j < K; ++j) now[j] += double(a.end[j]);
    Index tag = std::max_element(now, now + K) - now;
    scores[b] = now[tag];
    for (Index t = T - 1; t >= 0; --t) {
      out[t] = tag;
      if (t > 0) tag = came[t * K + tag];
    }
  });
}

template void crf_loss(const CrfArrays<float>&, const std::int64_t*, const double*, double*,
                       const CrfGradients<float>*);
template void crf_loss(const CrfArrays<double>&, const std::int64_t*, const double*, double*,
                       const CrfGradients<double>*);
template void crf_best(const CrfArrays<float>&, std::int64_t*, double*);
template void crf_best(const CrfArrays<double>&, std::int64_t*, double*);

}  // namespace eigenlstm
