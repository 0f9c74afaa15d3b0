// y = W x + b with weights packed once: the product of a step.
#pragma once

#include <algorithm>

#include "eigenlstm/buffer.hpp"
#include "kernels/table.hpp"
#include "runtime/memory.hpp"

namespace eigenlstm {

/// Whole panels [1 + K][4 L], then a last one of as many vectors as the rest of the outputs needs, so that few outputs
/// take few cache lines. Row 0 of a panel is the bias. The bits of linear_forward.
template <class Real>
class PackedLinear {
 public:
  PackedLinear(Index K, Index outputs, const Real* weight, const Real* bias) : K_(K), outputs_(outputs) {
    const auto& kernel = kernels<Real>();
    const Index L = kernel.lanes, width = 4 * L;
    whole_ = outputs / width;
    rest_ = ceil_div(outputs - whole_ * width, L);
    panels_ = Buffer<Real>((1 + K) * padded());
    Buffer<Real> panel((1 + K) * width);
    Real* out = panels_.data();
    for (Index j = 0; j < outputs; j += width) {
      const Index columns = std::min(width, outputs - j), kept = std::min(width, padded() - j);
      std::fill_n(panel.data(), width, Real(0));
      if (bias != nullptr) std::copy_n(bias + j, columns, panel.data());
      kernel.pack_transposed(columns, K, weight + j * K, panel.data() + width);
      for (Index k = 0; k <= K; ++k) out = std::copy_n(panel.data() + k * width, kept, out);
    }
  }

  /// Values that `tile` must have for B rows.
  Index tile_size(Index B) const { return padded() == outputs_ ? 0 : B * padded(); }

  /// x (B, K) -> y (B, outputs).
  void run(Index B, const Real* x, Real* tile, Real* y) const {
    const Index width = 4 * kernels<Real>().lanes, stride = padded();
    Real* const out = stride == outputs_ ? y : tile;
    if (whole_ > 0) product(B, x, panels_.data(), width, 4 * whole_, out);
    if (rest_ > 0)
      product(B, x, panels_.data() + whole_ * (1 + K_) * width, stride - whole_ * width, rest_, out + whole_ * width);
    if (out == y) return;
    for (Index b = 0; b < B; ++b) std::copy_n(out + b * stride, outputs_, y + b * outputs_);
  }

 private:
  Index padded() const { return (4 * whole_ + rest_) * kernels<Real>().lanes; }

  void product(Index B, const Real* x, const Real* panels, Index width, Index vectors, Real* out) const {
    GemmArgs<Real> g;
    g.rows = B;
    g.vectors = vectors;
    g.K = K_;
    g.a = {x, K_};
    g.b = {panels + width, (1 + K_) * width, width};
    g.c = {out, width, padded()};
    g.start = GemmArgs<Real>::bias;
    kernels<Real>().gemm(g);
  }

  Index K_, outputs_, whole_ = 0, rest_ = 0;
  Buffer<Real> panels_;
};

}  // namespace eigenlstm
