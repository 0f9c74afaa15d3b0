// How y leaves a layer: write_frame() copies the values of one frame from h. There is one exception. The plain cell's
// kernel may store y itself, beside h (StepArgs::y), while the values are in registers: that makes the forward pass of
// training 4 to 5% faster for small layers, and with a y of 16 MB or more, which is stored past the caches, 17%
// (bench/TUNING.md).
#pragma once

#include <algorithm>
#include <cstdint>

#include "lstm/frame_array.hpp"
#include "lstm/layer_input.hpp"
#include "runtime/memory.hpp"
#include "runtime/team.hpp"

namespace eigenlstm {

/// Copies the n values of a frame to `out`, where they are feature_stride apart.
template <class Real>
void write_frame(const Real* values, Index n, Real* out, Index feature_stride) {
  if (feature_stride == 1)
    std::copy_n(values, n, out);
  else
    for (Index i = 0; i < n; ++i) out[i * feature_stride] = values[i];
}

/// Whether y, n values, is stored past the caches. That takes whole cache lines; and since the caller may read y next,
/// it is only done where y is larger than the part of L3 that a core has in 2026.
template <class Real>
bool goes_past_caches(const Sequence<Real>& y, Index n) {
  const auto place =
      reinterpret_cast<std::uintptr_t>(y.data) | std::uintptr_t(y.batch_stride | y.time_stride) * sizeof(Real);
  return place % (cache_line<Real> * sizeof(Real)) == 0 && bytes_of<Real>(n) >= std::size_t(16) << 20;
}

/// Writes the output of a layer that combines its directions, or adds its input, at the times of `steps`.
template <class Real>
void write_combined(const LayerInput<Real>& output, Steps steps, Sequence<Real> y, Arena& memory, Team& team) {
  const Rows& rows = *output.rows;
  const FrameArray<Real> to{y, nullptr, output.size};
  Real* const staged = memory.allocate<Real>(output.size * team.threads());  // a frame of each thread
  team.for_each(rows.batch_size(), [&](Index position, int thread) {
    Real* own = staged + thread * output.size;
    for (Index t = steps.begin; t < std::min(steps.end, rows.length(position)); ++t) {
      output.copy(position, t, own);
      write_frame(own, output.size, to.at(rows, position, t), to.feature_stride());
    }
  });
}

/// Writes zeros past the rows' lengths.
template <class Real>
void zero_padding(const Rows& rows, Sequence<Real> all, Index features) {
  for (Index position = 0; position < rows.batch_size(); ++position)
    for (Index t = rows.length(position); t < rows.time_steps(); ++t) {
      Real* at = all.data + rows.batch_row(position) * all.batch_stride + t * all.time_stride;
      for (Index i = 0; i < features; ++i) at[i * all.feature_stride] = Real(0);
    }
}

}  // namespace eigenlstm
