// Connectionist temporal classification (Graves, Fernandez, Gomez, Schmidhuber 2006): the loss of a sequence of labels
// whose alignment to the frames is unknown, its gradient, and the search for the likeliest labels.
//
// Sizes: B rows, T frames, C classes (one of them the blank), S labels. A path gives each frame a class; it spells the
// labels that remain after runs of one class are merged and blanks removed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eigenlstm {

/// losses[b] = -log of the sum of the probabilities of all paths of input_lengths[b] frames that spell the first
/// target_lengths[b] of targets[b]. logits (B, T, C): unnormalised, their softmax over C is taken here. targets (B, S):
/// classes other than `blank`. dlogits (B, T, C) = scale[b] * d losses[b] / d logits; 0 past a row's length.
///
/// Rows that no path spells (fewer frames than labels plus a blank between equal neighbours, or probabilities of
/// zero) have the loss infinity and the gradient 0. An empty target is spelt by blanks only. Rows with scale 0 are
/// ignored: loss and gradient are 0.
///
/// Computed in float64, with probabilities that are rescaled at every frame; rows where that would lose a path that
/// matters are computed again with logarithms. The same bits for any number of threads and any batch.
template <class Real>
void ctc(std::ptrdiff_t B, std::ptrdiff_t T, std::ptrdiff_t C, std::ptrdiff_t S, const Real* logits,
         const std::int64_t* targets, const std::int64_t* input_lengths, const std::int64_t* target_lengths,
         std::int64_t blank, const double* scale, double* losses, Real* dlogits);

struct CtcHypothesis {
  std::vector<std::int64_t> labels;
  double log_probability;  // of all paths found that spell them
};

/// The likeliest labels of one row, logits (T, C), best first, at most `width`: prefix beam search (Graves 2008; Hannun
/// et al. 2014), which keeps the `width` likeliest prefixes after each frame.
template <class Real>
std::vector<CtcHypothesis> ctc_beam_search(std::ptrdiff_t T, std::ptrdiff_t C, const Real* logits, std::int64_t blank,
                                           std::ptrdiff_t width);

}  // namespace eigenlstm
