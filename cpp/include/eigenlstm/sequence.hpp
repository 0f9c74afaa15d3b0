// Views of the arrays that a recurrent layer reads and writes, and how much it keeps for the backward pass.
#pragma once

#include <cstddef>

namespace eigenlstm {

using Index = std::ptrdiff_t;

/// A strided (B, T, F) array. Strides count values and may be negative. Whether an array is batch-major or time-major
/// is only a matter of its strides.
template <class Real>
struct Sequence {
  Real* data;
  Index batch_stride, time_stride, feature_stride;
};

/// h and c of all layers and directions, contiguous: (B, P) and (B, H) of layer 0, its reverse direction, layer 1, ...
/// Null means zeros or the learned state where it is read, and not wanted where it is written.
template <class Real>
struct State {
  Real* h = nullptr;
  Real* c = nullptr;
};

/// How much forward() keeps for backward(). The gradients have the same bits with all kinds of memory; those of each
/// row by itself (`per_row`) have the same bits with full and light memory.
struct Memory {
  enum Kind {
    full,    // h, c and gates of every step
    light,   // h and c, a third of that: backward() computes the gates again
    limited  // at most `bytes`: full, light, or the states at some steps, from which backward() runs forward again
  };
  Kind kind = full;
  std::size_t bytes = 0;
};

}  // namespace eigenlstm
