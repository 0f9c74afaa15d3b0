#include "eigenlstm/ctc.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "kernels/table.hpp"
#include "runtime/memory.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Whether T frames can spell the labels: equal neighbours need a blank between them.
bool spellable(Index T, Index S, const std::int64_t* labels) {
  Index frames = S;
  for (Index j = 1; j < S; ++j) frames += labels[j] == labels[j - 1];
  return T >= frames;
}

/// log(e^a + e^b); -infinity stands for a probability of zero.
double log_add(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  return low == -infinity ? high : high + std::log1p(std::exp(low - high));
}

/// A prefix in the beam: the probabilities of its paths that end in a blank, and of those that end in its last label.
struct Beam {
  Index node;
  double blank, label;
  double total() const { return log_add(blank, label); }
};

/// All prefixes seen, each as its last label and the prefix before. The same labels are always the same node.
class Prefixes {
 public:
  struct Node {
    Index parent;
    std::int64_t label;
  };
  explicit Prefixes(Index C) : C_(C), nodes_{{-1, -1}} {}

  const Node& operator[](Index node) const { return nodes_[node]; }
  Index child(Index node, Index label) {
    const auto [place, fresh] = children_.try_emplace(node * C_ + label, Index(nodes_.size()));
    if (fresh) nodes_.push_back({node, label});
    return place->second;
  }
  std::vector<std::int64_t> labels(Index node) const {
    std::vector<std::int64_t> result;
    for (; node != 0; node = nodes_[node].parent) result.push_back(nodes_[node].label);
    std::reverse(result.begin(), result.end());
    return result;
  }

 private:
  Index C_;
  std::vector<Node> nodes_;
  std::unordered_map<Index, Index> children_;  // parent * C + label -> node
};

/// A prefix after the next frame: one that stays, or beam `from` with `label` put behind it.
struct Candidate {
  Index from;
  std::int64_t label;  // -1: stays
  double blank, path, total;
};

template <class Real>
std::vector<double> log_softmax(Index C, const Real* x) {
  double high = -infinity, sum = 0;
  for (Index c = 0; c < C; ++c) high = std::max(high, double(x[c]));
  for (Index c = 0; c < C; ++c) sum += std::exp(double(x[c]) - high);
  std::vector<double> log_p(C);
  for (Index c = 0; c < C; ++c) log_p[c] = double(x[c]) - high - std::log(sum);
  return log_p;
}

/// Everything that the beams can become in one frame with the log-probabilities log_p.
std::vector<Candidate> candidates(const std::vector<Beam>& beams, const Prefixes& prefixes,
                                  const std::vector<double>& log_p, std::int64_t blank) {
  const Index C = Index(log_p.size());
  std::vector<Candidate> all;
  std::unordered_map<Index, Index> stays;  // node -> its beam
  for (const Beam& beam : beams) {
    const std::int64_t last = prefixes[beam.node].label;
    stays[beam.node] = Index(all.size());
    all.push_back(
        {Index(all.size()), -1, beam.total() + log_p[blank], last < 0 ? -infinity : beam.label + log_p[last], 0});
  }
  for (Index i = 0; i < Index(beams.size()); ++i) {
    const Beam& beam = beams[i];
    const double total = beam.total();
    // A prefix that its parent, in the beam too, grows into again, gets that probability added.
    const auto parent = stays.find(prefixes[beam.node].parent);
    if (parent != stays.end()) {
      const Beam& p = beams[parent->second];
      const std::int64_t label = prefixes[beam.node].label;
      all[i].path = log_add(all[i].path, (prefixes[p.node].label == label ? p.blank : p.total()) + log_p[label]);
    }
    std::vector<bool> taken(C);
    taken[blank] = true;
    for (const Beam& other : beams)
      if (prefixes[other.node].parent == beam.node) taken[prefixes[other.node].label] = true;
    for (Index c = 0; c < C; ++c)
      if (!taken[c])
        all.push_back({i, c, -infinity, (prefixes[beam.node].label == c ? beam.blank : total) + log_p[c], 0});
  }
  for (Candidate& c : all) c.total = log_add(c.blank, c.path);
  return all;
}

bool better(const Candidate& a, const Candidate& b) {
  if (a.total != b.total) return a.total > b.total;
  return a.from != b.from ? a.from < b.from : a.label < b.label;
}

}  // namespace

template <class Real>
void ctc(Index B, Index T, Index C, Index S, const Real* logits, const std::int64_t* targets,
         const std::int64_t* input_lengths, const std::int64_t* target_lengths, std::int64_t blank, const double* scale,
         double* losses, Real* dlogits) {
  const Index lanes = kernels<double>().lanes, scratch_size = ctc_scratch(T, S, lanes);
  constexpr double frame_work = 4000, value_work = 100;  // in multiply-adds
  const int threads = task_threads(B, double(B) * double(T) * (frame_work + value_work * double(C + S)));
  double* const scratch = arena().allocate<double>(scratch_size * threads);
  for_tasks(B, threads, [&](Index b, int thread) {
    const Index frames = Index(input_lengths[b]), count = Index(target_lengths[b]);
    const std::int64_t* const labels = targets + b * S;
    Real* const dx = dlogits + b * T * C;
    const bool possible = spellable(frames, count, labels), counts = scale[b] != 0;
    losses[b] = possible || !counts ? 0 : infinity;
    const Index used = possible && counts ? frames : 0;
    std::fill(dx + used * C, dx + T * C, Real(0));
    if (used == 0) return;
    CtcArgs<Real> args{};
    args.T = frames;
    args.C = C;
    args.S = count;
    args.blank = Index(blank);
    args.logits = logits + b * T * C;
    args.labels = labels;
    args.scale = scale[b];
    args.dlogits = dx;
    args.scratch = scratch + scratch_size * thread;
    losses[b] = kernels<Real>().training.ctc(args);
  });
}

template <class Real>
std::vector<CtcHypothesis> ctc_beam_search(Index T, Index C, const Real* logits, std::int64_t blank, Index width) {
  Prefixes prefixes(C);
  std::vector<Beam> beams{{0, 0.0, -infinity}};
  for (Index t = 0; t < T; ++t) {
    std::vector<Candidate> next = candidates(beams, prefixes, log_softmax(C, logits + t * C), blank);
    const Index kept = std::min(width, Index(next.size()));
    std::partial_sort(next.begin(), next.begin() + kept, next.end(), better);
    std::vector<Beam> grown;
    for (Index i = 0; i < kept && next[i].total > -infinity; ++i) {
      const Index from = beams[next[i].from].node;
      grown.push_back({next[i].label < 0 ? from : prefixes.child(from, next[i].label), next[i].blank, next[i].path});
    }
    beams = std::move(grown);
  }
  std::vector<CtcHypothesis> result;
  result.reserve(beams.size());
  for (const Beam& beam : beams) result.push_back({prefixes.labels(beam.node), beam.total()});
  return result;
}

template void ctc(Index, Index, Index, Index, const float*, const std::int64_t*, const std::int64_t*,
                  const std::int64_t*, std::int64_t, const double*, double*, float*);
template void ctc(Index, Index, Index, Index, const double*, const std::int64_t*, const std::int64_t*,
                  const std::int64_t*, std::int64_t, const double*, double*, double*);
template std::vector<CtcHypothesis> ctc_beam_search(Index, Index, const float*, std::int64_t, Index);
template std::vector<CtcHypothesis> ctc_beam_search(Index, Index, const double*, std::int64_t, Index);

}  // namespace eigenlstm
