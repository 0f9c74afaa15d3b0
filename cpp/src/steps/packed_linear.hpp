// y = W x + b with weights packed once: the product of a step.
#pragma once

#include <algorithm>

#include "eigenlstm/buffer.hpp"
#include "kernels/table.hpp"
#include "runtime/memory.hpp"

namespace eigenlstm {

/// Whole panels [1 + K][4 L], then a last one of as many vectors as the rest of the outputs needs, so that few outputs
/// take few cache lines. Row 0 of a panel is the bias. The results have the bits of linear_forward().
template <class Real>
class PackedLinear {
 public:
  PackedLinear(Index K, Index outputs, const Real* weight, const Real* bias)
      : kernel_(kernels<Real>()), K_(K), outputs_(outputs) {
    const Index L = kernel_.lanes, width = 4 * L;
    whole_ = outputs / width;
    rest_ = ceil_div(outputs - whole_ * width, L);
    padded_ = (4 * whole_ + rest_) * L;
    panels_ = Buffer<Real>((1 + K) * padded_);
    Buffer<Real> panel((1 + K) * width);
    Real* out = panels_.data();
    for (Index j = 0; j < outputs; j += width) {
      const Index columns = std::min(width, outputs - j), kept = std::min(width, padded_ - j);
      std::fill_n(panel.data(), width, Real(0));
      if (bias != nullptr) std::copy_n(bias + j, columns, panel.data());
      kernel_.pack_transposed(columns, K, weight + j * K, panel.data() + width);
      for (Index k = 0; k <= K; ++k) out = std::copy_n(panel.data() + k * width, kept, out);
    }
  }

  /// What a session needs for up to `most` rows at once: its arguments are filled in once.
  class Product {
   public:
    Product(const PackedLinear& linear, Index most)
        : linear_(linear), tile_(linear.padded_ == linear.outputs_ ? 0 : most * linear.padded_) {
      const Index width = 4 * linear.kernel_.lanes, K = linear.K_;
      whole_ = linear.arguments(linear.panels_.data(), width, 4 * linear.whole_);
      rest_ = linear.arguments(linear.panels_.data() + linear.whole_ * (1 + K) * width,
                               linear.padded_ - linear.whole_ * width, linear.rest_);
    }

    /// x (rows, K) -> y (rows, outputs).
    void run(Index rows, const Real* x, Real* y) {
      const Index stride = linear_.padded_, outputs = linear_.outputs_;
      Real* const out = stride == outputs ? y : tile_.data();
      whole_.rows = rest_.rows = rows;
      whole_.a.data = rest_.a.data = x;
      whole_.c.data = out;
      rest_.c.data = out + linear_.whole_ * whole_.b.k_stride;
      if (linear_.whole_ > 0) linear_.kernel_.gemm(whole_);
      if (linear_.rest_ > 0) linear_.kernel_.gemm(rest_);
      if (out == y) return;
      for (Index b = 0; b < rows; ++b)
        if (outputs == 1)
          y[b] = out[b * stride];
        else
          std::copy_n(out + b * stride, outputs, y + b * outputs);
    }

   private:
    const PackedLinear& linear_;
    const Buffer<Real> tile_;  // where outputs don't fill whole vectors
    GemmArgs<Real> whole_, rest_;
  };

 private:
  GemmArgs<Real> arguments(const Real* panels, Index width, Index vectors) const {
    GemmArgs<Real> g;
    g.vectors = vectors;
    g.K = K_;
    g.a.row_stride = K_;
    g.b = {panels + width, (1 + K_) * width, width};
    g.c.panel_stride = width;
    g.c.row_stride = padded_;
    g.start = GemmArgs<Real>::bias;
    return g;
  }

  const KernelTable<Real>& kernel_;
  Index K_, outputs_, whole_ = 0, rest_ = 0, padded_ = 0;
  Buffer<Real> panels_;
};

}  // namespace eigenlstm
