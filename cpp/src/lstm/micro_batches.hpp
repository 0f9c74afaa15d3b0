// A batch is cut into micro-batches of rows. Each goes through all layers by itself: forward, and in training back,
// too, where at the end their gradients of the parameters are added in their order.
//
// Threads that take different micro-batches share no memory until then but the caller's: no barrier, and what a step
// writes stays in the caches of its core, and hardly a line of it stands beside one of another's, which would be
// fetched along. And on one thread the states of a few rows stay in L1.
#pragma once

#include "eigenlstm/lstm.hpp"
#include "lstm/rows.hpp"

namespace eigenlstm {

/// How many, in training: it depends on shapes only, so do the bits of the gradients (promise 1).
template <class Real>
Index micro_batches(const LSTMOptions& options, const Rows& rows);

/// How many, in inference, where nothing is added: one for each of the threads; or a single one, where they share units
/// or directions instead.
template <class Real>
Index inference_micro_batches(const LSTMOptions& options, const Rows& rows, int threads);

}  // namespace eigenlstm
