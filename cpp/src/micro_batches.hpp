// A batch is cut into micro-batches of rows. Each goes forward through all layers, and where it trains, back by itself; at the end their gradients of
// the parameters are added, in their order.
//
// Threads that take different micro-batches share nothing until then: no barrier, and what a step writes stays in the caches of its core, with no
// line of it beside one of another's, which would be fetched along. And on one thread the states of a few rows stay in L1.
#pragma once

#include "eigenlstm/lstm.hpp"
#include "rows.hpp"

namespace eigenlstm {

/// How many, in training: it depends on shapes only, so do the bits of the gradients (promise 1).
template <class Real>
Index micro_batches(const LSTMOptions& options, const Rows& rows);

/// How many, in inference, where nothing is added: one for each of the threads; or a single one, where they share units or directions instead.
template <class Real>
Index inference_micro_batches(const LSTMOptions& options, const Rows& rows, int threads);

}  // namespace eigenlstm
