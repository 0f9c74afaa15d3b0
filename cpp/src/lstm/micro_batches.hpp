// A batch is cut into micro-batches of rows. Each passes through all layers by itself, forward and, in training,
// backward; at the end, their gradients of the parameters are added in order.
//
// Threads that work on different micro-batches share no memory until then except the caller's: they need not meet,
// what a step writes stays in the caches of its core, and hardly any cache line of it is next to one of another thread,
// which would be fetched along. On a single thread, the states of a few rows stay in L1.
#pragma once

#include "lstm/layer_sizes.hpp"
#include "lstm/rows.hpp"

namespace eigenlstm {

/// The number of micro-batches in training. It depends on shapes only, and so do the bits of the gradients (promise 1).
Index micro_batches(const ModelSizes& model, const Rows& rows);

/// The number of micro-batches in inference, where nothing is added up: one for each thread; or a single one, if
/// threads share units or directions instead.
Index inference_micro_batches(const ModelSizes& model, const Rows& rows, int threads);

/// Into how many segments of time the inference of a micro-batch of `work` multiply-adds is cut, so that another thread
/// can take it over where its own is late. For layers that don't look ahead.
Index inference_segments(const Rows& rows, double work);

}  // namespace eigenlstm
